package caddymodule

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	"github.com/amgate/amgate/cluster"
)

// Node describes a process of a cluster.
type Node struct {
	// Name is unique in the cluster. By default the host's name.
	Name string `json:"name,omitempty"`
	// Advertise is the URL under which edges reach this node,
	// "http://am-1:8080".
	Advertise string `json:"advertise,omitempty"`
}

// provision is the node as the directory has it.
func (n *Node) provision() (self cluster.Node, err error) {
	if n.Name == "" {
		n.Name, _ = os.Hostname()
	}
	self = cluster.Node{Name: n.Name}
	if build, ok := debug.ReadBuildInfo(); ok {
		self.Version = build.Main.Version
	}
	if n.Advertise == "" {
		return self, nil
	}
	u, err := url.Parse(n.Advertise)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return self, fmt.Errorf("advertise %q is not a URL of a node; write for example http://am-1:8080", n.Advertise)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	self.Address, self.Secure = net.JoinHostPort(u.Hostname(), port), u.Scheme == "https"
	return self, nil
}

// probe finds out whether a node accepts connections.
func probe(ctx context.Context, n cluster.Node) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.Address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// compareAddress warns once when an edge knows this node by another address
// than it advertises: then the pins that the node hands out mean nothing to
// the edge, and in-memory journeys start again whenever the nodes change.
func (a *App) compareAddress(known string) {
	if known == "" || strings.EqualFold(known, a.self.Address) {
		return
	}
	a.mismatch.Do(func() {
		a.log.Warn("an edge knows this node by another address than it advertises; write both alike: "+
			"the address in the edge's am_proxy, and advertise in this node's block node",
			"edge", known, "advertise", a.Node.Advertise)
	})
}
