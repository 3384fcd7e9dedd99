// Package gateway is what an edge decides about one request to a protected
// app: which credentials it carries, whether a live session of the realm
// stands behind them, what a refusal looks like, and which headers the app
// may believe.
//
// The order for an adapter is Check, then either Refuse, and nothing else is
// written, or Prepare, and the request goes on to the app. Nothing a client
// sends, other than a token, takes part in the decision: no header, address
// or path opens a door.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// ErrUnauthenticated is wrapped by every error of Check that says that no
// live session stands behind the request. All other errors say that this
// could not be decided.
var ErrUnauthenticated = errors.New("gateway: not authenticated")

// errNoToken is made once, because it is the answer to every first visit.
var errNoToken = fmt.Errorf("%w: the request carries no token", ErrUnauthenticated)

// Config is what a Gateway is made of.
type Config struct {
	// Realm is whose sessions open the app.
	Realm *realm.Realm
	// LoginURL is where browsers are sent to sign in: a path of the same
	// host ("/am/XUI/") or an absolute URL ("https://login.example.com/…"),
	// possibly with a query. Empty means Front.Base + "/XUI/".
	LoginURL string
	// ForwardCookie lets the app see the token and amgate's other cookies.
	// Whoever runs the app can then act as its users.
	ForwardCookie bool
	// Properties are the session properties that the app is told, each in a
	// header and as a placeholder.
	Properties []string
	// Outage is what is asked of sessions' records; see realm.Settings.
	Outage store.Freshness
	Front  realm.Front
}

// Check tells what is wrong with the configuration.
func (c Config) Check() error {
	if err := checkProperties(c.Properties); err != nil {
		return err
	}
	return checkLoginURL(c.LoginURL)
}

// Gateway guards apps with the sessions of one realm. All methods are safe
// for concurrent use.
type Gateway struct {
	realm        *realm.Realm
	tokenHeader  string   // canonical name of the header named like the cookie
	tokenHeaders []string // the same for all realms of the configuration
	ownCookies   []string // amgate's cookies, of all realms

	challenge     string
	vary          string
	login         loginPage
	forwardCookie bool
	told          []told
	outage        store.Freshness
	front         realm.Front

	turnedAway atomic.Uint64 // requests that an outage refused
	complained atomic.Int64  // Unix second of the last log line about that
}

// New returns a Gateway. The configuration must have passed Config.Check.
func New(c Config) *Gateway {
	g := &Gateway{
		realm:         c.Realm,
		tokenHeader:   http.CanonicalHeaderKey(c.Realm.Cookie.Name),
		challenge:     fmt.Sprintf("Bearer realm=%q", c.Realm.Path),
		login:         newLoginPage(cmp.Or(c.LoginURL, c.Front.Base+"/XUI/"), c.Realm.Path),
		forwardCookie: c.ForwardCookie,
		told:          toldOf(c.Properties),
		outage:        c.Outage,
		front:         c.Front,
	}
	g.ownCookies = []string{realm.AffinityCookie, realm.FormCookie, realm.FormCookieTLS, realm.WaitCookie}
	for _, name := range c.Realm.CookieNames() {
		g.tokenHeaders = append(g.tokenHeaders, http.CanonicalHeaderKey(name))
		g.ownCookies = append(g.ownCookies, name)
	}
	g.vary = strings.Join([]string{
		"Accept", "Authorization", "Cookie", "Sec-Fetch-Mode", "X-Requested-With", g.tokenHeader,
	}, ", ")
	return g
}

// Check finds the live session that the request's credentials stand for, and
// counts this as an access. The header named like the cookie is tried first,
// then a Bearer token of ours, then the cookies of that name in the order in
// which they were sent; the first live session of this realm counts.
//
// Check changes nothing about the request. Its errors wrap ErrUnauthenticated
// and, if there was a token, session.ErrInvalid or session.ErrEnded; or
// store.ErrUnavailable, when nothing could be decided.
func (g *Gateway) Check(ctx context.Context, r *http.Request) (Identity, error) {
	var room [maxTokens]string
	tokens := g.tokens(room[:0], r.Header)
	if len(tokens) == 0 {
		return Identity{}, errNoToken
	}
	s, err := g.realm.SessionDuring(ctx, tokens, session.Touch, g.outage)
	switch {
	case err == nil:
		return Identity{s, g.told}, nil
	case errors.Is(err, store.ErrUnavailable):
		return Identity{}, err // whatever else it says
	case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrEnded):
		return Identity{}, fmt.Errorf("%w: %w", ErrUnauthenticated, err)
	}
	return Identity{}, err
}
