package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
)

// Faulty is a store that counts and, when told to, fails: for tests of what
// works on a store. Only Get and Commit fail. The fields may be set while the
// store is in use, but for BeforeCommit.
type Faulty struct {
	store.Store
	// Gets and Commits count the calls.
	Gets, Commits atomic.Int64
	// Down makes every call fail with ErrDown.
	Down atomic.Bool
	// Hung makes every call wait until its context ends, and then fail.
	Hung atomic.Bool
	// Lost is how many commits are applied and answered with ErrDown all the
	// same; Refused is how many are not applied and answered so.
	Lost, Refused atomic.Int64
	// Late is how many commits are answered with ErrDown and applied when
	// Deliver is called.
	Late atomic.Int64
	// ReadTime is how long a Get takes, and CommitTime a Commit, in nanoseconds.
	ReadTime, CommitTime atomic.Int64
	// BeforeCommit, unless nil, runs before each commit; for tests with one
	// goroutine.
	BeforeCommit func()

	mu   sync.Mutex
	late [][]store.Op
}

var _ store.Store = (*Faulty)(nil)

// ErrDown is a store.ErrUnavailable that says more than a client may see.
var ErrDown = fmt.Errorf("%w: https://internal:2379", store.ErrUnavailable)

func (f *Faulty) fault(ctx context.Context) error {
	if f.Down.Load() {
		return ErrDown
	}
	if f.Hung.Load() {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", ErrDown, ctx.Err())
	}
	return nil
}

// Get implements store.Store.
func (f *Faulty) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	f.Gets.Add(1)
	time.Sleep(time.Duration(f.ReadTime.Load()))
	if err := f.fault(ctx); err != nil {
		return store.Record{}, 0, err
	}
	return f.Store.Get(ctx, k, want)
}

// Commit implements store.Store.
func (f *Faulty) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	f.Commits.Add(1)
	time.Sleep(time.Duration(f.CommitTime.Load()))
	if f.BeforeCommit != nil {
		f.BeforeCommit()
	}
	if err := f.fault(ctx); err != nil {
		return 0, err
	}
	if f.Refused.Add(-1) >= 0 {
		return 0, ErrDown
	}
	if f.Late.Add(-1) >= 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.late = append(f.late, ops)
		return 0, ErrDown
	}
	revision, err := f.Store.Commit(ctx, ops...)
	if err == nil && f.Lost.Add(-1) >= 0 {
		return 0, ErrDown
	}
	return revision, err
}

// Deliver applies the commits that are late, as servers do that hung with them
// in their sockets, and returns what became of each.
func (f *Faulty) Deliver(ctx context.Context) (outcomes []error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ops := range f.late {
		_, err := f.Store.Commit(ctx, ops...)
		outcomes = append(outcomes, err)
	}
	f.late = nil
	return outcomes
}

// DeliverOne is Deliver for one of the commits that are late, the i-th of
// those that are left.
func (f *Faulty) DeliverOne(ctx context.Context, i int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	ops := f.late[i]
	f.late = slices.Delete(f.late, i, i+1)
	_, err := f.Store.Commit(ctx, ops...)
	return err
}

// Pending is how many commits are late.
func (f *Faulty) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.late)
}

// AsFaulty is what RunFaults needs of a store that dress has put something in
// front of: answers that are lost, refusals, commits that come late, and a
// store that is down for a while.
func AsFaulty(inner store.Store, dress func(store.Store) store.Store) FaultyStore {
	f := &Faulty{Store: inner}
	count := func(n *atomic.Int64) func() func() {
		return func() func() {
			n.Store(rivals / 2)
			return func() { n.Store(0) }
		}
	}
	return FaultyStore{Store: dress(f), Faults: map[string]func() func(){
		"answers are lost": count(&f.Lost),
		"refused":          count(&f.Refused),
		"late": func() func() {
			f.Late.Store(rivals / 2)
			return func() {
				f.Late.Store(0)
				f.Deliver(context.Background())
			}
		},
		"down": func() func() {
			f.Down.Store(true)
			return func() { f.Down.Store(false) }
		},
	}}
}
