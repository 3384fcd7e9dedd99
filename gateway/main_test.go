package gateway

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const cookieName = realm.DefaultCookie

// unstarted is a realm without sessions, for tests that need none.
func unstarted(path string) *realm.Realm {
	return &realm.Realm{Settings: realm.Settings{Path: path, Cookie: realm.Cookie{Name: cookieName}}}
}

// guard is a Gateway of the realm with the configuration changed by each of
// the options.
func guard(t testing.TB, r *realm.Realm, options ...func(*Config)) *Gateway {
	t.Helper()
	c := Config{Realm: r, Logger: slog.New(slog.DiscardHandler)}
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

// site is a Set of the realms / and /alpha on a store that can fail.
type site struct {
	set   *realm.Set
	store *faulty
}

func open(t testing.TB) *site {
	t.Helper()
	backing := memory.New()
	st := &faulty{Store: backing}
	log := slog.New(slog.DiscardHandler)
	access := session.NewAccess(session.AccessConfig{Store: st, Logger: log})
	users := people{
		"bjensen":      {ID: "bjensen", Username: "bjensen", Active: true, Roles: []string{"staff", "a,b"}},
		"{env.SECRET}": {ID: "{env.SECRET}", Username: "{env.SECRET}", Active: true, Roles: []string{"{file./etc/passwd}"}},
		"scarter":      {ID: "scarter", Username: "scarter", Active: true, Roles: []string{"staff", "hr"}},
		"jürgen\r\nX":  {ID: "jürgen\r\nX", Username: "jürgen", Active: true},
	}
	var realms []realm.Settings
	for _, path := range []string{"/", "/alpha"} {
		realms = append(realms, realm.Settings{
			Path: path, Users: users, Journeys: map[string]*journey.Tree{"Login": trusting},
		}.WithDefaults("/am"))
	}
	set, err := realm.New(realm.Config{Realms: realms, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	backend := realm.Backend{Store: st, Access: access, SigningKeys: []token.Secret{token.GenerateSecret()}}
	if err := set.Start(t.Context(), backend); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		set.Close()
		st.down.Store(false)
		access.Close()
		backing.Close()
	})
	return &site{set: set, store: st}
}

func (s *site) realm(t testing.TB, path string) *realm.Realm {
	t.Helper()
	r, ok := s.set.Realm(path)
	if !ok {
		t.Fatalf("no realm %s", path)
	}
	return r
}

// signIn returns the token of a new session.
func (s *site) signIn(t testing.TB, path, user string) string {
	t.Helper()
	reply, err := s.realm(t, path).Authenticate(t.Context(), realm.Request{
		Client: &journey.Client{Header: http.Header{"X-Test-User": {user}}},
	})
	if err != nil || reply.Success == nil {
		t.Fatalf("sign-in of %q: %+v, %v", user, reply, err)
	}
	return reply.Success.Token
}

// identify returns who a token stands for.
func (s *site) identify(t testing.TB, path, user string) Identity {
	t.Helper()
	tok := s.signIn(t, path, user)
	id, err := guard(t, s.realm(t, path)).Check(t.Context(), get("/", cookieName, tok))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// trusting is a journey that believes a header: sessions for tests without
// the cost of a password.
var trusting = &journey.Tree{Name: "Login", Entry: "believe", Nodes: map[string]*journey.Placed{
	"believe": {ID: "believe", Type: "Believe", Node: believe{}, Next: map[string]string{"outcome": journey.Success}},
}}

type believe struct{}

func (believe) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	u, err := in.Users.ByID(ctx, in.Client.Header.Get("X-Test-User"))
	return journey.Goto("outcome").WithSubject(u), err
}

func (believe) Outcomes() []string { return []string{"outcome"} }

// people are users without passwords.
type people map[string]*identity.User

func (p people) ByID(_ context.Context, id string) (*identity.User, error) {
	if u := p[id]; u != nil {
		return u, nil
	}
	return nil, identity.ErrNotFound
}

func (p people) ByName(ctx context.Context, name string) (*identity.User, error) {
	return p.ByID(ctx, name)
}

func (people) Authenticate(context.Context, string, string) (*identity.User, error) {
	return nil, identity.ErrCredentials
}

// faulty is a store that counts its reads. While it is down it does not
// answer; while it is slow it answers nobody who cannot wait.
type faulty struct {
	store.Store
	down, slow atomic.Bool
	gets       atomic.Int64
}

func (f *faulty) fault(ctx context.Context) error {
	if f.down.Load() {
		return fmt.Errorf("%w: connection refused", store.ErrUnavailable)
	}
	if f.slow.Load() {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	return nil
}

func (f *faulty) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	f.gets.Add(1)
	if err := f.fault(ctx); err != nil {
		return store.Record{}, 0, err
	}
	return f.Store.Get(ctx, k, want)
}

func (f *faulty) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if err := f.fault(ctx); err != nil {
		return 0, err
	}
	return f.Store.Commit(ctx, ops...)
}

// logs is a buffer for a logger that is used by several goroutines.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.b.String()), "\n")
}
