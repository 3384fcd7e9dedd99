package gateway

import (
	"net/http"
	"strings"

	"github.com/amgate/amgate/realm"
)

// Bounds on the credentials of one request. They hold before anything is
// taken apart; realm.CookieValues bounds the Cookie header as a whole.
const (
	maxTokens     = 8
	maxTokenBytes = 4096 // what a browser keeps of a cookie (RFC 6265 §6.1)
)

// Credentials returns those of the headers that Check looks at. Prepare
// changes no value in it, so that another Gateway of the same configuration
// can check the same request afterwards.
func (g *Gateway) Credentials(h http.Header) http.Header {
	found := make(http.Header, 2)
	keep := func(name string) {
		if values := h[name]; len(values) > 0 {
			found[name] = values
		}
	}
	keep("Cookie")
	keep("Authorization")
	for _, name := range g.tokenHeaders {
		keep(name)
	}
	return found
}

// tokens appends the tokens that a request carries to list, at most its
// capacity, in the order in which they are tried.
func (g *Gateway) tokens(list []string, h http.Header) []string {
	for _, v := range h[g.tokenHeader] {
		list = appendToken(list, v)
	}
	for _, v := range h["Authorization"] {
		if tok, ok := ourBearer(v); ok {
			list = appendToken(list, tok)
		}
	}
	for v := range realm.CookieValues(h, g.realm.Cookie.Name) {
		list = appendToken(list, v)
	}
	return list
}

func appendToken(list []string, tok string) []string {
	if tok == "" || len(tok) > maxTokenBytes || len(list) == cap(list) {
		return list
	}
	return append(list, tok)
}

// ourBearer returns the token of an Authorization header if it is a Bearer
// token in the form of an SSO token: a head and extensions, each ended by an
// asterisk (AM's layout). A Bearer token of anybody else has no asterisk
// (b64token, RFC 6750 §2.1), so none is ever mistaken for ours.
func ourBearer(authorization string) (tok string, ok bool) {
	scheme, tok, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || len(tok) > maxTokenBytes {
		return "", false
	}
	tok = strings.Trim(tok, " ")
	return tok, strings.Count(tok, "*") == 2
}
