package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/cluster"
)

// Node describes a process of a cluster.
type Node struct {
	// Name is unique in the cluster. By default the host's name.
	Name string `json:"name,omitempty"`
	// Advertise is the URL under which edges reach this node,
	// "http://am-1:8080".
	Advertise string `json:"advertise,omitempty"`
	// DrainTimeout is how long journeys in memory may finish when the process
	// ends, while another node takes new ones; 5 seconds by default.
	DrainTimeout caddy.Duration `json:"drain_timeout,omitempty"`
}

// defaultDrainTimeout leaves time for the rest of an end within the ten seconds
// after which container runtimes kill a process.
const defaultDrainTimeout = 5 * time.Second

// provision is the node as the directory has it.
func (n *Node) provision() (self cluster.Node, err error) {
	if n.Name == "" {
		n.Name, _ = os.Hostname()
	}
	if n.DrainTimeout == 0 {
		n.DrainTimeout = caddy.Duration(defaultDrainTimeout)
	}
	if n.DrainTimeout < 0 {
		return self, fmt.Errorf("drain_timeout %v: journeys cannot finish in less than no time; write for example 5s", time.Duration(n.DrainTimeout))
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

// How often a node that starts asks itself whether it serves, and how long it
// waits in between.
const (
	selfTries = 10
	selfPause = time.Second
)

// askSelf warns if this node does not answer under the address that it
// advertises: then neither edges nor other nodes reach it.
func (a *App) askSelf(ctx context.Context) {
	address := a.self.URL() + base + "/json/health/live"
	var err error
	for range selfTries {
		select {
		case <-ctx.Done():
			return
		case <-time.After(selfPause):
		}
		if err = askLive(ctx, address); err == nil {
			return
		}
	}
	if ctx.Err() == nil {
		a.log.Warn("this node does not reach itself under the address that it advertises, so edges and other nodes will not either; "+
			"it needs a site without a host, such as http://:8080, that has am_server /am/*",
			"advertise", a.Node.Advertise, "asked", address, "error", err)
	}
}

// askLive asks for a page that answers 200 as long as a node serves.
func askLive(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, selfPause)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// compareAddress warns when an edge knows this node by another address than it
// advertises: then the pins that the node hands out mean nothing to the edge, and
// in-memory journeys start again whenever the nodes change. What no edge has sent
// is not believed.
func (a *App) compareAddress(sent string) {
	if sent == "" || strings.EqualFold(sent[:max(0, strings.IndexByte(sent, ' '))], a.self.Address) {
		return
	}
	router, err := a.set.Affinity()
	if err != nil {
		return
	}
	if known, ok := router.Vouched(sent); ok && a.mismatches.first(known) {
		a.log.Warn("an edge knows this node by another address than it advertises; write both alike: "+
			"the address in the edge's am_proxy, and advertise in this node's block node",
			"edge", known, "advertise", a.Node.Advertise)
	}
}

// few remembers a few texts. It is safe for concurrent use.
type few struct {
	mu    sync.Mutex
	texts []string
}

// maxFew is how many texts are remembered.
const maxFew = 8

// first reports whether a text is new, as long as there is room.
func (f *few) first(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.texts) == maxFew || slices.Contains(f.texts, text) {
		return false
	}
	f.texts = append(f.texts, text)
	return true
}
