package session_test

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// kinds are nodes of one world by the kind of sessions that they make.
func (w *world) kinds(t testing.TB) map[string]*node {
	t.Helper()
	tracking := &world{kind: tracked, store: w.store, ring: w.ring}
	return map[string]*node{
		"server": w.cachedNode(t, "server"), "client": w.carrying(t, "client", store.Any), "tracked": tracking.cachedNode(t, "tracked"),
	}
}

// stepUp is a grant that upgrades a session.
func stepUp(old session.Session) session.Grant {
	g := grant()
	g.AuthLevel, g.AuthType, g.Journey = 3, "Password|OTP", "StepUp"
	g.Properties = map[string]string{"color": "red", "second": "factor"}
	g.Upgrades = &session.Upgrade{Session: old}
	return g
}

// eachUpgrade runs a test for every kind that a session can have and every one
// that its successor can have.
func eachUpgrade(t *testing.T, test func(t *testing.T, w *world, from, to *node)) {
	t.Helper()
	for _, from := range []string{"server", "client", "tracked"} {
		for _, to := range []string{"server", "client", "tracked"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					kinds := w.kinds(t)
					synctest.Wait()
					test(t, w, kinds[from], kinds[to])
				})
			})
		}
	}
}

// TestUpgradeTakesThePlaceOfASession: the new session has the higher level,
// the types and properties of both, and another id; the old one ends
// everywhere, in one transaction.
func TestUpgradeTakesThePlaceOfASession(t *testing.T) {
	eachUpgrade(t, func(t *testing.T, w *world, from, to *node) {
		oldTok, old := from.issue(t, grant())
		to.use(t, oldTok, nil)
		w.store.Commits.Store(0)
		tok, s := to.issue(t, stepUp(old))
		if commits := w.store.Commits.Load(); commits != 1 {
			t.Errorf("%d transactions", commits)
		}
		synctest.Wait()
		for _, n := range []*node{from, to, w.node(t)} {
			n.use(t, oldTok, session.ErrEnded)
			n.use(t, tok, nil)
		}
		want := map[string]string{"color": "red", "second": "factor", "am.protected.x": "", "{env.HOME}": "{env.HOME}"}
		if diff := cmp.Diff(want, s.Properties()); diff != "" {
			t.Errorf("properties (-want +got):\n%s", diff)
		}
		if s.AuthLevel() != 7 || s.AuthType() != "Username|Password|OTP" || s.Journey() != "StepUp" || s.Handle() == old.Handle() {
			t.Errorf("level %d, types %s, journey %s, the same session: %v", s.AuthLevel(), s.AuthType(), s.Journey(), s.Handle() == old.Handle())
		}
		sessions, entries := w.records(t)
		if live := len(sessions); live != len(entries) || live > 1 || (live == 1) == s.Carried() {
			t.Errorf("%d sessions and %d entries are in the store", len(sessions), len(entries))
		}
		if !store.Key(w.last(t, "o/")).HasPrefix("o/") {
			t.Error("nobody is told")
		}
	})
}

// last is the last of the keys with a prefix, "" if there is none.
func (w *world) last(t testing.TB, prefix store.Key) (last string) {
	t.Helper()
	for _, key := range w.keys(t) {
		if store.Key(key).HasPrefix(prefix) {
			last = key
		}
	}
	return last
}

// TestFailedUpgradeLeavesTheSession: whatever keeps the new session from being
// made, the old one works on.
func TestFailedUpgradeLeavesTheSession(t *testing.T) {
	eachUpgrade(t, func(t *testing.T, w *world, from, to *node) {
		tok, old := from.issue(t, grant())
		w.store.Refused.Store(4)
		if _, _, err := to.Issue(t.Context(), stepUp(old)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the store is out: %v", err)
		}
		if _, _, err := to.Issue(t.Context(), stepUp(old), store.Check(journeyKey, 1)); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the journey has ended: %v", err)
		}
		g := stepUp(old)
		g.UserID = "4712"
		if _, _, err := to.Issue(t.Context(), g); err == nil {
			t.Error("another user has upgraded the session")
		}
		synctest.Wait()
		from.use(t, tok, nil)
		to.use(t, tok, nil)
		if key := w.last(t, "o/"); key != "" {
			t.Error("an end is told that was none")
		}
	})
}

// TestUpgradeOfASessionThatEnds: the login stands for itself if the session
// ended before, or while it was being made.
func TestUpgradeOfASessionThatEnds(t *testing.T) {
	for name, during := range map[string]bool{"before": false, "meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			eachUpgrade(t, func(t *testing.T, w *world, from, to *node) {
				for how, end := range map[string]func(session.Session) error{
					"logout": func(s session.Session) error { return from.End(t.Context(), s) },
					"all of the user": func(session.Session) error {
						_, err := from.EndUser(t.Context(), "/alpha", "4711", nil)
						return err
					},
				} {
					oldTok, old := from.issue(t, grant())
					endOnce := func() {
						w.store.BeforeCommit = nil
						if err := end(old); err != nil {
							t.Error(err)
						}
					}
					if during {
						w.store.BeforeCommit = endOnce
					} else {
						endOnce()
						synctest.Wait()
					}
					g := stepUp(old)
					tok, s, err := to.Issue(t.Context(), g)
					if err != nil {
						t.Fatalf("%s: %v", how, err)
					}
					if s.AuthLevel() != 3 || s.AuthType() != g.AuthType || !maps.Equal(s.Properties(), g.Properties) {
						t.Errorf("%s: it took something over: %d, %s, %v", how, s.AuthLevel(), s.AuthType(), s.Properties())
					}
					synctest.Wait()
					to.use(t, oldTok, session.ErrEnded)
					if !during || how == "logout" || !s.Carried() {
						to.use(t, tok, nil)
					}
				}
			})
		})
	}
}

// TestUpgradeTakesOverWhatIsThereAtItsEnd: properties that are changed while
// the new session is being made are in it.
func TestUpgradeTakesOverWhatIsThereAtItsEnd(t *testing.T) {
	conform(t, testUpgradeTakesOverWhatIsThereAtItsEnd)
}

func testUpgradeTakesOverWhatIsThereAtItsEnd(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		_, old := n.issue(t, grant())
		w.store.BeforeCommit = func() {
			w.store.BeforeCommit = nil
			if _, err := n.SetProperties(t.Context(), old, session.Changes{Set: map[string]string{"late": "yes"}}); err != nil {
				t.Error(err)
			}
		}
		if _, s := n.issue(t, stepUp(old)); s.Properties()["late"] != "yes" || s.AuthLevel() != 7 {
			t.Errorf("the properties are %v, the level %d", s.Properties(), s.AuthLevel())
		}
	})
}

// TestUpgradeInDoubt: whoever is not told whether an upgrade happened asks
// again and has the upgraded session; what happens late changes nothing.
func TestUpgradeInDoubt(t *testing.T) {
	for name, tc := range map[string]struct{ lost, late int64 }{
		"it happened":     {lost: 1},
		"it happens late": {late: 1},
	} {
		t.Run(name, func(t *testing.T) {
			eachUpgrade(t, func(t *testing.T, w *world, from, to *node) {
				oldTok, old := from.issue(t, grant())
				w.store.Lost.Store(tc.lost)
				w.store.Late.Store(tc.late)
				tok, s := to.issue(t, stepUp(old))
				if s.AuthLevel() != 7 || s.Properties()["{env.HOME}"] == "" {
					t.Errorf("it is not upgraded: level %d, %v", s.AuthLevel(), s.Properties())
				}
				for _, err := range w.store.Deliver(t.Context()) {
					if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
						t.Errorf("the late upgrade: %v", err)
					}
				}
				synctest.Wait()
				to.use(t, oldTok, session.ErrEnded)
				to.use(t, tok, nil)
				if err := to.End(t.Context(), s); err != nil {
					t.Error(err)
				}
				if sessions, entries := w.records(t); len(sessions)+len(entries) != 0 {
					t.Errorf("%d sessions and %d entries are left", len(sessions), len(entries))
				}
			})
		})
	}
}

// TestSessionIsUpgradedOnce: of two journeys that end at the same time one
// upgrades the session, and the other is a login of its own.
func TestSessionIsUpgradedOnce(t *testing.T) {
	eachUpgrade(t, func(t *testing.T, w *world, from, to *node) {
		_, old := from.issue(t, grant())
		made := make(chan session.Session, 2)
		for range 2 {
			go func() {
				_, s, err := to.Issue(t.Context(), stepUp(old))
				if err != nil {
					t.Error(err)
				}
				made <- s
			}()
		}
		a, b := <-made, <-made
		if a.AuthLevel()+b.AuthLevel() != 7+3 {
			t.Errorf("the levels are %d and %d", a.AuthLevel(), b.AuthLevel())
		}
		time.Sleep(time.Second)
	})
}
