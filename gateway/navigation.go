package gateway

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// maxAcceptBytes bounds what is read of an Accept header. Browsers send
// about 150 bytes.
const maxAcceptBytes = 2 << 10

// isNavigation reports whether a person is waiting for a page: a browser
// opens it by GET (or a HEAD asks what that would bring). Browsers say so in
// Sec-Fetch-Mode (W3C Fetch Metadata), which scripts cannot set; for those
// that do not, the preferred media type decides. Scripts, WebSockets, mobile
// clients and curl are no navigations: a redirect to HTML is no use to them.
func isNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return r.Header.Get("X-Requested-With") == "" && prefersHTML(r.Header["Accept"])
}

// prefersHTML reports whether, of the media types with the greatest weight,
// the first is HTML. A wildcard asks for nothing in particular.
func prefersHTML(accept []string) bool {
	html, best, budget := false, 0.0, maxAcceptBytes
	for _, line := range accept {
		if budget -= len(line); budget < 0 {
			return false
		}
		for item := range strings.SplitSeq(line, ",") {
			media, params, _ := strings.Cut(item, ";")
			if q := weight(params); q > best {
				best, html = q, isHTML(textproto.TrimString(media))
			}
		}
	}
	return html
}

func isHTML(media string) bool {
	return strings.EqualFold(media, "text/html") || strings.EqualFold(media, "application/xhtml+xml")
}

// weight reads the parameter q of a media range (RFC 9110 §12.4.2): 1 if it
// is not there, 0 if it is malformed.
func weight(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(textproto.TrimString(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(textproto.TrimString(value), 64)
		if err != nil || !(q >= 0 && q <= 1) { // not even NaN
			return 0
		}
		return q
	}
	return 1
}
