package caddymodule

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/journey/affinity"
)

func init() { caddy.RegisterModule(new(Sticky)) }

// Sticky selects the AM node on which a journey lives: the pinned node while
// it is available. What begins a journey goes to the lighter of the two nodes
// that are best-ranked by keyed rendezvous hashing of its id; one whose node is
// gone goes to the best-ranked, so that several edges agree without talking.
// Nodes that are draining get neither while there are others.
//
// It acts on the decision of the am_affinity handler, which am_proxy puts in
// front of it; on its own it knows only the cookie amlbcookie and the query.
type Sticky struct {
	app   *App
	known atomic.Pointer[group]
	told  sync.Map // addresses that the directory did not have
	// vouched are addresses as nodes are told them.
	vouched sync.Map
}

// group is upstreams and what rendezvous hashing precomputes for them.
type group struct {
	upstreams reverseproxy.UpstreamPool
	nodes     *routing.Nodes
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

// Select returns the journey's node. If all nodes are marked as failed it returns
// one all the same that the request was not sent to yet, and nil if there is none.
// It may be called again for one request when a node failed.
func (s *Sticky) Select(upstreams reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	router, err := s.app.set.Affinity()
	if err != nil {
		return reverseproxy.RandomSelection{}.Select(upstreams, r, w)
	}
	d := decisionOf(router, r)
	available := func(i int) bool { return upstreams[i].Available() }
	free := func(i int) bool { return !upstreams[i].Full() }
	address := func(i int) string { return upstreams[i].Dial }
	var i int
	if d.Offered(len(upstreams), address) {
		if i = d.NextOffered(available); i < 0 {
			i = d.NextOfAllOffered(free)
		}
	} else {
		table := s.table(router, upstreams)
		if i = d.Next(table, available); i < 0 {
			i = d.NextOfAll(table, free)
		}
	}
	if i < 0 {
		return nil
	}
	s.introduce(router, upstreams[i].Dial, r)
	return upstreams[i]
}

// upstreamVar is the request variable that tells the node its address, for the
// header routing.UpstreamHeader.
const upstreamVar = "am_upstream"

// introduce leaves the address of the node in a request variable, so that the
// node knows that it is an edge's and no client's word.
func (s *Sticky) introduce(router *affinity.Router, address string, r *http.Request) {
	text, ok := s.vouched.Load(address)
	if !ok {
		text, _ = s.vouched.LoadOrStore(address, router.Vouch(address))
	}
	caddyhttp.SetVar(r.Context(), upstreamVar, text)
}

// table is the upstreams as the directory has them.
func (s *Sticky) table(router *affinity.Router, upstreams reverseproxy.UpstreamPool) *routing.Table {
	g := s.known.Load()
	if g == nil || !g.is(upstreams) {
		addresses := make([]string, len(upstreams))
		for i, u := range upstreams {
			addresses[i] = u.Dial
		}
		g = &group{upstreams, routing.NewNodes(addresses)}
		s.known.Store(g)
	}
	t, fresh := g.nodes.Table(router, s.app.backend.Nodes.View())
	if fresh {
		s.tell(t.Unknown())
	}
	return t
}

// is reports whether a group is of these upstreams. Those of a configuration are
// the same slice each time; it is kept, so that no other can take its place.
func (g *group) is(upstreams reverseproxy.UpstreamPool) bool {
	if len(upstreams) == len(g.upstreams) && (len(upstreams) == 0 || &upstreams[0] == &g.upstreams[0]) {
		return true
	}
	return g.nodes.At(len(upstreams), func(i int) string { return upstreams[i].Dial })
}

// tell says once of each node that it gets no requests.
func (s *Sticky) tell(unknown []string) {
	for _, address := range unknown {
		if _, told := s.told.LoadOrStore(address, true); !told {
			s.app.log.Warn("the directory has nodes that am_proxy names, but not this one; it gets requests only if no other node is there: "+
				"it has left or died, or it advertises another address than am_proxy names", "address", address)
		}
	}
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
