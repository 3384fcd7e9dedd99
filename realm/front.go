package realm

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Front is what all that answers HTTP requests for realms is made of, and
// what it knows about the site that it is part of. All fields but BaseURL are
// needed.
type Front struct {
	Realms *Set
	// Base is the path under which AM is served, "/am".
	Base string
	// BaseURL is the configured origin of the site,
	// "https://login.example.com", or "" to go by each request.
	BaseURL string
	// ClientIP is the address of the client as the server computed it, never
	// a header as sent. It may be the zero Addr.
	ClientIP func(*http.Request) netip.Addr
	Logger   *slog.Logger
}

// Secure reports whether the client speaks TLS to us, so that cookies may be
// marked Secure. Behind a proxy that speaks TLS only BaseURL can tell.
func (f Front) Secure(r *http.Request) bool {
	return secure(f.BaseURL, r)
}

func secure(baseURL string, r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(CanonicalOrigin(baseURL), "https://")
}

// Origin is the scheme and host that the client speaks to, where a goto may
// always lead.
func (f Front) Origin(r *http.Request) string {
	if f.BaseURL != "" {
		return f.BaseURL
	}
	return f.Scheme(r) + r.Host
}

// Scheme is "https://" or "http://".
func (f Front) Scheme(r *http.Request) string {
	if f.Secure(r) {
		return "https://"
	}
	return "http://"
}

// RetryAfter is the header of a 503, in seconds.
const RetryAfter = "1"

// IsFault reports whether err is a fault that is not the client's: what it
// asked for is undecided, whatever else err wraps, and it may ask again. The
// answer is a 503 with RetryAfter; never a 401, and never with a cookie,
// because an outage is no logout.
func IsFault(err error) bool {
	return journey.IsFault(err)
}

// Recover turns a panic into an error with its stack; it is to be deferred.
// http.ErrAbortHandler goes on: it is how a handler asks the server to cut the
// connection.
func Recover(err *error) {
	switch cause := recover(); {
	case cause == nil:
	case cause == http.ErrAbortHandler: //nolint:errorlint // the server compares it, too
		panic(cause)
	default:
		*err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
	}
}
