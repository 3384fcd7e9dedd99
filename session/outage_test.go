package session_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
)

// outageNode is a node with a cache whose realm /alpha has that rule for
// outages.
func (w *world) outageNode(t *testing.T, name string, outage store.Freshness) *node {
	t.Helper()
	front := w.cache(t, name)
	n := &node{log: new(logtest.Log)}
	n.access = session.NewAccess(session.AccessConfig{Store: front, Logger: n.log.Logger()})
	t.Cleanup(n.access.Close)
	n.Manager = session.NewManager(session.Config{
		Store: front, Keys: w.ring, Access: n.access, Logger: n.log.Logger(),
		Outages: map[string]store.Freshness{"/alpha": outage}, Carried: w.kind.carried(),
	})
	return n
}

// TestOutageRules: for how long a cached session works while the store does
// not answer, by the rule of its realm, and that each works again afterwards.
// The proof is at most a second old when the outage begins, and the freshness
// is five seconds.
func TestOutageRules(t *testing.T) { conform(t, testOutageRules) }

func testOutageRules(t *testing.T, k kind) {
	const grace = 10 * time.Minute
	for _, tc := range []struct {
		name   string
		outage store.Freshness
		// works is for how long at least, fails when no more.
		works, fails time.Duration
	}{
		{"strict", store.Strict, 0, time.Second + time.Millisecond},
		{"freshness", store.Any, 4 * time.Second, 5 * time.Second},
		{"grace", store.Grace(grace), 4*time.Second + grace, 5*time.Second + grace},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := k.world(t)
				n, other := w.outageNode(t, "here", tc.outage), w.outageNode(t, "there", store.Any)
				synctest.Wait() // for the first proofs: with them the caches begin
				tok, _ := n.issue(t, grant())
				uncached, _ := other.issue(t, grant())
				n.use(t, tok, nil)

				began := time.Now()
				w.store.Down.Store(true)
				for time.Since(began) < tc.fails {
					_, err := n.Lookup(t.Context(), tok, session.Touch)
					if err != nil && (time.Since(began) < tc.works || !errors.Is(err, store.ErrUnavailable)) {
						t.Fatalf("after %v: %v", time.Since(began), err)
					}
					if _, err := n.Lookup(t.Context(), uncached, session.Touch); !errors.Is(err, store.ErrUnavailable) {
						t.Fatalf("a session that is not cached, after %v: %v", time.Since(began), err)
					}
					time.Sleep(min(500*time.Millisecond, max(time.Millisecond, tc.fails-time.Since(began))))
				}
				for range 3 {
					if _, err := n.Lookup(t.Context(), tok, session.Touch); !errors.Is(err, store.ErrUnavailable) {
						t.Fatalf("after %v: %v, want ErrUnavailable", time.Since(began), err)
					}
					time.Sleep(time.Minute)
				}
				w.store.Down.Store(false)
				time.Sleep(10 * time.Second)
				n.use(t, tok, nil)
				n.use(t, uncached, nil)
			})
		})
	}
}

// TestGraceIsBoundedByTheSession: not even a grace makes a session live longer
// than its own times; one whose idle time cannot be judged is not ended either.
func TestGraceIsBoundedByTheSession(t *testing.T) { conform(t, testGraceIsBoundedByTheSession) }

func testGraceIsBoundedByTheSession(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.outageNode(t, "here", store.Grace(24*time.Hour))
		synctest.Wait()
		short, quiet := grant(), grant()
		short.MaxTime = 20 * time.Minute
		quiet.IdleTime = 15 * time.Minute
		shortTok, _ := n.issue(t, short)
		quietTok, _ := n.issue(t, quiet)
		n.use(t, shortTok, nil)
		n.use(t, quietTok, nil)
		w.store.Down.Store(true)
		time.Sleep(14 * time.Minute)
		n.use(t, shortTok, nil)
		time.Sleep(2 * time.Minute)
		if _, err := n.Lookup(t.Context(), quietTok, session.Touch); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a session that may be idle: %v", err)
		}
		time.Sleep(4 * time.Minute)
		if _, err := n.Lookup(t.Context(), shortTok, session.Touch); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a session beyond its max time: %v", err)
		}
		w.store.Down.Store(false)
		time.Sleep(10 * time.Second)
		// It has been answering for a moment only, and so calls nothing idle.
		n.use(t, quietTok, nil)
		n.use(t, shortTok, session.ErrEnded)
	})
}

// TestGraceCostsALogout: what the rule buys with: a logout that another node
// gets through is not seen here, for the freshness and the grace, and not a
// moment longer.
func TestGraceCostsALogout(t *testing.T) { conform(t, testGraceCostsALogout) }

func testGraceCostsALogout(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		const grace = time.Minute
		w := k.world(t)
		n := w.outageNode(t, "here", store.Grace(grace))
		elsewhere := w.nodeOn(t, w.store.Store) // its way to the store is well
		synctest.Wait()
		tok, s := n.issue(t, grant())
		n.use(t, tok, nil)
		w.store.Down.Store(true)
		began := time.Now()
		if err := elsewhere.End(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		for time.Since(began) < cache.DefaultFreshness+grace {
			if _, err := n.Lookup(t.Context(), tok, session.Touch); err != nil && !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if _, err := n.Lookup(t.Context(), tok, session.Touch); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("beyond the grace: %v", err)
		}
		w.store.Down.Store(false)
		n.use(t, tok, session.ErrEnded)
	})
}
