package reaper

import (
	"sync"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	// A commit that takes longer than slow halves what the next ones do; one
	// that takes less than fast lets them do a little more.
	slow = 40 * time.Millisecond
	fast = 20 * time.Millisecond
	// minOps is the least that a transaction has room for: a removal with its
	// news.
	minOps = 8
	// maxBytes bounds what is told in one transaction. etcd takes 1.5 MiB, and
	// a large one keeps the disk from others.
	maxBytes = 64 << 10
)

// pace says how large transactions may be. A transaction keeps other writers
// waiting for as long as it takes, so it is measured by that.
type pace struct {
	mu  sync.Mutex
	ops int
}

func (p *pace) reset() { p.ops = store.MaxOps }

// room is how many operations the next transaction may have.
func (p *pace) room() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ops
}

// took adapts the pace to a commit, and says how long to leave the store to
// others before the next one.
func (p *pace) took(d time.Duration) (pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case d > slow:
		p.ops = max(minOps, p.ops/2)
		return d
	case d < fast:
		p.ops = min(store.MaxOps, p.ops+p.ops/16+1)
	}
	return 0
}
