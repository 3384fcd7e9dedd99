package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/amgate/amgate/realm"
)

// The login page's own cookie, on https and on plain http.
const (
	loginCookieTLS = "__Host-amgate"
	loginCookie    = "amgate"
)

// dropCookies removes amgate's cookies from a Cookie header. All others stay
// byte for byte and in their order; a header that has none left goes.
func (g *Gateway) dropCookies(h http.Header) {
	lines := h["Cookie"]
	if !slices.ContainsFunc(lines, g.hasOwnCookie) {
		return
	}
	kept := make([]string, 0, len(lines))
	for _, line := range lines {
		if line = g.withoutOwnCookies(line); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

func (g *Gateway) hasOwnCookie(line string) bool {
	for pair := range strings.SplitSeq(line, ";") {
		if g.isOwnCookie(pair) {
			return true
		}
	}
	return false
}

// withoutOwnCookies is "" when nothing but separators is left of the line.
func (g *Gateway) withoutOwnCookies(line string) string {
	if !g.hasOwnCookie(line) {
		return line
	}
	var b strings.Builder
	b.Grow(len(line))
	for pair := range strings.SplitSeq(line, ";") {
		if g.isOwnCookie(pair) {
			continue
		}
		if b.Len() == 0 {
			pair = strings.TrimLeft(pair, " \t")
		} else {
			b.WriteByte(';')
		}
		b.WriteString(pair)
	}
	if strings.Trim(b.String(), "; \t") == "" {
		return ""
	}
	return b.String()
}

func (g *Gateway) isOwnCookie(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	switch strings.Trim(name, " \t") {
	case g.realm.Cookie.Name, realm.AffinityCookie, loginCookieTLS, loginCookie:
		return true
	}
	return false
}
