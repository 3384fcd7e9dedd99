package rest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/amgate/amgate/realm"
)

// corsHeaders are the request headers that clients of AM send. The header
// named like the realm's cookie is one more.
var corsHeaders = []string{
	"accept", "accept-api-version", "accept-language", "authorization", "content-type", "x-forgerock-transactionid",
	"x-openam-password", "x-openam-username", "x-requested-platform", "x-requested-with",
}

const (
	corsMethods = "GET, HEAD, POST, OPTIONS"
	// corsMaxAge is how many seconds a browser may keep a preflight; AM's
	// default.
	corsMaxAge = "600"
)

// setCORS lets pages of the origins that the realm lists read a reply, also
// when it is an error: else their SDK would see a network failure in place of
// a failed login. An origin is answered by name, never by a star, because the
// replies are for requests with credentials.
func setCORS(h http.Header, c *call) {
	if c.realm == nil || len(c.realm.CORS) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	origin := c.Header.Get("Origin")
	if !allowsOrigin(c.realm, origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
}

// allowsOrigin compares in the canonical form; "null" and "" have none.
func allowsOrigin(r *realm.Realm, origin string) bool {
	canonical := realm.CanonicalOrigin(origin)
	return canonical != "" && slices.ContainsFunc(r.CORS, func(allowed string) bool {
		return realm.CanonicalOrigin(allowed) == canonical
	})
}

// options answers OPTIONS: a preflight from an origin that the realm lists is
// told what it may do; every other one learns the methods of the path.
func (a *API) options(c *call) reply {
	h := http.Header{"Allow": {allowed(c.path)}}
	if c.Header.Get("Access-Control-Request-Method") != "" && allowsOrigin(c.realm, c.Header.Get("Origin")) {
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		h.Set("Vary", "Access-Control-Request-Headers")
		if granted := grantedHeaders(c.realm, c.Header.Get("Access-Control-Request-Headers")); granted != "" {
			h.Set("Access-Control-Allow-Headers", granted)
		}
	}
	return reply{status: http.StatusNoContent, header: h}
}

// grantedHeaders is, of the headers that a preflight asks for, those that we
// know.
func grantedHeaders(r *realm.Realm, asked string) string {
	var granted []string
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if slices.Contains(corsHeaders, name) || name == strings.ToLower(r.Cookie.Name) {
			granted = append(granted, name)
		}
	}
	return strings.Join(granted, ",")
}
