package keep_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// When a node is lost another one goes on, from what the client carries: a
// step costs nothing in the store, a take-over one write.
func TestJourneySurvivesItsNode(t *testing.T) {
	f := newFleet(t, true)
	m := f.node()
	first := f.begin(m, newSnapshot())
	second, _ := f.step(m, first)
	if ops := f.store.Commits.Load() + f.store.Gets.Load(); ops != 0 {
		t.Errorf("%d operations of the store before anything was lost", ops)
	}

	m = f.lost(m)
	third, found := f.step(m, second)
	if found != journey.FoundTakenOver || f.store.Commits.Load() != 1 {
		t.Errorf("found %q, %d writes", found, f.store.Commits.Load())
	}
	for what, authID := range map[string]string{"an older step": first, "the step that was taken over": second} {
		f.wantUsed(m, authID, what)
		f.wantNowhere(authID, what)
	}
	f.store.Commits.Store(0)
	fourth, found := f.step(m, third)
	if found != "" || f.store.Commits.Load() != 0 {
		t.Errorf("after the take-over found %q, %d writes", found, f.store.Commits.Load())
	}

	m = f.lost(m) // again
	f.wantUsed(m, first, "a step of before the first loss")
	sessions := make(map[string]int)
	if err := f.finish(m, fourth, sessions); err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions, error %v", len(sessions), err)
	}
}

// SECURITY 18: what was answered before a node was lost must not be answered
// again after it, but for one older step, once.
func TestOneOlderStepIsAnsweredAgainOnce(t *testing.T) {
	f := newFleet(t, true)
	m := f.node()
	first := f.begin(m, newSnapshot())
	second, _ := f.step(m, first)
	third, _ := f.step(m, second)

	m = f.lost(m)
	f.step(m, second)
	for what, authID := range map[string]string{
		"another older step": first, "the same step again": second, "the step that was to be answered": third,
	} {
		f.wantUsed(m, authID, what)
		f.wantNowhere(authID, what)
	}
}

// A node may be lost while it takes a journey over: then a third one does,
// though the client has nothing from the second.
func TestTakerIsLost(t *testing.T) {
	f := newFleet(t, true)
	m := f.node()
	second, _ := f.step(m, f.begin(m, newSnapshot()))
	for range 3 {
		m = f.lost(m)
		failed := errors.New("lost")
		_, err := m.Step(t.Context(), "/alpha", second, func(context.Context, *journey.Snapshot) error { return failed })
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
	}
	if _, found := f.step(f.lost(m), second); found != journey.FoundTakenOver {
		t.Errorf("found %q", found)
	}
}

// A node that was falsely held dead goes on with its journeys, but ends none
// that another one has taken over.
func TestNodeFalselyHeldDeadEndsNothing(t *testing.T) {
	f := newFleet(t, true)
	f.there = nil
	frozen, taker := f.node(), f.node()
	authID := f.begin(frozen, newSnapshot())
	taken, _ := f.step(taker, authID)
	there, _ := f.step(frozen, authID)

	sessions := make(map[string]int)
	if err := f.finish(frozen, there, sessions); !errors.Is(err, journey.ErrUsed) {
		t.Errorf("the frozen node has ended it: %v", err)
	}
	if err := f.finish(taker, taken, sessions); err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions, error %v", len(sessions), err)
	}
}

// A node may be lost after it has ended a journey and before the client was
// told: then the client is told when it sends the step again, of the same
// session, once.
func TestEndIsToldAgainOnceAfterALoss(t *testing.T) {
	f := newFleet(t, true)
	m := f.node()
	first := f.begin(m, newSnapshot())
	last, _ := f.step(m, first)
	sessions := make(map[string]int)
	if err := f.finish(m, last, sessions); err != nil {
		t.Fatal(err)
	}
	m = f.lost(m)
	if _, err := m.Step(t.Context(), "/alpha", first, keepGoing); !errors.Is(err, journey.ErrExpired) {
		t.Errorf("an older step of a journey that has ended: %v", err)
	}
	if err := f.finish(m, last, sessions); err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions, error %v", len(sessions), err)
	}
	for range 2 {
		if err := f.finish(m, last, sessions); err == nil {
			t.Error("the client is told a third time")
		}
		m = f.lost(m)
	}
	// Once the session has ended there is nothing to tell of.
	last = f.begin(m, newSnapshot())
	clear(sessions)
	if err := f.finish(m, last, sessions); err != nil {
		t.Fatal(err)
	}
	for key := range sessions {
		if _, err := f.store.Commit(t.Context(), store.Delete(store.Key(key))); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.finish(f.lost(m), last, sessions); !errors.Is(err, journey.ErrUsed) {
		t.Errorf("a session that was logged out is back: %v", err)
	}
}

// A journey that gave way in a full table was not lost with its node: it starts
// again, and none of its steps is answered a second time, however often that
// happens.
func TestEvictionIsNoLoss(t *testing.T) {
	f := newFleet(t, true)
	m := f.node()
	older := f.begin(m, newSnapshot())
	taker := f.lost(m)
	newer, _ := f.step(taker, older) // taken over, so there is a record
	own := f.begin(taker, newSnapshot())
	next, _ := f.step(taker, own)
	done := f.begin(taker, newSnapshot())
	if err := f.finish(taker, done, make(map[string]int)); err != nil {
		t.Fatal(err)
	}
	taker.table.Limit(keep.TableConfig{MaxJourneys: 1})
	f.begin(taker, newSnapshot())
	for what, authID := range map[string]string{
		"an own one": next, "an older step of it": own, "one that was taken over": newer, "the step it was taken at": older,
	} {
		if _, err := taker.Step(t.Context(), "/alpha", authID, keepGoing); !isLost(err, "Login") && !errors.Is(err, journey.ErrUsed) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := taker.Step(t.Context(), "/alpha", done, keepGoing); !errors.Is(err, journey.ErrExpired) {
		t.Errorf("one that has ended: error %v", err)
	}
}

// A node may be lost after it has suspended a journey and before it has sent the
// link: then the step suspends it again, with another link, and the first one
// leads nowhere; unless it was followed.
func TestSuspensionIsRepeatedAfterALoss(t *testing.T) {
	f := newFleet(t, true)
	suspend := func(m member, authID string) (link string, err error) {
		var kept *journey.Snapshot
		_, err = m.Step(t.Context(), "/alpha", authID, func(_ context.Context, s *journey.Snapshot) error {
			s.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(time.Minute)}
			kept = s
			return nil
		})
		if err == nil {
			link = kept.SuspendedID
		}
		return link, err
	}
	m := f.node()
	older := f.begin(m, newSnapshot())
	step, _ := f.step(m, older)
	first, err := suspend(m, step)
	if err != nil {
		t.Fatal(err)
	}
	m = f.lost(m)
	if _, err := suspend(m, older); !errors.Is(err, journey.ErrExpired) {
		t.Errorf("an older step: %v", err)
	}
	second, err := suspend(m, step)
	if err != nil {
		t.Fatalf("the step that was sent again: %v", err)
	}
	if _, err := m.Resume(t.Context(), "/alpha", first, keepGoing); !errors.Is(err, journey.ErrNotSuspended) {
		t.Errorf("the first link: %v", err)
	}
	if _, err := m.Resume(t.Context(), "/alpha", second, keepGoing); err != nil {
		t.Errorf("the second link: %v", err)
	}
	m = f.lost(m)
	if _, err := suspend(m, step); err == nil {
		t.Error("the step suspends a journey whose link was followed")
	}
}

// A journey that failed is over on all nodes.
func TestFailedJourneyIsOverAfterALoss(t *testing.T) {
	f := newFleet(t, true)
	m := f.node()
	first := f.begin(m, newSnapshot())
	last, _ := f.step(m, first)
	fail := func(m member) error {
		_, err := m.Step(t.Context(), "/alpha", last, func(ctx context.Context, s *journey.Snapshot) error {
			return m.Finish(ctx, s, nil)
		})
		return err
	}
	if err := fail(m); err != nil {
		t.Fatal(err)
	}
	m = f.lost(m)
	if _, err := m.Step(t.Context(), "/alpha", first, keepGoing); !errors.Is(err, journey.ErrExpired) {
		t.Errorf("an older step: %v", err)
	}
	if err := f.finish(m, last, make(map[string]int)); !errors.Is(err, journey.ErrExpired) {
		t.Errorf("a failed journey succeeds: %v", err)
	}
}

// A journey that is too large for an authId survives, too: at the price of a
// write for each step.
func TestLargeCheckpointRestsInTheStore(t *testing.T) {
	f := newFleet(t, true)
	m := f.node()
	s := newSnapshot()
	profile := make([]byte, 3*keep.MaxCheckpoint/4)
	rand.Read(profile)
	s.Shared["profile"] = base64.StdEncoding.EncodeToString(profile)
	first := f.begin(m, s)
	if len(first) > keep.MaxCheckpoint {
		t.Errorf("the authId has %d bytes", len(first))
	}
	second, _ := f.step(m, first)
	if writes := f.store.Commits.Load(); writes != 2 {
		t.Errorf("%d writes for two steps", writes)
	}
	m = f.lost(m)
	f.wantUsed(m, first, "an older step, of which the store knows that it is")
	third, found := f.step(m, second)
	if found != journey.FoundTakenOver {
		t.Errorf("found %q", found)
	}
	sessions := make(map[string]int)
	if err := f.finish(m, third, sessions); err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions, error %v", len(sessions), err)
	}
}

// A checkpoint cannot be read, and is good in its own authId alone.
func TestCheckpointIsSealedAndBound(t *testing.T) {
	f := newFleet(t, true)
	keys := keysOf(t, f.ring, "/alpha")
	m := f.node()
	read := func(authID string) token.AuthID {
		claims, err := keys.ParseAuthID(authID)
		if err != nil {
			t.Fatal(err)
		}
		return claims
	}
	s := newSnapshot()
	s.Secure = map[string]any{"password": "open sesame"}
	first := f.begin(m, s)
	second, _ := f.step(m, first)
	claims, older := read(second), read(first)
	for part := range strings.SplitSeq(claims.Checkpoint, ".") {
		plain, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || bytes.Contains(plain, []byte("sesame")) || bytes.Contains(plain, []byte("username")) {
			t.Errorf("a part of the checkpoint is %q, error %v", plain, err)
		}
	}
	for what, change := range map[string]func(*token.AuthID){
		"the checkpoint of another step":    func(c *token.AuthID) { c.Checkpoint = older.Checkpoint },
		"the checkpoint of another journey": func(c *token.AuthID) { c.Checkpoint = read(f.begin(m, newSnapshot())).Checkpoint },
		"a changed checkpoint":              func(c *token.AuthID) { c.Checkpoint = c.Checkpoint[1:] },
		"another purpose": func(c *token.AuthID) {
			c.Checkpoint, _ = keys.Sealer("journey").Seal([]byte("\x02{}"))
		},
	} {
		c := claims
		change(&c)
		authID, err := keys.SignAuthID(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.lost(m).Step(t.Context(), "/alpha", authID, keepGoing); !errors.Is(err, journey.ErrSignature) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

// That other nodes may take a journey over counts as long as there are authIds
// by which they can, also when the configuration has changed.
func TestSurvivalIsSwitchedOff(t *testing.T) {
	f := newFleet(t, true)
	m, other := f.node(), f.node()
	off := scheme{"memory", keep.NewMemory, false}
	now := member{off.keeper(t, f.ring, keep.Config{Store: f.store, Table: m.table, Nodes: sight{f, m.name}}), m.table, m.name}
	for name, end := range map[string]func(k member, authID string) error{
		"succeeds": func(k member, authID string) error { return f.finish(k, authID, make(map[string]int)) },
		"fails": func(k member, authID string) error {
			_, err := k.Step(t.Context(), "/alpha", authID, func(ctx context.Context, s *journey.Snapshot) error {
				return k.Finish(ctx, s, nil)
			})
			return err
		},
		"is suspended": func(k member, authID string) error {
			_, err := k.Step(t.Context(), "/alpha", authID, func(_ context.Context, s *journey.Snapshot) error {
				s.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(time.Minute)}
				return nil
			})
			return err
		},
	} {
		first := f.begin(m, newSnapshot())
		last, _ := f.step(m, first)
		last, _ = f.step(now, last)
		if err := end(now, last); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		delete(f.there, m.name)
		if _, err := other.Step(t.Context(), "/alpha", first, keepGoing); !errors.Is(err, journey.ErrExpired) {
			t.Errorf("a journey that %s goes on on another node: %v", name, err)
		}
		f.there[m.name] = true
	}
}

// Without the option nothing of a journey is carried about, and it is lost with
// its node.
func TestJourneyEndsWithItsNodeUnlessAskedOtherwise(t *testing.T) {
	f := newFleet(t, false)
	m := f.node()
	authID := f.begin(m, newSnapshot())
	claims, err := keysOf(t, f.ring, "/alpha").ParseAuthID(authID)
	if err != nil || claims.Checkpoint != "" {
		t.Errorf("a checkpoint of %d bytes, error %v", len(claims.Checkpoint), err)
	}
	if _, err := f.lost(m).Step(t.Context(), "/alpha", authID, keepGoing); !isLost(err, "Login") {
		t.Errorf("error %v", err)
	}
}
