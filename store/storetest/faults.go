package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
)

// FaultyStore is a store that a test can make fail.
type FaultyStore struct {
	store.Store
	// Faults are the ways in which it fails. Each begins when it is called, so
	// that commits that are under way or begin then may be answered with
	// ErrUnavailable, and happen or not; what it returns ends it.
	Faults map[string]func() (end func())
}

// RunFaults holds a store to what the contract says of a commit during faults.
func RunFaults(t *testing.T, open func(t *testing.T) FaultyStore) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store, fault func() (end func()))
	}{
		{"in doubt a commit happens whole or not at all", wholeInDoubt},
		{"one winner per check and delete, whoever is told", oneDeleterInDoubt},
		{"50 writers count each once", countOnceInDoubt},
	} {
		s := open(t)
		for name, fault := range s.Faults {
			t.Run(c.name+", "+name, func(t *testing.T) {
				removeAll(t, s)
				c.test(t, s, fault)
			})
		}
	}
}

// removeAll removes what an earlier test left, when the store answers again.
func removeAll(t *testing.T, s store.Store) {
	t.Helper()
	for {
		rs, err := insist(t, func(ctx context.Context) ([]store.Record, error) {
			rs, _, err := s.List(ctx, "", store.Page{Limit: store.MaxOps})
			return rs, err
		})
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		var ops []store.Op
		for _, r := range rs {
			if !r.Key.HasPrefix(store.Announcements) {
				ops = append(ops, store.Delete(r.Key))
			}
		}
		if len(ops) == 0 {
			return
		}
		if _, err := insist(t, func(ctx context.Context) (int64, error) { return s.Commit(ctx, ops...) }); err != nil {
			t.Fatalf("delete: %v", err)
		}
	}
}

// insist asks until the answer is another than ErrUnavailable.
func insist[T any](t *testing.T, ask func(ctx context.Context) (T, error)) (T, error) {
	ctx := patient(t)
	for {
		got, err := ask(ctx)
		if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return got, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// read is an insistent linearizable Get.
func read(t *testing.T, s store.Store, k store.Key) (store.Record, error) {
	return insist(t, func(ctx context.Context) (store.Record, error) {
		r, _, err := s.Get(ctx, k, store.Fresh)
		return r, err
	})
}

// rounds is how often a fault comes in a test: at first before the commits, then
// among them.
const (
	rounds  = 3
	stagger = 10 * time.Millisecond
)

// begin makes a fault begin some time from now.
func begin(fault func() (end func()), after time.Duration) (end func()) {
	if after == 0 {
		return fault()
	}
	begun := make(chan func(), 1)
	timer := time.AfterFunc(after, func() { begun <- fault() })
	return func() {
		if !timer.Stop() {
			(<-begun)()
		}
	}
}

// wholeInDoubt: commits of several keys, with a condition, while the store
// fails. What was acknowledged is there, what was refused is not, and of what
// is in doubt all keys say the same, also some time later.
func wholeInDoubt(t *testing.T, s store.Store, fault func() func()) {
	var doubts int
	for round := range rounds {
		end := begin(fault, time.Duration(round)*stagger)
		outcomes := make([]error, rivals)
		key := func(i, part int) store.Key { return numbered("s/", (round*rivals+i)*3+part) }
		compete(func(i int) {
			_, outcomes[i] = s.Commit(patient(t),
				store.Create(key(i, 0), []byte("v"), later()), store.Put(key(i, 1), []byte("v"), later()),
				store.Create(key(i, 2), nil, later()), store.Absent(store.Key("u/"+strconv.Itoa(i))))
		})
		end()
		for i, outcome := range outcomes {
			if outcome != nil && !errors.Is(outcome, store.ErrUnavailable) {
				t.Errorf("a commit that nothing stands in the way of: %v", outcome)
			}
			if outcome != nil {
				doubts++
				// Whether it happens is decided when another one has these keys.
				_, err := insist(t, func(ctx context.Context) (int64, error) {
					return s.Commit(ctx, store.Create(key(i, 0), []byte("w"), later()))
				})
				if err != nil && !errors.Is(err, store.ErrExists) {
					t.Fatalf("create: %v", err)
				}
			}
			first, err := read(t, s, key(i, 0))
			if err != nil {
				t.Fatalf("%q: %v", key(i, 0), err)
			}
			for part := 1; part < 3; part++ {
				other, err := read(t, s, key(i, part))
				happened := err == nil && other.Revision == first.Revision
				if happened != (string(first.Value) == "v") || outcome == nil && !happened || !happened && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("commit %d (%v) left %+v and %+v, %v", i, outcome, first, other, err)
				}
			}
		}
	}
	if doubts == 0 {
		t.Error("no commit was in doubt: this proves little")
	}
}

// oneDeleterInDoubt: who claims a record by deleting it knows that nobody else
// did. Of those that are left in doubt at most one may have done it, and only
// if nobody else is told that it was.
func oneDeleterInDoubt(t *testing.T, s store.Store, fault func() func()) {
	for round := range rounds {
		k := numbered("o/", round)
		revision := commit(t, s, store.Create(k, []byte("claim me"), later()))
		end := begin(fault, time.Duration(round)*stagger)
		var told, doubtful atomic.Int64
		compete(func(i int) {
			_, err := s.Commit(patient(t), store.Check(k, revision), store.Delete(k), store.Create(numbered("a/", round*rivals+i), nil, later()))
			switch {
			case err == nil:
				told.Add(1)
			case errors.Is(err, store.ErrUnavailable):
				doubtful.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("a loser met %v", err)
			}
		})
		end()
		// What is still on its way comes too late now.
		_, err := insist(t, func(ctx context.Context) (int64, error) {
			return s.Commit(ctx, store.Check(k, revision), store.Delete(k))
		})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			t.Fatalf("delete: %v", err)
		}
		var winners int64
		for i := range rivals {
			_, err := read(t, s, numbered("a/", round*rivals+i))
			switch {
			case err == nil:
				winners++
			case !errors.Is(err, store.ErrNotFound):
				t.Fatal(err)
			}
		}
		if winners > 1 || told.Load() > winners || winners > told.Load()+doubtful.Load() {
			t.Errorf("%d have deleted it, %d were told so, %d are in doubt", winners, told.Load(), doubtful.Load())
		}
	}
}

// countOnceInDoubt: a writer that is left in doubt finds out by a record of its
// own in the same commit, and goes on. In the end each has counted once.
func countOnceInDoubt(t *testing.T, s store.Store, fault func() func()) {
	commit(t, s, store.Put("a/counter", []byte("0"), later()))
	end := begin(fault, stagger)
	var done atomic.Int64
	ended := make(chan struct{})
	time.AfterFunc(30*stagger, func() { end(); close(ended) })
	compete(func(i int) {
		mine := numbered("s/", i)
		ctx := patient(t)
		for ctx.Err() == nil {
			if _, err := read(t, s, mine); err == nil {
				done.Add(1)
				return
			}
			r, err := read(t, s, "a/counter")
			if err != nil {
				t.Errorf("get: %v", err)
				return
			}
			n, err := strconv.Atoi(string(r.Value))
			if err != nil {
				t.Errorf("the counter is %q", r.Value)
				return
			}
			_, err = s.Commit(ctx, store.Check(r.Key, r.Revision), store.Put(r.Key, []byte(strconv.Itoa(n+1)), later()), store.Create(mine, nil, later()))
			if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("commit: %v", err)
				return
			}
		}
		t.Error("a writer never gets its turn")
	})
	<-ended
	if n := done.Load(); n != rivals {
		t.Errorf("%d of %d writers are done", n, rivals)
	}
	if r, err := read(t, s, "a/counter"); err != nil || string(r.Value) != strconv.Itoa(rivals) {
		t.Errorf("the counter is %q, want %d: %v", r.Value, rivals, err)
	}
}
