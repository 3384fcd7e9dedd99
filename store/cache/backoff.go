package cache

import (
	"context"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// backoff says how long to wait before the next try: each time about twice as
// long, and up to half of it less, at random, so that nodes that lost the same
// member of the store do not come back in step. The zero backoff is ready for
// use.
type backoff struct{ last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, minBackoff), maxBackoff)
	return store.Spread(b.last, b.last/2)
}

// reset makes the next pause the shortest again.
func (b *backoff) reset() { b.last = 0 }

// sleep waits, and reports whether ctx has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
