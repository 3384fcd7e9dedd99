package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const cookieName = realm.DefaultCookie

// carried has clients carry their sessions.
func carried(r *realm.Settings) { r.AuthenticatedSessions = realm.SessionsClient }

// unstarted is a realm without sessions, for tests that need none.
func unstarted(path string) *realm.Realm {
	return &realm.Realm{Settings: realm.Settings{Path: path, Cookie: realm.Cookie{Name: cookieName}}}
}

// guard is a Gateway of the realm with the configuration changed by each of
// the options.
func guard(t testing.TB, r *realm.Realm, options ...func(*Config)) *Gateway {
	t.Helper()
	c := Config{Realm: r, Front: realm.Front{Base: realmtest.Base, Logger: slog.New(slog.DiscardHandler)}}
	for _, option := range options {
		option(&c)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return New(c)
}

// get is a request that curl could send.
func get(target string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// browse is a browser on its way to a page.
func browse(target string) *http.Request {
	return get(target, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
		"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8")
}

// site is a node with the realms / and /alpha.
type site struct{ *realmtest.Site }

// open starts it. The edits are for both realms.
func open(t testing.TB, edits ...func(*realm.Settings)) site {
	t.Helper()
	var realms []realm.Settings
	for _, path := range []string{"/", "/alpha"} {
		r := realm.Settings{Path: path, Users: people, Journeys: realmtest.Journeys(trusting)}
		for _, edit := range edits {
			edit(&r)
		}
		realms = append(realms, r)
	}
	return site{realmtest.Open(t, realms...)}
}

var people = journeytest.Users{
	{User: identity.User{ID: "bjensen", Username: "bjensen", Active: true, Roles: []string{"staff", "a,b"}}},
	{User: identity.User{ID: "scarter", Username: "scarter", Active: true, Roles: []string{"staff", "hr"}}},
	{User: identity.User{ID: "{env.SECRET}", Username: "{env.SECRET}", Active: true, Roles: []string{"{file./etc/passwd}"}}},
	{User: identity.User{ID: "jürgen\r\nX", Username: "jürgen", Active: true}},
}

// signIn returns the token of a new session with these properties, names and
// values in turn.
func (s site) signIn(t testing.TB, path, user string, properties ...string) string {
	t.Helper()
	reply, err := s.At(t, path).Authenticate(t.Context(), realm.Request{
		Client: &journey.Client{Header: http.Header{"X-Test-User": {user}, "X-Test-Properties": properties}},
	})
	if err != nil || reply.Success == nil {
		t.Fatalf("sign-in of %q: %+v, %v", user, reply, err)
	}
	return reply.Success.Token
}

// identify returns who a token stands for.
func (s site) identify(t testing.TB, path, user string) Identity {
	t.Helper()
	tok := s.signIn(t, path, user)
	id, err := guard(t, s.At(t, path)).Check(t.Context(), get("/", cookieName, tok))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// trusting is a journey that believes a header: sessions for tests without
// the cost of a password.
var trusting = realmtest.Tree("Login", realmtest.Place("believe", believe{}, "outcome", journey.Success))

type believe struct{}

func (believe) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	u, err := in.Users.ByID(ctx, in.Client.Header.Get("X-Test-User"))
	action := journey.Goto("outcome").WithSubject(u)
	for pair := range slices.Chunk(in.Client.Header["X-Test-Properties"], 2) {
		action = action.WithProperty(pair[0], pair[1])
	}
	return action, err
}

func (believe) Outcomes() []string { return []string{"outcome"} }
