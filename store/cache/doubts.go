package cache

import (
	"maps"
	"sync"

	"github.com/amgate/amgate/store"
)

// doubts are the keys that a commit of this node may have changed, or may
// change yet, each with the number of the last such commit. What is in memory
// of them is not used, and they are read linearizably, until the store has
// answered or a proof says that the watch would have told.
type doubts struct {
	mu      sync.RWMutex
	keys    map[store.Key]uint64
	commits uint64
}

func (d *doubts) add(keys ...store.Key) {
	if len(keys) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commits++
	for _, k := range keys {
		d.keys[k] = d.commits
	}
}

// of is the number of the last commit that left k in doubt, 0 for none.
func (d *doubts) of(k store.Key) uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.keys[k]
}

// last is the number of the last commit that left anything in doubt.
func (d *doubts) last() uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.commits
}

// settle ends the doubt about k, unless a later commit has renewed it.
func (d *doubts) settle(k store.Key, commit uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys[k] == commit {
		delete(d.keys, k)
	}
}

// settleAll ends all doubts up to a commit.
func (d *doubts) settleAll(commit uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.keys, func(_ store.Key, c uint64) bool { return c <= commit })
}
