package caddymodule

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/amgate/amgate/cluster/routing"
)

func init() { caddy.RegisterModule(new(Upstreams)) }

// Upstreams are the AM nodes in the directory of the cluster, as they come and
// go. For each request it names the node that the journey lives on, if it has
// one, and the best-ranked of the others: as many as am_proxy tries.
type Upstreams struct {
	app   *App
	nodes *routing.Nodes
}

// CaddyModule returns the Caddy module information.
func (*Upstreams) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID: "http.reverse_proxy.upstreams.am_nodes", New: func() caddy.Module { return new(Upstreams) },
	}
}

// Provision binds the source to the app "am".
func (u *Upstreams) Provision(ctx caddy.Context) (err error) {
	u.nodes = routing.Directory()
	if u.app, err = amApp(ctx); err != nil {
		return err
	}
	if makesKey(u.app.store) {
		return errors.New("am_proxy without addresses finds its nodes in the store that they share, but this one is embedded in this process: " +
			"name the nodes, am_proxy /am/* am-1:8080 am-2:8080, or give all processes the same store etcd <endpoints>")
	}
	return nil
}

// GetUpstreams implements reverseproxy.UpstreamSource.
func (u *Upstreams) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	u.app.awaitStart(r.Context())
	router, err := u.app.set.Affinity()
	if err != nil {
		return nil, err
	}
	view := u.app.backend.Nodes.Await(r.Context())
	if len(view.Members) == 0 {
		return nil, errors.New("the directory has no AM node: none has started, or they have another store, prefix or signing_key; " +
			"a node needs am_server and an address, node { advertise <url> }")
	}
	table, _ := u.nodes.Table(router, view)
	addresses := decisionOf(router, r).Offer(table)
	found := make([]*reverseproxy.Upstream, len(addresses))
	for i, address := range addresses {
		found[i] = &reverseproxy.Upstream{Dial: address}
	}
	return found, nil
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	dynamic am_nodes
func (*Upstreams) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the source's name
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Err("am_nodes takes no arguments: which nodes there are is in the store")
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Upstreams)(nil)
	_ reverseproxy.UpstreamSource = (*Upstreams)(nil)
	_ caddyfile.Unmarshaler       = (*Upstreams)(nil)
)
