package gateway

import (
	"net/http"

	"github.com/amgate/amgate/realm"
)

// Bounds on the credentials of one request. They hold before anything is
// taken apart; realm.CookieValues bounds the Cookie header as a whole.
const (
	maxTokens     = 8
	maxTokenBytes = realm.MaxToken
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
		if tok, ok := realm.BearerToken(v); ok {
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
