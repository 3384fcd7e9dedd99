package guard_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/guard"
	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an installation: one store, and as many nodes as a test asks for.
type world struct {
	tb    testing.TB
	store *storetest.Faulty
	ring  *token.Ring
	users *crowd
	log   logtest.Log
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	st := memory.New()
	tb.Cleanup(st.Close)
	return &world{tb: tb, store: &storetest.Faulty{Store: st}, ring: newRing(tb), users: newCrowd()}
}

func newRing(tb testing.TB) *token.Ring {
	tb.Helper()
	installation := make([]byte, 32)
	rand.Read(installation)
	realms := map[string][]token.Secret{"/": {token.GenerateSecret()}, "/alpha": {token.GenerateSecret()}}
	ring, err := token.NewRing(installation, []token.Secret{token.GenerateSecret()}, realms)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

// node is a further node that serves the realm /alpha.
func (w *world) node(lockout *guard.Lockout) *guard.Guard {
	w.tb.Helper()
	return w.nodeOf("/alpha", lockout)
}

func (w *world) nodeOf(realm string, lockout *guard.Lockout) *guard.Guard {
	w.tb.Helper()
	keys, ok := w.ring.Realm(realm)
	if !ok {
		w.tb.Fatalf("there are no keys for the realm %s", realm)
	}
	g, err := guard.New(guard.Config{
		Store: w.store, Realm: realm, Keys: keys, NameKey: w.ring.DeriveLasting("account names"),
		Users: w.users, Lockout: lockout, Switching: true, Logger: w.log.Logger(),
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return g
}

// keysOf are the keys of all records of a kind.
func (w *world) keysOf(kind string) (keys []store.Key) {
	w.tb.Helper()
	records, _, err := w.store.List(context.Background(), store.Key(kind+"/"), store.Page{Limit: 1000})
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, r := range records {
		keys = append(keys, r.Key)
	}
	return keys
}

// The password of bjensen, and another one.
const right, wrong = "Hifalutin 1", "nope"

// crowd is people whose password checks are counted and take a while.
type crowd struct {
	bjensen *identity.User
	checks  atomic.Int64
	takes   time.Duration
	err     atomic.Pointer[error] // of every check
}

func newCrowd() *crowd {
	return &crowd{bjensen: &identity.User{
		ID: "4711", Username: "BJensen", Active: true, Attributes: map[string][]string{"mail": {"bjensen@example.com"}},
	}}
}

func (c *crowd) fail(err error) { c.err.Store(&err) }

func (c *crowd) ByName(_ context.Context, name string) (*identity.User, error) {
	if identity.Canonical(name) == "bjensen" {
		return c.bjensen, nil
	}
	return nil, identity.ErrNotFound
}

func (c *crowd) ByID(_ context.Context, id string) (*identity.User, error) {
	if id == c.bjensen.ID {
		return c.bjensen, nil
	}
	return nil, identity.ErrNotFound
}

func (c *crowd) Authenticate(ctx context.Context, name, password string) (*identity.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.checks.Add(1)
	if c.takes > 0 {
		select {
		case <-time.After(c.takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := c.err.Load(); err != nil && *err != nil {
		return nil, *err
	}
	u, err := c.ByName(ctx, name)
	if err != nil || password != right {
		return nil, identity.ErrCredentials
	}
	return u, nil
}

// expect fails the test unless err is of the kind wanted; nil for none.
func expect(tb testing.TB, what string, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// login tries to log in and expects an outcome.
func login(tb testing.TB, users identity.Store, name, password string, want error) {
	tb.Helper()
	u, err := users.Authenticate(tb.Context(), name, password)
	expect(tb, "login of "+name, err, want)
	if (err == nil) != (u != nil) {
		tb.Errorf("login of %s: user %v with error %v", name, u, err)
	}
}
