package keep_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

// SECURITY 27: what one installation has signed fails on another, even where
// an operator has given both the same secrets, and both work on one store.
func TestAuthIDOfAnotherInstallationFailsUnderTheSameKey(t *testing.T) {
	root, alpha := token.GenerateSecret(), token.GenerateSecret()
	installation := func(id string) *token.Ring {
		ring, err := token.NewRing([]byte(id), []token.Secret{root}, map[string][]token.Secret{"/alpha": {alpha}})
		if err != nil {
			t.Fatal(err)
		}
		return ring
	}
	st := memory.New()
	t.Cleanup(st.Close)
	table := keep.NewTable(keep.TableConfig{})
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			here := s.keeper(t, installation("installation-one"), keep.Config{Store: st, Table: table})
			there := s.keeper(t, installation("installation-two"), keep.Config{Store: st, Table: table})
			authID, err := here.Begin(t.Context(), newSnapshot())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := there.Step(t.Context(), "/alpha", authID, keepGoing); !errors.Is(err, journey.ErrSignature) {
				t.Errorf("an authId: %v", err)
			}
			waiting := newSnapshot()
			waiting.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(time.Minute)}
			if _, err := here.Begin(t.Context(), waiting); err != nil {
				t.Fatal(err)
			}
			if _, err := there.Resume(t.Context(), "/alpha", waiting.SuspendedID, keepGoing); !errors.Is(err, journey.ErrNotSuspended) {
				t.Errorf("a link: %v", err)
			}
			if _, err := here.Step(t.Context(), "/alpha", authID, keepGoing); err != nil {
				t.Error(err)
			}
		})
	}
}

// A success that may have been committed ends the journey: its step can bring
// that success once more, but not lead elsewhere.
func TestEndInDoubtIsNotTakenBack(t *testing.T) {
	for _, s := range schemes[:2] {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s, false)
			k := w.nodes[0]
			authID, err := k.Begin(t.Context(), newSnapshot())
			if err != nil {
				t.Fatal(err)
			}
			w.store.Lost.Store(1)
			if _, err := k.Step(t.Context(), "/alpha", authID, func(ctx context.Context, s *journey.Snapshot) error {
				return k.Finish(ctx, s, w.issue(s))
			}); !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
			if _, err := k.Step(t.Context(), "/alpha", authID, keepGoing); !errors.Is(err, journey.ErrUsed) {
				t.Errorf("the journey goes on: %v", err)
			}
		})
	}
}

// Allowlisting may be switched on while people are signing in: what was given
// out without it answers nothing any more.
func TestAllowlistingIsSwitchedOn(t *testing.T) {
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			st, ring, table := memory.New(), newRing(t), keep.NewTable(keep.TableConfig{})
			t.Cleanup(st.Close)
			off := s.keeper(t, ring, keep.Config{Store: st, Table: table, NoAllowlisting: true})
			on := s.keeper(t, ring, keep.Config{Store: st, Table: table})
			authID, err := off.Begin(t.Context(), newSnapshot())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := on.Step(t.Context(), "/alpha", authID, keepGoing); !errors.Is(err, journey.ErrUsed) {
				t.Errorf("an authId without an allowlist state: %v", err)
			}
			if authID, err = on.Begin(t.Context(), newSnapshot()); err != nil {
				t.Fatal(err)
			}
			if _, err := off.Step(t.Context(), "/alpha", authID, keepGoing); err != nil {
				t.Errorf("switched off: %v", err)
			}
		})
	}
}

// FuzzStep: whatever a client sends as authId or link, nothing but what was
// given out is taken.
func FuzzStep(f *testing.F) {
	st, ring, table := memory.New(), newRing(f), keep.NewTable(keep.TableConfig{})
	f.Cleanup(st.Close)
	var keepers []*keep.Keeper
	given := make(map[string]bool)
	for _, s := range schemes {
		k := s.keeper(f, ring, keep.Config{Store: st, Table: table})
		authID, err := k.Begin(f.Context(), newSnapshot())
		waiting := newSnapshot()
		waiting.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(time.Hour)}
		spent, errSuspended := k.Begin(f.Context(), waiting)
		if err := errors.Join(err, errSuspended); err != nil {
			f.Fatal(err)
		}
		f.Add(authID)
		f.Add(spent)
		f.Add(waiting.SuspendedID)
		given[authID], given[waiting.SuspendedID] = true, true
		keepers = append(keepers, k)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range keepers {
			_, stepped := k.Step(t.Context(), "/alpha", text, keepGoing)
			_, resumed := k.Resume(t.Context(), "/alpha", text, keepGoing)
			if (stepped == nil || resumed == nil) && !given[text] {
				t.Errorf("%q was never given out", text)
			}
		}
	})
}
