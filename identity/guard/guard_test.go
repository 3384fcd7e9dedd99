package guard_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/guard"
	"github.com/amgate/amgate/identity/identitytest"
	"github.com/amgate/amgate/store"
)

func TestCounterIsExactAcrossNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var wg sync.WaitGroup
		for range 4 {
			counters := w.node(nil).Counters
			for range 25 {
				wg.Go(func() {
					_, err := counters.Add(t.Context(), "4711", "failures", 1, 0, "")
					expect(t, "add", err, nil)
				})
			}
		}
		wg.Wait()
		n, err := w.node(nil).Counters.Get(t.Context(), "4711", "failures")
		expect(t, "get", err, nil)
		if n != 100 {
			t.Errorf("100 were added, %d counted", n)
		}
	})
}

func TestCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		one, two := w.node(nil).Counters, w.node(nil).Counters
		add := func(user, counter string, n int, attempt string, want int) {
			t.Helper()
			got, err := two.Add(t.Context(), user, counter, n, time.Hour, attempt)
			expect(t, "add", err, nil)
			if got != want {
				t.Errorf("after adding %d to %s of %s: %d, want %d", n, counter, user, got, want)
			}
		}
		get := func(counter string, want int) {
			t.Helper()
			got, err := one.Get(t.Context(), "4711", counter)
			expect(t, "get", err, nil)
			if got != want {
				t.Errorf("%s is %d, want %d", counter, got, want)
			}
		}
		get("logins", 0)
		add("4711", "logins", 1, "a", 1)
		add("4711", "logins", 2, "b", 3)
		add("4711", "logins", 1, "a", 1) // again, even after another
		add("4711", "retries", 1, "a", 1)
		add("4712", "logins", 1, "a", 1)
		add("471", "1logins", 1, "c", 1)
		get("logins", 3)

		time.Sleep(59 * time.Minute)
		add("4711", "logins", -1, "d", 2) // begins the time anew
		time.Sleep(59 * time.Minute)
		get("logins", 2)
		get("retries", 0)
		time.Sleep(time.Minute)
		get("logins", 0)

		add("4711", "logins", 5, "e", 5)
		expect(t, "reset", one.Reset(t.Context(), "4711", "logins"), nil)
		expect(t, "reset of nothing", one.Reset(t.Context(), "4711", "logins"), nil)
		get("logins", 0)
	})
}

// An attempt that is repeated after a commit in doubt counts once, whether or
// not the commit happened.
func TestCounterAfterCommitInDoubt(t *testing.T) {
	w := newWorld(t)
	counters := w.node(nil).Counters
	w.store.Lost.Store(1)
	for i, want := range []error{store.ErrUnavailable, nil} {
		n, err := counters.Add(t.Context(), "4711", "logins", 1, 0, "first")
		expect(t, "add", err, want)
		if n != i {
			t.Errorf("attempt %d returned %d", i, n)
		}
	}
	w.store.Refused.Store(1)
	for _, want := range []error{store.ErrUnavailable, nil} {
		_, err := counters.Add(t.Context(), "4711", "logins", 1, 0, "second")
		expect(t, "add", err, want)
	}
	n, err := counters.Get(t.Context(), "4711", "logins")
	expect(t, "get", err, nil)
	if n != 2 {
		t.Errorf("two attempts counted as %d", n)
	}
}

func TestOutage(t *testing.T) {
	w := newWorld(t)
	g := w.node(threeTries)
	w.store.Down.Store(true)
	ctx := t.Context()
	_, err := g.Counters.Add(ctx, "4711", "logins", 1, 0, "a")
	expect(t, "add", err, store.ErrUnavailable)
	_, err = g.Counters.Get(ctx, "4711", "logins")
	expect(t, "get", err, store.ErrUnavailable)
	expect(t, "reset", g.Counters.Reset(ctx, "4711", "logins"), store.ErrUnavailable)
	expect(t, "switch off", g.Accounts.SetActive(ctx, w.users.bjensen, false), store.ErrUnavailable)
	expect(t, "switch on", g.Accounts.SetActive(ctx, w.users.bjensen, true), store.ErrUnavailable)
	_, err = g.Users.ByID(ctx, "4711")
	expect(t, "by id", err, identity.ErrUnavailable)
	_, err = g.Users.ByName(ctx, "nobody")
	expect(t, "by a name that nobody has", err, identity.ErrNotFound)
}

func TestSwitchedOffIsSeenEverywhere(t *testing.T) {
	for name, lockout := range map[string]*guard.Lockout{"with lockout": threeTries, "without": nil} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one, two := w.node(lockout), w.node(lockout)
			see := func(users identity.Store, want bool) {
				t.Helper()
				for what, find := range map[string]func() (*identity.User, error){
					"by name": func() (*identity.User, error) { return users.ByName(t.Context(), "bjensen") },
					"by id":   func() (*identity.User, error) { return users.ByID(t.Context(), "4711") },
					"login":   func() (*identity.User, error) { return users.Authenticate(t.Context(), "bjensen", right) },
				} {
					u, err := find()
					expect(t, what, err, nil)
					if u.Active != want {
						t.Errorf("%s: active is %t, want %t", what, u.Active, want)
					}
				}
			}
			set := func(active bool) {
				t.Helper()
				expect(t, "set active", one.Accounts.SetActive(t.Context(), w.users.bjensen, active), nil)
			}
			see(two.Users, true)
			set(true)
			see(two.Users, true)
			for range 2 {
				set(false)
				see(two.Users, false)
			}
			see(w.nodeOf("/", lockout).Users, true)
			set(true)
			see(two.Users, true)
			if !w.users.bjensen.Active {
				t.Error("the shared value was changed")
			}
		})
	}
}

// What its source says is not active stays so.
// standing are people who know how they stand.
type standing struct{ *crowd }

func (standing) Stamp(id string) (string, time.Time) { return "stamp of " + id, time.Unix(1, 0) }

func (standing) OnChange(fn func([]string, time.Time)) (stop func()) {
	fn([]string{"4711"}, time.Unix(2, 0))
	return func() { fn(nil, time.Time{}) }
}

// TestGuardHidesNoChange: nodes that saw the people through the guard could not
// see that a password had changed. Where nobody knows, none pretends to.
// SECURITY 16, 33.
func TestGuardHidesNoChange(t *testing.T) {
	w := newWorld(t)
	if _, ok := w.node(nil).Users.(identity.Standing); ok {
		t.Error("people who do not know how they stand say they do")
	}
	keys, _ := w.ring.Realm("/alpha")
	g, err := guard.New(guard.Config{
		Store: w.store, Realm: "/alpha", Keys: keys, NameKey: w.ring.DeriveLasting("account names"),
		Users: standing{w.users}, Switching: true, Logger: w.log.Logger(),
	})
	expect(t, "new", err, nil)
	seen, ok := g.Users.(identity.Standing)
	if !ok {
		t.Fatal("the guard hides how its people stand")
	}
	if stamp, since := seen.Stamp("4711"); stamp != "stamp of 4711" || !since.Equal(time.Unix(1, 0)) {
		t.Errorf("stamp %q since %v", stamp, since)
	}
	told := 0
	stop := seen.OnChange(func([]string, time.Time) { told++ })
	if stop(); told != 2 {
		t.Errorf("told %d times, want once of the change and once of the stop", told)
	}
	expect(t, "set active", g.Accounts.SetActive(t.Context(), w.users.bjensen, false), nil)
	if u, err := seen.ByID(t.Context(), "4711"); err != nil || u.Active {
		t.Errorf("who is switched off is seen as %+v, %v", u, err)
	}
}

func TestSourceIsNotOverruled(t *testing.T) {
	w := newWorld(t)
	g := w.node(nil)
	w.users.bjensen.Active = false
	expect(t, "switch on", g.Accounts.SetActive(t.Context(), w.users.bjensen, true), nil)
	u, err := g.Users.ByID(t.Context(), "4711")
	expect(t, "by id", err, nil)
	if u.Active {
		t.Error("active, which the people's source denies")
	}
}

func TestNothingConfiguredCostsNothing(t *testing.T) {
	w := newWorld(t)
	keys, _ := w.ring.Realm("/")
	g, err := guard.New(guard.Config{
		Store: w.store, Realm: "/", Keys: keys, NameKey: w.ring.DeriveLasting("account names"),
		Users: w.users, Logger: w.log.Logger(),
	})
	expect(t, "new", err, nil)
	if g.Users != identity.Store(w.users) {
		t.Error("the people are wrapped")
	}
}

// A login with lockout costs these operations of the store, and no more.
func TestStoreOperations(t *testing.T) {
	w := newWorld(t)
	users := w.node(threeTries).Users
	for name, tc := range map[string]struct {
		call          func()
		gets, commits int64
	}{
		// One Get of the three looks whether the account is switched off.
		"success": {func() { login(t, users, "bjensen", right, nil) }, 2, 2},
		"failure": {func() { login(t, users, "nobody", wrong, identity.ErrCredentials) }, 1, 2},
		"by id":   {func() { users.ByID(t.Context(), "4711") }, 2, 0},
	} {
		w.store.Gets.Store(0)
		w.store.Commits.Store(0)
		tc.call()
		if gets, commits := w.store.Gets.Load(), w.store.Commits.Load(); gets != tc.gets || commits != tc.commits {
			t.Errorf("%s: %d gets and %d commits, want %d and %d", name, gets, commits, tc.gets, tc.commits)
		}
	}
}

// Who reads the store learns no names, and who writes it cannot bring an
// account back that was switched off, but by removing the record.
func TestStoreHoldsNoNames(t *testing.T) {
	w := newWorld(t)
	g := w.node(threeTries)
	_, err := g.Counters.Add(t.Context(), "4711", "logins", 1, 0, "attempt")
	expect(t, "add", err, nil)
	expect(t, "switch off", g.Accounts.SetActive(t.Context(), w.users.bjensen, false), nil)
	login(t, g.Users, "bjensen", wrong, identity.ErrCredentials)
	records, _, err := w.store.List(t.Context(), "", store.Page{Limit: 100})
	expect(t, "list", err, nil)
	if len(records) != 3 {
		t.Fatalf("%d records, want 3", len(records))
	}
	for _, r := range records {
		for _, secret := range []string{"4711", "logins", "attempt", "bjensen"} {
			if strings.Contains(string(r.Key)+string(r.Value), secret) {
				t.Errorf("%s holds %q", r.Key, secret)
			}
		}
		if _, err := w.store.Commit(t.Context(), store.Put(r.Key, []byte("rubbish"), time.Time{})); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := g.Counters.Add(t.Context(), "4711", "logins", 1, 0, "another"); n != 1 || err != nil {
		t.Errorf("a damaged counter: %d, %v", n, err)
	}
	u, err := g.Users.Authenticate(t.Context(), "bjensen", right)
	expect(t, "login", err, nil)
	if u.Active {
		t.Error("a damaged record switched the account on")
	}
	if w.log.Count("cannot be read") == 0 {
		t.Error("the log says nothing of the damage")
	}
}

// The wrapper is a Store like any other.
func TestConformance(t *testing.T) {
	for name, lockout := range map[string]*guard.Lockout{
		"switching": nil,
		"lockout":   {Count: guard.MaxCount, Interval: time.Hour, Duration: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			identitytest.Run(t, func(t *testing.T, people []identitytest.Person) identity.Store {
				w := newWorld(t)
				keys, _ := w.ring.Realm("/")
				g, err := guard.New(guard.Config{
					Store: w.store, Realm: "/", Keys: keys, NameKey: w.ring.DeriveLasting("account names"),
					Users: list(people), Lockout: lockout, Switching: true, Logger: w.log.Logger(),
				})
				expect(t, "new", err, nil)
				return g.Users
			})
		})
	}
}

// list is people in a list, with their passwords in the clear.
type list []identitytest.Person

func (l list) find(ctx context.Context, is func(p *identitytest.Person) bool) (*identitytest.Person, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range l {
		if is(&l[i]) {
			return &l[i], nil
		}
	}
	return nil, identity.ErrNotFound
}

func (l list) ByName(ctx context.Context, name string) (*identity.User, error) {
	name = identity.Canonical(name)
	p, err := l.find(ctx, func(p *identitytest.Person) bool { return identity.Canonical(p.Username) == name })
	if err != nil {
		return nil, err
	}
	return &p.User, nil
}

// List makes list a Lister.
func (l list) List(ctx context.Context, text string, page identity.Page) ([]*identity.User, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	all := make([]*identity.User, len(l))
	for i := range l {
		all[i] = &l[i].User
	}
	found, next := identity.NewRoll(all).List(text, page)
	return found, next, nil
}

// ByAttribute makes list a Searcher.
func (l list) ByAttribute(ctx context.Context, attribute, value string, limit int) ([]*identity.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []*identity.User
	for i := range l {
		if len(found) < limit && l[i].Matches(attribute, value) {
			found = append(found, &l[i].User)
		}
	}
	return found, nil
}

func (l list) ByID(ctx context.Context, id string) (*identity.User, error) {
	p, err := l.find(ctx, func(p *identitytest.Person) bool { return p.ID == id })
	if err != nil {
		return nil, err
	}
	return &p.User, nil
}

func (l list) Authenticate(ctx context.Context, name, password string) (*identity.User, error) {
	name = identity.Canonical(name)
	p, err := l.find(ctx, func(p *identitytest.Person) bool { return identity.Canonical(p.Username) == name })
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil || p.Password == "" || p.Password != password:
		return nil, identity.ErrCredentials
	}
	return &p.User, nil
}

// TestLateUnlockOpensNothing: a removal that was in doubt may happen when the
// account has been switched off again, or the count begun anew.
func TestLateUnlockOpensNothing(t *testing.T) {
	w := newWorld(t)
	n := w.node(nil)
	setActive := func(active bool) error { return n.Accounts.SetActive(t.Context(), w.users.bjensen, active) }
	if err := setActive(false); err != nil {
		t.Fatal(err)
	}
	w.store.Late.Store(1)
	if err := setActive(true); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("switched on: %v, want ErrUnavailable", err)
	}
	if err := errors.Join(setActive(true), setActive(false)); err != nil {
		t.Fatal(err)
	}
	if outcomes := w.store.Deliver(t.Context()); len(outcomes) != 1 || !errors.Is(outcomes[0], store.ErrConflict) {
		t.Errorf("the late removal: %v, want ErrConflict", outcomes)
	}
	if u, err := n.Users.ByID(t.Context(), "4711"); err != nil || u.Active {
		t.Errorf("%+v, %v; want an account that is off", u, err)
	}
}

func TestLateResetForgetsNoAttempt(t *testing.T) {
	w := newWorld(t)
	c := w.node(nil).Counters
	add := func() error { _, err := c.Add(t.Context(), "4711", "tries", 1, time.Hour, ""); return err }
	if err := add(); err != nil {
		t.Fatal(err)
	}
	w.store.Late.Store(1)
	if err := c.Reset(t.Context(), "4711", "tries"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("reset: %v, want ErrUnavailable", err)
	}
	if err := errors.Join(add(), add()); err != nil {
		t.Fatal(err)
	}
	w.store.Deliver(t.Context())
	if n, err := c.Get(t.Context(), "4711", "tries"); err != nil || n != 3 {
		t.Errorf("%d attempts, %v; want 3", n, err)
	}
}
