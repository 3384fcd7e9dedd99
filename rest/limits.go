package rest

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on what is looked at before anything about a client is known.
const (
	maxPath   = 16 << 10 // a token may stand in it
	maxQuery  = 16 << 10
	maxParams = 100
	maxHeader = 64 << 10
	// maxBody is AM's own cap (org.forgerock.openam.request.max.bytes.entity.size).
	maxBody = 1 << 20
	// expectedBody is how much is made ready for a body before it comes.
	expectedBody = 16 << 10
	// maxDepth is how deep a JSON body may nest. A step nests to about ten.
	maxDepth = 64
	// maxShown is how much of a client's own text comes back in a message.
	maxShown = 100
)

// checkSize refuses requests whose head is larger than any client's. It reads
// nothing but lengths.
func checkSize(r *http.Request) error {
	if len(r.URL.Path) > maxPath || len(r.URL.RawPath) > maxPath || len(r.URL.RawQuery) > maxQuery {
		return refuse(http.StatusRequestURITooLong, "The request's URL is too long")
	}
	size := 0
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > maxHeader {
		return refuse(http.StatusRequestHeaderFieldsTooLarge, "The request's headers are too large")
	}
	return nil
}

// parseQuery is url.ParseQuery with a bound, and without tolerance: a
// parameter that cannot be read is not just left out.
func parseQuery(raw string) (url.Values, error) {
	if strings.Count(raw, "&") >= maxParams {
		return nil, refuse(http.StatusBadRequest, "The request has too many parameters")
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "The request's query cannot be parsed")
	}
	return query, nil
}

// readBody reads a JSON object into target. A body that is absent or blank
// is reported as empty, whatever its type: openam-agent starts a journey
// with an empty form. Any other body must say that it is JSON, which also
// keeps pages of other origins from sending it without a preflight.
func readBody(w http.ResponseWriter, r *http.Request, target any) (empty bool, err error) {
	var b bytes.Buffer
	b.Grow(int(min(max(r.ContentLength, 0), expectedBody)) + bytes.MinRead)
	if _, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return false, refuse(http.StatusRequestEntityTooLarge, "The request's body is too large")
		}
		return false, refuse(http.StatusBadRequest, "The request's body cannot be read")
	}
	raw := bytes.TrimSpace(b.Bytes())
	if len(raw) == 0 {
		return true, nil
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return false, refuse(http.StatusUnsupportedMediaType, "The request's body must be of type application/json")
	}
	if raw[0] != '{' || tooDeep(raw) || jsonv2.Unmarshal(raw, target, tolerant) != nil {
		return false, errNotJSON
	}
	return false, nil
}

var errNotJSON = refuse(http.StatusBadRequest,
	"The request could not be processed because the provided content is not valid JSON")

// tolerant reads what AM's parser reads: the last of several members of one
// name counts.
var tolerant = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func isJSON(contentType string) bool {
	const want = "application/json"
	if contentType == want {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == want
}

// tooDeep reports whether JSON nests deeper than maxDepth. It needs no valid
// JSON, and no memory.
func tooDeep(raw []byte) bool {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i += 1 + textLen(raw[i+1:])
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// textLen is where the quote is that ends a text. Texts may be long, so it looks
// for quotes and not at each byte.
func textLen(raw []byte) int {
	for at := 0; ; at++ {
		n := bytes.IndexByte(raw[at:], '"')
		if n < 0 {
			return len(raw)
		}
		at += n
		unescaped := bytes.TrimRight(raw[:at], `\`)
		if (at-len(unescaped))%2 == 0 {
			return at
		}
	}
}

// printable is a client's own text as a message shows it: cut to maxShown
// bytes, and without what is no printable ASCII.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text[:min(len(text), maxShown)])
}
