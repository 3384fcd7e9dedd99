package session_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an installation: one store and the keys of its realms.
type world struct {
	store *faulty
	ring  *token.Ring
}

func newWorld(t testing.TB) *world {
	t.Helper()
	inner := memory.New()
	t.Cleanup(inner.Close)
	return &world{store: &faulty{Store: inner}, ring: newRing(t, "installation one")}
}

// newRing makes the keys of an installation, under one secret for all.
func newRing(t testing.TB, installation string) *token.Ring {
	t.Helper()
	secret, err := token.NewSecret(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	all := []token.Secret{secret}
	ring, err := token.NewRing([]byte(installation), all, map[string][]token.Secret{"/": all, "/alpha": all})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// node is one process of the installation.
type node struct {
	*session.Manager
	access *session.Access
	log    *logged
}

func (w *world) node(t testing.TB) *node {
	t.Helper()
	return newNode(t, w.store, w.ring)
}

// cachedNode is a node with the cache that a process has in front of its
// store.
func (w *world) cachedNode(t testing.TB, name string) *node {
	t.Helper()
	front, err := cache.New(w.store, cache.Config{Node: name, Prefixes: []store.Key{"s/"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(front.Close)
	return newNode(t, front, w.ring)
}

func newNode(t testing.TB, st store.Store, ring *token.Ring) *node {
	t.Helper()
	n := &node{log: &logged{}}
	logger := slog.New(slog.NewTextHandler(n.log, nil))
	n.access = session.NewAccess(session.AccessConfig{Store: st, Logger: logger})
	t.Cleanup(n.access.Close)
	n.Manager = session.NewManager(session.Config{Store: st, Keys: ring, Access: n.access, Logger: logger})
	return n
}

var seeds atomic.Int64

// grant is a session with no empty fields, of a journey of its own.
func grant() session.Grant {
	return session.Grant{
		Realm:       "/alpha",
		UserID:      "4711",
		Username:    "bjensen",
		UniversalID: "id=4711,ou=user,o=alpha,ou=services,ou=am-config",
		Roles:       []string{"admin", "staff"},
		AuthLevel:   7,
		AuthType:    "Username|Password",
		Journey:     "Login",
		Properties:  map[string]string{"color": "green", "am.protected.x": "", "{env.HOME}": "{env.HOME}"},
		MaxTime:     2 * time.Hour,
		IdleTime:    30 * time.Minute,
		Seed:        fmt.Appendf(nil, "a journey, the %08d-th", seeds.Add(1)),
	}
}

func (n *node) issue(t testing.TB, g session.Grant) (string, session.Session) {
	t.Helper()
	tok, s, err := n.Issue(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return tok, s
}

// use looks the token up and fails the test unless the error is want.
func (n *node) use(t testing.TB, tok string, want error) {
	t.Helper()
	n.lookup(t, tok, session.Touch, want)
}

func (n *node) lookup(t testing.TB, tok string, use session.Use, want error) {
	t.Helper()
	if _, err := n.Lookup(t.Context(), tok, use); err != want {
		t.Fatalf("Lookup: %v, want %v", err, want)
	}
}

// records are all that the store holds, below s/ and u/.
func (w *world) records(t testing.TB) (sessions, entries []store.Record) {
	t.Helper()
	for _, into := range []struct {
		prefix store.Key
		rs     *[]store.Record
	}{{"s/", &sessions}, {"u/", &entries}} {
		var err error
		if *into.rs, _, err = w.store.Store.List(context.Background(), into.prefix, store.Page{Limit: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	return sessions, entries
}

// faulty is a store that counts and, when told to, fails.
type faulty struct {
	store.Store
	reads, commits atomic.Int64
	down           atomic.Bool
	// lost is how many commits are applied and answered ErrUnavailable,
	// refused how many are not applied and answered so.
	lost, refused atomic.Int64
	// beforeCommit runs before the next commit; for tests with one goroutine.
	beforeCommit func()
	slow         atomic.Int64 // nanoseconds that a read takes
}

var errDown = fmt.Errorf("%w: on purpose", store.ErrUnavailable)

func (f *faulty) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	f.reads.Add(1)
	time.Sleep(time.Duration(f.slow.Load()))
	if f.down.Load() {
		return store.Record{}, 0, errDown
	}
	return f.Store.Get(ctx, k, want)
}

func (f *faulty) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	f.commits.Add(1)
	if f.beforeCommit != nil {
		f.beforeCommit()
	}
	if f.down.Load() || f.refused.Add(-1) >= 0 {
		return 0, errDown
	}
	revision, err := f.Store.Commit(ctx, ops...)
	if err == nil && f.lost.Add(-1) >= 0 {
		return 0, errDown
	}
	return revision, err
}

// logged is a log that can be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}
