package keep_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

// fleet is nodes with journeys in memory, of one installation.
type fleet struct {
	testing.TB
	scheme scheme
	ring   *token.Ring
	store  *storetest.Faulty
	// there are the nodes that are not lost, by their names. A fleet without is
	// blind: its nodes take one another for lost.
	there map[string]bool
}

// member is one of them, at work for the realm /alpha.
type member struct {
	*keep.Keeper
	table *keep.Table
	name  string
}

// errThere says that another node has the journey.
var errThere = errors.New("another node has the journey")

// sight is what a member knows of the others.
type sight struct {
	*fleet
	name string
}

func (s sight) Pinned(string) string { return s.name }

func (s sight) Elsewhere(_ context.Context, affinity string, _ bool) error {
	if affinity != s.name && s.there[affinity] {
		return errThere
	}
	return nil
}

func newFleet(tb testing.TB, survives bool) *fleet {
	st := memory.New()
	tb.Cleanup(st.Close)
	return &fleet{
		tb, scheme{"memory", keep.NewMemory, survives}, newRing(tb), &storetest.Faulty{Store: st}, make(map[string]bool),
	}
}

func (f *fleet) node() member {
	table, name := keep.NewTable(keep.TableConfig{}), rand.Text()
	if f.there != nil {
		f.there[name] = true
	}
	cfg := keep.Config{Store: f.store, Table: table, Nodes: sight{f, name}}
	return member{f.scheme.keeper(f, f.ring, cfg), table, name}
}

// lost is the node in the place of one that is lost.
func (f *fleet) lost(m member) member {
	delete(f.there, m.name)
	return f.node()
}

func (f *fleet) begin(m member, s *journey.Snapshot) string {
	f.Helper()
	s.Affinity = m.name
	authID, err := m.Begin(f.Context(), s)
	if err != nil {
		f.Fatal(err)
	}
	return authID
}

// step answers a step with something that does not fail.
func (f *fleet) step(m member, authID string) (next string, found journey.Found) {
	f.Helper()
	next, err := m.Step(f.Context(), "/alpha", authID, func(_ context.Context, s *journey.Snapshot) error {
		found = s.Found
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	return next, found
}

// finish ends a journey with success, and counts its sessions.
func (f *fleet) finish(m member, authID string, sessions map[string]int) error {
	_, err := m.Step(f.Context(), "/alpha", authID, func(ctx context.Context, s *journey.Snapshot) error {
		return m.Finish(ctx, s, func(ctx context.Context, with ...store.Op) error {
			key := store.Key(fmt.Sprintf("s/%x", s.Seed()))
			_, err := f.store.Commit(ctx, append(with, store.Create(key, []byte("session"), time.Time{}))...)
			if _, _, missing := f.store.Get(ctx, key, store.Fresh); isConflict(err) && missing == nil {
				err = nil // it is that of an earlier try
			}
			if err == nil {
				sessions[string(key)]++
			}
			return err
		})
	})
	return err
}

func isConflict(err error) bool {
	return errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict)
}

func (f *fleet) wantUsed(m member, authID, what string) {
	f.Helper()
	if _, err := m.Step(f.Context(), "/alpha", authID, keepGoing); !errors.Is(err, journey.ErrUsed) {
		f.Errorf("%s: error %v", what, err)
	}
}

// wantNowhere fails the test unless a step is refused by a node that does not
// have its journey, or belongs to one that is there.
func (f *fleet) wantNowhere(authID, what string) {
	f.Helper()
	_, err := f.node().Step(f.Context(), "/alpha", authID, keepGoing)
	if !errors.Is(err, journey.ErrUsed) && !errors.Is(err, errThere) {
		f.Errorf("%s on another node: error %v", what, err)
	}
}

// A node that goes away loses no journey: any other goes on with it, and what
// was answered is answered nowhere.
func TestHandedOverJourneyGoesOnAnywhere(t *testing.T) {
	f := newFleet(t, false)
	f.there = nil // whoever leaves is not there to others
	leaving, other := f.node(), f.node()
	first := f.begin(leaving, newSnapshot())
	second, _ := f.step(leaving, first)
	f.begin(leaving, newSnapshot())

	leaving.table.Away(true)
	if handed, err := leaving.HandOver(t.Context()); handed != 2 || err != nil {
		t.Fatalf("%d handed over, error %v", handed, err)
	}
	if stats := leaving.table.Stats(); stats.Journeys != 0 {
		t.Errorf("%d journeys are still in memory", stats.Journeys)
	}
	if handed, err := leaving.HandOver(t.Context()); handed != 0 || err != nil {
		t.Errorf("%d handed over again, error %v", handed, err)
	}
	third, _ := f.step(leaving, second) // it goes on serving
	if stats := leaving.table.Stats(); stats.Journeys != 0 {
		t.Error("a step has brought the journey back into the memory of a node that is away")
	}
	fourth, found := f.step(other, third)
	if found != journey.FoundHandedOver {
		t.Errorf("the journey was found %q", found)
	}
	f.store.Commits.Store(0)
	fifth, found := f.step(other, fourth)
	if found != "" || f.store.Commits.Load() != 0 {
		t.Errorf("a journey that was taken is found %q, %d commits", found, f.store.Commits.Load())
	}
	for _, authID := range []string{first, second, third, fourth} {
		f.wantUsed(other, authID, "an answered step where the journey is")
	}
	sessions := make(map[string]int)
	if err := f.finish(other, fifth, sessions); err != nil || len(sessions) != 1 {
		t.Errorf("%d sessions, error %v", len(sessions), err)
	}
	for _, m := range []member{leaving, other, f.node()} {
		if _, err := m.Step(t.Context(), "/alpha", fifth, keepGoing); err == nil {
			t.Error("a journey that has ended goes on")
		}
	}
}

// A journey that begins on a node that is away, for there is no other, does not
// depend on it.
func TestJourneyBegunOnANodeThatIsAway(t *testing.T) {
	f := newFleet(t, false)
	leaving := f.node()
	leaving.table.Away(true)
	authID := f.begin(leaving, newSnapshot())
	delete(f.there, leaving.name)
	other := f.node()
	f.step(other, authID)
	f.wantUsed(other, authID, "the answered step")
	f.wantNowhere(authID, "the answered step")
}

// A node that comes back takes its journeys into memory again.
func TestNodeThatComesBack(t *testing.T) {
	f := newFleet(t, false)
	m := f.node()
	authID := f.begin(m, newSnapshot())
	m.table.Away(true)
	if _, err := m.HandOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.table.Away(false)
	f.step(m, authID)
	if stats := m.table.Stats(); stats.Journeys != 1 {
		t.Errorf("%d journeys in memory", stats.Journeys)
	}
}

// What cannot be handed over stays, and is handed over the next time, whether
// the first time has done it or not.
func TestHandOverDuringAnOutage(t *testing.T) {
	for name, fault := range map[string]func(*storetest.Faulty){
		"refused": func(s *storetest.Faulty) { s.Refused.Store(1) },
		"lost":    func(s *storetest.Faulty) { s.Lost.Store(1) },
	} {
		f := newFleet(t, false)
		m := f.node()
		authID := f.begin(m, newSnapshot())
		m.table.Away(true)
		fault(f.store)
		if handed, err := m.HandOver(t.Context()); handed != 0 || !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("%s: %d handed over, error %v", name, handed, err)
		}
		if stats := m.table.Stats(); stats.Journeys != 1 {
			t.Fatalf("%s: %d journeys in memory", name, stats.Journeys)
		}
		if handed, err := m.HandOver(t.Context()); handed != 1 || err != nil {
			t.Fatalf("%s: %d handed over in the end, error %v", name, handed, err)
		}
		f.step(f.lost(m), authID)
	}
}

// A node that comes back after a hand-over in doubt does not go on beside the
// record that it may have written: the journey ends once.
func TestHandOverInDoubtIsTakenBack(t *testing.T) {
	for name, fault := range map[string]func(*storetest.Faulty){
		"refused": func(s *storetest.Faulty) { s.Refused.Store(1) },
		"lost":    func(s *storetest.Faulty) { s.Lost.Store(1) },
		"late":    func(s *storetest.Faulty) { s.Late.Store(1) },
	} {
		f := newFleet(t, false)
		m, other := f.node(), f.node()
		authID := f.begin(m, newSnapshot())
		m.table.Away(true)
		fault(f.store)
		if _, err := m.HandOver(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("%s: %v", name, err)
		}
		m.table.Away(false)
		sessions := make(map[string]int)
		if err := f.finish(m, authID, sessions); err != nil {
			t.Errorf("%s: it does not end: %v", name, err)
		}
		f.store.Deliver(t.Context())
		delete(f.there, m.name)
		if err := f.finish(other, authID, sessions); err == nil {
			t.Errorf("%s: it has ended on another node, too", name)
		}
	}
}

// Many journeys are handed over in few transactions; one that is answered
// meanwhile, or that another node has, holds up none of the others.
func TestManyJourneysAreHandedOver(t *testing.T) {
	f := newFleet(t, true)
	f.there = nil
	m, other := f.node(), f.node()
	var authIDs []string
	for range 1000 {
		authIDs = append(authIDs, f.begin(m, newSnapshot()))
	}
	f.step(other, authIDs[0]) // it holds m dead
	answered, answering := make(chan error), make(chan struct{})
	go func() {
		_, err := m.Step(t.Context(), "/alpha", authIDs[1], func(context.Context, *journey.Snapshot) error {
			m.table.Away(true)
			close(answering)
			for m.table.Stats().Journeys > 1 {
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		answered <- err
	}()
	<-answering
	f.store.Commits.Store(0)
	handed, err := m.HandOver(t.Context())
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if n, again := m.HandOver(t.Context()); handed+n != 999 || errors.Join(err, again) != nil || m.table.Stats().Journeys != 0 {
		t.Errorf("%d and %d handed over, errors %v, %v", handed, n, err, again)
	}
	if commits := f.store.Commits.Load(); commits > 130 {
		t.Errorf("%d commits", commits)
	}
	for _, authID := range authIDs[2:] {
		if _, found := f.step(other, authID); found != journey.FoundHandedOver {
			t.Fatalf("found %q", found)
		}
	}
}

// A realm hands over its own journeys, sealed under its own keys.
func TestHandOverIsOfARealm(t *testing.T) {
	f := newFleet(t, false)
	m := f.node()
	root := f.scheme.keeper(t, f.ring, keep.Config{Store: f.store, Table: m.table, Keys: keysOf(t, f.ring, "/")})
	f.begin(m, newSnapshot())
	if handed, err := root.HandOver(t.Context()); handed != 0 || err != nil {
		t.Errorf("%d journeys of another realm handed over, error %v", handed, err)
	}
	if handed, err := newServer(t, f.store, f.ring, "/alpha").HandOver(t.Context()); handed != 0 || err != nil {
		t.Errorf("a keeper with nothing in memory: %d, error %v", handed, err)
	}
}
