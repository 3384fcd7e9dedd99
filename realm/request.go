package realm

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/journey"
)

// AffinityHeader carries the affinity that an edge of ours decided on. It is
// a MACed value, so nothing depends on who sent it.
const AffinityHeader = "X-Am-Affinity"

// Named finds the realm that the parameter realm of a URL means: by its path,
// with or without the slash in front, or by an alias. Without a parameter it
// is the realm of host (a Host header, as sent), else the root realm.
func (s *Set) Named(parameter, host string) (*Realm, bool) {
	if parameter == "" {
		if found, ok := s.byHost(hostname(host)); ok {
			return found, true
		}
		return s.Realm("/")
	}
	if !strings.HasPrefix(parameter, "/") {
		if found, ok := s.ByAlias(parameter); ok {
			return found, true
		}
	}
	names := strings.FieldsFunc(parameter, func(c rune) bool { return c == '/' })
	return s.Realm("/" + strings.Join(names, "/"))
}

// hostname is a Host header without its port and brackets.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// SentAffinity is the affinity that the edge chose, else that of the client's
// cookie, unverified; "" if there is none.
func SentAffinity(h http.Header) string {
	if sent := h.Get(AffinityHeader); sent != "" {
		return sent
	}
	for value := range CookieValues(h, AffinityCookie) {
		return value
	}
	return ""
}

// Client is what the nodes of a journey may know of a request: not its
// credentials nor amgate's own cookies, which nodes have no use for and could
// carry elsewhere. The X-OpenAM headers of a zero page login are theirs alone.
// addr is the client's address as the server computed it.
func (r *Realm) Client(req *http.Request, addr netip.Addr) *journey.Client {
	sessions := r.CookieNames()
	return &journey.Client{
		Address:   addr,
		Languages: Languages(req.Header.Get("Accept-Language")),
		Header:    otherHeaders(req.Header, sessions),
		Query:     req.URL.Query(),
		Cookies:   otherCookies(req.Header, ownCookies(sessions)),
		Secure:    secure(r.set.cfg.BaseURL, req),
	}
}

// otherHeaders are a copy of those headers of a request that carry no
// credentials.
func otherHeaders(h http.Header, sessions []string) http.Header {
	others := make(http.Header, len(h))
	for name, values := range h {
		switch name {
		case "Cookie", "Authorization", "Proxy-Authorization", AffinityHeader:
			continue
		}
		if !slices.ContainsFunc(sessions, func(s string) bool { return http.CanonicalHeaderKey(s) == name }) {
			others[name] = slices.Clone(values)
		}
	}
	return others
}

// otherCookies are those cookies of a request that are not amgate's own: the
// first 200, in at most 32 KiB. A value in quotes has lost them.
func otherCookies(h http.Header, own []string) []*http.Cookie {
	var others []*http.Cookie
	for name, value := range cookiesOf(h) {
		if len(others) == maxCookies {
			break
		}
		if !slices.Contains(own, name) {
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			others = append(others, &http.Cookie{Name: name, Value: value}) //nolint:gosec // G124: it is one that was sent, not one to be set.
		}
	}
	return others
}

// Bounds on Accept-Language. BCP 47 tags have at most 35 characters.
const (
	maxLanguages     = 16
	maxLanguageBytes = 1 << 10
	maxTag           = 35
)

// Languages reads Accept-Language (RFC 9110, section 12.5.4): the tags, best
// first. What is no tag, "*" and what is not wanted (q=0) is left out. It
// looks at no more than 1 KiB and 16 tags.
func Languages(header string) []string {
	type wish struct {
		tag string
		q   float64
	}
	var wishes []wish
	for part := range strings.SplitSeq(header[:min(len(header), maxLanguageBytes)], ",") {
		tag, parameter, _ := strings.Cut(part, ";")
		w := wish{strings.TrimSpace(tag), 1}
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			w.q, _ = strconv.ParseFloat(value, 64)
		}
		if isTag(w.tag) && w.q > 0 && w.q <= 1 && len(wishes) < maxLanguages {
			wishes = append(wishes, w)
		}
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.q, a.q) })
	tags := make([]string, len(wishes))
	for i, w := range wishes {
		tags[i] = w.tag
	}
	return tags
}

func isTag(tag string) bool {
	return tag != "" && len(tag) <= maxTag && !strings.ContainsFunc(tag, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}
