package cache

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
)

var errAway = fmt.Errorf("cache: %w: it did not answer when it was asked last", store.ErrUnavailable)

// reach knows whether the store answers. Lagging reads say nothing about that:
// a member that is cut off from the others answers them.
type reach struct {
	// The latest beginnings of a linearizable read that was answered and of a
	// read that failed, in nanoseconds since start. A read that began before
	// another was answered and fails after it is no news.
	answered, failed atomic.Int64
}

// note takes notice of a read that began at a moment and how it ended.
func (r *reach) note(began time.Duration, want store.Freshness, failed bool) {
	switch {
	case failed:
		later(&r.failed, int64(began))
	case want == store.Fresh:
		later(&r.answered, int64(began))
	}
}

func (r *reach) away() bool { return r.failed.Load() > r.answered.Load() }

// later makes v at least n.
func later(v *atomic.Int64, n int64) {
	for {
		was := v.Load()
		if n <= was || v.CompareAndSwap(was, n) {
			return
		}
	}
}

// remembered answers from memory though nothing proves any more that it is
// fresh, if the reader is content with what was proven as long ago as that.
func (c *Cache) remembered(k store.Key, want store.Freshness, now time.Time) (r store.Record, asOf int64, err error, ok bool) {
	if want.Grace() == 0 || !c.latest.Load().longer(want.Grace()).holds(now) {
		return store.Record{}, 0, nil, false
	}
	return c.known(k, now)
}
