package session_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/storetest"
)

// TestLogoutInDoubt: who is not told whether a logout happened asks again, and
// then it has. What happens late ends nothing a second time.
func TestLogoutInDoubt(t *testing.T) { conform(t, testLogoutInDoubt) }

func testLogoutInDoubt(t *testing.T, k kind) {
	for name, tc := range map[string]struct {
		fail func(*storetest.Faulty)
		want error // of the second logout
		late error // of the first, when it happens after that
	}{
		"done":     {func(f *storetest.Faulty) { f.Lost.Store(1) }, session.ErrEnded, nil},
		"not done": {func(f *storetest.Faulty) { f.Refused.Store(1) }, nil, nil},
		"late":     {func(f *storetest.Faulty) { f.Late.Store(1) }, nil, store.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			w := k.world(t)
			n := w.node(t)
			tok, s := n.issue(t, grant())
			tc.fail(w.store)
			if err := n.End(t.Context(), s); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("logout: %v, want ErrUnavailable", err)
			}
			if err := n.End(t.Context(), s); !errors.Is(err, tc.want) {
				t.Errorf("logout again: %v, want %v", err, tc.want)
			}
			for _, err := range w.store.Deliver(t.Context()) {
				if !errors.Is(err, tc.late) && !(k == untracked && errors.Is(err, store.ErrExists)) {
					t.Errorf("the late logout: %v, want %v", err, tc.late)
				}
			}
			n.use(t, tok, session.ErrEnded)
			if sessions, entries := w.records(t); len(sessions)+len(entries) != 0 {
				t.Errorf("%d sessions and %d entries are left", len(sessions), len(entries))
			}
		})
	}
}

// TestEndOfAnIdleSessionInDoubt: an outage ends nobody's session, and what
// happens late ends none that was used meanwhile.
func TestEndOfAnIdleSessionInDoubt(t *testing.T) { conform(t, testEndOfAnIdleSessionInDoubt) }

func testEndOfAnIdleSessionInDoubt(t *testing.T, k kind) {
	for name, tc := range map[string]struct {
		fail func(*storetest.Faulty)
		want error // of the next use
	}{
		"done":     {func(f *storetest.Faulty) { f.Lost.Store(1) }, session.ErrEnded},
		"not done": {func(f *storetest.Faulty) { f.Refused.Store(1) }, nil},
		"late":     {func(f *storetest.Faulty) { f.Late.Store(1) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := k.world(t)
				tok, _ := w.node(t).issue(t, grant())
				time.Sleep(time.Hour)
				n := w.node(t)
				tc.fail(w.store)
				if _, err := n.Lookup(t.Context(), tok, session.Touch); !errors.Is(err, store.ErrUnavailable) {
					t.Fatalf("in doubt: %v, want ErrUnavailable", err)
				}
				n.use(t, tok, tc.want)
				for _, err := range w.store.Deliver(t.Context()) {
					if !errors.Is(err, store.ErrConflict) {
						t.Errorf("the late end: %v, want ErrConflict", err)
					}
				}
				w.node(t).use(t, tok, tc.want)
			})
		})
	}
}
