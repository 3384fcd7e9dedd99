package gateway

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// dropCookies removes amgate's cookies, those of all realms, from a Cookie
// header. All others stay byte for byte and in their order; a header that has
// none left goes.
func (g *Gateway) dropCookies(h http.Header) { rewrite(h, "Cookie", g.withoutOwnCookies) }

// withoutOwnCookies is "" when nothing but separators is left of the line.
func (g *Gateway) withoutOwnCookies(line string) string {
	var b strings.Builder
	found, at := false, 0
	for pair := range strings.SplitSeq(line, ";") {
		switch own := g.isOwnCookie(pair); {
		case own && !found:
			found = true
			b.Grow(len(line))
			b.WriteString(strings.TrimSuffix(line[:at], ";"))
		case own, !found:
		case b.Len() == 0:
			b.WriteString(strings.TrimLeft(pair, " \t"))
		default:
			b.WriteByte(';')
			b.WriteString(pair)
		}
		at += len(pair) + 1
	}
	switch {
	case !found:
		return line
	case strings.Trim(b.String(), "; \t") == "":
		return ""
	}
	return b.String()
}

func (g *Gateway) isOwnCookie(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	return slices.Contains(g.ownCookies, textproto.TrimString(name))
}

// rewrite replaces each value of a header by what f makes of it. Empty values
// go, and a header without values goes. The slice of values is left alone:
// copies of the request may share it.
func rewrite(h http.Header, key string, f func(value string) string) {
	values := h[key]
	var kept []string
	for i, before := range values {
		after := f(before)
		if kept == nil {
			if after == before {
				continue
			}
			kept = append(make([]string, 0, len(values)), values[:i]...)
		}
		if after != "" {
			kept = append(kept, after)
		}
	}
	switch {
	case kept == nil:
	case len(kept) == 0:
		delete(h, key)
	default:
		h[key] = kept
	}
}
