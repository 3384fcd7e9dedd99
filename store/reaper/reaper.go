package reaper

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	// DefaultInterval is the time between two sweeps, unless the last one took
	// long: then it is restFactor times as long as that, so that sweeps take
	// up a tenth of the time at most.
	DefaultInterval = time.Minute
	restFactor      = 9
	// rareInterval is the time between two sweeps of Config.Rarely.
	rareInterval = time.Hour
	// Grace is how long past its deadline a record stays: by so much the
	// leader's clock may be ahead without anything ending early.
	Grace = 10 * time.Second
	// pageSize is how many records are judged together.
	pageSize = 500
	// faultPause is the time after a fault of the store.
	faultPause = 5 * time.Second
)

// Swept is the store that is swept.
type Swept interface {
	store.Store
	store.Scanner
}

// Config says what is swept.
type Config struct {
	// Store is the store itself.
	Store Swept
	// Front is the store behind its caches: through it goes what caches must
	// hear of. nil: Store.
	Front store.Store
	// Kinds are the prefixes of the records that go when their deadlines have
	// passed, with nobody to tell. Rarely are more of them, looked at once an
	// hour: those that a Judge removes, unless something was left over.
	Kinds, Rarely []store.Key
	// Heard is told whether the store has answered, at least every
	// renewInterval: nil, or an error. It must not block. nil: nobody is.
	Heard func(err error)
	// Interval is the least time between two sweeps; 0: DefaultInterval.
	Interval time.Duration
	// Logger may be nil.
	Logger *slog.Logger
}

// Removal is one thing that is over: all its operations happen or none.
type Removal struct {
	// Ops are deletes, and a Check of at least one record that they delete.
	Ops []store.Op
	// Cached says that caches hold what is deleted, and do not know that it is
	// over: they must hear of it.
	Cached bool
	// Kind and Reason are for the counts.
	Kind, Reason string
	// News is what is to be told, nil for nothing; Size is about its bytes.
	// Only what has the same Group is told together.
	News  any
	Size  int
	Group string
}

// Judge decides about a kind of records of which more is to be known than
// that their deadlines have passed. Its methods must be safe for concurrent
// use.
type Judge interface {
	// Prefix is that of the records.
	Prefix() store.Key
	// Judge tells which of the scanned records are over, by what time it is
	// now. An error ends the sweep.
	Judge(ctx context.Context, in store.Scanner, scanned []store.Record, now time.Time) ([]Removal, error)
	// Tell returns the operation that writes down what is to be told of the
	// removals, all with news and of one group. If they happen, and it with
	// them, told is called with the revision.
	Tell(rs []Removal) (write store.Op, told func(revision int64))
}

// Reaper sweeps whenever it is the leader. Close it.
type Reaper struct {
	cfg   Config
	log   *slog.Logger
	id    string // of this process, in the leader's record
	pace  pace
	clock clock
	count counts

	mu     sync.Mutex
	judges []*Judge // the last one judges

	// term is this process's while it leads; see lead.
	term term

	// Only the sweeping goroutine looks at these.
	lastRare time.Time
	sizes    map[store.Key]int // how many records of a prefix there were

	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup
}

// New begins to sweep in the background. It does not wait for the store.
func New(cfg Config) *Reaper {
	if cfg.Front == nil {
		cfg.Front = cfg.Store
	}
	if cfg.Interval == 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Heard == nil {
		cfg.Heard = func(error) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Reaper{cfg: cfg, log: cfg.Logger, id: rand.Text(), term: newTerm(), lastRare: time.Now(), sizes: make(map[store.Key]int)}
	r.pace.reset()
	r.clock.believe()
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.done.Go(r.run)
	return r
}

// Close ends the sweep that is under way, steps down if this process leads,
// and waits for both. The store must still be open. It may be called twice.
func (r *Reaper) Close() {
	r.stop()
	r.done.Wait()
}

// Use lets j judge, until release is called: then the one before it does
// again. Without one its kind is not swept.
func (r *Reaper) Use(j Judge) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	mine := &j
	r.judges = append(r.judges, mine)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.judges = slices.DeleteFunc(r.judges, func(other *Judge) bool { return other == mine })
	}
}

func (r *Reaper) judge() (Judge, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.judges) == 0 {
		return nil, false
	}
	return *r.judges[len(r.judges)-1], true
}

// run stands for leader, and sweeps while it is, until Close.
func (r *Reaper) run() {
	for r.ctx.Err() == nil {
		led, err := r.stand(r.ctx)
		r.heard(r.ctx, err)
		switch {
		case r.ctx.Err() != nil:
		case err != nil:
			r.log.Debug("the leader of the reapers is not known", "error", err)
		case led:
			r.reign()
		}
		r.rest(r.ctx, store.Spread(standInterval, standInterval/10))
	}
}

// heard tells whether the store has answered, unless it was not waited for.
func (r *Reaper) heard(ctx context.Context, err error) {
	if ctx.Err() == nil {
		r.cfg.Heard(err)
	}
}

// reign sweeps again and again while this process leads.
func (r *Reaper) reign() {
	ctx, end := context.WithCancelCause(r.ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { r.keep(ctx, end) })
	for ctx.Err() == nil {
		began := time.Now()
		err := r.sweep(ctx)
		took := time.Since(began)
		switch {
		case errors.Is(err, errDeposed), errors.Is(err, errAhead):
			end(err)
		case ctx.Err() != nil:
		case err != nil:
			r.log.Warn("a sweep ended early", "error", err, "again in", faultPause)
			r.rest(ctx, faultPause)
		default:
			r.count.swept(took)
			r.rest(ctx, max(store.Spread(r.cfg.Interval, r.cfg.Interval/10), restFactor*took))
		}
	}
	end(nil)
	renewing.Wait()
	switch ahead := errors.Is(context.Cause(ctx), errAhead); {
	case r.ctx.Err() != nil:
		r.stepDown()
		return
	case ahead:
		r.stepDown()
		r.log.Warn("the clock of this node has jumped ahead, or the machine has slept: it leaves the sweep to others",
			"for", distrustTime)
		r.rest(r.ctx, distrustTime)
		r.clock.believe()
		return
	}
	r.count.leading.Store(false)
	r.log.Info("this node no longer sweeps the store: another one leads")
}

func (r *Reaper) rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
