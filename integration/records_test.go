package integration

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
	"github.com/amgate/amgate/token"
)

// golden says by which test, in which file, a record of each kind that today's
// version writes is read by every later one.
var golden = map[string]struct{ test, file string }{
	"k":   {"TestStoreOfAnOlderVersion", "realm/golden_test.go"},
	"s":   {"TestStoreOfAnOlderVersion", "realm/golden_test.go"},
	"u":   {"TestStoreOfAnOlderVersion", "realm/golden_test.go"},
	"j":   {"TestStoreOfAnOlderVersion", "realm/golden_test.go"},
	"a":   {"TestStoreOfAnOlderVersion", "realm/golden_test.go"},
	"c":   {"TestRecordsAreAsTheyWere", "identity/guard/golden_test.go"},
	"i":   {"TestRecordsAreAsTheyWere", "identity/guard/golden_test.go"},
	"l":   {"TestRecordsAreAsTheyWere", "identity/guard/golden_test.go"},
	"inv": {"TestAnnouncementIsAsItWas", "store/cache/entries_test.go"},
	"o":   {"TestNoticeLayoutIsAsItWas", "session/ended_test.go"},
	"n":   {"TestNodeIsWrittenAsItWas", "cluster/node_test.go"},
	"e":   {"TestEpochLayoutIsAsItWas", "session/client_test.go"},
}

// layoutless are kinds whose value nobody takes apart.
var layoutless = []string{"leader", "d", "f"}

// TestEveryKindOfRecordHasAGoldenOne compares the table of docs/reference/cts.md
// with the tests.
func TestEveryKindOfRecordHasAGoldenOne(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "docs", "reference", "cts.md"))
	must(t, err)
	table, _, _ := strings.Cut(string(doc), "## Layouts")
	kinds := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)/").FindAllStringSubmatch(table, -1) {
		kinds[row[1]] = true
	}
	if len(kinds) < 10 {
		t.Fatalf("only %d kinds are documented", len(kinds))
	}
	for kind := range kinds {
		if slices.Contains(layoutless, kind) {
			continue
		}
		if _, ok := golden[kind]; !ok {
			t.Errorf("no golden record of the kind %s/", kind)
		}
	}
	for kind, at := range golden {
		if !kinds[kind] {
			t.Errorf("%s/ is not documented", kind)
		}
		code, err := os.ReadFile(filepath.Join(root, at.file))
		must(t, err)
		if !strings.Contains(string(code), "func "+at.test+"(") {
			t.Errorf("%s/: %s is not in %s", kind, at.test, at.file)
		}
	}
}

// usual is a session such as a login makes that sets a few properties.
func usual(i int) session.Grant {
	name := fmt.Sprintf("user%06d", i)
	return session.Grant{
		Realm: "/alpha", UserID: name, Username: name, UniversalID: "id=" + name + ",ou=user,o=alpha,ou=services,ou=am-config",
		Roles: []string{"staff", "admin"}, AuthType: "Login", Journey: "Login",
		Properties: map[string]string{"mail": name + "@example.com", "department": "Research"},
		MaxTime:    2 * time.Hour, IdleTime: 30 * time.Minute, Seed: fmt.Appendf(nil, "a journey, the %08d-th", i),
	}
}

// TestSizeOfASession: a session takes no more than 900 bytes of etcd's data
// file, its index entry and what etcd adds included, and no more than that of
// memory in the cache, the index of that included. A login is one transaction,
// and a look-up that is cached asks the store for nothing.
func TestSizeOfASession(t *testing.T) {
	const sessions, most = 20_000, 900
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: filepath.Join(t.TempDir(), "cts"), Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	defer func() { must(t, server.Close()) }()
	inner, err := etcd.New(etcd.Config{Client: server.Client(), Prefix: "/am"})
	must(t, err)
	defer inner.Close()
	counted := &counting{Store: inner}
	front, err := cache.New(counted, cache.Config{Node: "here", Prefixes: []store.Key{"s/"}})
	must(t, err)
	defer front.Close()
	secret := []token.Secret{token.GenerateSecret()}
	ring, err := token.NewRing([]byte("an installation id"), secret, map[string][]token.Secret{"/": secret, "/alpha": secret})
	must(t, err)
	access := session.NewAccess(session.AccessConfig{Store: front, Logger: slog.New(slog.DiscardHandler)})
	defer access.Close()
	m := session.NewManager(session.Config{Store: front, Keys: ring, Access: access, Logger: slog.New(slog.DiscardHandler)})

	empty := server.Usage().InUse
	revision := head(t, inner)
	tokens := make([]string, sessions)
	var all sync.WaitGroup
	for part := range 100 {
		all.Go(func() {
			for i := part; i < sessions; i += 100 {
				var err error
				if tokens[i], _, err = m.Issue(t.Context(), usual(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := head(t, inner) - revision; got != sessions {
		t.Errorf("%d transactions for %d logins", got, sessions)
	}
	var use int64
	for same := 0; same < 20; same++ { // etcd writes behind, by 100 ms
		now := server.Usage().InUse
		if now != use || now == empty {
			use, same = now, 0
		}
		time.Sleep(20 * time.Millisecond)
	}
	inEtcd := (use - empty) / sessions

	eventually(t, 10*time.Second, func() error {
		if !front.State().Proven {
			return fmt.Errorf("the cache is not in use")
		}
		return nil
	})
	before := heap()
	lookUp := func() {
		for _, tok := range tokens {
			if _, err := m.Lookup(t.Context(), tok, session.Peek); err != nil {
				t.Fatal(err)
			}
		}
	}
	lookUp()
	inCache := (heap() - before) / sessions
	reads, hits := counted.reads(), front.Stats().Hits
	lookUp()
	if got := front.Stats().Hits - hits; got < sessions*99/100 {
		t.Errorf("%d of %d look-ups were hits", got, sessions)
	}
	// What is left is what proves the cache fresh, once a second.
	if got := counted.reads() - reads; got > 0 {
		t.Errorf("%d reads of sessions for %d cached look-ups", got, sessions)
	}
	record, _, err := inner.List(t.Context(), "s/", store.Page{Limit: 1})
	must(t, err)
	entry, _, err := inner.List(t.Context(), "u/", store.Page{Limit: 1})
	must(t, err)
	t.Logf("a session takes %d bytes in etcd and %d in the cache; its record has %d bytes, its index entry %d",
		inEtcd, inCache, len(record[0].Value), len(entry[0].Value))
	if inEtcd > most || inCache > most {
		t.Errorf("a session takes %d bytes in etcd and %d in the cache, at most %d are allowed", inEtcd, inCache, most)
	}
	runtime.KeepAlive(tokens)
}

// head is the store's present revision: each commit raises it by one.
func head(t *testing.T, s store.Store) int64 {
	t.Helper()
	_, revision, err := s.List(t.Context(), "none/", store.Page{Limit: 1})
	must(t, err)
	return revision
}

// heap is how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// counting counts the reads of sessions that reach the store.
type counting struct {
	store.Store
	n atomic.Int64
}

func (c *counting) reads() int64 { return c.n.Load() }

func (c *counting) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	if k.Kind() == "s" {
		c.n.Add(1)
	}
	return c.Store.Get(ctx, k, want)
}
