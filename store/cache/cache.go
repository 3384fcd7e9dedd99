// Package cache keeps copies of records in front of a store that all nodes
// share, and uses them only while it can prove that they are not stale.
//
// Words. To announce is to write, in the very commit that changes records,
// which ones it changes: under inv/<node>, one record a writer, overwritten
// each time, so that the history of the store is the stream of announcements.
// To follow is to watch the announcements of all writers and evict what they
// name. A proof is the knowledge that nothing was missed up to a moment: a
// linearizable read that began at t0 answered as of revision R, and the watch
// has delivered all changes up to R. The cache may be used until t0 plus the
// freshness; events or progress alone prove nothing, because a member of the
// store that is cut off from the others goes on answering them.
//
// The promise. A change that was committed through a Cache anywhere is seen
// by every Get here as soon as the watch delivered it, and at the latest when
// the freshness has passed since the change was acknowledged; whatever the
// store, the network or the watch do. Without a proof the cache is not used
// and every Get is a linearizable read, at most MaxReads at a time. Who reads
// with store.Grace gives so much of the promise away, and only while the store
// does not answer.
package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
)

// What a Config leaves out.
const (
	DefaultFreshness = 5 * time.Second
	DefaultSizeMiB   = 256
	DefaultMaxReads  = 256
)

// Config says what is cached and how.
type Config struct {
	// Node names this writer among all; two that share a name do no harm.
	Node string
	// Prefixes are the kinds of records to cache, such as "s/". Every change
	// of them, anywhere, must go through a Cache with that prefix.
	Prefixes []store.Key
	// Held are kinds of which all records are kept in memory, so that it is
	// also known what is not there; such as "d/", what has ended. They are
	// loaded whole before the cache is used. Changes of them need no Cache:
	// they are followed themselves.
	Held []store.Key
	// Freshness is for how long a proof holds: in the worst case, how stale
	// an answer to Any may be. At least a second.
	Freshness time.Duration
	// SizeMiB bounds the memory for records; the index comes on top.
	SizeMiB int
	// MaxReads is how many reads of the store may be under way at once, those
	// that are only passed on included; what comes on top fails at once with
	// store.ErrBusy.
	MaxReads int
	// Counters go on counting what those before this one counted. May be nil.
	Counters *Counters
	// Logger may be nil.
	Logger *slog.Logger
}

// Cache is a store.Store in front of another. Records that other writers
// change behind its back are seen late or never; see Config.Prefixes.
type Cache struct {
	inner     store.Store
	log       *slog.Logger
	prefixes  []store.Key
	announce  store.Key
	freshness time.Duration
	maxReads  int

	entries *entries
	held    *held
	doubts  doubts
	proof   atomic.Pointer[proof]
	// latest is the last proof, also when its watch has ended.
	latest atomic.Pointer[proof]
	// floor is the newest revision at which a change of a cached record is
	// known to have happened: announced by anyone, or committed here.
	floor atomic.Int64
	reach reach
	start time.Time
	count *Counters

	mu      sync.Mutex
	flights map[store.Key]*flight
	reading int
	closed  bool

	ctx     context.Context // ends with Close
	end     context.CancelFunc
	running sync.WaitGroup
}

var _ store.Store = (*Cache)(nil)

// New returns a Cache in front of inner, which it never closes, and begins to
// follow. It does not wait for the store: until there is a proof it reads
// through.
func New(inner store.Store, cfg Config) (*Cache, error) {
	c := &Cache{
		inner:     inner,
		log:       cfg.Logger,
		prefixes:  slices.Clone(cfg.Prefixes),
		announce:  store.Announcements + store.Key(cfg.Node),
		freshness: orDefault(cfg.Freshness, DefaultFreshness),
		maxReads:  orDefault(cfg.MaxReads, DefaultMaxReads),
		held:      newHeld(cfg.Held),
		doubts:    doubts{keys: make(map[store.Key]uint64)},
		flights:   make(map[store.Key]*flight),
		start:     time.Now(),
		count:     cfg.Counters,
	}
	if c.count == nil {
		c.count = new(Counters)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	size := orDefault(cfg.SizeMiB, DefaultSizeMiB)
	switch {
	case cfg.Node == "":
		return nil, errors.New("cache: a node name is needed")
	case slices.Contains(c.prefixes, ""), slices.Contains(cfg.Held, ""):
		return nil, errors.New("cache: an empty prefix would cache the announcements too")
	case c.freshness < time.Second:
		return nil, fmt.Errorf("cache: a freshness of %v, at least 1s is needed", c.freshness)
	case size < 1 || c.maxReads < 1:
		return nil, fmt.Errorf("cache: %d MiB and %d reads, at least one of each is needed", size, c.maxReads)
	}
	var err error
	if c.entries, err = newEntries(size, c.count); err != nil {
		return nil, err
	}
	c.ctx, c.end = context.WithCancel(context.Background())
	c.running.Go(c.follow)
	return c, nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Close ends what New began and waits for it. Reads that are under way fail;
// what the cache only passes on still works. It may be called twice.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true // so that running only falls from now on
	c.mu.Unlock()
	c.end()
	c.running.Wait()
	c.latest.Store(nil)
}

// Get implements store.Store. All but Fresh may be answered from memory, for
// cached kinds and those that are held; the revision is then that of the read
// that filled the cache, or up to which the watch is complete. For cached kinds
// ErrNotFound always comes from a linearizable read, and is never cached.
//
// A reader with a grace waits for the store, unless it is known that it does
// not answer, before it gets what is no longer proven.
func (c *Cache) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	if want == store.Fresh || !c.caches(k) && !c.held.holds(k) {
		return c.pass(ctx, k, want)
	}
	if err := ctx.Err(); err != nil {
		return store.Record{}, 0, ended(err)
	}
	now, asked := time.Now(), &c.count.stale
	switch away := want != store.Any && c.reach.away(); {
	case away && want == store.Strict:
		c.count.strict.Add(1)
		return store.Record{}, 0, errAway
	case c.proof.Load().holds(now):
		if r, asOf, err, ok := c.known(k, now); ok {
			c.count.hits.Add(1)
			return r, asOf, err
		}
		asked = &c.count.misses
	case away:
		if r, asOf, err, ok := c.remembered(k, want, now); ok {
			c.count.graces.Add(1)
			return r, asOf, err
		}
	}
	r, asOf, err := c.readThrough(ctx, k)
	if errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
		if r, asOf, err, ok := c.remembered(k, want, time.Now()); ok {
			c.count.graces.Add(1)
			return r, asOf, err
		}
	}
	if !errors.Is(err, store.ErrBusy) { // which is counted where it is said
		asked.Add(1)
	}
	return r, asOf, err
}

// known says what is in memory of k: a record, or of a kind that is held also
// store.ErrNotFound. The caller sees to it that it may be used.
func (c *Cache) known(k store.Key, now time.Time) (r store.Record, asOf int64, err error, ok bool) {
	if c.held.holds(k) {
		if c.doubts.of(k) != 0 { // asked first: a doubt ends when what was found is held
			return store.Record{}, 0, nil, false
		}
		r, asOf, err = c.held.get(k, now)
		return r, asOf, err, true
	}
	r, asOf, ok = c.entries.get(k, now)
	return r, asOf, nil, ok
}

// List implements store.Store. It is passed on, and counts for MaxReads.
func (c *Cache) List(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, int64, error) {
	leave, err := c.begun()
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	return c.inner.List(ctx, prefix, page)
}

// Watch implements store.Store. It is passed on.
func (c *Cache) Watch(ctx context.Context, from int64, prefixes ...store.Key) (store.Watcher, error) {
	return c.inner.Watch(ctx, from, prefixes...)
}

func (c *Cache) caches(k store.Key) bool {
	return slices.ContainsFunc(c.prefixes, k.HasPrefix)
}

// raise makes the floor at least revision.
func (c *Cache) raise(revision int64) { later(&c.floor, revision) }
