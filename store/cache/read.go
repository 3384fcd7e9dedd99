package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/amgate/amgate/store"
)

// unknown stands for the revision of a change that may have happened at any
// revision, or happen yet.
const unknown = math.MaxInt64

var (
	errClosed = fmt.Errorf("cache: %w: the cache is closed", store.ErrUnavailable)
	errBusy   = fmt.Errorf("cache: %w", store.ErrBusy)
)

// flight is one read of the inner store that all who want the key wait for.
type flight struct {
	done  chan struct{} // closed when the result is there
	began time.Time
	// stale is the newest revision at which the key is known to have changed
	// while this was the flight for it, 0 for none. Guarded by Cache.mu.
	stale int64

	record store.Record
	asOf   int64
	err    error
}

// readThrough asks the inner store, together with whoever else asks for k.
func (c *Cache) readThrough(ctx context.Context, k store.Key) (store.Record, int64, error) {
	f, err := c.join(ctx, k)
	if err != nil {
		return store.Record{}, 0, err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return store.Record{}, 0, ended(ctx.Err())
	}
	r := f.record
	r.Value = bytes.Clone(r.Value) // there may be several callers, each owns its own
	return r, f.asOf, f.err
}

func ended(err error) error { return fmt.Errorf("cache: %w: %w", store.ErrUnavailable, err) }

// join returns the flight for k, or begins one if what that finds may be older
// than the freshness allows, or than what was announced. The flight does not
// end with ctx: others may wait for it.
func (c *Cache) join(ctx context.Context, k store.Key) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if f := c.flights[k]; f != nil && f.stale == 0 && now.Sub(f.began) < c.freshness {
		c.count.joined.Add(1)
		return f, nil
	}
	if c.closed {
		return nil, errClosed
	}
	if err := c.enter(); err != nil {
		return nil, err
	}
	f := &flight{done: make(chan struct{}), began: now}
	c.flights[k] = f
	c.running.Go(func() { c.fly(context.WithoutCancel(ctx), k, f) })
	return f, nil
}

// enter begins a read of the store, unless there are too many. Whoever entered
// lowers c.reading. The caller holds c.mu.
func (c *Cache) enter() error {
	if c.reading == c.maxReads {
		c.count.busy.Add(1)
		return errBusy
	}
	c.reading++
	return nil
}

// pass passes a read on to the store.
func (c *Cache) pass(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	leave, err := c.begun()
	if err != nil {
		return store.Record{}, 0, err
	}
	defer leave()
	return c.ask(ctx, k, want)
}

// begun is enter for who does not hold c.mu; an error wants no leave.
func (c *Cache) begun() (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.enter(); err != nil {
		return nil, err
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.reading--
	}, nil
}

// ask reads from the store and takes notice of whether it answers.
func (c *Cache) ask(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	began := time.Since(c.start)
	r, asOf, err := c.inner.Get(ctx, k, want)
	if !errors.Is(ctx.Err(), context.Canceled) { // else it was the reader who did not wait
		c.reach.note(began, want, err != nil && !errors.Is(err, store.ErrNotFound))
	}
	return r, asOf, err
}

// fly makes a flight's read and caches what it found.
//
// No announcement is lost between the read and the cache. Say that the record
// changed at revision S and the read answered as of A < S. Whoever hears of S
// first marks the flight, under c.mu, and then evicts the key; here the mark
// is looked at and the record cached under c.mu too. If the mark comes first,
// the record is not cached; if it comes second, the eviction comes after the
// caching. A flight that is marked takes no more callers, so nobody whose Get
// began after the announcement gets what was read before it. A flight in whose
// place there is another is marked no more, and caches nothing.
func (c *Cache) fly(ctx context.Context, k store.Key, f *flight) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()

	if doubted := c.doubts.of(k); doubted == 0 {
		f.record, f.asOf, f.err = c.read(ctx, k)
	} else {
		f.record, f.asOf, f.err = c.readInDoubt(ctx, k, doubted)
	}

	c.mu.Lock()
	c.reading--
	if c.flights[k] == f {
		delete(c.flights, k)
		if f.err == nil && f.stale <= f.asOf && c.caches(k) {
			c.entries.put(f.record, f.asOf)
		}
	}
	c.mu.Unlock()
	close(f.done)
}

// read asks for a possibly lagging answer first, which costs the store less,
// and accepts it only if it cannot hide a change: all changes before the proof
// began were announced at or below the floor, and the answer is not older.
// (A lagging read after a seen announcement returned the deleted record in 44
// of 300 tries on a loaded etcd.) Without a proof nothing is known about the
// floor, and a member that is cut off would answer for ever. The floor says
// nothing of the kinds that are held.
func (c *Cache) read(ctx context.Context, k store.Key) (store.Record, int64, error) {
	if c.caches(k) && c.proof.Load().holds(time.Now()) {
		c.count.reads.Add(1)
		r, asOf, err := c.ask(ctx, k, store.Any)
		if err == nil && asOf >= c.floor.Load() && c.proof.Load().holds(time.Now()) {
			return r, asOf, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return store.Record{}, asOf, err
		}
	}
	c.count.freshReads.Add(1)
	return c.ask(ctx, k, store.Fresh)
}

// readInDoubt reads what a commit of this node may have changed. If that
// happens yet, the watch will tell.
func (c *Cache) readInDoubt(ctx context.Context, k store.Key, commit uint64) (store.Record, int64, error) {
	c.count.freshReads.Add(1)
	r, asOf, err := c.ask(ctx, k, store.Fresh)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return r, asOf, err
	}
	if c.held.holds(k) {
		c.held.found(k, r, asOf, err)
	} else {
		c.raise(asOf) // no lagging read may go behind this one
	}
	c.doubts.settle(k, commit)
	return r, asOf, err
}

// forget drops what is known about keys that changed at revision, unless it
// was read after that, such as when this node hears of its own commit. The
// floor must have been raised before.
func (c *Cache) forget(revision int64, keys ...store.Key) {
	c.outdate(revision, keys...)
	for _, k := range keys {
		c.entries.evict(k, revision)
	}
}

// outdate says of what is being read of keys that they changed at revision.
func (c *Cache) outdate(revision int64, keys ...store.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		if f := c.flights[k]; f != nil {
			f.stale = max(f.stale, revision)
		}
	}
}

// forgetAll drops everything, also what is being read.
func (c *Cache) forgetAll() {
	c.mu.Lock()
	clear(c.flights) // what they find is not cached
	c.mu.Unlock()
	c.entries.empty()
	c.count.emptied.Add(1)
}
