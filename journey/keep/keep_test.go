package keep_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRing makes the keys of an installation of its own.
func newRing(tb testing.TB) *token.Ring {
	tb.Helper()
	installation := make([]byte, 16)
	rand.Read(installation)
	realms := map[string][]token.Secret{"/": {token.GenerateSecret()}, "/alpha": {token.GenerateSecret()}}
	ring, err := token.NewRing(installation, []token.Secret{token.GenerateSecret()}, realms)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

func keysOf(tb testing.TB, ring *token.Ring, realm string) *token.Keys {
	tb.Helper()
	keys, ok := ring.Realm(realm)
	if !ok {
		tb.Fatalf("there are no keys for the realm %s", realm)
	}
	return keys
}

// scheme is a kind of keeper.
type scheme struct {
	name     string
	new      func(keep.Config) (*keep.Keeper, error)
	survives bool
}

var schemes = []scheme{
	{"client", keep.NewClient, false},
	{"server", keep.NewServer, false},
	{"memory", keep.NewMemory, false},
	{"memory, surviving", keep.NewMemory, true},
}

func (s scheme) inMemory() bool { return strings.HasPrefix(s.name, "memory") }

// keeper makes a keeper of the realm /alpha, or of that of cfg.Keys.
func (s scheme) keeper(tb testing.TB, ring *token.Ring, cfg keep.Config) *keep.Keeper {
	tb.Helper()
	if cfg.Keys == nil {
		cfg.Keys = keysOf(tb, ring, "/alpha")
	}
	cfg.SurviveNodeLoss = s.survives
	k, err := s.new(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func newServer(tb testing.TB, st store.Store, ring *token.Ring, realm string) *keep.Keeper {
	tb.Helper()
	return schemes[1].keeper(tb, ring, keep.Config{Store: st, Keys: keysOf(tb, ring, realm)})
}

func newMemory(tb testing.TB, table *keep.Table, ring *token.Ring, realm string) *keep.Keeper {
	tb.Helper()
	st := memory.New()
	tb.Cleanup(st.Close)
	return schemes[2].keeper(tb, ring, keep.Config{Store: st, Table: table, Keys: keysOf(tb, ring, realm)})
}

func newSnapshot() *journey.Snapshot {
	now := time.Now()
	return &journey.Snapshot{
		ID: journey.NewID(), Start: journey.Start{Realm: "/alpha", IndexType: "service", IndexValue: "Login"},
		Tree: "Login", Node: "page",
		Params:  journey.Params{Goto: "/app?a=1&b=2", GotoOnFail: "/alas", NewSession: true, Locale: "de"},
		Started: now, Deadline: now.Add(5 * time.Minute),
		Shared: map[string]any{"username": "demo"},
	}
}

// freshOnly is a store that answers linearizable reads alone: a journey that
// is read from a cache could be answered twice.
type freshOnly struct{ store.Store }

func (f freshOnly) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	if want != store.Fresh {
		return store.Record{}, 0, errors.New("a journey was read without Fresh")
	}
	return f.Store.Get(ctx, k, want)
}

func TestKeepers(t *testing.T) {
	for _, s := range schemes {
		for name, allowlisting := range map[string]bool{"allowlisting": true, "no allowlisting": false} {
			t.Run(s.name+", "+name, func(t *testing.T) {
				journeytest.RunKeeper(t, allowlisting, func(t *testing.T) journeytest.Installation {
					return s.installation(t, allowlisting)
				})
			})
		}
	}
}

func (s scheme) installation(t *testing.T, allowlisting bool) journeytest.Installation {
	st, ring := memory.New(), newRing(t)
	t.Cleanup(st.Close)
	faulty := &storetest.Faulty{Store: freshOnly{st}}
	// node has keepers of its own for each call, as after a reload.
	node := func() func(realm string) journey.Keeper {
		table := keep.NewTable(keep.TableConfig{})
		return func(realm string) journey.Keeper {
			return s.keeper(t, ring, keep.Config{
				Store: faulty, Table: table, Keys: keysOf(t, ring, realm), NoAllowlisting: !allowlisting,
			})
		}
	}
	return journeytest.Installation{Keeper: node(), Elsewhere: node(), Store: faulty}
}
