package cache

import (
	"context"
	"iter"

	"github.com/amgate/amgate/store"
)

const (
	// loadPage is how many records are asked for at once.
	loadPage = 5_000
	// divideAt is how many records of a part are read before the rest of it is
	// divided: etcd counts all that is left of the part for each page.
	divideAt = 4 * loadPage
)

// loading is one reading of all records that are held. It takes as long as it
// takes: the watch goes on meanwhile, so that its history is not compacted away,
// and faults of the store only make it wait.
type loading struct {
	// records are those that were read or changed since this began. Guarded by
	// held.mu.
	records map[store.Key]kept
	cancel  context.CancelFunc
}

// load begins to read all records that are held, in place of a loading that is
// under way. All changes after the revision since are for the watch to tell.
func (c *Cache) load(since int64) {
	ctx, cancel := context.WithCancel(c.ctx)
	l := &loading{records: map[store.Key]kept{}, cancel: cancel}
	c.held.begin(l, since)
	c.running.Go(func() {
		defer cancel()
		for _, prefix := range c.held.prefixes {
			// Not as a whole, if there are millions to count.
			for part, stem := range divide(store.Page{}, prefix) {
				if !c.loadPart(ctx, l, prefix, part, stem) {
					return
				}
			}
		}
		c.held.finish(l)
	})
}

// loadPart reads a part of the records below prefix, most of which begin with
// stem. It reports whether it came to the end before ctx did.
func (c *Cache) loadPart(ctx context.Context, l *loading, prefix store.Key, part store.Page, stem store.Key) bool {
	part.Limit = loadPage
	var again backoff
	for read := 0; ; {
		rs, _, err := c.inner.List(ctx, prefix, part)
		switch {
		case err != nil:
			pause := again.next()
			if ctx.Err() == nil {
				c.log.Warn("the cache is not in use: what it holds cannot be loaded", "kind", prefix, "error", err, "again in", pause)
			}
			if !sleep(ctx, pause) {
				return false
			}
			continue
		case len(rs) == 0:
			return true
		}
		again.reset()
		c.held.take(l, rs)
		part.After = rs[len(rs)-1].Key
		if read += len(rs); read < divideAt || stem == "" {
			continue
		}
		for rest, stem := range divide(part, stem) {
			if !c.loadPart(ctx, l, prefix, rest, stem) {
				return false
			}
		}
		return true
	}
}

// divide divides a part at the keys that are one symbol longer than stem. What
// most keys of each begin with comes with it, "" if they have nothing in common.
func divide(part store.Page, stem store.Key) iter.Seq2[store.Page, store.Key] {
	return func(yield func(store.Page, store.Key) bool) {
		after, common := part.After, store.Key("")
		for _, symbol := range store.Symbols {
			end := stem + store.Key(symbol)
			if end > after {
				if !yield(store.Page{After: after, UpTo: end}, common) {
					return
				}
				after = end
			}
			common = end
		}
		yield(store.Page{After: after, UpTo: part.UpTo}, common)
	}
}

// begin makes l the loading that is under way.
func (h *held) begin(l *loading, since int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loading != nil {
		h.loading.cancel()
	}
	h.loading, h.complete = l, make(chan struct{})
	h.upTo.Store(min(h.upTo.Load(), since)) // a store that was restored may be behind
}

// take takes over what was read, unless a later change is known.
func (h *held) take(l *loading, rs []store.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range rs {
		if h.gone[r.Key] < r.Revision {
			change(l.records, store.Written, r)
		}
	}
}

// finish makes what was loaded that which is held.
func (h *held) finish(l *loading) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loading == l { // else another one has begun
		h.records, h.loading = l.records, nil
		close(h.complete)
	}
}

// loaded is closed when what is held is complete.
func (h *held) loaded() <-chan struct{} {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.complete
}
