package caddymodule

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/realm"
)

const (
	// maxPassed is how large a body may be to be passed on. A larger one is no
	// step: the API refuses it.
	maxPassed = 1 << 20
	// dialTime bounds how long the owner of a journey may take to accept a
	// connection, and answerTime to answer.
	dialTime   = time.Second
	answerTime = 10 * time.Second
)

// errNotSent says that the owner was not reached: it has seen nothing of the
// request.
var errNotSent = errors.New("the node was not reached")

// owners passes steps of journeys that rest in the memory of another node on
// to that node, so that it does not matter which node a step reaches: a
// balancer that knows nothing of journeys is enough. It is one hop: what was
// passed on is not passed on again.
type owners struct {
	app   *App
	serve http.Handler
	proxy *httputil.ReverseProxy
}

func newOwners(app *App, serve http.Handler) *owners {
	o := &owners{app: app, serve: serve}
	o.proxy = &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			h := pr.In.Context().Value(hopKey{}).(*hop)
			pr.SetURL(&url.URL{Scheme: schemeOf(h.node), Host: h.node.Address})
			pr.Out.Host = pr.In.Host
			// Here, where no header Connection of the client removes it any more.
			pr.Out.Header.Set(cluster.PassHeader, h.pass)
			pr.Out.Header.Del(upstreamHeader)
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				pr.Out.Header[name] = pr.In.Header[name] // nodes of a journey may read them
			}
		},
		Transport: &http.Transport{
			DialContext:           dial,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       time.Minute,
			ResponseHeaderTimeout: answerTime,
			DisableCompression:    true,
		},
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			r.Context().Value(hopKey{}).(*hop).err = err
		},
	}
	return o
}

func schemeOf(n cluster.Node) string {
	if n.Secure {
		return "https"
	}
	return "http"
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, network, address)
	if err != nil {
		return nil, errors.Join(errNotSent, err)
	}
	return conn, nil
}

// hop is a request that is passed on, and what became of it.
type hop struct {
	node cluster.Node
	pass string
	err  error
}

type hopKey struct{}

// ServeHTTP answers a request here or by the node that it belongs to.
func (o *owners) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	passes, err := o.app.set.Passes()
	if err != nil || len(o.app.backend.Nodes.View().Members) < 2 {
		o.serveHere(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPassed+1))
	replay := func(ctx context.Context) *http.Request {
		again := r.WithContext(ctx)
		again.Body = &replayed{Reader: bytes.NewReader(body), Closer: r.Body}
		return again
	}
	if err != nil || len(body) > maxPassed {
		r.Body = &replayed{Reader: io.MultiReader(bytes.NewReader(body), r.Body), Closer: r.Body}
		o.serveHere(w, r)
		return
	}
	if pass, ok := passes.Verify(o.app.self.Address, r, body); ok {
		o.serveHere(w, received(replay(r.Context()), pass))
		return
	}
	r.Header.Del(cluster.PassHeader)
	ctx, elsewhere := realm.SeekElsewhere(r.Context())
	held := &heldReply{to: w, header: maps.Clone(w.Header()), elsewhere: elsewhere}
	o.serve.ServeHTTP(held, replay(ctx))
	if !elsewhere.Found {
		return
	}
	pass := cluster.Pass{To: elsewhere.Node.Address, Client: clientIP(r), Secure: r.TLS != nil}
	switch err := o.passOn(w, replay(r.Context()), elsewhere.Node, passes.Sign(pass, r, body)); {
	case err == nil:
	case errors.Is(err, errNotSent):
		o.app.log.Warn("the node that has a journey cannot be reached; the journey starts again here",
			"node", elsewhere.Node.Name, "address", elsewhere.Node.Address, "error", err)
		o.serveHere(w, replay(r.Context()))
	default:
		o.app.log.Warn("the node that has a journey did not answer; the client may send the step again",
			"node", elsewhere.Node.Name, "address", elsewhere.Node.Address, "error", err)
		held.release()
	}
}

// serveHere answers a request here, wherever it belongs.
func (o *owners) serveHere(w http.ResponseWriter, r *http.Request) {
	r.Header.Del(cluster.PassHeader)
	o.serve.ServeHTTP(w, r)
}

// passOn answers a request by another node. On an error nothing was written.
func (o *owners) passOn(w http.ResponseWriter, r *http.Request, n cluster.Node, pass string) error {
	h := &hop{node: n, pass: pass}
	o.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), hopKey{}, h)))
	return h.err
}

// received is a request that another node has passed on, as its client sent it
// to that one.
func received(r *http.Request, pass cluster.Pass) *http.Request {
	client := ""
	if pass.Client.IsValid() {
		client = pass.Client.String()
	}
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, client)
	switch {
	case !pass.Secure:
		r.TLS = nil
	case r.TLS == nil:
		r.TLS = new(tls.ConnectionState)
	}
	return r
}

// heldReply is written on unless the request belongs elsewhere; then it is held
// until it is known whether that node answers.
type heldReply struct {
	to        http.ResponseWriter
	header    http.Header
	elsewhere *realm.Elsewhere

	status int
	body   bytes.Buffer // while it is held
}

var _ http.ResponseWriter = (*heldReply)(nil)

func (h *heldReply) Header() http.Header { return h.header }

func (h *heldReply) WriteHeader(status int) {
	if h.status != 0 {
		return
	}
	if h.status = status; !h.elsewhere.Found {
		h.send()
	}
}

func (h *heldReply) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	if h.elsewhere.Found {
		return h.body.Write(b)
	}
	return h.to.Write(b)
}

func (h *heldReply) send() {
	maps.Copy(h.to.Header(), h.header)
	h.to.WriteHeader(h.status)
}

// release writes what was held.
func (h *heldReply) release() {
	h.send()
	_, _ = h.to.Write(h.body.Bytes()) // a client that is gone is not our trouble
}
