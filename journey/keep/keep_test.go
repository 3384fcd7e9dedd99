package keep_test

import (
	"context"
	"crypto/rand"
	"testing"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
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

func newServer(tb testing.TB, st store.Store, ring *token.Ring, realm string) *keep.Server {
	tb.Helper()
	k, err := keep.NewServer(keep.ServerConfig{Store: st, Keys: keysOf(tb, ring, realm)})
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func newMemory(tb testing.TB, table *keep.Table, ring *token.Ring, realm string) *keep.Memory {
	tb.Helper()
	k, err := keep.NewMemory(keep.MemoryConfig{Table: table, Keys: keysOf(tb, ring, realm)})
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestServer(t *testing.T) {
	journeytest.RunKeeper(t, func(t *testing.T) journeytest.Installation {
		st, ring := memory.New(), newRing(t)
		t.Cleanup(st.Close)
		return journeytest.Installation{
			// A keeper of its own for each call, as several nodes have.
			Keeper: func(realm string) journey.Keeper { return newServer(t, st, ring, realm) },
			Commit: func(ctx context.Context, ops ...store.Op) error {
				_, err := st.Commit(ctx, ops...)
				return err
			},
		}
	})
}

func TestMemory(t *testing.T) {
	journeytest.RunKeeper(t, func(t *testing.T) journeytest.Installation {
		table, ring := keep.NewTable(keep.TableConfig{}), newRing(t)
		return journeytest.Installation{
			// A keeper of its own for each call, as after a reload.
			Keeper: func(realm string) journey.Keeper { return newMemory(t, table, ring, realm) },
		}
	})
}
