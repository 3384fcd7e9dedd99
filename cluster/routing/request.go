package routing

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/realm"
)

const (
	// MaxPeek is how large a body may be to be searched for an authId, in bytes.
	MaxPeek = 64 << 10
	// minAuthID is shorter than any authId.
	minAuthID = 256
	// firstRead is how much room a body gets before any of it is there, so that
	// clients who announce one and send nothing cost little.
	firstRead = 8 << 10
)

// Decide reads which journey a request belongs to: from the query, the cookie
// amlbcookie and, if peek says so and neither tells, from the authId in the body,
// which is put back. None of them is believed without its MAC. What belongs to no
// journey gets an affinity of its own; what begins one although it names an
// earlier one's gets an id of its own and keeps the pin.
//
// It waits for the body no longer than the server's own deadlines allow, and
// for none that is larger than MaxPeek, of unknown length or not JSON.
func Decide(router *affinity.Router, r *http.Request, peek bool) *Decision {
	begins := mayBegin(r)
	// Of a body of unknown length, or of one that is too large, it is not known. A
	// step that goes astray for that is passed on by the node that it reaches.
	d := &Decision{Begins: begins && (r.ContentLength < minAuthID || r.ContentLength > MaxPeek)}
	known := d.named(router, r)
	if peek && peekable(r) && (!known || begins && !d.Begins) {
		authID := peekAuthID(r)
		d.Begins = begins && len(authID) == 0
		if text, found := affinity.FromAuthID(authID); found && !known {
			d.Affinity, known = router.Parse(text)
		}
	}
	switch {
	case !known:
		d.Affinity = router.Begin()
	case d.Begins && r.Method == http.MethodPost:
		d.Returns, d.Affinity.ID = true, router.Begin().ID
	}
	return d
}

// named takes the affinity that the query or the cookie names.
func (d *Decision) named(router *affinity.Router, r *http.Request) (ok bool) {
	if d.Affinity, ok = fromQuery(router, r.URL.RawQuery); !ok {
		d.Affinity, ok = fromCookie(router, r)
	}
	return ok
}

// mayBegin reports whether a request can begin a journey, as far as its line
// tells: a call of authenticate or a look at the login page, unless it follows a
// link or comes back to a page that waits.
func mayBegin(r *http.Request) bool {
	path, follows := r.URL.Path, strings.Contains(r.URL.RawQuery, suspendedID+"=")
	switch r.Method {
	case http.MethodPost:
		return strings.HasSuffix(path, "/authenticate") && !follows
	case http.MethodGet, http.MethodHead:
		isLogin := strings.HasSuffix(path, "/XUI/") || strings.HasSuffix(path, "/XUI/index.html")
		return isLogin && !follows && !strings.Contains(r.URL.RawQuery, "wait=")
	}
	return false
}

// The parameters of a query that carry an affinity: a link's, and one of the
// cookie's name.
const suspendedID = "suspendedId"

func fromQuery(router *affinity.Router, query string) (affinity.Affinity, bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		switch name, value, _ := strings.Cut(pair, "="); name {
		case suspendedID:
			if a, ok := router.OfLink(value); ok {
				return a, true
			}
		case realm.AffinityCookie:
			if a, ok := router.Parse(value); ok {
				return a, true
			}
		}
	}
	return affinity.Affinity{}, false
}

func fromCookie(router *affinity.Router, r *http.Request) (affinity.Affinity, bool) {
	for value := range realm.CookieValues(r.Header, realm.AffinityCookie) {
		if a, ok := router.Parse(value); ok {
			return a, true
		}
	}
	return affinity.Affinity{}, false
}

// peekable reports whether a body may be searched for an authId: JSON of known,
// small length.
func peekable(r *http.Request) bool {
	if r.Method != http.MethodPost || r.ContentLength <= 0 || r.ContentLength > MaxPeek {
		return false
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/json"
}

// peekAuthID is the authId in the body of a request, empty if there is none, and
// puts the body back.
func peekAuthID(r *http.Request) []byte {
	var read bytes.Buffer
	read.Grow(int(min(r.ContentLength, firstRead)))
	_, err := io.CopyN(&read, r.Body, r.ContentLength)
	body := read.Bytes()
	if err != nil {
		r.Body = &replayed{Reader: io.MultiReader(bytes.NewReader(body), r.Body), Closer: r.Body}
		return nil
	}
	// There is no more, and nobody asks for it: a proxy may still be reading when
	// its answer is there, and a server then looks at how much was read.
	r.Body = &replayed{Reader: bytes.NewReader(body), Closer: r.Body}
	return authIDOf(body)
}

// authIDOf finds the member authId in JSON, without reading the rest: what it
// finds is proved by the MAC of the affinity in it and by nothing else, so that
// it need not be a well-formed step's. A quote inside of a text has a backslash
// before it, so that no text holds what is searched for.
func authIDOf(body []byte) []byte {
	for {
		_, after, found := bytes.Cut(body, []byte(`"authId"`))
		if !found {
			return nil
		}
		body = after
		after = bytes.TrimLeft(after, " \t\r\n")
		if after, found = bytes.CutPrefix(after, []byte(":")); !found {
			continue
		}
		after = bytes.TrimLeft(after, " \t\r\n")
		if after, found = bytes.CutPrefix(after, []byte(`"`)); !found {
			continue
		}
		if value, _, closed := bytes.Cut(after, []byte(`"`)); closed {
			return value
		}
	}
}

// replayed is a body of which a part was read ahead.
type replayed struct {
	io.Reader
	io.Closer
}
