package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	// pollInterval is how often a node looks for notices that nobody claims;
	// the tries of one come at least as far apart.
	pollInterval = 5 * time.Second
	// firstPause doubles with every try, up to maxPause.
	firstPause = 2 * time.Second
	maxPause   = 10 * time.Minute
	// maxUnderWay is how many notices a node delivers at once. More are left
	// to a later poll, of any node.
	maxUnderWay = 1000
	// pollPages bounds what one poll reads; the next one goes on from there.
	pollPages = 10
	// closeTime is how long Close waits for what is being delivered, and
	// abandonTime how long it then waits for that to end.
	closeTime   = 5 * time.Second
	abandonTime = time.Second
)

// ErrLater says that a notice could not be delivered now, and may be later.
// Any other error of a Delivery is final.
var ErrLater = errors.New("outbox: not delivered now")

// Delivery delivers one notice. It may be called on another node, and again.
type Delivery func(context.Context) error

// Opener reads what was posted.
type Opener interface {
	// Open returns what delivers the notice under key. Not ok means that this
	// node cannot read it: it is left to others. The payload is the Opener's.
	Open(key store.Key, payload []byte) (deliver Delivery, ok bool)
}

// Config says where the notices are.
type Config struct {
	Store store.Store
	// Logger may be nil.
	Logger *slog.Logger
}

// Outbox delivers. It is safe for concurrent use. Close it.
type Outbox struct {
	store store.Store
	log   *slog.Logger
	count counts

	mu       sync.Mutex
	openers  []*Opener // the last one reads
	underWay map[store.Key]struct{}
	// settled are the notices that are over and still to be deleted.
	settled map[store.Key]struct{}
	closed  bool
	wake    chan struct{} // holds a token when something was settled

	after store.Key // where the next poll goes on; only run looks at it
	seen  Backlog   // of the poll that goes on there

	ctx     context.Context // of the deliveries
	abandon context.CancelFunc
	stop    context.CancelFunc
	running sync.WaitGroup
	deliver sync.WaitGroup
}

// New begins to deliver what is in the store, as soon as there is an Opener.
func New(cfg Config) *Outbox {
	o := &Outbox{
		store: cfg.Store, log: cfg.Logger,
		underWay: make(map[store.Key]struct{}), settled: make(map[store.Key]struct{}), wake: make(chan struct{}, 1),
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	o.ctx, o.abandon = context.WithCancel(context.Background())
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.running.Go(func() { o.run(ctx) })
	return o
}

// Close waits a few seconds for what is being delivered; what was not is
// delivered by another node, or after the next start. The store must still be
// open. It may be called twice.
func (o *Outbox) Close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.stop()
	o.running.Wait()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.deliver.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(closeTime):
	}
	o.abandon()
	select {
	case <-ended:
	case <-time.After(abandonTime):
	}
	o.flush(context.Background())
}

// Use lets p read the notices, until release is called: then the one before
// it does again. Without one nothing is delivered here.
func (o *Outbox) Use(p Opener) (release func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	mine := &p
	o.openers = append(o.openers, mine)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.openers = slices.DeleteFunc(o.openers, func(other *Opener) bool { return other == mine })
	}
}

// Posted delivers at once, in the background, what a commit has posted with
// ops of Post among its operations. It does not block. That it is not called,
// because nobody knows what became of the commit, only delays the news.
func (o *Outbox) Posted(revision int64, ops ...store.Op) {
	for _, op := range ops {
		if op.Kind != store.OpCreate || !op.Key.HasPrefix(Prefix) {
			continue
		}
		n, err := read(store.Record{Key: op.Key, Value: op.Value, Revision: revision})
		if err != nil {
			continue // it was not made by Post
		}
		if deliver, ok := o.open(n); ok && o.admit(n.key) {
			go o.attempt(n, deliver)
		}
	}
}

func (o *Outbox) open(n *notice) (Delivery, bool) {
	o.mu.Lock()
	var p Opener
	if len(o.openers) > 0 {
		p = *o.openers[len(o.openers)-1]
	}
	o.mu.Unlock()
	if p == nil {
		return nil, false
	}
	return p.Open(n.key, slices.Clone(n.payload))
}

// admit begins a delivery, unless it is under way or done here, or there are
// too many.
func (o *Outbox) admit(k store.Key) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, under := o.underWay[k]
	_, over := o.settled[k]
	if under || over || o.closed || len(o.underWay) >= maxUnderWay {
		return false
	}
	o.underWay[k] = struct{}{}
	o.deliver.Add(1)
	return true
}

// leave ends a delivery. A notice that is settled will be deleted.
func (o *Outbox) leave(k store.Key, settled bool) {
	o.mu.Lock()
	delete(o.underWay, k)
	if settled {
		o.settled[k] = struct{}{}
	}
	o.mu.Unlock()
	if settled {
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
	o.deliver.Done()
}

// attempt delivers a notice that is claimed and was admitted.
func (o *Outbox) attempt(n *notice, deliver Delivery) {
	ctx, cancel := context.WithTimeout(o.ctx, deliverTime)
	defer cancel()
	err := safely(ctx, deliver)
	log := o.log.With("notice", n.key, "posted", n.posted)
	settled := true
	switch {
	case err == nil:
		o.count.delivered.Add(1)
	case !errors.Is(err, ErrLater):
		o.count.failed.Add(1)
		log.Error("a notice cannot be delivered and is dropped", "error", err)
	case time.Since(n.posted) > MaxAge:
		o.count.failed.Add(1)
		log.Error("a notice was not delivered in time and is dropped", "after", MaxAge, "error", err)
	default:
		o.count.retried.Add(1)
		settled = false
		pause := o.putOff(n)
		log.Warn("a notice was not delivered; it is tried again", "in", pause, "error", err)
	}
	o.leave(n.key, settled)
}

// putOff makes the claim last until the next try. That it cannot does no harm:
// the claim then ends as it would have.
func (o *Outbox) putOff(n *notice) (pause time.Duration) {
	pause = min(firstPause<<min(n.tries, 16), maxPause)
	pause = store.Spread(pause, pause/4)
	n.tries = min(n.tries, 254) + 1
	ctx, cancel := context.WithTimeout(context.Background(), deliverTime)
	defer cancel()
	if _, err := o.store.Commit(ctx, n.claim(time.Now().Add(pause))...); err != nil {
		return claimTerm
	}
	return pause
}

// errPanic is a Delivery that has a fault of its own.
var errPanic = errors.New("outbox: a delivery panicked")

// safely is a delivery whose panic is an error.
func safely(ctx context.Context, deliver Delivery) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic // what it said may be a secret
		}
	}()
	return deliver(ctx)
}

// counts is what Stats reads.
type counts struct {
	delivered, retried, failed atomic.Uint64
	backlog                    atomic.Pointer[Backlog]
}

// Backlog is what a node saw in the store.
type Backlog struct {
	// Notices is how many there were, Oldest when the oldest was posted.
	Notices int
	Oldest  time.Time
}

// Stats is what an Outbox has done since it was made.
type Stats struct {
	// Delivered, Retried and Failed count tries by what came of them; what
	// failed is not tried again.
	Delivered, Retried, Failed uint64
	// Backlog is as of the last poll that went over all notices.
	Backlog Backlog
}

// Stats tells what was done so far.
func (o *Outbox) Stats() Stats {
	s := Stats{Delivered: o.count.delivered.Load(), Retried: o.count.retried.Load(), Failed: o.count.failed.Load()}
	if b := o.count.backlog.Load(); b != nil {
		s.Backlog = *b
	}
	return s
}
