package cache

import (
	"sync/atomic"
	"time"
)

// Stats counts what happened since the Counters began.
type Stats struct {
	// Every Get of a cached kind that may be answered from memory is one of
	// these. Hits were answered from memory, under a proof; Graces from memory
	// without one, since the store did not answer. Misses asked the store
	// because the record was not cached, Stales because nothing proved the
	// cache fresh. Stricts were refused unasked, since the store was away.
	Hits, Graces, Misses, Stales, Stricts uint64
	// Busy are reads of any kind that failed because of MaxReads.
	Busy uint64
	// Reads and FreshReads were made of the inner store for Misses and Stales,
	// lagging ones and linearizable ones. Joined waited for the read of another.
	Reads, FreshReads, Joined uint64
	// Evicted are records that were dropped because they changed; Displaced
	// made room for others, Aged were in the cache for too long. Emptied is
	// how often all were dropped, and Dropped how many these were.
	Evicted, Displaced, Aged, Emptied, Dropped uint64
	// HeldChanges are changes of records that are held that the watch told.
	HeldChanges uint64
	// TooLarge are records that did not fit, Panics those of bigcache.
	TooLarge, Panics uint64
	// Watches is how often following began, Proofs how often it was proven.
	Watches, Proofs uint64
}

// State is how a cache is at a moment.
type State struct {
	// Entries is how many records are cached, Bytes the memory reserved for
	// them, MaxBytes the bound of that.
	Entries, Bytes, MaxBytes int
	// Held is how many records are held, however many there are.
	Held int
	// Proven reports whether the cache is in use.
	Proven bool
	// Age is how long ago the last proof began: nothing that was changed
	// before then is unknown here. It is 0 before the first proof.
	Age time.Duration
}

// Counters count for Stats. They may be shared by caches that follow each
// other. The zero Counters are ready for use, by several goroutines.
type Counters struct {
	hits, graces, misses, stale, strict, busy      atomic.Uint64
	reads, freshReads, joined                      atomic.Uint64
	evicted, displaced, aged, emptied, dropped     atomic.Uint64
	heldChanges, tooLarge, panics, watches, proofs atomic.Uint64
}

// Stats returns the counts at this moment.
func (n *Counters) Stats() Stats {
	return Stats{
		Hits: n.hits.Load(), Graces: n.graces.Load(), Misses: n.misses.Load(), Stales: n.stale.Load(),
		Stricts: n.strict.Load(), Busy: n.busy.Load(),
		Reads: n.reads.Load(), FreshReads: n.freshReads.Load(), Joined: n.joined.Load(),
		Evicted: n.evicted.Load(), Displaced: n.displaced.Load(), Aged: n.aged.Load(),
		Emptied: n.emptied.Load(), Dropped: n.dropped.Load(), HeldChanges: n.heldChanges.Load(),
		TooLarge: n.tooLarge.Load(), Panics: n.panics.Load(), Watches: n.watches.Load(), Proofs: n.proofs.Load(),
	}
}

// Stats returns the counts of the cache's Counters.
func (c *Cache) Stats() Stats { return c.count.Stats() }

// State returns how the cache is at this moment.
func (c *Cache) State() State {
	now := time.Now()
	records, bytes := c.entries.size()
	s := State{
		Entries: records, Bytes: bytes, MaxBytes: c.entries.config.HardMaxCacheSize << 20,
		Held: c.held.len(), Proven: c.proof.Load().holds(now),
	}
	if p := c.latest.Load(); p != nil {
		s.Age = now.Sub(p.until.Add(-c.freshness))
	}
	return s
}
