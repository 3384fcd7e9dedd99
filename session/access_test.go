package session_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store/storetest"
)

// A session in use must cost the store little: one write a minute, and no
// read once it is known.
func TestUseIsWrittenOncePerResolution(t *testing.T) { conform(t, testUseIsWrittenOncePerResolution) }

func testUseIsWrittenOncePerResolution(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		g := grant()
		g.MaxTime = 10 * time.Hour
		tok, _ := n.issue(t, g)
		w.store.Gets.Store(0)
		w.store.Commits.Store(0)
		const uses = 3600
		for range uses {
			time.Sleep(time.Second)
			n.use(t, tok, nil)
		}
		if c := w.store.Commits.Load(); c < 59 || c > 60 {
			t.Errorf("%d writes in an hour", c)
		}
		if r := w.store.Gets.Load(); r != uses {
			t.Errorf("%d reads for %d lookups, want that of the record alone", r, uses)
		}
	})
}

func TestManyAccessesAreWrittenInBatches(t *testing.T) {
	conform(t, testManyAccessesAreWrittenInBatches)
}

func testManyAccessesAreWrittenInBatches(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n, other := w.node(t), w.node(t)
		tokens := make(map[string]session.Session)
		for range 250 {
			tok, s := n.issue(t, grant())
			tokens[tok] = s
		}
		time.Sleep(10*time.Minute + session.FlushInterval/2) // between two flushes
		w.store.Commits.Store(0)
		used := time.Now()
		for tok := range tokens {
			n.use(t, tok, nil)
		}
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		if c := w.store.Commits.Load(); c != 3 {
			t.Errorf("%d commits for 250 accesses, want 3", c)
		}
		for _, s := range tokens {
			if at, err := other.LastAccess(t.Context(), s); err != nil || !at.Equal(used.Truncate(time.Millisecond)) {
				t.Fatalf("last access %v, %v; want %v", at, err, used)
			}
		}
	})
}

// An access that could not be written is kept until it can.
func TestAccessSurvivesAnOutage(t *testing.T) { conform(t, testAccessSurvivesAnOutage) }

func testAccessSurvivesAnOutage(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n, other := w.node(t), w.node(t)
		tok, s := n.issue(t, grant())
		gone, g := n.issue(t, grant())
		time.Sleep(5 * time.Minute)
		n.use(t, tok, nil)
		n.use(t, gone, nil)
		used := time.Now().Truncate(time.Millisecond)
		w.store.Down.Store(true)
		time.Sleep(10 * time.Minute)
		w.store.Down.Store(false)
		if err := other.End(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		if at, err := other.LastAccess(t.Context(), s); err != nil || !at.Equal(used) {
			t.Errorf("last access %v, %v; want %v", at, err, used)
		}
		// And it brings nothing back that has ended meanwhile.
		if sessions, entries := w.records(t); len(sessions) != 1 || len(entries) != 1 {
			t.Errorf("%d sessions, %d entries; want those of the other session", len(sessions), len(entries))
		}
	})
}

// Accesses come in while others are written.
func TestAccessesDuringAFlushAreKept(t *testing.T) { conform(t, testAccessesDuringAFlushAreKept) }

func testAccessesDuringAFlushAreKept(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n, other := w.node(t), w.node(t)
		const sessions = 50
		tokens, found := make([]string, sessions), make([]session.Session, sessions)
		for i := range tokens {
			tokens[i], found[i] = n.issue(t, grant())
		}
		time.Sleep(10 * time.Minute) // the next flush is due now
		var wg sync.WaitGroup
		for _, tok := range tokens {
			wg.Go(func() {
				if _, err := n.Lookup(t.Context(), tok, session.Touch); err != nil {
					t.Error(err)
				}
			})
		}
		used := time.Now().Truncate(time.Millisecond)
		wg.Wait()
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		for i, s := range found {
			if at, err := other.LastAccess(t.Context(), s); err != nil || !at.Equal(used) {
				t.Errorf("session %d: last access %v, %v; want %v", i, at, err, used)
			}
		}
	})
}

func TestCloseWritesWhatIsPending(t *testing.T) { conform(t, testCloseWritesWhatIsPending) }

func testCloseWritesWhatIsPending(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n, other := w.node(t), w.node(t)
		tok, s := n.issue(t, grant())
		time.Sleep(5 * time.Minute)
		n.use(t, tok, nil)
		used := time.Now().Truncate(time.Millisecond)
		n.access.Close()
		n.access.Close()
		if at, err := other.LastAccess(t.Context(), s); err != nil || !at.Equal(used) {
			t.Errorf("last access %v, %v; want %v", at, err, used)
		}
	})
}

// A node that the store did not answer writes what it kept when it does again.
// By then the session may have been used on another node, and what is kept of
// before must not make it look idle.
func TestKeptAccessDoesNotReplaceALaterOne(t *testing.T) {
	conform(t, testKeptAccessDoesNotReplaceALaterOne)
}

func testKeptAccessDoesNotReplaceALaterOne(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		cutOff := &storetest.Faulty{Store: w.store}
		a, b, reader := w.nodeOn(t, cutOff), w.node(t), w.node(t)
		tok, s := a.issue(t, grant())
		unused, u := a.issue(t, grant())
		time.Sleep(5 * time.Minute)
		a.use(t, tok, nil)
		a.use(t, unused, nil)
		before := time.Now().Truncate(time.Millisecond)
		cutOff.Down.Store(true)
		for range 40 {
			time.Sleep(time.Minute)
			b.use(t, tok, nil)
		}
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		last, err := reader.LastAccess(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		cutOff.Down.Store(false)
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		if at, err := reader.LastAccess(t.Context(), s); err != nil || !at.Equal(last) {
			t.Errorf("last access %v, %v; want %v", at, err, last)
		}
		// What nobody has used since is written.
		if at, err := reader.LastAccess(t.Context(), u); err != nil || !at.Equal(before) {
			t.Errorf("last access of the other session %v, %v; want %v", at, err, before)
		}
	})
}

// A commit of which nobody knows whether it happened is repeated with care: if
// it did, another node may have written over it since.
func TestAccessInDoubtDoesNotReplaceALaterOne(t *testing.T) {
	conform(t, testAccessInDoubtDoesNotReplaceALaterOne)
}

func testAccessInDoubtDoesNotReplaceALaterOne(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		own := &storetest.Faulty{Store: w.store}
		a, b, reader := w.nodeOn(t, own), w.node(t), w.node(t)
		tok, s := a.issue(t, grant())
		time.Sleep(5*time.Minute + session.FlushInterval/2)
		a.use(t, tok, nil)
		own.Lost.Store(1)
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		own.Hung.Store(true)
		time.Sleep(2 * time.Minute)
		b.use(t, tok, nil)
		used := time.Now().Truncate(time.Millisecond)
		time.Sleep(session.FlushInterval)
		own.Hung.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if at, err := reader.LastAccess(t.Context(), s); err != nil || !at.Equal(used) {
			t.Errorf("last access %v, %v; want %v", at, err, used)
		}
	})
}
