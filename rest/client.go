package rest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/journey"
)

// client is what the nodes of a journey may know of a request: not its
// credentials, which nodes have no use for and could carry elsewhere. The
// X-OpenAM headers of a zero page login are theirs alone.
func (a *API) client(c *call) *journey.Client {
	h := c.Header.Clone()
	for _, name := range []string{"Cookie", "Authorization", "Proxy-Authorization", affinityHeader, c.realm.Cookie.Name} {
		h.Del(name)
	}
	return &journey.Client{
		Address:   a.cfg.ClientIP(c.Request),
		Languages: languages(c.Header.Get("Accept-Language")),
		Header:    h,
		Query:     c.query,
	}
}

// Bounds on Accept-Language. BCP 47 tags have at most 35 characters.
const (
	maxLanguages     = 16
	maxLanguageBytes = 1 << 10
	maxTag           = 35
)

// languages reads Accept-Language (RFC 9110, section 12.5.4): the tags, best
// first. What is no tag, "*" and what is not wanted (q=0) is left out.
func languages(header string) []string {
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
