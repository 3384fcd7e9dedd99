package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// margin is what may lie between the idle time and the refusal.
const margin = session.Resolution + session.FlushInterval

// The promise of the package: refused not before T + idle, and surely from
// T + idle + margin on, wherever and whenever the session was last used.
func TestIdleIsBounded(t *testing.T) { conform(t, testIdleIsBounded) }

func testIdleIsBounded(t *testing.T, k kind) {
	for _, used := range []time.Duration{
		0, time.Millisecond, time.Second, 59 * time.Second, time.Minute, 61 * time.Second, 29*time.Minute + 59*time.Second, 30 * time.Minute,
	} {
		for _, there := range []int{0, 1} { // on the node that used it, on another
			t.Run(fmt.Sprintf("used after %v, on node %d", used, there), func(t *testing.T) {
				after := func(wait time.Duration, want error) {
					synctest.Test(t, func(t *testing.T) {
						w := k.world(t)
						nodes := []*node{w.node(t), w.node(t)}
						tok, _ := nodes[0].issue(t, grant())
						time.Sleep(used)
						nodes[0].use(t, tok, nil)
						time.Sleep(wait)
						nodes[there].use(t, tok, want)
						sessions, entries := w.records(t)
						if gone := len(sessions)+len(entries) == 0; gone != (want != nil) {
							t.Errorf("%d sessions and %d entries are left", len(sessions), len(entries))
						}
						if n := nodes[there].log.Count("outcome=idle"); (n == 1) != (want != nil) {
							t.Errorf("told %d times of the outcome", n)
						}
					})
				}
				after(30*time.Minute, nil)
				after(30*time.Minute+margin+time.Millisecond, session.ErrEnded)
			})
		}
	}
}

// The same for any use of any nodes, any max time, and a store whose clock is
// late: what was used within its idle time lives on every node until its max
// time is over, what was not for idle and margin lives on none.
func TestIdleIsBoundedForAnyUse(t *testing.T) { conform(t, testIdleIsBoundedForAnyUse) }

func testIdleIsBoundedForAnyUse(t *testing.T, k kind) {
	rapid.Check(t, func(rt *rapid.T) {
		idle := rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute}).Draw(rt, "idle")
		waits := rapid.SliceOfN(rapid.Int64Range(0, int64(3*idle/2+margin)), 1, 12).Draw(rt, "waits")
		at := rapid.SliceOfN(rapid.IntRange(0, 1), len(waits), len(waits)).Draw(rt, "nodes")
		maxTime := time.Duration(rapid.Int64Range(int64(time.Second), int64(8*idle)).Draw(rt, "max")).Truncate(time.Millisecond)
		late := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(rt, "late"))
		var failure string
		synctest.Test(t, func(t *testing.T) {
			w := k.world(t)
			nodes := []*node{w.node(t), w.node(t)}
			g := grant()
			g.IdleTime, g.MaxTime = idle, maxTime
			tok, s := nodes[0].issue(t, g)
			sessions, entries := w.records(t)
			for _, rec := range slices.Concat(sessions, entries) {
				put(t, w, rec.Key, rec.Value, rec.Expires.Add(late))
			}
			for i, wait := range waits {
				time.Sleep(time.Duration(wait))
				_, err := nodes[at[i]].Lookup(t.Context(), tok, session.Touch)
				over := !time.Now().Before(s.MaxExpires())
				switch {
				case err == nil && (over || time.Duration(wait) > idle+margin):
					failure = fmt.Sprintf("lives after %v of %v", time.Duration(wait), maxTime)
				case err != nil && (!errors.Is(err, session.ErrEnded) || !over && time.Duration(wait) <= idle):
					failure = fmt.Sprintf("%v after %v of %v", err, time.Duration(wait), maxTime)
				}
				if err != nil || failure != "" {
					return
				}
			}
		})
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

func TestMaxTimeIsExact(t *testing.T) { conform(t, testMaxTimeIsExact) }

func testMaxTimeIsExact(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		tok, s := n.issue(t, grant())
		for range 119 {
			time.Sleep(time.Minute)
			n.use(t, tok, nil)
		}
		time.Sleep(time.Until(s.MaxExpires()) - time.Millisecond)
		n.use(t, tok, nil)
		time.Sleep(time.Millisecond)
		n.use(t, tok, session.ErrEnded)
		w.node(t).use(t, tok, session.ErrEnded)
	})
}

// A store that still has the record, because its clock is late, cannot make
// a session live longer.
func TestMaxTimeIsJudgedByTheReader(t *testing.T) { conform(t, testMaxTimeIsJudgedByTheReader) }

func testMaxTimeIsJudgedByTheReader(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		g := grant()
		g.IdleTime = 24 * time.Hour
		tok, s := n.issue(t, g)
		sessions, entries := w.records(t)
		for _, rec := range slices.Concat(sessions, entries) {
			put(t, w, rec.Key, rec.Value, rec.Expires.Add(time.Hour))
		}
		time.Sleep(time.Until(s.MaxExpires()) - time.Millisecond)
		n.use(t, tok, nil)
		time.Sleep(time.Millisecond)
		n.use(t, tok, session.ErrEnded)
	})
}

// Between reading an entry that says idle and ending the session, another
// node may write that it was used. Then it goes on.
func TestUseOnAnotherNodeWinsOverTheEndOfAnIdleSession(t *testing.T) {
	conform(t, testUseOnAnotherNodeWinsOverTheEndOfAnIdleSession)
}

func testUseOnAnotherNodeWinsOverTheEndOfAnIdleSession(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a := w.node(t)
		tok, _ := a.issue(t, grant())
		_, before := w.records(t)
		time.Sleep(20 * time.Minute)
		a.use(t, tok, nil)
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		_, after := w.records(t)
		put(t, w, before[0].Key, before[0].Value, before[0].Expires)

		time.Sleep(12 * time.Minute)
		w.store.BeforeCommit = func() { // the other node's write arrives late
			w.store.BeforeCommit = nil
			put(t, w, after[0].Key, after[0].Value, after[0].Expires)
		}
		w.node(t).use(t, tok, nil)
	})
}

func TestPeekDoesNotCount(t *testing.T) { conform(t, testPeekDoesNotCount) }

func testPeekDoesNotCount(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n, other := w.node(t), w.node(t)
		tok, s := n.issue(t, grant())
		for range 30 {
			time.Sleep(time.Minute)
			n.lookup(t, tok, session.Peek, nil)
			other.lookup(t, tok, session.Peek, nil)
		}
		if at, err := n.LastAccess(t.Context(), s); err != nil || !at.Equal(s.Created()) {
			t.Errorf("last access %v, %v; want %v", at, err, s.Created())
		}
		time.Sleep(margin)
		n.lookup(t, tok, session.Peek, nil) // still within the margin, and still not used
		time.Sleep(time.Millisecond)
		n.lookup(t, tok, session.Peek, session.ErrEnded)
	})
}

// A node that has not seen a session for long must ask what the others saw.
func TestSessionUsedOnAnotherNodeIsNotIdle(t *testing.T) {
	conform(t, testSessionUsedOnAnotherNodeIsNotIdle)
}

func testSessionUsedOnAnotherNodeIsNotIdle(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a, b := w.node(t), w.node(t)
		g := grant()
		g.MaxTime = 24 * time.Hour
		tok, s := a.issue(t, g)
		b.use(t, tok, nil)
		for range 100 {
			time.Sleep(time.Minute)
			a.use(t, tok, nil)
		}
		time.Sleep(25 * time.Minute)
		b.use(t, tok, nil)
		time.Sleep(25 * time.Minute)
		a.use(t, tok, nil)
		time.Sleep(session.FlushInterval)
		synctest.Wait()
		if at, err := b.LastAccess(t.Context(), s); err != nil || time.Since(at) > margin {
			t.Errorf("last access %v ago, %v", time.Since(at), err)
		}
	})
}

// A session that is admitted at the very end of the margin has been used. The
// next node, a moment later, must not find the entry that calls it idle.
func TestSessionAdmittedLateIsKnownToOtherNodesAtOnce(t *testing.T) {
	conform(t, testSessionAdmittedLateIsKnownToOtherNodesAtOnce)
}

func testSessionAdmittedLateIsKnownToOtherNodesAtOnce(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a, b := w.node(t), w.node(t)
		tok, _ := a.issue(t, grant())
		time.Sleep(30*time.Minute + margin)
		a.use(t, tok, nil)
		time.Sleep(time.Millisecond)
		b.use(t, tok, nil)
	})
}

// A node that has just started, and a page that comes with a thousand parts:
// one read of the record, one of the entry.
func TestThousandRequestsForOneUnknownSessionReadTheStoreOnce(t *testing.T) {
	conform(t, testThousandRequestsForOneUnknownSessionReadTheStoreOnce)
}

func testThousandRequestsForOneUnknownSessionReadTheStoreOnce(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a := w.node(t)
		tok, _ := a.issue(t, grant())
		time.Sleep(20 * time.Minute)
		a.use(t, tok, nil)
		time.Sleep(20 * time.Minute)

		n := w.cachedNode(t, "n")
		time.Sleep(1500 * time.Millisecond) // the cache has a proof and is between two
		w.store.Gets.Store(0)
		w.store.ReadTime.Store(int64(100 * time.Millisecond))
		impatient, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := n.Lookup(t.Context(), tok, session.Touch); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if _, err := n.Lookup(impatient, tok, session.Touch); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("one who does not wait for it: %v", err)
			}
		})
		wg.Wait()
		if reads := w.store.Gets.Load(); reads != 2 {
			t.Errorf("%d reads of the store", reads)
		}
	})
}

// While the store was down nobody could use a session, and accesses could not
// be written. When it is back the session must not be called idle at once.
func TestSessionIsNotIdleRightAfterAnOutage(t *testing.T) {
	conform(t, testSessionIsNotIdleRightAfterAnOutage)
}

func testSessionIsNotIdleRightAfterAnOutage(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		g := grant()
		g.MaxTime = 24 * time.Hour
		tok, _ := n.issue(t, g)
		unused, _ := n.issue(t, g0(g))
		for range 5 {
			time.Sleep(time.Minute)
			n.use(t, tok, nil)
		}
		w.store.Down.Store(true)
		for range 60 {
			time.Sleep(time.Minute)
			if _, err := n.Lookup(t.Context(), tok, session.Touch); !errors.Is(err, store.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		w.store.Down.Store(false)
		n.use(t, tok, nil)
		if n.log.Count("does not answer") != 1 || n.log.Count("answers again") != 1 {
			t.Errorf("the log tells otherwise: %s", n.log)
		}
		// The rule holds again when the store has answered for long enough,
		// also for the session that nobody used meanwhile.
		time.Sleep(30*time.Minute + margin + time.Second)
		n.use(t, tok, session.ErrEnded)
		n.use(t, unused, session.ErrEnded)
	})
}

// g0 is another session with the times of g.
func g0(g session.Grant) session.Grant {
	other := grant()
	other.MaxTime, other.IdleTime = g.MaxTime, g.IdleTime
	return other
}

// Whoever can write to the store must not be able to keep a session alive
// with the entry of another. SECURITY 58.
func TestSwappedIndexEntryIsRefused(t *testing.T) { conform(t, testSwappedIndexEntryIsRefused) }

func testSwappedIndexEntryIsRefused(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		tok, _ := n.issue(t, grant())
		_, before := w.records(t)
		n.issue(t, grant())
		_, entries := w.records(t)
		for _, e := range entries {
			if e.Key != before[0].Key {
				put(t, w, before[0].Key, e.Value, e.Expires)
			}
		}
		time.Sleep(40 * time.Minute)
		n.use(t, tok, session.ErrInvalid)
	})
}
