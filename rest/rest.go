// Package rest serves AM's REST API, everything below {base}/json/, as one
// http.Handler: authenticate, sessions, serverinfo and the health of the node;
// and of {base}/oauth2/ the document by which clients find it.
//
// A request passes these gates in this order, and each of them is bounded
// work that asks no store: its size (limits.go), its realm (realms.go), its
// route (routes.go), the rules of other origins (cors.go, csrf.go). What the
// route answers is a reply or an error; errors become statuses and bodies in
// one table (errors.go). Nothing is written before the answer is complete, so
// an error never comes with half of a success, its cookies least of all.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/amgate/amgate/realm"
)

// API is the handler. It holds no state of its own.
type API struct {
	front   realm.Front
	version versionInfo
}

var _ http.Handler = (*API)(nil)

// New returns the handler for everything below {Base}/json/ and
// {Base}/oauth2/. Other paths are answered with 404.
func New(f realm.Front) *API {
	return &API{front: f, version: buildVersion()}
}

// call is one request on its way.
type call struct {
	*http.Request
	query   url.Values
	version version
	// realm and route are nil until they are found; tree and path are the
	// route's.
	realm *realm.Realm
	tree  string
	path  string
	route *route
	// param is what stands for {…} in the route's path.
	param string
	// body has the members of the JSON that was sent, if the route is about a
	// session; target is that session.
	body   sent
	target target
}

// reply is what a route answers: an HTTP status, a body that is encoded as
// JSON (nil for none), and headers besides those of its kind.
type reply struct {
	status int
	body   any
	header http.Header
}

// appender is a body that is sent so often that it writes itself.
type appender interface {
	AppendJSON(text []byte) ([]byte, error)
}

// encode is the body as sent; nil for none.
func (r reply) encode() ([]byte, error) {
	switch body := r.body.(type) {
	case nil:
		return nil, nil
	case appender:
		return body.AppendJSON(make([]byte, 0, 2048))
	}
	return encode(r.body)
}

// ok is a reply with status 200.
func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, version: parseVersion(r.Header.Get("Accept-API-Version"))}
	var body []byte
	rep, err := a.answer(w, c)
	if err == nil {
		body, err = rep.encode()
	}
	if err == nil && c.isCREST() {
		body, err = c.picked(rep, body)
	}
	if err != nil {
		rep = a.refuse(c, err)
		body, _ = rep.encode() // text and numbers: it cannot fail
	}
	if c.isCREST() {
		body = c.printed(body)
	}
	h := w.Header()
	a.setHeaders(h, c, body != nil)
	for name, values := range rep.header {
		h[name] = append(h[name], values...)
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(body) // a client that is gone is not our trouble
}

// answer takes a request through the gates to its route. A panic on the way
// is an error like any other unexpected one: the listener, and what else is
// on the connection, lives on.
func (a *API) answer(w http.ResponseWriter, c *call) (rep reply, err error) {
	defer realm.Recover(&err)
	if err := a.locate(c); err != nil {
		return reply{}, err
	}
	if c.Method == http.MethodOptions {
		return a.options(c), nil
	}
	if err := a.choose(c); err != nil {
		return reply{}, err
	}
	if c.route.auth != authNone {
		if err := a.aim(w, c); err != nil {
			return reply{}, err
		}
	}
	if err := checkCSRF(c); err != nil {
		return reply{}, err
	}
	return c.route.serve(a, w, c)
}

// aim reads the body and finds out which session the request is about.
func (a *API) aim(w http.ResponseWriter, c *call) (err error) {
	if _, err := readBody(w, c.Request, &c.body); err != nil {
		return err
	}
	if c.route.auth == authCaller {
		c.target = ownTarget(c)
		return nil
	}
	c.target, err = findTarget(c)
	return err
}

// encode is JSON as AM writes it: without HTML escapes and without a newline
// at the end.
func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// readyTimeout bounds how long health/ready waits for the store.
const readyTimeout = time.Second

// live answers 200 for as long as the process serves.
func (a *API) live(http.ResponseWriter, *call) (reply, error) {
	return reply{status: http.StatusOK}, nil
}

// ready answers 200 when requests can be served here and should be, else 503,
// without a body: a node that is draining says so to balancers this way.
func (a *API) ready(_ http.ResponseWriter, c *call) (reply, error) {
	ctx, cancel := context.WithTimeout(c.Context(), readyTimeout)
	defer cancel()
	if err := a.front.Realms.Ready(ctx); err != nil {
		return reply{status: http.StatusServiceUnavailable, header: retryAfter()}, nil
	}
	return reply{status: http.StatusOK}, nil
}
