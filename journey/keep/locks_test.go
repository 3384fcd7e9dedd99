package keep

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
)

func TestLocksExcludeAndLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l locks
		id, holders := journey.NewID(), 0
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				release, err := l.acquire(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				defer release()
				if holders++; holders != 1 {
					t.Errorf("%d hold the lock", holders)
				}
				time.Sleep(time.Second)
				holders--
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.acquire(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a waiter whose context ended: %v", err)
		}
		if release, err := l.acquire(ctx, journey.NewID()); err == nil {
			release()
		}
		wg.Wait()
		if len(l.held) != 0 {
			t.Errorf("%d locks are left behind", len(l.held))
		}
	})
}
