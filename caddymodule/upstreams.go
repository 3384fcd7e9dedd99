package caddymodule

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() { caddy.RegisterModule(new(Upstreams)) }

// candidates is how many nodes a request may be sent to, one after the other,
// beside the one that its journey lives on: as many as am_proxy tries.
const candidates = 3

// Upstreams are the AM nodes in the directory of the cluster, as they come and
// go. For each request it names the node that the journey lives on, if it has
// one, and the best-ranked of the others.
type Upstreams struct {
	app *App
}

// CaddyModule returns the Caddy module information.
func (*Upstreams) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID: "http.reverse_proxy.upstreams.am_nodes", New: func() caddy.Module { return new(Upstreams) },
	}
}

// Provision binds the source to the app "am".
func (u *Upstreams) Provision(ctx caddy.Context) (err error) {
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
	router, err := u.app.set.Affinity()
	if err != nil {
		return nil, err
	}
	view := u.app.backend.Nodes.View()
	if len(view.Members) == 0 {
		return nil, errors.New("the directory has no AM node: none has started, or they have another store, prefix or signing_key; " +
			"a node needs am_server and an address, node { advertise <url> }")
	}
	a := affinityOf(router, r)
	var found []*reverseproxy.Upstream
	if pinned, ok := view.Pinned(a.Pin); ok {
		found = append(found, &reverseproxy.Upstream{Dial: pinned.Address})
	}
	var best [candidates]int
	n := router.Best(a, view.Ranked, func(i int) bool { return view.Ranked[i].Pin != a.Pin && !view.Members[i].Draining }, best[:])
	if n == 0 { // rather one that is draining than none
		n = router.Best(a, view.Ranked, func(i int) bool { return view.Ranked[i].Pin != a.Pin }, best[:])
	}
	for _, i := range best[:n] {
		found = append(found, &reverseproxy.Upstream{Dial: view.Members[i].Address})
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
