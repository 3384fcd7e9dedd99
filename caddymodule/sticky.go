package caddymodule

import (
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/amgate/amgate/journey/affinity"
)

func init() { caddy.RegisterModule(new(Sticky)) }

// Sticky selects the AM node on which a journey lives: the pinned node while
// it is available, else the best-ranked one by keyed rendezvous hashing of
// the journey's id, so that several edges agree without talking.
//
// It acts on the decision of the am_affinity handler, which am_proxy puts in
// front of it; on its own it knows only the cookie amlbcookie.
type Sticky struct {
	app   *App
	nodes atomic.Pointer[ranked]
}

// ranked is what rendezvous hashing precomputes for a list of upstreams.
type ranked struct {
	router *affinity.Router
	dials  []string
	nodes  []affinity.Node
}

// CaddyModule returns the Caddy module information.
func (*Sticky) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID: "http.reverse_proxy.selection_policies.am_sticky", New: func() caddy.Module { return new(Sticky) },
	}
}

// Provision binds the policy to the app "am".
func (s *Sticky) Provision(ctx caddy.Context) (err error) {
	s.app, err = amApp(ctx)
	return err
}

// Select returns the journey's node, or nil if no node is available. It may
// be called again for one request when a node failed.
func (s *Sticky) Select(upstreams reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	router, err := s.app.set.Affinity()
	if err != nil {
		return reverseproxy.RandomSelection{}.Select(upstreams, r, w)
	}
	a, ok := caddyhttp.GetVar(r.Context(), affinityVar).(affinity.Affinity)
	if !ok {
		if a, ok = fromCookie(router, r); !ok {
			a = router.Begin()
		}
	}
	i := router.Pick(a, s.rank(router, upstreams), func(i int) bool { return upstreams[i].Available() })
	if i < 0 {
		return nil
	}
	return upstreams[i]
}

// rank returns the nodes of the upstreams, computed anew only when the list
// has changed.
func (s *Sticky) rank(router *affinity.Router, upstreams reverseproxy.UpstreamPool) []affinity.Node {
	if known := s.nodes.Load(); known != nil && known.router == router && known.match(upstreams) {
		return known.nodes
	}
	fresh := &ranked{router: router}
	for _, u := range upstreams {
		fresh.dials = append(fresh.dials, u.Dial)
		fresh.nodes = append(fresh.nodes, router.NewNode(u.Dial))
	}
	s.nodes.Store(fresh)
	return fresh.nodes
}

func (k *ranked) match(upstreams reverseproxy.UpstreamPool) bool {
	if len(k.dials) != len(upstreams) {
		return false
	}
	for i, u := range upstreams {
		if k.dials[i] != u.Dial {
			return false
		}
	}
	return true
}

// UnmarshalCaddyfile sets up the policy from Caddyfile tokens. Syntax:
//
//	lb_policy am_sticky
func (*Sticky) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the policy's name
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Sticky)(nil)
	_ reverseproxy.Selector = (*Sticky)(nil)
	_ caddyfile.Unmarshaler = (*Sticky)(nil)
)
