package session_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an installation: one store and the keys of its realms.
type world struct {
	kind  kind
	store *storetest.Faulty
	ring  *token.Ring
}

// newWorld is one whose sessions the store has.
func newWorld(t testing.TB) *world { return kept.world(t) }

func (k kind) world(t testing.TB) *world {
	t.Helper()
	inner := memory.New()
	t.Cleanup(inner.Close)
	return &world{kind: k, store: &storetest.Faulty{Store: inner}, ring: newRing(t, "installation one")}
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
	store  store.Store // with its cache, if it has one
	log    *logtest.Log
}

func (w *world) node(t testing.TB) *node {
	t.Helper()
	return w.nodeOn(t, w.store)
}

// cachedNode is a node with the cache that a process has in front of its
// store.
func (w *world) cachedNode(t testing.TB, name string) *node {
	t.Helper()
	return w.nodeOn(t, w.cache(t, name))
}

// cache is what a process has in front of its store.
func (w *world) cache(t testing.TB, name string) *cache.Cache {
	t.Helper()
	front, err := cache.New(w.store, cache.Config{Node: name, Prefixes: []store.Key{"s/"}, Held: []store.Key{"d/", "e/"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(front.Close)
	return front
}

// nodeOn is a node with a way of its own to the store, whose Manager is as edits
// have it.
func (w *world) nodeOn(t testing.TB, st store.Store, edits ...func(*session.Config)) *node {
	t.Helper()
	n := &node{store: st, log: new(logtest.Log)}
	logger := n.log.Logger()
	n.access = session.NewAccess(session.AccessConfig{Store: st, Logger: logger})
	t.Cleanup(n.access.Close)
	cfg := session.Config{Store: st, Keys: w.ring, Access: n.access, Logger: logger, Carried: w.kind.carried()}
	for _, edit := range edits {
		edit(&cfg)
	}
	n.Manager = session.NewManager(cfg)
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
