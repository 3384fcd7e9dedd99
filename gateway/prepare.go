package gateway

import (
	"io"
	"net/http"

	"github.com/amgate/amgate/realm"
)

// Prepare makes the request fit to be forwarded to the app.
//
// It removes, also from trailers, whatever a backend could read as one of the
// identity headers X-AM-User, X-AM-Realm, X-AM-Roles, X-AM-Auth-Level and
// X-AM-Property-…, and sets them from id. X-AM-User is the user's id;
// X-AM-Roles is a comma-separated list and absent if there are no roles; a
// property that is not set or is very long has no header. Values are
// percent-encoded where a header could not carry them as they are. Names in
// Connection that would make a proxy drop such headers lose their effect.
// Unless the cookie is forwarded, it also removes the token, wherever it
// travels, and amgate's own cookies; other cookies and other Bearer tokens
// stay as they are. The tokens and cookies of all realms go: a browser sends
// those of another realm along, and this app has no business with them.
//
// A request that needs no session but passes the gateway goes through Prepare
// too, with the zero Identity: then the app sees no identity header at all.
func (g *Gateway) Prepare(r *http.Request, id Identity) {
	dropIdentity(r.Header)
	ShieldConnection(r.Header)
	dropListed(r.Header, "Trailer", isIdentityName)
	guardTrailers(r)
	if !g.forwardCookie {
		g.dropToken(r.Header)
		g.dropCookies(r.Header)
	}
	if id.Known() {
		setIdentity(r.Header, id)
		g.setProperties(r.Header, id)
	}
}

// setIdentity sets the headers that every identity has at the cost of one
// allocation.
func setIdentity(h http.Header, id Identity) {
	v := [...]string{headerValue(id.UserID()), headerValue(id.Realm()), id.level(), id.roleList()}
	values := v[:]
	h[headerUser] = values[0:1:1]
	h[headerRealm] = values[1:2:2]
	h[headerLevel] = values[2:3:3]
	if values[3] != "" {
		h[headerRoles] = values[3:4:4]
	}
}

// dropToken removes tokens from the headers that carry nothing else, and from
// Authorization.
func (g *Gateway) dropToken(h http.Header) {
	for _, name := range g.tokenHeaders {
		delete(h, name)
	}
	rewrite(h, "Authorization", func(value string) string {
		if _, ours := realm.BearerToken(value); ours {
			return ""
		}
		return value
	})
}

// guardTrailers keeps identity headers out of r.Trailer, now and once the
// body has been read: trailers arrive with the body's end, and net/http takes
// in those that nobody announced as well.
func guardTrailers(r *http.Request) {
	dropIdentity(r.Trailer)
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		r.Body = &guardedBody{ReadCloser: r.Body, r: r}
	}
}

// guardedBody cleans the trailers of r when its body ends.
type guardedBody struct {
	io.ReadCloser
	r *http.Request
}

func (b *guardedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		dropIdentity(b.r.Trailer)
	}
	return n, err
}
