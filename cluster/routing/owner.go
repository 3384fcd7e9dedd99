package routing

import (
	"bytes"
	"cmp"
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
	// connection, which its kernel does, handshakeTime to agree on TLS, which a busy
	// process may be slow to do, and answerTime to answer.
	dialTime      = time.Second
	handshakeTime = 5 * time.Second
	answerTime    = 10 * time.Second
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
	// ExplainKeys are those of who may be told of nodes; while they are not known
	// nobody is.
	ExplainKeys func() (*cluster.ExplainKeys, error)
	// View is the nodes now, once it is known which there are.
	View func(context.Context) *cluster.View
	// Self is this node.
	Self cluster.Node
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
			if h.explain != "" {
				pr.Out.Header.Set(cluster.ExplainHeader, h.explain)
			}
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				pr.Out.Header[name] = pr.In.Header[name] // nodes of a journey may read them
			}
		},
		Transport: &http.Transport{
			DialContext:           dial,
			DialTLSContext:        dialTLS,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       time.Minute,
			ResponseHeaderTimeout: answerTime,
			DisableCompression:    true,
		},
		ModifyResponse: func(resp *http.Response) error {
			if h := resp.Request.Context().Value(hopKey{}).(*hop); h.explain != "" {
				prepend(resp.Header, h.item)
			}
			return nil
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

// dialTLS is dial for a node that serves https. Nothing of a request is sent
// before the handshake has succeeded.
func dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address) // it was dialled
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	secure := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, errors.Join(errNotSent, err)
	}
	return secure, nil
}

// hop is a request that is passed on, and what became of it.
type hop struct {
	node cluster.Node
	pass string
	// explain is the key of who is to be told of the hop, "" of nobody, and item
	// is what is told.
	explain, item string
	err           error
}

type hopKey struct{}

// visit is a request on its way to its reply.
type visit struct {
	*Owners
	w    http.ResponseWriter
	body []byte
	// explain is the key of who is to be told of nodes, "" if nobody is.
	explain string
}

// ServeHTTP answers a request here or by the node that it belongs to.
func (o *Owners) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{Owners: o, w: w, explain: o.asks(r)}
	passes, err := o.cfg.Passes()
	// A node that is not in the directory, or not yet known here, may have passed
	// the request on all the same.
	passedOn := len(r.Header[cluster.PassHeader]) > 0
	if err != nil || !passedOn && o.cfg.View(r.Context()).Others(o.cfg.Self.Address) == 0 {
		v.serveHere(r, whyHere)
		return
	}
	v.body, err = io.ReadAll(io.LimitReader(r.Body, maxPassed+1))
	if err != nil || len(v.body) > maxPassed {
		r.Body = &replayed{Reader: io.MultiReader(bytes.NewReader(v.body), r.Body), Closer: r.Body}
		v.serveHere(r, whyHere)
		return
	}
	if pass, ok := passes.Verify(o.cfg.Self.Address, r, v.body); ok {
		v.serveHere(o.received(v.replay(r.Context(), r), pass), whyOwner)
		return
	}
	r.Header.Del(cluster.PassHeader)
	ctx, elsewhere := realm.SeekElsewhere(r.Context())
	held := newHeldReply(w, elsewhere)
	v.serve(held, v.replay(ctx, r), whyHere)
	if elsewhere.Found {
		v.leave(r, passes, elsewhere.Node, held)
	}
}

// asks is the key of who asks for an explanation, "" if nobody does who may.
// Nothing that serves the request sees it.
func (o *Owners) asks(r *http.Request) string {
	key := r.Header.Get(cluster.ExplainHeader)
	r.Header.Del(cluster.ExplainHeader)
	if key == "" {
		return ""
	}
	if keys, err := o.cfg.ExplainKeys(); err != nil || !keys.Valid(key) {
		return ""
	}
	return key
}

// replay is a request with its body once more.
func (v *visit) replay(ctx context.Context, r *http.Request) *http.Request {
	again := r.WithContext(ctx)
	again.Body = &replayed{Reader: bytes.NewReader(v.body), Closer: r.Body}
	return again
}

// leave has a request answered by the node that it belongs to; held is what there
// is to say if that does not answer.
func (v *visit) leave(r *http.Request, passes *cluster.Passes, node cluster.Node, held *heldReply) {
	pass := passes.Sign(cluster.Pass{To: node.Address, Client: v.cfg.ClientIP(r), Secure: r.TLS != nil}, r, v.body)
	h := &hop{node: node, pass: pass, explain: v.explain, item: v.item(whyPassed)}
	v.proxy.ServeHTTP(v.w, v.replay(context.WithValue(r.Context(), hopKey{}, h), r)) // on an error nothing was written
	switch {
	case h.err == nil:
	case errors.Is(h.err, errNotSent):
		v.cfg.Logger.Warn("the node that has a journey cannot be reached; the journey goes on here if it was handed over or survives, and starts again if not",
			"node", node.Name, "address", node.Address, "error", h.err)
		v.serveHere(v.replay(r.Context(), r), whyUnreached)
	default:
		v.cfg.Logger.Warn("the node that has a journey did not answer; the client may send the step again",
			"node", node.Name, "address", node.Address, "error", h.err)
		if v.explain != "" {
			held.header.Set(cluster.ExplainHeader, v.item(whySilent))
		}
		held.release()
	}
}

// serveHere answers a request here, wherever it belongs.
func (v *visit) serveHere(r *http.Request, why Why) {
	r.Header.Del(cluster.PassHeader)
	v.serve(v.w, r, why)
}

// serve answers a request, and says why in the reply's header to who may know.
func (v *visit) serve(w http.ResponseWriter, r *http.Request, why Why) {
	if v.explain != "" {
		ctx, found := realm.SeekFound(r.Context())
		r = r.WithContext(ctx)
		w = &Explainer{ResponseWriter: w, Item: func() string { return v.item(cmp.Or(whyFound[*found], why)) }}
	}
	v.cfg.Serve.ServeHTTP(w, r)
}

// item is what this node has to say of a request.
func (v *visit) item(why Why) string {
	return string(explanation("node").text("name", v.cfg.Self.Name).why(why))
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
