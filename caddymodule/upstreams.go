package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/cluster/routing"
)

func init() { caddy.RegisterModule(new(Upstreams)) }

// Upstreams are the AM nodes in the directory of the cluster, as they come and
// go. For each request it names the node that the journey lives on, if it has
// one, and the best-ranked of the others: as many as am_proxy tries.
type Upstreams struct {
	app   *App
	nodes *routing.Nodes
	// proxy is what the source belongs to.
	proxy *reverseproxy.Handler
	// told are nodes of which it was said that the proxy speaks otherwise than
	// they, and silent that it was said that there is none.
	told   sync.Map
	silent atomic.Bool
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
	for _, module := range ctx.Modules() {
		if proxy, ok := module.(*reverseproxy.Handler); ok {
			u.proxy = proxy
		}
	}
	if u.app, err = amApp(ctx); err != nil {
		return err
	}
	if makesKey(u.app.store) {
		return errors.New("am_proxy without addresses finds its nodes in the store that they share, but this one is embedded in this process: " +
			"name the nodes, am_proxy /am/* am-1:8080 am-2:8080, or give all processes the same store etcd <endpoints>")
	}
	return nil
}

// GetUpstreams implements reverseproxy.UpstreamSource. That there is no node is
// an error only to a proxy that names others for that case: Caddy logs each.
func (u *Upstreams) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	found, err := u.find(r)
	if err == nil {
		u.silent.Store(false)
		return found, nil
	}
	if u.proxy != nil && len(u.proxy.Upstreams) > 0 {
		return nil, err
	}
	if !u.silent.Swap(true) {
		u.app.log.Error("am_proxy has no node to send requests to", "error", err)
	}
	return []*reverseproxy.Upstream{}, nil
}

func (u *Upstreams) find(r *http.Request) ([]*reverseproxy.Upstream, error) {
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
	table, fresh := u.nodes.Table(router, view)
	if fresh {
		u.compareSchemes(view)
	}
	addresses := decisionOf(router, r).Offer(table)
	found := make([]*reverseproxy.Upstream, len(addresses))
	for i, address := range addresses {
		found[i] = &reverseproxy.Upstream{Dial: address}
	}
	return found, nil
}

// compareSchemes says once of each node that the proxy speaks TLS to it although
// it advertises http, or does not although it advertises https.
func (u *Upstreams) compareSchemes(view *cluster.View) {
	if u.proxy == nil {
		return
	}
	transport, ok := u.proxy.Transport.(*reverseproxy.HTTPTransport)
	if !ok {
		return
	}
	for _, m := range view.Members {
		asked := &http.Request{URL: &url.URL{Host: m.Address}}
		transport.SetScheme(asked)
		if (asked.URL.Scheme == "https") == m.Secure {
			continue
		}
		if _, told := u.told.LoadOrStore(m.URL(), true); told {
			continue
		}
		const plain = "a node advertises https, but am_proxy speaks plain HTTP to it, which it does not answer; " +
			"write in the block of am_proxy: transport http { tls }, and tls_trust_pool if its certificate is not the system's to trust"
		const secure = "a node advertises http, but am_proxy speaks TLS to it, which it does not answer; " +
			"let it advertise https, or write in the block of am_proxy: transport http { tls_except_ports <its port> }"
		message := secure
		if m.Secure {
			message = plain
		}
		u.app.log.Error(message, "node", m.Name, "advertise", m.URL())
	}
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
