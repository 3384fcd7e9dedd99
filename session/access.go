package session

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
)

// Resolution is how exactly the store knows the last access of a session: it
// is written at most once in this time (AM: latestAccessTimeUpdateFrequency).
// A session with an idle time below twice of that is known to half of it.
const Resolution = time.Minute

// FlushInterval is how long an access may wait to be written.
const FlushInterval = time.Second

const (
	// flushBatch is how many accesses one transaction writes at most: batches
	// of 100 make 44,000 a second, against 14,000 written one by one
	// (PERFORMANCE §1).
	flushBatch = store.MaxOps
	// flushTimeout bounds one transaction, closeTimeout all that Close waits.
	flushTimeout = 5 * time.Second
	closeTimeout = 10 * time.Second
)

// AccessConfig says where accesses are kept.
type AccessConfig struct {
	// Store is the one that the sessions are in.
	Store store.Store
	// Logger is told when accesses cannot be written, and when they can again.
	Logger *slog.Logger
}

// Access knows when sessions were used last, as far as this process saw it,
// and writes it to the store: coalesced, in batches, and only where the
// session still exists. Nothing is dropped because the store fails. One Access
// serves all Managers on one store, also over a change of the configuration.
// It is safe for concurrent use. Close it.
type Access struct {
	store store.Store
	log   *slog.Logger
	seen  seen
	// answers is since when the store has been answering without a failure,
	// in nanoseconds since 1970; never while it does not. It begins at 0: of
	// the time before, a process believes that all was well.
	answers atomic.Int64

	mu      sync.Mutex
	pending map[hash]touch

	stop context.CancelFunc
	done chan struct{}
}

const never = math.MaxInt64

// touch is an access that is not written yet.
type touch struct {
	key   store.Key
	entry entry
	codec *sealed.Codec
	// kept says that it was to be written before: meanwhile another node may
	// have written a later one.
	kept bool
}

// NewAccess begins to write accesses.
func NewAccess(cfg AccessConfig) *Access {
	ctx, stop := context.WithCancel(context.Background())
	a := &Access{
		store: cfg.Store, log: cfg.Logger, pending: make(map[hash]touch), stop: stop, done: make(chan struct{}),
	}
	go func() {
		defer close(a.done)
		a.run(ctx)
	}()
	return a
}

// Close writes what is not written yet, for at most ten seconds, and ends. It
// may be called more than once. The store must still be open.
func (a *Access) Close() {
	a.stop()
	<-a.done
}

func (a *Access) run(ctx context.Context) {
	tick := time.NewTicker(FlushInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			a.flush(context.Background(), FlushInterval/2)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			a.flush(last, closeTimeout)
			return
		}
	}
}

// record notes an access for the next flush.
func (a *Access) record(s Session, codec *sealed.Codec, now time.Time) {
	a.seen.put(&s.id, now.Unix())
	t := touch{key: indexKey(s.user(), s.id), entry: s.entry(now), codec: codec}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keep(s.id, t)
}

// keep adds a touch unless a later one is there. The caller holds a.mu.
func (a *Access) keep(id hash, t touch) {
	if other, ok := a.pending[id]; !ok || other.entry.accessed.Before(t.entry.accessed) {
		a.pending[id] = t
	}
}

// flush writes what is pending. What could not be written is pending again,
// and so are kept touches when patience has run out: there may be many after
// an outage, and each costs a read.
func (a *Access) flush(ctx context.Context, patience time.Duration) {
	a.mu.Lock()
	todo := a.pending
	a.pending = make(map[hash]touch)
	a.mu.Unlock()

	now := time.Now()
	maps.DeleteFunc(todo, func(_ hash, t touch) bool { return !now.Before(t.entry.deadline) })
	if err := a.writeAll(ctx, todo, now.Add(patience)); err != nil {
		a.failed(err)
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	for id, t := range todo {
		t.kept = true
		a.keep(id, t)
	}
}

// writeAll writes the touches and removes those that are written from todo.
func (a *Access) writeAll(ctx context.Context, todo map[hash]touch, until time.Time) error {
	var fresh, kept []hash
	for id, t := range todo {
		if t.kept {
			kept = append(kept, id)
		} else {
			fresh = append(fresh, id)
		}
	}
	for batch := range slices.Chunk(fresh, flushBatch) {
		if err := a.write(ctx, todo, batch); err != nil {
			return err
		}
		a.answered()
		for _, id := range batch {
			delete(todo, id)
		}
	}
	for _, id := range kept {
		if !time.Now().Before(until) {
			return nil
		}
		if err := a.writeLater(ctx, todo[id]); err != nil {
			return err
		}
		a.answered()
		delete(todo, id)
	}
	return nil
}

// write commits the touches of one batch.
func (a *Access) write(ctx context.Context, todo map[hash]touch, batch []hash) error {
	ops := make([]store.Op, 0, len(batch))
	for _, id := range batch {
		t := todo[id]
		ops = append(ops, store.PutIfExists(t.key, t.codec.Seal(t.key, t.entry.encode()), t.entry.deadline))
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_, err := a.store.Commit(ctx, ops...)
	return err
}

// writeLater writes a touch unless what is there is as late, or the session is
// no more.
func (a *Access) writeLater(ctx context.Context, t touch) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for {
		rec, _, err := a.store.Get(ctx, t.key, store.Fresh)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		plain, err := t.codec.OpenInPlace(t.key, rec.Value)
		if err != nil {
			return nil // whoever looks for the session logs it
		}
		there, err := decodeEntry(plain)
		if err != nil || !there.accessed.Before(t.entry.accessed) {
			return nil
		}
		_, err = a.store.Commit(ctx, store.Check(t.key, rec.Revision),
			store.Put(t.key, t.codec.Seal(t.key, t.entry.encode()), t.entry.deadline))
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// Heard notes whether the store answered somebody: err is nil, or what it said.
// A node that nobody uses must hear of an outage, too.
func (a *Access) Heard(err error) {
	if errors.Is(err, store.ErrUnavailable) {
		a.failed(err)
		return
	}
	a.answered()
}

// failed notes that the store does not answer.
func (a *Access) failed(err error) {
	if a.answers.Swap(never) != never {
		a.log.Warn("the store does not answer; no session is idle until it has answered for as long again", "error", err)
	}
}

// answered notes that the store answers.
func (a *Access) answered() {
	if a.answers.Load() == never && a.answers.CompareAndSwap(never, time.Now().UnixNano()) {
		a.log.Info("the store answers again")
	}
}

// answering is for how long the store has been answering.
func (a *Access) answering(now time.Time) time.Duration {
	return now.Sub(time.Unix(0, a.answers.Load()))
}

// idle reports whether a session with this entry in its user's index is
// certainly idle. The entry may lag behind the truth by resolution and
// FlushInterval, and by any time while the store did not answer.
func (a *Access) idle(e entry, now time.Time) bool {
	allowed := e.idle + resolution(e.idle) + FlushInterval
	return now.Sub(e.accessed) > allowed && a.answering(now) > allowed
}
