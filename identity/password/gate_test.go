package password_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/password"
)

func TestGateRunsNoMoreThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const concurrent, queue = 3, 20
		gate := password.NewGate(concurrent, queue)
		var running, most, done atomic.Int32
		var wg sync.WaitGroup
		for range concurrent + queue {
			wg.Go(func() {
				err := gate.Do(t.Context(), func() {
					now := running.Add(1)
					for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
					}
					time.Sleep(time.Second)
					running.Add(-1)
					done.Add(1)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if most.Load() != concurrent || done.Load() != concurrent+queue {
			t.Errorf("%d ran at once, %d in all; want %d and %d", most.Load(), done.Load(), concurrent, concurrent+queue)
		}
	})
}

// A flood of passwords must be refused at once, not heaped up.
func TestGateRefusesWhenTheQueueIsFull(t *testing.T) {
	for name, tc := range map[string]struct{ concurrent, queue, room int }{
		"as told":      {2, 3, 5},
		"no queue":     {1, -1, 1},
		"the defaults": {0, 0, 17 * runtime.GOMAXPROCS(0)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := password.NewGate(tc.concurrent, tc.queue)
				release := make(chan struct{})
				var wg sync.WaitGroup
				for range tc.room {
					wg.Go(func() {
						if err := gate.Do(t.Context(), func() { <-release }); err != nil {
							t.Error(err)
						}
					})
				}
				synctest.Wait()
				begin := time.Now()
				err := gate.Do(t.Context(), func() { t.Error("a check ran in spite of a full queue") })
				if !errors.Is(err, identity.ErrBusy) || time.Since(begin) != 0 {
					t.Errorf("error %v after %v, want ErrBusy at once", err, time.Since(begin))
				}
				close(release)
				wg.Wait()
				if err := gate.Do(t.Context(), func() {}); err != nil {
					t.Errorf("after the flood: %v", err)
				}
			})
		})
	}
}

func TestGateLeavesTheQueueWhenTheCallerDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := password.NewGate(1, 1)
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { _ = gate.Do(t.Context(), func() { <-release }) })
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := gate.Do(ctx, func() { t.Error("a check ran for a caller that has left") })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while queued: error %v", err)
		}
		if err := gate.Do(ctx, func() { t.Error("a check ran for a caller that has left") }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before it began: error %v", err)
		}
		// Its place is free again.
		wg.Go(func() {
			if err := gate.Do(t.Context(), func() {}); err != nil {
				t.Errorf("the place of one that has left: %v", err)
			}
		})
		synctest.Wait()
		close(release)
		wg.Wait()
	})
}

// A check that panics (net/http recovers it) must not take its slot along.
func TestGateFreesTheSlotOfACheckThatPanics(t *testing.T) {
	gate := password.NewGate(1, -1)
	func() {
		defer func() { _ = recover() }()
		_ = gate.Do(t.Context(), func() { panic("broken check") })
	}()
	if err := gate.Do(t.Context(), func() {}); err != nil {
		t.Error(err)
	}
}
