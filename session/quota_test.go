package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

var quotaActions = map[string]session.QuotaAction{
	"deny": session.DenyAccess, "next expiring": session.DestroyNextExpiring,
	"oldest": session.DestroyOldest, "all": session.DestroyAll,
}

// limited is a node whose realm /alpha has a quota.
func (w *world) limited(t testing.TB, limit int, action session.QuotaAction, edits ...func(*session.Config)) *node {
	t.Helper()
	edits = append(edits, func(c *session.Config) {
		c.Quotas = map[string]session.Quota{"/alpha": {Max: limit, Action: action}}
	})
	return w.nodeOn(t, w.store, edits...)
}

// has fails the test unless a user has so many sessions.
func (w *world) has(t testing.TB, want int) {
	t.Helper()
	if sessions, entries := w.records(t); len(sessions) != want || len(entries) != want {
		t.Errorf("the store holds %d sessions and %d entries, want %d", len(sessions), len(entries), want)
	}
}

// TestQuotaActions: AM's four, each ending what its name says and nothing else.
func TestQuotaActions(t *testing.T) { conform(t, testQuotaActions) }

func testQuotaActions(t *testing.T, k kind) {
	for name, want := range map[string]string{"deny": "a b c", "next expiring": "a c new", "oldest": "b c new", "all": "new"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := k.world(t)
				n := w.limited(t, 3, quotaActions[name])
				tokens := make(map[string]string)
				for _, s := range []struct {
					name      string
					max, idle time.Duration
				}{{"a", 2 * time.Hour, time.Hour}, {"b", 2 * time.Hour, 30 * time.Minute}, {"c", time.Hour, 50 * time.Minute}} {
					g := grant()
					g.MaxTime, g.IdleTime = s.max, s.idle
					tokens[s.name], _ = n.issue(t, g)
					time.Sleep(time.Minute)
				}
				g := grant()
				g.UserID = "4712"
				other, _ := n.issue(t, g)
				root := grant()
				root.Realm = "/"
				elsewhere, _ := n.issue(t, root)

				tok, _, err := n.Issue(t.Context(), grant())
				if denied := name == "deny"; denied != errors.Is(err, session.ErrQuota) || denied != (tok == "") {
					t.Fatalf("%v", err)
				} else if !denied {
					tokens["new"] = tok
				}
				var live []string
				for name, tok := range tokens {
					if _, err := n.Lookup(t.Context(), tok, session.Peek); err == nil {
						live = append(live, name)
					}
				}
				if slices.Sort(live); strings.Join(live, " ") != want {
					t.Errorf("%q live, want %q", live, want)
				}
				n.use(t, other, nil)
				n.use(t, elsewhere, nil)
			})
		})
	}
}

// TestQuotaIsExactAcrossNodes: ten simultaneous logins on ten nodes end with
// exactly as many sessions as the quota allows, however often it is tried.
func TestQuotaIsExactAcrossNodes(t *testing.T) { conform(t, testQuotaIsExactAcrossNodes) }

func testQuotaIsExactAcrossNodes(t *testing.T, k kind) {
	for name, action := range quotaActions {
		t.Run(name, func(t *testing.T) {
			w := k.world(t)
			var nodes []*node
			for range 10 {
				nodes = append(nodes, w.limited(t, 3, action))
			}
			denied := 0
			for round := range 5 {
				results := make(chan error, len(nodes))
				for _, n := range nodes {
					g := grant()
					go func() {
						_, _, err := n.Issue(t.Context(), g)
						results <- err
					}()
				}
				for range nodes {
					err := <-results
					if errors.Is(err, session.ErrQuota) {
						denied++
					} else if err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				}
				if sessions, _ := w.records(t); action != session.DestroyAll || len(sessions) > 3 || len(sessions) == 0 {
					w.has(t, 3)
				}
			}
			if want := 5*10 - 3; action == session.DenyAccess && denied != want || action != session.DenyAccess && denied != 0 {
				t.Errorf("%d logins were denied", denied)
			}
		})
	}
}

// TestQuotaCostsOneTransaction: of a login that meets nobody, whether or not
// others have to make room.
func TestQuotaCostsOneTransaction(t *testing.T) { conform(t, testQuotaCostsOneTransaction) }

func testQuotaCostsOneTransaction(t *testing.T, k kind) {
	w := k.world(t)
	n := w.limited(t, 2, session.DestroyOldest)
	for range 5 {
		w.store.Commits.Store(0)
		n.issue(t, grant())
		if commits := w.store.Commits.Load(); commits != 1 {
			t.Errorf("%d transactions", commits)
		}
	}
	w.has(t, 2)
}

// TestQuotaDoesNotCountWhatIsOver: sessions that are idle make room before any
// other, and are told of as idle.
func TestQuotaDoesNotCountWhatIsOver(t *testing.T) { conform(t, testQuotaDoesNotCountWhatIsOver) }

func testQuotaDoesNotCountWhatIsOver(t *testing.T, k kind) {
	for name, action := range quotaActions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := k.world(t)
				var told []session.Session
				n := w.limited(t, 3, action, func(c *session.Config) {
					c.Webhooks = func(s session.Session) []string {
						if time.Since(s.Created()) > 0 { // of a new tracked session it is asked, too
							told = append(told, s)
						}
						return nil
					}
				})
				idle, _ := n.issue(t, grant())
				time.Sleep(20 * time.Minute)
				first, _ := n.issue(t, grant())
				second, _ := n.issue(t, grant())
				time.Sleep(20 * time.Minute)
				third, _ := n.issue(t, grant())
				w.has(t, 3)
				n.use(t, idle, session.ErrEnded)
				for _, tok := range []string{first, second, third} {
					n.use(t, tok, nil)
				}
				if len(told) != 1 {
					t.Errorf("%d sessions made room", len(told))
				}
				notice := w.last(t, "o/")
				rec, _, err := w.store.Get(t.Context(), store.Key(notice), store.Any)
				if err != nil {
					t.Fatal(err)
				}
				got, ok, err := n.OpenNotice(rec.Key, rec.Value[18:])
				if err != nil || !ok || len(got.Ended) != 1 || got.Ended[0].Why != session.IdleTimedOut {
					t.Errorf("told %+v, %v", got, err)
				}
			})
		})
	}
}

// TestQuotaMadeSmaller: a login ends all that are too many, in as many
// transactions as it takes.
func TestQuotaMadeSmaller(t *testing.T) { conform(t, testQuotaMadeSmaller) }

func testQuotaMadeSmaller(t *testing.T, k kind) {
	for name, action := range quotaActions {
		t.Run(name, func(t *testing.T) {
			w := k.world(t)
			before := w.node(t)
			for range 35 {
				before.issue(t, grant())
			}
			w.store.Commits.Store(0)
			tok, _, err := w.limited(t, 2, action).Issue(t.Context(), grant())
			if action == session.DenyAccess {
				if w.has(t, 35); !errors.Is(err, session.ErrQuota) {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			before.use(t, tok, nil)
			left := 2
			if action == session.DestroyAll {
				left = 1
			}
			w.has(t, left)
			if commits := w.store.Commits.Load(); commits != 4 {
				t.Errorf("%d transactions", commits)
			}
		})
	}
}

// TestQuotaInDoubt: a login that may have happened counts if it has, and what
// is carried out late leaves nobody with one session more.
func TestQuotaInDoubt(t *testing.T) { conform(t, testQuotaInDoubt) }

func testQuotaInDoubt(t *testing.T, k kind) {
	for name, action := range quotaActions {
		for doubt, tc := range map[string]struct{ lost, late, refused int64 }{
			"it happened": {lost: 1}, "it happens late": {late: 1}, "all happen late": {late: 4}, "it did not": {refused: 1},
		} {
			t.Run(name+", "+doubt, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := k.world(t)
					n := w.limited(t, 2, action)
					n.issue(t, grant())
					w.store.Lost.Store(tc.lost)
					w.store.Late.Store(tc.late)
					w.store.Refused.Store(tc.refused)
					g := grant()
					tok, _, err := n.Issue(t.Context(), g)
					if tc.late == 4 {
						if !errors.Is(err, store.ErrUnavailable) {
							t.Fatal(err)
						}
						// Another login takes the room.
						tok, _ = n.issue(t, grant())
					} else if err != nil {
						t.Fatal(err)
					} else {
						g.Again = true
						if again, _, err := n.Issue(t.Context(), g); err != nil || n.sessionOf(t, again) != n.sessionOf(t, tok) {
							t.Errorf("once more: %v, the same token: %v", err, again == tok)
						}
					}
					n.use(t, tok, nil)
					w.store.Deliver(t.Context())
					n.use(t, tok, nil)
					w.has(t, 2)
				})
			})
		}
	}
}

// TestDeniedLoginKnowsItsOwnSession: a login that has happened is not denied
// because of the session that it made.
func TestDeniedLoginKnowsItsOwnSession(t *testing.T) { conform(t, testDeniedLoginKnowsItsOwnSession) }

func testDeniedLoginKnowsItsOwnSession(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.limited(t, 1, session.DenyAccess)
		w.store.Lost.Store(1)
		tok, _ := n.issue(t, grant())
		n.use(t, tok, nil)
		w.has(t, 1)
		if _, _, err := n.Issue(t.Context(), grant()); !errors.Is(err, session.ErrQuota) {
			t.Errorf("another login: %v", err)
		}
	})
}

// TestVictimThatEndsMeanwhile: a session that is logged out while it was to make
// room has made it, and is not told of a second time.
func TestVictimThatEndsMeanwhile(t *testing.T) { conform(t, testVictimThatEndsMeanwhile) }

func testVictimThatEndsMeanwhile(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n, faster := w.limited(t, 2, session.DestroyOldest), w.nodeOn(t, w.store.Store)
		_, first := n.issue(t, grant())
		time.Sleep(time.Second)
		second, _ := n.issue(t, grant())
		w.store.BeforeCommit = func() {
			w.store.BeforeCommit = nil
			if err := faster.End(t.Context(), first); err != nil {
				t.Error(err)
			}
		}
		third, _ := n.issue(t, grant())
		n.use(t, second, nil)
		n.use(t, third, nil)
		if w.has(t, 2); w.last(t, "o/") != "" {
			t.Error("an end is told of by two")
		}
	})
}

// listing is a store that lists one record a page, and tells when.
type listing struct {
	store.Store
	before func()
}

func (l *listing) List(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, int64, error) {
	if l.before != nil {
		l.before()
	}
	page.Limit = 1
	return l.Store.List(ctx, prefix, page)
}

// TestQuotaWhileTheIndexChanges: a user's index that changes while it is read,
// or is again as it was when a commit failed because of it, keeps nobody from
// signing in.
func TestQuotaWhileTheIndexChanges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world, faster *node, st *listing){
		"between its pages": func(t *testing.T, _ *world, faster *node, st *listing) {
			pages := 0
			st.before = func() {
				if pages++; pages < 20 {
					faster.issue(t, grant())
				}
			}
		},
		"and changes back": func(t *testing.T, w *world, faster *node, st *listing) {
			w.store.BeforeCommit = func() {
				w.store.BeforeCommit = nil
				_, s := faster.issue(t, grant())
				st.before = func() {
					st.before = nil
					if err := faster.End(t.Context(), s); err != nil {
						t.Error(err)
					}
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				faster, st := w.nodeOn(t, w.store.Store), &listing{Store: w.store}
				w.limited(t, 100, session.DenyAccess).issue(t, grant())
				n := w.nodeOn(t, st, func(c *session.Config) {
					c.Quotas = map[string]session.Quota{"/alpha": {Max: 100, Action: session.DenyAccess}}
				})
				put(t, w, journeyKey, []byte("at its last step"), time.Time{})
				journey, _, err := w.store.Get(t.Context(), journeyKey, store.Fresh)
				if err != nil {
					t.Fatal(err)
				}
				end := []store.Op{store.Check(journeyKey, journey.Revision), store.Delete(journeyKey)}
				change(t, w, faster, st)
				tok, _, err := n.Issue(t.Context(), grant(), end...)
				if err != nil {
					t.Fatal(err)
				}
				n.use(t, tok, nil)
				if _, _, err := n.Issue(t.Context(), grant(), end...); !errors.Is(err, store.ErrConflict) {
					t.Errorf("a replay: %v", err)
				}
			})
		})
	}
}

// TestUpgradeNeedsNoRoom: one comes and one goes, so a full quota neither
// denies a step-up nor ends a third session (OpenAM's SessionConstraint). One
// of a session that does not count takes room like any login.
func TestUpgradeNeedsNoRoom(t *testing.T) { conform(t, testUpgradeNeedsNoRoom) }

func testUpgradeNeedsNoRoom(t *testing.T, k kind) {
	for name, action := range quotaActions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := k.world(t)
				n := w.limited(t, 2, action)
				other, _ := n.issue(t, grant())
				time.Sleep(time.Second)
				_, old := n.issue(t, grant())
				tok, _ := n.issue(t, stepUp(old))
				n.use(t, other, nil)
				n.use(t, tok, nil)
				w.has(t, 2)
				_, carried := w.carrying(t, "client", store.Any).issue(t, grant())
				if _, _, err := n.Issue(t.Context(), stepUp(carried)); action == session.DenyAccess != errors.Is(err, session.ErrQuota) {
					t.Error(err)
				}
				if action != session.DestroyAll {
					w.has(t, 2)
				}
			})
		})
	}
}

// TestQuotaGivesUp: a login that others get ahead of all the time ends with a
// fault, and leaves nothing.
func TestQuotaGivesUp(t *testing.T) { conform(t, testQuotaGivesUp) }

func testQuotaGivesUp(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		faster := w.nodeOn(t, w.store.Store)
		n := w.limited(t, 1000, session.DestroyOldest)
		made := 0
		w.store.BeforeCommit = func() {
			faster.issue(t, grant())
			made++
		}
		if _, _, err := n.Issue(t.Context(), grant()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "all the time") {
			t.Errorf("%v", err)
		}
		if w.has(t, made); made < 64 {
			t.Errorf("it gave up after %d", made)
		}
	})
}

// TestQuotaOfManyUsersAtOnce: users do not stand in each other's way.
func TestQuotaOfManyUsersAtOnce(t *testing.T) { conform(t, testQuotaOfManyUsersAtOnce) }

func testQuotaOfManyUsersAtOnce(t *testing.T, k kind) {
	w := k.world(t)
	n := w.limited(t, 1, session.DestroyOldest)
	w.store.Commits.Store(0)
	var all sync.WaitGroup
	for i := range 20 {
		g := grant()
		g.UserID = fmt.Sprint(i)
		all.Go(func() {
			if _, _, err := n.Issue(t.Context(), g); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if commits := w.store.Commits.Load(); commits != 20 {
		t.Errorf("%d transactions", commits)
	}
}
