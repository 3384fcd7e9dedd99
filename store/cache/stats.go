package cache

import (
	"sync/atomic"
	"time"
)

// Stats counts what happened since New.
type Stats struct {
	// Hits were answered from memory.
	Hits uint64
	// Reads and FreshReads were made of the inner store, lagging ones and
	// linearizable ones. Joined are Gets that waited for the read of another.
	Reads, FreshReads, Joined uint64
	// Refused are Gets that failed because of MaxReads.
	Refused uint64
	// Evicted counts the keys that were announced, by others or from here;
	// Emptied is how often all records were dropped.
	Evicted, Emptied uint64
	// Denials are changes below d/ and e/: ended client-side sessions.
	Denials uint64
	// TooLarge are records that did not fit, Panics those of bigcache.
	TooLarge, Panics uint64
	// Watches is how often following began, Proofs how often it was proven.
	Watches, Proofs uint64
	// Entries is how many records are cached, Bytes the memory reserved.
	Entries, Bytes int
	// Proven reports whether the cache is in use right now.
	Proven bool
}

type counters struct {
	hits, reads, freshReads, joined, refused atomic.Uint64
	evicted, emptied, denials                atomic.Uint64
	tooLarge, panics, watches, proofs        atomic.Uint64
}

// Stats returns the counts at this moment.
func (c *Cache) Stats() Stats {
	n, big := &c.count, c.entries.big.Load()
	return Stats{
		Hits: n.hits.Load(), Reads: n.reads.Load(), FreshReads: n.freshReads.Load(), Joined: n.joined.Load(),
		Refused: n.refused.Load(), Evicted: n.evicted.Load(), Emptied: n.emptied.Load(), Denials: n.denials.Load(),
		TooLarge: n.tooLarge.Load(), Panics: n.panics.Load(), Watches: n.watches.Load(), Proofs: n.proofs.Load(),
		Entries: big.Len(), Bytes: big.Capacity(), Proven: c.proof.Load().holds(time.Now()),
	}
}
