package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) store.Store {
	s := memory.New()
	t.Cleanup(s.Close)
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.RunInBubble(t, open)
}

// TestContractInRealTime shows that the suite needs no bubble.
func TestContractInRealTime(t *testing.T) {
	t.Parallel()
	storetest.Run(t, open)
}

func TestContractUnderFaults(t *testing.T) {
	t.Parallel()
	storetest.RunFaults(t, func(t *testing.T) storetest.FaultyStore {
		return storetest.AsFaulty(open(t), func(s store.Store) store.Store { return s })
	})
}

func put(t *testing.T, s store.Store, value string) int64 {
	t.Helper()
	r, err := s.Commit(t.Context(), store.Put("inv/a", []byte(value), time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCompactEndsWhatLagsAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		defer s.Close()
		first := put(t, s, "1")
		lagging, err := s.Watch(t.Context(), first-1, "inv/")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it now offers the first change, which nobody takes
		last := put(t, s, "2")
		s.Compact()
		if _, err := s.Watch(t.Context(), first, "inv/"); !errors.Is(err, store.ErrCompacted) {
			t.Errorf("a watch from before the compaction: %v, want ErrCompacted", err)
		}
		fresh, err := s.Watch(t.Context(), last, "inv/")
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for ev := range lagging.Events() {
			told = append(told, string(ev.Record.Value))
		}
		if fmt.Sprint(told) != "[1]" || !errors.Is(lagging.Err(), store.ErrCompacted) {
			t.Errorf("a lagging watch told %q and ended with %v, want ErrCompacted", told, lagging.Err())
		}
		put(t, s, "3")
		if ev := <-fresh.Events(); string(ev.Record.Value) != "3" {
			t.Errorf("a watch from the compaction on told %+v", ev)
		}
	})
}

// TestHistoryIsBounded: a long-lived throw-away store must not keep every
// value that it ever held.
func TestHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		defer s.Close()
		first := put(t, s, "first")
		for range 10_000 {
			put(t, s, "v")
		}
		if _, err := s.Watch(t.Context(), first, "inv/"); !errors.Is(err, store.ErrCompacted) {
			t.Errorf("ten thousand changes later: %v, want ErrCompacted", err)
		}
		last := put(t, s, "v")
		if _, err := s.Watch(t.Context(), last-4000, "inv/"); err != nil {
			t.Errorf("four thousand changes later: %v", err)
		}
	})
}

// TestCloseEndsAll: also a watch whose consumer has gone away without ending
// its context; Close would wait for it forever.
func TestCloseEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		put(t, s, "v")
		abandoned, err := s.Watch(t.Context(), 0, "inv/")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.Close()
		s.Close()
		if err := abandoned.Err(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the watch ended with %v, want ErrUnavailable", err)
		}
		_, _, getErr := s.Get(t.Context(), "inv/a", store.Any)
		_, _, listErr := s.List(t.Context(), "inv/", store.Page{})
		_, commitErr := s.Commit(t.Context(), store.Delete("inv/a"))
		_, watchErr := s.Watch(t.Context(), 0, "inv/")
		for _, err := range []error{getErr, listErr, commitErr, watchErr} {
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) {
				t.Errorf("a closed store answers %v, want ErrUnavailable", err)
			}
		}
	})
}
