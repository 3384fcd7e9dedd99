package caddymodule

import (
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey/affinity"
)

func init() { caddy.RegisterModule(new(Sticky)) }

// Sticky selects the AM node on which a journey lives: the pinned node while
// it is available. One without a pin begins, and goes to the lighter of the two
// nodes that are best-ranked by keyed rendezvous hashing of its id; one whose
// node is gone goes to the best-ranked, so that several edges agree without
// talking. Nodes that are draining get neither while there are others.
//
// It acts on the decision of the am_affinity handler, which am_proxy puts in
// front of it; on its own it knows only the cookie amlbcookie.
type Sticky struct {
	app   *App
	nodes atomic.Pointer[ranked]
}

// ranked is what rendezvous hashing precomputes for upstreams.
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
	view := s.app.backend.Nodes.View()
	p := pick{
		router: router, affinity: affinityOf(router, r), nodes: s.rank(router, view, upstreams), view: view,
		available: func(i int) bool { return upstreams[i].Available() },
	}
	i := p.node()
	if i < 0 {
		return nil
	}
	return upstreams[i]
}

// affinityOf is the affinity that the am_affinity handler decided on, else that
// of the cookie, else a new one.
func affinityOf(router *affinity.Router, r *http.Request) affinity.Affinity {
	if a, ok := caddyhttp.GetVar(r.Context(), affinityVar).(affinity.Affinity); ok {
		return a
	}
	if a, ok := fromCookie(router, r); ok {
		return a
	}
	return router.Begin()
}

// pick is the choice of a node for one request.
type pick struct {
	router    *affinity.Router
	affinity  affinity.Affinity
	nodes     []affinity.Node
	view      *cluster.View
	available func(i int) bool
}

// node is the index of the node, -1 if none is available.
func (p *pick) node() int {
	i := p.from(func(i int) bool {
		return p.available(i) && (p.nodes[i].Pin == p.affinity.Pin || !p.member(i).Draining)
	})
	if i < 0 {
		i = p.from(p.available) // rather one that is draining than none
	}
	return i
}

func (p *pick) from(available func(i int) bool) int {
	if p.affinity.Pin != (affinity.Pin{}) {
		return p.router.Pick(p.affinity, p.nodes, available)
	}
	i := p.router.PickNew(p.affinity, p.nodes, available, func(i int) int { return p.member(i).Load() })
	if i >= 0 {
		p.member(i).Sent()
	}
	return i
}

// member is what the directory knows of a node; nothing if it is not in it.
func (p *pick) member(i int) cluster.Member {
	m, _ := p.view.Pinned(p.nodes[i].Pin)
	return m
}

// rank returns the nodes of the upstreams. Of a list that has changed, as it
// does with each request where they come from the directory, only those are
// hashed that the directory does not have.
func (s *Sticky) rank(router *affinity.Router, view *cluster.View, upstreams reverseproxy.UpstreamPool) []affinity.Node {
	known := s.nodes.Load()
	if known != nil && known.router == router && known.match(upstreams) {
		return known.nodes
	}
	fresh := &ranked{router: router}
	for _, u := range upstreams {
		fresh.dials = append(fresh.dials, u.Dial)
		fresh.nodes = append(fresh.nodes, view.Ranking(router, u.Dial))
	}
	s.nodes.Store(fresh)
	return fresh.nodes
}

func (k *ranked) match(upstreams reverseproxy.UpstreamPool) bool {
	return slices.EqualFunc(k.dials, upstreams, func(dial string, u *reverseproxy.Upstream) bool { return dial == u.Dial })
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
