package caddymodule

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/gateway"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/realm"
)

func init() { caddy.RegisterModule(Affinity{}) }

// decisionVar is the request variable in which it is left to which node a
// request goes, for am_nodes and am_sticky.
const decisionVar = "am_decision"

// Affinity decides once for each request which journey it belongs to. The
// source am_nodes, the selection policy am_sticky, which may run several times,
// and the node act on it. The affinity is taken from the link of a suspended
// journey, from the cookie amlbcookie or, for clients that send neither, from
// the authId in the body; a request without one begins a new journey.
type Affinity struct {
	// PeekOff turns the search of bodies off.
	PeekOff bool `json:"peek_off,omitempty"`

	app *App
}

// CaddyModule returns the Caddy module information.
func (Affinity) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.am_affinity", New: func() caddy.Module { return new(Affinity) }}
}

// Provision binds the handler to the app "am".
func (h *Affinity) Provision(ctx caddy.Context) (err error) {
	h.app, err = amApp(ctx)
	return err
}

// ServeHTTP leaves the decision in a request variable and the affinity in a
// header for the node. Without the installation's keys it leaves none, and
// am_sticky picks any node. What no node answers it answers itself; a body that
// its client sends badly is not held against a node.
func (h *Affinity) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	body := routing.NewClientBody(r)
	if body == nil {
		return h.refuse(w, r, h.route(w, r, next))
	}
	reply := &edgeReply{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, body: body}
	err := h.route(reply, r, next)
	if reply.fault != nil {
		err = bodyFault(reply.fault)
	}
	return h.refuse(w, r, err)
}

func (h *Affinity) route(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	h.app.awaitStart(r.Context()) // without keys any node would do, and the wrong one
	r.Header.Del(realm.AffinityHeader)
	gateway.ShieldConnection(r.Header)
	router, err := h.app.set.Affinity()
	if err != nil {
		r.Header.Del(cluster.ExplainHeader)
		return next.ServeHTTP(w, r)
	}
	d := routing.Decide(router, r, !h.PeekOff)
	caddyhttp.SetVar(r.Context(), decisionVar, d)
	r.Header.Set(realm.AffinityHeader, router.Format(d.Affinity))
	if !h.explains(r) {
		return next.ServeHTTP(w, r)
	}
	e := &routing.Explainer{ResponseWriter: w, Item: func() string { return d.Explain(h.app.self.Name) }}
	if err := next.ServeHTTP(e, r); err != nil {
		e.Begin() // what handles the error has another writer
		return err
	}
	return nil
}

// explains reports whether who sent a request may be told of nodes. A key that is
// not good goes no further.
func (h *Affinity) explains(r *http.Request) bool {
	key := r.Header.Get(cluster.ExplainHeader)
	if key == "" {
		return false
	}
	keys, err := h.app.set.ExplainKeys()
	if err == nil && keys.Valid(key) {
		return true
	}
	r.Header.Del(cluster.ExplainHeader)
	return false
}

// decisionOf is the decision of the am_affinity handler. Without that handler it
// is made here, once for each request, and knows no bodies.
func decisionOf(router *affinity.Router, r *http.Request) *routing.Decision {
	d, ok := caddyhttp.GetVar(r.Context(), decisionVar).(*routing.Decision)
	if !ok {
		d = routing.Decide(router, r, false)
		caddyhttp.SetVar(r.Context(), decisionVar, d)
	}
	return d
}

// parseProxy sets up am_proxy from Caddyfile tokens. Syntax:
//
//	am_proxy [<matcher>] [<upstreams...>] {
//		peek_off
//		<option of reverse_proxy>...
//	}
//
// Without upstreams they are the nodes in the directory, dynamic am_nodes. Else
// it is equal to
//
//	route [<matcher>] {
//		am_affinity
//		reverse_proxy <upstreams...> {
//			lb_policy          am_sticky
//			lb_retries         2
//			fail_duration      10s
//			stream_close_delay 5m
//			header_up          X-AM-Upstream {http.vars.am_upstream}
//			transport http {
//				response_header_timeout 15s
//				tls_timeout             5s # if the nodes have https
//			}
//			header_up          Host {hostport} # if the nodes have https
//			<option of reverse_proxy>...
//		}
//	}
func parseProxy(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // so that the segment begins with the directive's name
	own, rest := cutOption(h.NextSegment(), "peek_off")
	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(caddyfile.NewDispenser(rest)); err != nil {
		return nil, err
	}
	if err := proxy.FinalizeUnmarshalCaddyfile(h); err != nil {
		return nil, err
	}
	if len(proxy.Upstreams) == 0 && proxy.DynamicUpstreamsRaw == nil {
		proxy.DynamicUpstreamsRaw = caddyconfig.JSONModuleObject(new(Upstreams), "source", "am_nodes", nil)
	}
	if proxy.DynamicUpstreamsRaw != nil && proxy.HealthChecks != nil && proxy.HealthChecks.Active != nil {
		return nil, h.Err("active health checks do nothing for nodes that are found in the directory; name the nodes, or leave health_uri out: " +
			"the directory knows which nodes are there")
	}
	stickyDefaults(proxy)
	if err := boundTransport(proxy); err != nil {
		return nil, h.WrapErr(err)
	}
	return &caddyhttp.Subroute{Routes: caddyhttp.RouteList{{HandlersRaw: []json.RawMessage{
		caddyconfig.JSONModuleObject(&Affinity{PeekOff: own}, "handler", "am_affinity", nil),
		caddyconfig.JSONModuleObject(proxy, "handler", "reverse_proxy", nil),
	}}}}, nil
}

// cutOption removes an option without arguments from a directive's tokens.
func cutOption(tokens []caddyfile.Token, name string) (found bool, rest []caddyfile.Token) {
	depth := 0
	for i, t := range tokens {
		switch t.Text {
		case "{":
			depth++
		case "}":
			depth--
		}
		if depth == 1 && t.Text == name && tokens[i-1].Line != t.Line {
			found = true
			continue
		}
		rest = append(rest, t)
	}
	return found, rest
}

// stickyDefaults fills in what a proxy in front of AM nodes needs and the
// user did not set: sticky selection, a second try when the pinned node is
// dead, a memory of dead nodes, and streams that outlive a reload. The node is
// told its address, so that it can say when it advertises another.
func stickyDefaults(proxy *reverseproxy.Handler) {
	if proxy.LoadBalancing == nil {
		proxy.LoadBalancing = new(reverseproxy.LoadBalancing)
	}
	if proxy.LoadBalancing.SelectionPolicyRaw == nil {
		proxy.LoadBalancing.SelectionPolicyRaw = json.RawMessage(`{"policy":"am_sticky"}`)
	}
	if proxy.LoadBalancing.Retries == 0 {
		proxy.LoadBalancing.Retries = 2
	}
	if proxy.HealthChecks == nil {
		proxy.HealthChecks = new(reverseproxy.HealthChecks)
	}
	if proxy.HealthChecks.Passive == nil {
		proxy.HealthChecks.Passive = new(reverseproxy.PassiveHealthChecks)
	}
	if proxy.HealthChecks.Passive.FailDuration == 0 {
		proxy.HealthChecks.Passive.FailDuration = caddy.Duration(10 * time.Second)
	}
	if proxy.Headers == nil {
		proxy.Headers = new(headers.Handler)
	}
	if proxy.Headers.Request == nil {
		proxy.Headers.Request = new(headers.HeaderOps)
	}
	if proxy.Headers.Request.Set == nil {
		proxy.Headers.Request.Set = make(http.Header)
	}
	proxy.Headers.Request.Set.Set(routing.UpstreamHeader, "{http.vars."+upstreamVar+"}")
	if proxy.StreamCloseDelay == 0 {
		proxy.StreamCloseDelay = caddy.Duration(5 * time.Minute)
	}
}

const (
	// edgeAnswerTime bounds how long a node may take to begin its answer. It is
	// longer than a node waits for another one that it passes a request on to.
	edgeAnswerTime = 15 * time.Second
	// edgeHandshakeTime bounds how long it may take to agree on TLS.
	edgeHandshakeTime = 5 * time.Second
)

// boundTransport sees to it that a node that hangs does not hold requests for
// ever, unless the user has set other times, and that nodes with TLS hear of the
// host that the client asked for, which reverse_proxy replaces. All else that the
// transport has stays; what is no transport http is left alone.
func boundTransport(proxy *reverseproxy.Handler) error {
	transport := map[string]json.RawMessage{"protocol": json.RawMessage(`"http"`)}
	if proxy.TransportRaw != nil {
		if err := json.Unmarshal(proxy.TransportRaw, &transport); err != nil {
			return err
		}
	}
	if string(transport["protocol"]) != `"http"` {
		return nil
	}
	setDefault(transport, "response_header_timeout", edgeAnswerTime)
	if transport["tls"] != nil {
		if up := proxy.Headers.Request.Set; up.Get("Host") == "" {
			up.Set("Host", "{http.request.hostport}")
		}
		var tls map[string]json.RawMessage
		if err := json.Unmarshal(transport["tls"], &tls); err != nil {
			return err
		}
		setDefault(tls, "handshake_timeout", edgeHandshakeTime)
		transport["tls"] = caddyconfig.JSON(tls, nil)
	}
	proxy.TransportRaw = caddyconfig.JSON(transport, nil)
	return nil
}

func setDefault(options map[string]json.RawMessage, name string, d time.Duration) {
	if options[name] == nil {
		options[name] = caddyconfig.JSON(caddy.Duration(d), nil)
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Affinity)(nil)
	_ caddyhttp.MiddlewareHandler = (*Affinity)(nil)
)
