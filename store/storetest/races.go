package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/amgate/amgate/store"
)

// rivals is how many goroutines compete in each test of this file.
const rivals = 50

// attempts bounds the retries of one rival. Whoever loses has lost to another
// one that won, so that nobody needs more than there are rivals.
const attempts = 2 * rivals

// compete runs fn in all rivals at once and waits for them.
func compete(fn func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range rivals {
		all.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	all.Wait()
}

// casAllLand: a compare-and-swap loses to others, never its own effect, and
// is never told that it lost when it won.
func casAllLand(t *testing.T, s store.Store) {
	ctx := patient(t)
	commit(t, s, store.Create("a/counter", []byte("0"), later()))
	compete(func(int) {
		for range attempts {
			r, _, err := s.Get(ctx, "a/counter", store.Fresh)
			if err != nil {
				t.Errorf("get: %v", err)
				return
			}
			n, err := strconv.Atoi(string(r.Value))
			if err != nil {
				t.Errorf("the counter is %q", r.Value)
				return
			}
			_, err = s.Commit(ctx, store.Check(r.Key, r.Revision), store.Put(r.Key, fmt.Append(nil, n+1), later()))
			if errors.Is(err, store.ErrConflict) {
				continue
			}
			if err != nil {
				t.Errorf("commit: %v", err)
			}
			return
		}
		t.Error("a writer never gets its turn")
	})
	holds(t, s, "a/counter", strconv.Itoa(rivals))
}

// oneWinner lets all rivals commit and demands that one succeeds and that all
// others meet lost.
func oneWinner(t *testing.T, s store.Store, lost error, ops func(i int) []store.Op) (winner int) {
	t.Helper()
	ctx := patient(t)
	var won, winners atomic.Int32
	compete(func(i int) {
		_, err := s.Commit(ctx, ops(i)...)
		switch {
		case err == nil:
			won.Store(int32(i))
			winners.Add(1)
		case !errors.Is(err, lost):
			t.Errorf("a loser met %v, want %v", err, lost)
		}
	})
	if n := winners.Load(); n != 1 {
		t.Fatalf("%d winners", n)
	}
	return int(won.Load())
}

func oneDeleter(t *testing.T, s store.Store) {
	revision := commit(t, s, store.Create("o/one", []byte("claim me"), later()))
	winner := oneWinner(t, s, store.ErrConflict, func(i int) []store.Op {
		return []store.Op{store.Check("o/one", revision), store.Delete("o/one"), store.Put("o/winner", fmt.Append(nil, i), later())}
	})
	gone(t, s, "o/one")
	holds(t, s, "o/winner", strconv.Itoa(winner))
}

func oneCreator(t *testing.T, s store.Store) {
	winner := oneWinner(t, s, store.ErrExists, func(i int) []store.Op {
		return []store.Op{store.Create("s/one", fmt.Append(nil, i), later())}
	})
	holds(t, s, "s/one", strconv.Itoa(winner))
}

func oneCreatorOverExpired(t *testing.T, s store.Store) {
	expire(t, s, "s/one", "s/two")
	winner := oneWinner(t, s, store.ErrExists, func(i int) []store.Op {
		return []store.Op{store.Create("s/one", fmt.Append(nil, i), later()), store.Absent("s/two")}
	})
	holds(t, s, "s/one", strconv.Itoa(winner))
}

// quotaIsExact is how a login holds a user to so many sessions: list, decide,
// and commit only if nothing came in between.
func quotaIsExact(t *testing.T, s store.Store) {
	const quota = 5
	ctx := patient(t)
	login := func(i int) error {
		for range attempts {
			rs, asOf, err := s.List(ctx, "u/a/", store.Page{})
			if err != nil || len(rs) >= quota {
				return err
			}
			_, err = s.Commit(ctx, store.NoneNewer("u/a/", asOf), store.Create(numbered("u/a/", i), []byte("v"), later()))
			if !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
		return errors.New("never gets its turn")
	}
	compete(func(i int) {
		if err := login(i); err != nil {
			t.Errorf("login %d: %v", i, err)
		}
	})
	if rs, _ := list(t, s, "u/a/", store.Page{}); len(rs) != quota {
		t.Errorf("%d sessions, the quota is %d", len(rs), quota)
	}
}

// endedContext: whoever gave up is told so, and whoever looks for an outage
// finds that too.
func endedContext(t *testing.T, s store.Store) {
	commit(t, s, store.Put("s/one", []byte("v"), later()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, getErr := s.Get(ctx, "s/one", store.Fresh)
	_, commitErr := s.Commit(ctx, store.Put("s/two", []byte("v"), later()))
	_, _, listErr := s.List(ctx, "s/", store.Page{})
	for name, err := range map[string]error{"get": getErr, "commit": commitErr, "list": listErr} {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want context.Canceled and ErrUnavailable", name, err)
		}
	}
	w, err := s.Watch(ctx, 0, "s/")
	if err == nil {
		for range w.Events() {
			t.Error("an event in spite of an ended context")
		}
		err = w.Err()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("watch: %v, want context.Canceled", err)
	}
	gone(t, s, "s/two")
}
