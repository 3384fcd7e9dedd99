package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

const (
	journeyKey = store.Key("j/journey")
	otherKey   = store.Key("j/other")
)

// After ErrUnavailable a commit may have happened. However often that comes,
// a journey yields one session, and its token is the one that works.
func TestIssueAfterAnUnknownOutcomeYieldsOneSession(t *testing.T) {
	for name, tc := range map[string]struct{ lost, refused, calls int64 }{
		"applied, then tried again within":     {lost: 1, calls: 1},
		"not applied, then tried again within": {refused: 1, calls: 1},
		"applied after several":                {refused: 2, lost: 1, calls: 1},
		"all tries refused, then called again": {refused: 4, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.node(t)
				put(t, w, journeyKey, []byte("at its last step"), time.Time{})
				journey, _, err := w.store.Get(t.Context(), journeyKey, store.Fresh)
				if err != nil {
					t.Fatal(err)
				}
				// What ends the journey holds only once.
				with := []store.Op{store.Check(journeyKey, journey.Revision), store.Delete(journeyKey)}
				w.store.Lost.Store(tc.lost)
				w.store.Refused.Store(tc.refused)
				g := grant()
				var tok string
				for call := range tc.calls {
					tok, _, err = n.Issue(t.Context(), g, with...)
					if last := call == tc.calls-1; last != (err == nil) || (!last && !errors.Is(err, store.ErrUnavailable)) {
						t.Fatalf("call %d: %v", call, err)
					}
				}
				n.use(t, tok, nil)
				again, s, err := n.Issue(t.Context(), g, with...)
				if err != nil || again != tok || s.UserID() != g.UserID {
					t.Errorf("once more: %v, the same token: %v", err, again == tok)
				}
				if sessions, entries := w.records(t); len(sessions) != 1 || len(entries) != 1 {
					t.Errorf("%d sessions, %d entries", len(sessions), len(entries))
				}
				if err := n.End(t.Context(), s); err != nil {
					t.Errorf("the session recognised cannot be ended: %v", err)
				}
				n.use(t, tok, session.ErrEnded)
			})
		})
	}
}

// TestLateTryBringsNoSessionBack: a try that was not answered lay in the
// socket of a member of etcd that hung, and is carried out when the session of
// the next try has been used, or logged out. In the first form of Issue, which
// tried for the same record again, the session was back after its logout.
func TestLateTryBringsNoSessionBack(t *testing.T) {
	for name, ended := range map[string]bool{"while the session lives": false, "after its logout": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.node(t)
				w.store.Late.Store(2)
				tok, s, err := n.Issue(t.Context(), grant())
				if err != nil {
					t.Fatal(err)
				}
				want := error(nil)
				if ended {
					want = session.ErrEnded
					if err := n.End(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				outcomes := w.store.Deliver(t.Context())
				if len(outcomes) != 2 {
					t.Fatalf("%d tries were late", len(outcomes))
				}
				n.use(t, tok, want)
				if sessions, _ := w.records(t); len(sessions) > 1 || !ended && outcomes[0] == nil {
					t.Errorf("%d sessions; the late tries: %v", len(sessions), outcomes)
				}
			})
		})
	}
}

func TestIssueByManyAtOnceYieldsOneSession(t *testing.T) {
	w := newWorld(t)
	nodes := []*node{w.node(t), w.node(t)}
	g := grant()
	var wg sync.WaitGroup
	tokens := make([]string, 100)
	for i := range tokens {
		wg.Go(func() {
			var err error
			if tokens[i], _, err = nodes[i%2].Issue(t.Context(), g); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, tok := range tokens {
		if tok != tokens[0] {
			t.Fatal("one journey, two tokens")
		}
	}
	if sessions, entries := w.records(t); len(sessions) != 1 || len(entries) != 1 {
		t.Errorf("%d sessions, %d entries", len(sessions), len(entries))
	}
}

func TestIssueIsAllOrNothing(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	put(t, w, journeyKey, []byte("moved on meanwhile"), time.Time{})
	for name, tc := range map[string]struct {
		with store.Op
		want error
	}{
		"a condition": {store.Check(journeyKey, 1), store.ErrConflict},
		"a create":    {store.Create(journeyKey, nil, time.Time{}), store.ErrExists},
	} {
		tok, _, err := n.Issue(t.Context(), grant(), tc.with, store.Put(otherKey, nil, time.Time{}))
		if !errors.Is(err, tc.want) || tok != "" {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if sessions, entries := w.records(t); len(sessions)+len(entries) != 0 {
		t.Error("a session without its journey's end")
	}
	if _, _, err := w.store.Get(t.Context(), otherKey, store.Fresh); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a journey's end without its session: %v", err)
	}
}

// A journey that is answered twice at once may end for two users. Only the
// first may have the session; the second must not be handed it.
func TestIssueForAnotherUserIsRefused(t *testing.T) {
	n := newWorld(t).node(t)
	g := grant()
	n.issue(t, g)
	g.UserID = "4712"
	if tok, _, err := n.Issue(t.Context(), g); !errors.Is(err, store.ErrConflict) || tok != "" {
		t.Errorf("%v, want ErrConflict", err)
	}
}

// A client that hangs up must not leave a half behind.
func TestIssueForAClientThatHasLeft(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tok, _, err := n.Issue(ctx, grant())
	if err != nil {
		t.Fatal(err)
	}
	n.use(t, tok, nil)

	// But nobody waits for it any longer.
	w.store.Down.Store(true)
	if _, _, err := n.Issue(ctx, grant()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	if tries := w.store.Commits.Load(); tries != 2 {
		t.Errorf("%d commits, want one for each call", tries)
	}
}
