package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

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
	conform(t, testIssueAfterAnUnknownOutcomeYieldsOneSession)
}

func testIssueAfterAnUnknownOutcomeYieldsOneSession(t *testing.T, k kind) {
	for name, tc := range map[string]struct{ lost, refused, calls int64 }{
		"applied, then tried again within":     {lost: 1, calls: 1},
		"not applied, then tried again within": {refused: 1, calls: 1},
		"applied after several":                {refused: 2, lost: 1, calls: 1},
		"all tries refused, then called again": {refused: 4, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := k.world(t)
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
				if err != nil || n.sessionOf(t, again) != n.sessionOf(t, tok) || s.UserID() != g.UserID {
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

// TestLateTryBringsNoSessionBack: a try that was not answered lies in the
// socket of a member of etcd that hangs, and is carried out when the session of
// the next try is used, or has been logged out. However many there are, whether
// Issue tries again or is called again, and in whatever order they happen:
// there is one session, and it does not come back.
func TestLateTryBringsNoSessionBack(t *testing.T) { conform(t, testLateTryBringsNoSessionBack) }

func testLateTryBringsNoSessionBack(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		// Only a TB: rapid asks a T for its deadline, which is none in a bubble.
		rapid.Check(struct{ testing.TB }{t}, func(rt *rapid.T) { lateTries(rt, t, k) })
	})
}

func lateTries(rt *rapid.T, t *testing.T, k kind) {
	w := k.world(t)
	n := w.node(t)
	deliver := func() {
		for w.store.Pending() > 0 && rapid.Bool().Draw(rt, "one happens") {
			_ = w.store.DeliverOne(t.Context(), rapid.IntRange(0, w.store.Pending()-1).Draw(rt, "which"))
		}
	}
	w.store.BeforeCommit = func() {
		deliver()
		fate := rapid.SampledFrom([]string{"done", "lost", "late", "late"}).Draw(rt, "fate")
		w.store.Lost.Store(0)
		w.store.Late.Store(0)
		switch fate {
		case "lost":
			w.store.Lost.Store(1)
		case "late":
			w.store.Late.Store(1)
		}
	}
	g := grant()
	tok, s, err := n.Issue(t.Context(), g)
	for errors.Is(err, store.ErrUnavailable) {
		deliver()
		g.Again = true
		tok, s, err = n.Issue(t.Context(), g)
	}
	if err != nil {
		rt.Fatal(err)
	}
	w.store.BeforeCommit = nil
	w.store.Lost.Store(0)
	w.store.Late.Store(0)
	deliver()
	if _, err := n.Lookup(t.Context(), tok, session.Touch); err != nil {
		rt.Fatal(err)
	}
	if err := n.End(t.Context(), s); err != nil {
		rt.Fatal(err)
	}
	time.Sleep(rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour, g.MaxTime - time.Second}).Draw(rt, "until the rest happens"))
	for _, err := range w.store.Deliver(t.Context()) {
		if !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrConflict) {
			rt.Fatalf("a late try: %v", err)
		}
	}
	if _, err := n.Lookup(t.Context(), tok, session.Touch); !errors.Is(err, session.ErrEnded) {
		rt.Fatalf("after the logout: %v", err)
	}
	if sessions, entries := w.records(t); len(sessions)+len(entries) != 0 {
		rt.Fatalf("%d sessions and %d entries after the logout", len(sessions), len(entries))
	}
}

// TestLoginWritesNoFence: one that the store answers at once costs two keys.
func TestLoginWritesNoFence(t *testing.T) { conform(t, testLoginWritesNoFence) }

func testLoginWritesNoFence(t *testing.T, k kind) {
	w := k.world(t)
	w.node(t).issue(t, grant())
	if keys := w.keys(t); len(keys) != 2 {
		t.Errorf("a login has written %q", keys)
	}
	if commits := w.store.Commits.Load(); commits != 1 {
		t.Errorf("a login took %d transactions", commits)
	}
}

func TestIssueByManyAtOnceYieldsOneSession(t *testing.T) {
	conform(t, testIssueByManyAtOnceYieldsOneSession)
}

func testIssueByManyAtOnceYieldsOneSession(t *testing.T, k kind) {
	w := k.world(t)
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
		if nodes[0].sessionOf(t, tok) != nodes[1].sessionOf(t, tokens[0]) {
			t.Fatal("one journey, two sessions")
		}
	}
	if sessions, entries := w.records(t); len(sessions) != 1 || len(entries) != 1 {
		t.Errorf("%d sessions, %d entries", len(sessions), len(entries))
	}
}

func TestIssueIsAllOrNothing(t *testing.T) { conform(t, testIssueIsAllOrNothing) }

func testIssueIsAllOrNothing(t *testing.T, k kind) {
	w := k.world(t)
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
func TestIssueForAnotherUserIsRefused(t *testing.T) { conform(t, testIssueForAnotherUserIsRefused) }

func testIssueForAnotherUserIsRefused(t *testing.T, k kind) {
	n := k.world(t).node(t)
	g := grant()
	n.issue(t, g)
	g.UserID = "4712"
	if tok, _, err := n.Issue(t.Context(), g); !errors.Is(err, store.ErrConflict) || tok != "" {
		t.Errorf("%v, want ErrConflict", err)
	}
}

// A client that hangs up must not leave a half behind.
func TestIssueForAClientThatHasLeft(t *testing.T) { conform(t, testIssueForAClientThatHasLeft) }

func testIssueForAClientThatHasLeft(t *testing.T, k kind) {
	w := k.world(t)
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
