package routing

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"time"

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

// UpstreamHeader tells a node under which address the edge knows it.
const UpstreamHeader = "X-Am-Upstream"

// errNotSent says that the owner was not reached: it has seen nothing of the
// request.
var errNotSent = errors.New("the node was not reached")

// OwnersConfig is what Owners are made of. All of it is needed.
type OwnersConfig struct {
	// Serve answers requests that belong here.
	Serve http.Handler
	// Passes are those of the requests that nodes send each other; while they
	// are not known nothing is passed on.
	Passes func() (*cluster.Passes, error)
	// View is the nodes now.
	View func() *cluster.View
	// Self is the address that this node advertises.
	Self string
	// ClientIP is the address of a request's client, the zero Addr if it is not
	// known. SetClientIP sets it, of a request that another node has passed on.
	ClientIP    func(*http.Request) netip.Addr
	SetClientIP func(*http.Request, netip.Addr)
	Logger      *slog.Logger
}

// Owners passes requests whose journeys are another node's on to that node, so
// that it does not matter which node a step reaches: a balancer that knows
// nothing of journeys is enough. It is one hop: what was passed on is not passed
// on again.
type Owners struct {
	cfg   OwnersConfig
	proxy *httputil.ReverseProxy
}

var _ http.Handler = (*Owners)(nil)

// NewOwners returns the handler.
func NewOwners(cfg OwnersConfig) *Owners {
	return &Owners{cfg, &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			h := pr.In.Context().Value(hopKey{}).(*hop)
			pr.SetURL(&url.URL{Scheme: schemeOf(h.node), Host: h.node.Address})
			pr.Out.Host = pr.In.Host
			// Here, where no header Connection of the client removes it any more.
			pr.Out.Header.Set(cluster.PassHeader, h.pass)
			pr.Out.Header.Del(UpstreamHeader)
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
	}}
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
func (o *Owners) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	passes, err := o.cfg.Passes()
	if err != nil || o.cfg.View().Others(o.cfg.Self) == 0 {
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
	if pass, ok := passes.Verify(o.cfg.Self, r, body); ok {
		o.serveHere(w, o.received(replay(r.Context()), pass))
		return
	}
	r.Header.Del(cluster.PassHeader)
	ctx, elsewhere := realm.SeekElsewhere(r.Context())
	held := newHeldReply(w, elsewhere)
	o.cfg.Serve.ServeHTTP(held, replay(ctx))
	if !elsewhere.Found {
		return
	}
	node := elsewhere.Node
	pass := passes.Sign(cluster.Pass{To: node.Address, Client: o.cfg.ClientIP(r), Secure: r.TLS != nil}, r, body)
	switch err := o.passOn(w, replay(r.Context()), node, pass); {
	case err == nil:
	case errors.Is(err, errNotSent):
		o.cfg.Logger.Warn("the node that has a journey cannot be reached; the journey starts again here",
			"node", node.Name, "address", node.Address, "error", err)
		o.serveHere(w, replay(r.Context()))
	default:
		o.cfg.Logger.Warn("the node that has a journey did not answer; the client may send the step again",
			"node", node.Name, "address", node.Address, "error", err)
		held.release()
	}
}

// serveHere answers a request here, wherever it belongs.
func (o *Owners) serveHere(w http.ResponseWriter, r *http.Request) {
	r.Header.Del(cluster.PassHeader)
	o.cfg.Serve.ServeHTTP(w, r)
}

// passOn answers a request by another node. On an error nothing was written.
func (o *Owners) passOn(w http.ResponseWriter, r *http.Request, n cluster.Node, pass string) error {
	h := &hop{node: n, pass: pass}
	o.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), hopKey{}, h)))
	return h.err
}

// received is a request that another node has passed on, as its client sent it
// to that one.
func (o *Owners) received(r *http.Request, pass cluster.Pass) *http.Request {
	o.cfg.SetClientIP(r, pass.Client)
	switch {
	case !pass.Secure:
		r.TLS = nil
	case r.TLS == nil:
		r.TLS = new(tls.ConnectionState)
	}
	return r
}
