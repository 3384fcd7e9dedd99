package cache

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/amgate/amgate/store"
)

// errSilent ends a watch that delivers no progress though the store answers.
var errSilent = errors.New("cache: the watch fell silent")

// follow watches the announcements and the records that are held until Close,
// again and again. It is one watch, since etcd answers requests for progress
// only for all watches of a stream together.
func (c *Cache) follow() {
	var from int64
	var again backoff
	for {
		proven := c.count.proofs.Load()
		var err error
		from, err = c.followFrom(from)
		if c.ctx.Err() != nil {
			return
		}
		if c.count.proofs.Load() > proven {
			again.reset()
		}
		pause := again.next()
		c.log.Warn("the cache is not in use: its watch ended", "error", err, "again in", pause)
		if !sleep(c.ctx, pause) {
			return
		}
	}
}

// followFrom runs one watch to its end, which it reports together with the
// revision to resume at. At revision 0 it begins anew, with an empty cache.
func (c *Cache) followFrom(from int64) (resume int64, err error) {
	if from == 0 {
		if from, err = c.begin(); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithCancelCause(c.ctx)
	defer cancel(nil)
	w, err := c.inner.Watch(ctx, from, append([]store.Key{store.Announcements}, c.held.prefixes...)...)
	if errors.Is(err, store.ErrCompacted) {
		return 0, err
	}
	if err != nil {
		return from, err
	}
	c.count.watches.Add(1)
	f := &following{cache: c, watcher: w, moved: make(chan struct{}, 1)}
	f.upTo.Store(from)
	c.running.Go(func() { f.prove(ctx, cancel) })
	for ev := range w.Events() {
		f.apply(ev)
	}
	f.end()
	err = w.Err()
	if errors.Is(err, store.ErrCompacted) {
		return 0, err
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	// Only progress says that there is no gap: events of different keys may
	// come out of order. To hear of some again harms nothing.
	return f.upTo.Load(), err
}

// begin empties the cache, begins to load the records that are held and returns
// the revision to follow from. Whatever is read as of an earlier one is not
// cached: its changes may go unheard.
func (c *Cache) begin() (int64, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.freshness)
	defer cancel()
	_, revision, err := c.ask(ctx, c.announce, store.Fresh)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	c.raise(revision)
	c.forgetAll()
	c.load(revision)
	return revision, nil
}

// following is one watch and what it has proved.
type following struct {
	cache   *Cache
	watcher store.Watcher
	upTo    atomic.Int64  // all changes up to here were applied
	moved   chan struct{} // holds a token when upTo has grown
	ended   bool          // guarded by cache.mu
	// reported is whether the log says that the cache is in use. Only the
	// proving goroutine looks at it.
	reported bool
}

// apply evicts what an event announces, or takes over what it changes.
func (f *following) apply(ev store.Event) {
	c := f.cache
	switch {
	case ev.Kind == store.Progress:
		if ev.Record.Revision > f.upTo.Load() {
			f.upTo.Store(ev.Record.Revision)
			c.held.progress(ev.Record.Revision)
			select {
			case f.moved <- struct{}{}:
			default:
			}
		}
	case c.held.holds(ev.Record.Key):
		c.held.apply(ev.Kind, ev.Record)
		c.outdate(ev.Record.Revision, ev.Record.Key)
		c.count.heldChanges.Add(1)
	case ev.Kind == store.Written:
		c.raise(ev.Record.Revision)
		if keys, ok := parseAnnouncement(ev.Record.Value); ok {
			c.forget(ev.Record.Revision, keys...)
		} else {
			// Perhaps of a newer version; it may name any record.
			c.forgetAll()
			c.log.Warn("the cache was emptied: an announcement cannot be read", "key", ev.Record.Key)
		}
	}
}

// end drops the proof. None can follow from this watch.
func (f *following) end() {
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	f.ended = true
	f.cache.proof.Store(nil)
}
