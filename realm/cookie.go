package realm

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Values of Cookie.SameSite, as a Caddyfile writes them.
const (
	SameSiteLax    = "lax"
	SameSiteStrict = "strict"
	SameSiteNone   = "none"
)

// AffinityCookie is AM's cookie for load balancers. It carries a journey's
// affinity.
const AffinityCookie = "amlbcookie"

// The cookie of the login page's forms, on plain http and on https.
const (
	FormCookie    = "amgate"
	FormCookieTLS = "__Host-amgate"
)

// WaitCookie keeps a step that only waits, for a browser without script. It is
// kept to the login page.
const WaitCookie = "amgate-wait"

// MaxToken bounds an SSO token, bytes: what a browser keeps of a cookie (RFC
// 6265 §6.1).
const MaxToken = 4096

// Bounds on what is looked at before anything about a client is known.
const (
	maxCookieBytes = 32 << 10
	maxTokens      = 4
	// What nodes see of a client's cookies: more than browsers keep of a host.
	maxCookies = 200
)

// Cookie says how the SSO token travels in browsers.
type Cookie struct {
	// Name is AM's cookie name. Clients read it from serverinfo.
	Name string
	// Domain is empty for a cookie of the host alone.
	Domain string
	// SameSite is one of the constants.
	SameSite string
}

func (c Cookie) check(fail func(string, ...any) error) error {
	if c.Name == "" || strings.ContainsFunc(c.Name, func(r rune) bool { return !isNameRune(r) }) {
		return fail("cookie %q: a cookie's name has only letters, digits, -, _ and .", c.Name)
	}
	switch c.Name {
	case AffinityCookie:
		return fail("cookie %s: that name is taken by the load-balancer cookie", c.Name)
	case FormCookie, FormCookieTLS, WaitCookie:
		return fail("cookie %s: that name is taken by a cookie of the login page", c.Name)
	}
	switch c.SameSite {
	case SameSiteLax, SameSiteStrict, SameSiteNone:
	default:
		return fail("cookie same_site %q is not known; use lax, strict or none", c.SameSite)
	}
	if strings.ContainsFunc(c.Domain, func(r rune) bool { return !isNameRune(r) }) {
		return fail("cookie domain %q is not a domain", c.Domain)
	}
	return nil
}

// CookieNames are the names of the session cookies of all realms of the
// configuration that the realm belongs to: sorted, each once.
func (r *Realm) CookieNames() []string {
	names := []string{r.Cookie.Name}
	if r.set != nil {
		for _, other := range r.set.realms {
			names = append(names, other.Cookie.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ownCookies are the names of all of amgate's cookies where sessions are those
// of the session cookies: sorted, each once.
func ownCookies(sessions []string) []string {
	names := slices.Concat(sessions, []string{AffinityCookie, FormCookie, FormCookieTLS, WaitCookie})
	slices.Sort(names)
	return slices.Compact(names)
}

// Set adds the Set-Cookie line that hands token to the browser: a session
// cookie, with its attributes in AM's order.
func (c Cookie) Set(h http.Header, token string, secure bool) {
	h.Add("Set-Cookie", c.line(token, secure))
}

// Clear adds the Set-Cookie line that makes the browser forget the token.
func (c Cookie) Clear(h http.Header, secure bool) {
	h.Add("Set-Cookie", c.line("", secure)+"; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
}

// persistentCookies are the names of the cookies by which the journeys know
// users again: sorted, each once. A disabled journey may have set one earlier.
func persistentCookies(journeys map[string]*journey.Tree) []string {
	var names []string
	for _, tree := range journeys {
		for _, placed := range tree.Nodes {
			if placed != nil { // else Link has told of it
				names = appendPersistent(names, placed.Node)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// appendPersistent appends the names of the cookies of a node and its parts.
func appendPersistent(names []string, node journey.Node) []string {
	switch n := node.(type) {
	case journey.Rememberer:
		return append(names, n.RememberedBy())
	case journey.Parent:
		for _, part := range n.Parts() {
			names = appendPersistent(names, part.Node)
		}
	}
	return names
}

// ClearPersistent adds to reply the Set-Cookie lines that make the browser
// forget the persistent cookies that the request with these headers carries. It
// is those of all realms: clients sign out of one realm at another's address.
func (r *Realm) ClearPersistent(reply, request http.Header, secure bool) {
	var names []string
	for _, other := range r.set.realms {
		names = append(names, other.remembering...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		for range CookieValues(request, name) {
			Cookie{Name: name, SameSite: SameSiteLax}.Clear(reply, secure)
			break
		}
	}
}

// SetAffinity adds the Set-Cookie line for AffinityCookie. It is kept to the
// host: only the edge that answers needs it.
func (c Cookie) SetAffinity(h http.Header, affinity string, secure bool) {
	c.Name, c.Domain = AffinityCookie, ""
	h.Add("Set-Cookie", c.line(affinity, secure))
}

// What browsers keep of a cookie, its name and attributes included (RFC 6265
// §6.1), and what a small session needs of it.
const (
	maxCookie    = 4096
	minTokenRoom = 2048
)

// Room is how long a token may be so that browsers keep the cookie.
func (c Cookie) Room() int { return maxCookie - len(c.line("", true)) }

func (c Cookie) line(value string, secure bool) string {
	line := make([]byte, 0, 128+len(value))
	line = append(append(append(line, c.Name...), '='), value...)
	line = append(line, "; Path=/"...)
	if c.Domain != "" {
		line = append(append(line, "; Domain="...), c.Domain...)
	}
	if secure {
		line = append(line, "; Secure"...)
	}
	line = append(line, "; HttpOnly"...)
	// A browser drops a SameSite=None cookie that is not Secure.
	if c.SameSite != SameSiteNone || secure {
		line = append(line, "; SameSite="...)
		line = append(append(line, c.SameSite[0]-'a'+'A'), c.SameSite[1:]...)
	}
	return string(line)
}

// Tokens returns the SSO tokens that a request presents, in the order in
// which they are tried: the header named like the cookie, then the cookies of
// that name as sent. Several cookies of one name reach us when a page of
// another host planted one; the first that is a live session counts. Their
// number and size are bounded before anything is parsed.
func (c Cookie) Tokens(h http.Header) []string {
	var tokens []string
	for _, v := range h.Values(c.Name) {
		tokens = appendToken(tokens, v)
	}
	for value := range CookieValues(h, c.Name) {
		tokens = appendToken(tokens, value)
	}
	return tokens
}

func appendToken(tokens []string, t string) []string {
	if t == "" || len(tokens) == maxTokens {
		return tokens
	}
	return append(tokens, t)
}

// CookieValues yields the values of all cookies named name, raw as sent,
// without building a list of all others. It looks at no more than 32 KiB.
func CookieValues(h http.Header, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for n, v := range cookiesOf(h) {
			if n == name && !yield(v) {
				return
			}
		}
	}
}

// cookiesOf yields the names and raw values of all cookies, in the order in
// which they were sent. It looks at no more than 32 KiB.
func cookiesOf(h http.Header) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		budget := maxCookieBytes
		for _, line := range h["Cookie"] {
			if budget -= len(line); budget < 0 {
				return
			}
			for pair := range strings.SplitSeq(line, ";") {
				n, v, ok := strings.Cut(strings.TrimLeft(pair, " "), "=")
				if ok && !yield(n, strings.TrimRight(v, " ")) {
					return
				}
			}
		}
	}
}

// BearerToken returns the token of an Authorization header if it is a Bearer
// token in the form of an SSO token: a head and extensions, each ended by an
// asterisk (AM's layout). A Bearer token of anybody else has no asterisk
// (b64token, RFC 6750 §2.1), so none is ever mistaken for ours.
func BearerToken(authorization string) (tok string, ok bool) {
	scheme, tok, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || len(tok) > MaxToken {
		return "", false
	}
	tok = strings.Trim(tok, " ")
	return tok, strings.Count(tok, "*") == 2
}
