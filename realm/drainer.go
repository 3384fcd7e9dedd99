package realm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
)

// HandOverTime bounds, when the process ends, how long it goes on without
// handing over any of the journeys that have not finished: as long as a store
// may take to answer. As long as there is progress all of them are.
const HandOverTime = 2 * time.Second

const (
	// drainLook is how often a draining node looks whether journeys are left.
	drainLook = 50 * time.Millisecond
	// drainTell is how often it says in the log how many are.
	drainTell = 2 * time.Second
	// minDrainPause and maxDrainPause are between two tries of what needs the
	// store, drainTry bounds how long one waits for it.
	minDrainPause = 50 * time.Millisecond
	maxDrainPause = time.Second
	drainTry      = time.Second
	// drainLeave bounds how long a process that ends tries to leave the
	// directory. If it cannot, the others find out.
	drainLeave = time.Second
	// drainLinger is how long the node stays in the directory after it has
	// handed over its journeys: who looked for one before in the store, and did
	// not find it, comes here.
	drainLinger = 200 * time.Millisecond
	// drainSettle is how long a process that ends goes on serving after it has
	// left the directory: until edges and nodes have heard it, and what they
	// had sent is answered.
	drainSettle = 500 * time.Millisecond
)

// Drainer lets a process end, or be taken out for a while, without losing the
// journeys that it has in memory. To drain is, in this order:
//
//   - to take no new journeys, and to say so in the directory of nodes;
//   - to let those in memory finish for a while, where another node takes new
//     ones meanwhile. Where none does, waiting would help nobody: everybody who
//     wants to sign in comes here;
//   - to hand over the rest: they lie in the store from then on, from where any
//     node goes on with them, or this process once it is started again;
//   - to leave the directory. Whatever still arrives is served.
//
// A Drainer outlives Sets, as the keep.Table does whose journeys it hands over,
// and works with the Set that was started last: a reload neither ends a drain
// nor begins another. All methods are safe for concurrent use. Close it.
type Drainer struct {
	table *keep.Table
	log   *slog.Logger

	// turn is held by whoever begins or ends a drain.
	turn sync.Mutex

	mu     sync.Mutex
	users  []*drained // oldest first
	now    *draining  // nil unless it drains, or has
	closed bool
}

// drained is a Set at work, with what it works on.
type drained struct {
	set   *Set
	nodes *cluster.Directory // nil: there are no others
	self  cluster.Node
}

// draining is a drain that goes on, or is over.
type draining struct {
	stop context.CancelFunc
	// handed is closed when no journey is left to be handed over, done when the
	// drain is over, or was stopped.
	handed, done chan struct{}

	// Guarded by Drainer.mu.
	status DrainStatus
	left   bool // it has left the directory

	over time.Time // set before done is closed
}

// DrainStatus says how far a drain is.
type DrainStatus struct {
	// Draining says that the node takes no new journeys; Drained, that it has
	// none in memory, and has left the directory.
	Draining, Drained bool
	// Since is when it began, Until when the journeys are handed over that have
	// not finished by then.
	Since, Until time.Time
	// Journeys are those in memory, HandedOver is how many were written to the
	// store.
	Journeys, HandedOver int
	// Trouble is why journeys cannot be handed over, or the directory cannot be
	// left, at present: it is tried again. nil if nothing is in the way.
	Trouble error
}

// NewDrainer returns a Drainer of the journeys in a table. The logger may be
// nil.
func NewDrainer(table *keep.Table, logger *slog.Logger) *Drainer {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Drainer{table: table, log: logger}
}

// use lets it work with a Set until release is called. The directory hears what
// goes on before the Set takes part in it.
func (d *Drainer) use(s *Set, b Backend) (release func()) {
	user := &drained{set: s, nodes: b.Nodes, self: b.Node}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users = append(d.users, user)
	if d.now != nil {
		user.say(d.now.left)
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.users = slices.DeleteFunc(d.users, func(other *drained) bool { return other == user })
	}
}

// say tells the directory that the node is draining, or has left.
func (u *drained) say(left bool) {
	switch {
	case u.nodes == nil:
	case left:
		u.nodes.Leave()
	default:
		u.nodes.Drain(true)
	}
}

// hasOther reports whether another node takes new journeys, which can be
// reached and reaches this one.
func (u *drained) hasOther() bool {
	return u.nodes != nil && u.self.Address != "" &&
		slices.ContainsFunc(u.nodes.View().Members, func(m cluster.Member) bool {
			return !m.Draining && m.Address != u.self.Address
		})
}

// user is the Set that was started last, nil if there is none.
func (d *Drainer) user() *drained {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.users) == 0 {
		return nil
	}
	return d.users[len(d.users)-1]
}

// Begin begins to drain and does not wait for the end. Journeys may finish
// within a time; a drain that goes on already takes the shorter of its times.
func (d *Drainer) Begin(finish time.Duration) { d.begin(finish) }

// begin returns the drain that goes on now, nil after Close.
func (d *Drainer) begin(finish time.Duration) *draining {
	d.turn.Lock()
	defer d.turn.Unlock()
	now := time.Now()
	until := now.Add(finish)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil
	case d.now != nil:
		if until.Before(d.now.status.Until) {
			d.now.status.Until = until
		}
		return d.now
	}
	ctx, stop := context.WithCancel(context.Background())
	one := &draining{
		stop: stop, handed: make(chan struct{}), done: make(chan struct{}),
		status: DrainStatus{Draining: true, Since: now, Until: until},
	}
	d.now = one
	for _, user := range d.users {
		user.say(false)
	}
	d.log.Info("this node is draining: it takes no new journeys",
		"journeys", d.table.Stats().Journeys, "may_finish_within", finish.String())
	go func() {
		defer close(one.done)
		d.run(ctx, one)
		one.over = time.Now()
	}()
	return one
}

// Undo ends a drain, or takes it back: the node takes new journeys again. What
// was handed over goes on wherever its next step arrives.
func (d *Drainer) Undo() {
	d.turn.Lock()
	defer d.turn.Unlock()
	one := d.halt()
	if one == nil {
		return
	}
	d.table.Away(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = nil
	for _, user := range d.users {
		if user.nodes != nil {
			user.nodes.Drain(false)
		}
	}
	d.log.Info("this node takes new journeys again", "handed_over", one.status.HandedOver)
}

// Close stops whatever goes on and changes nothing else.
func (d *Drainer) Close() {
	d.turn.Lock()
	defer d.turn.Unlock()
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.halt()
}

// halt stops the drain that goes on, if there is one, and waits for its end.
func (d *Drainer) halt() *draining {
	d.mu.Lock()
	one := d.now
	d.mu.Unlock()
	if one != nil {
		one.stop()
		<-one.done
	}
	return one
}

// Status is how far the drain is, the zero value if there is none but for the
// journeys.
func (d *Drainer) Status() (s DrainStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now != nil {
		s = d.now.status
	}
	s.Journeys = d.table.Stats().Journeys
	return s
}

// errStuck says that nothing was handed over for HandOverTime.
var errStuck = fmt.Errorf("realm: no journey could be handed over for %v", HandOverTime)

// Drain drains a process that ends, and returns when what other nodes and edges
// may have sent here meanwhile is answered, too. After finish it goes on as long
// as there is progress, see HandOverTime. If the store does not answer no
// journey can finish, so it tries at once to hand them over, for as long as they
// might have finished. A drain that is taken back begins again. The error says
// why it gave up, or that nobody can be told; how many journeys are lost it
// writes into the log.
func (d *Drainer) Drain(ctx context.Context, finish time.Duration) error {
	patience := HandOverTime
	if d.table.Stats().Journeys > 0 && d.answers(ctx) != nil {
		finish, patience = 0, max(finish, HandOverTime)
	}
	until := time.Now().Add(finish)
	one := d.begin(finish)
	err := errUndone
	for one != nil && errors.Is(err, errUndone) {
		if err = d.awaitHanded(ctx, one, patience); errors.Is(err, errUndone) {
			one = d.begin(max(0, time.Until(until)))
		}
	}
	if one == nil {
		return nil // there is nothing any more
	}
	if err == nil {
		err = d.awaitLeft(ctx, one)
	}
	one.stop()
	<-one.done
	s := d.Status()
	if s.Journeys > 0 {
		d.log.Error("journeys cannot be handed over, so they are lost: they start again",
			"journeys", s.Journeys, "handed_over", s.HandedOver, "error", errors.Join(s.Trouble, err))
	}
	return errors.Join(s.Trouble, err)
}

// errUndone says that a drain was taken back.
var errUndone = errors.New("realm: the drain was taken back")

// awaitHanded waits until all journeys are handed over: without an error, or
// because ctx has ended, errUndone, or errStuck after patience without progress.
func (d *Drainer) awaitHanded(ctx context.Context, one *draining, patience time.Duration) error {
	look := time.NewTicker(drainLook)
	defer look.Stop()
	left, since := d.table.Stats().Journeys, time.Now()
	for {
		select {
		case <-one.handed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-one.done:
			select {
			case <-one.handed:
				return nil
			default:
				return errUndone
			}
		case now := <-look.C:
			s := d.Status()
			if s.Journeys < left {
				left, since = s.Journeys, now
			}
			if s.Until.After(since) {
				since = s.Until
			}
			if now.Sub(since) >= patience {
				return errStuck
			}
		}
	}
}

// errUntold says that the directory could not be left.
var errUntold = fmt.Errorf("%w: nobody can be told that this node has left", store.ErrUnavailable)

// awaitLeft waits until everybody is told that the node has left, and what they
// had sent is answered.
func (d *Drainer) awaitLeft(ctx context.Context, one *draining) error {
	leaving, cancel := context.WithTimeout(ctx, drainLeave)
	defer cancel()
	select {
	case <-one.done:
		d.settle(ctx, one)
		return ctx.Err()
	case <-leaving.Done():
		return errUntold
	}
}

// settle goes on serving for a moment after the directory was left, if there is
// anybody who may have sent something meanwhile. What that left in memory is
// handed over, too.
func (d *Drainer) settle(ctx context.Context, one *draining) {
	if !d.hasOthers() {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(drainSettle - time.Since(one.over)):
		_ = d.handOver(ctx, one) // what is left is seen by its number
	}
}

// run drains until ctx ends.
func (d *Drainer) run(ctx context.Context, one *draining) {
	if !d.await(ctx) {
		return
	}
	if !d.repeat(ctx, one, d.handOver) {
		return
	}
	close(one.handed)
	if !d.linger(ctx) {
		return
	}
	d.mu.Lock()
	one.left = true
	for _, user := range d.users {
		user.say(true)
	}
	d.mu.Unlock()
	if !d.repeat(ctx, one, d.leave) {
		return
	}
	d.mu.Lock()
	one.status.Drained = true
	s := one.status
	d.mu.Unlock()
	d.log.Info("this node is drained: it has no journeys and is not in the directory of nodes; it still serves what arrives",
		"handed_over", s.HandedOver, "took", time.Since(s.Since).Round(time.Millisecond).String())
}

// await waits until no journey is left in memory, or their time is over, or no
// other node takes new ones. It reports whether ctx goes on.
func (d *Drainer) await(ctx context.Context) bool {
	tell := time.Now().Add(drainTell)
	for {
		s, user := d.Status(), d.user()
		if s.Journeys == 0 || !time.Now().Before(s.Until) || user == nil || !user.hasOther() {
			return ctx.Err() == nil
		}
		if time.Now().After(tell) {
			tell = tell.Add(drainTell)
			d.log.Info("this node is draining; journeys are still under way",
				"journeys", s.Journeys, "may_finish_within", time.Until(s.Until).Round(time.Second).String())
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(min(drainLook, time.Until(s.Until))):
		}
	}
}

// linger waits for those who look for a journey at this moment, if there is
// anybody. It reports whether ctx goes on.
func (d *Drainer) linger(ctx context.Context) bool {
	if d.Status().HandedOver == 0 || !d.hasOthers() {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(drainLinger):
		return true
	}
}

// hasOthers reports whether there are other nodes.
func (d *Drainer) hasOthers() bool {
	user := d.user()
	return user != nil && user.nodes != nil && user.nodes.View().Others(user.self.Address) > 0
}

// repeat does something until it has succeeded. It reports whether ctx goes on.
func (d *Drainer) repeat(ctx context.Context, one *draining, do func(context.Context, *draining) error) bool {
	for pause, told := minDrainPause, false; ; pause = min(2*pause, maxDrainPause) {
		err := do(ctx, one)
		if err != nil && ctx.Err() != nil {
			return false // that it was stopped is no trouble
		}
		d.mu.Lock()
		one.status.Trouble = err
		d.mu.Unlock()
		switch {
		case err == nil:
			return true
		case !told:
			told = true
			d.log.Warn("this node cannot go on draining at present; it goes on trying", "journeys", d.table.Stats().Journeys, "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// handOver hands over what is in memory, until there is nothing that a step
// that was under way has put there. From then on journeys rest in the store;
// while that does not answer they go on in memory.
func (d *Drainer) handOver(ctx context.Context, one *draining) error {
	user := d.user()
	if user == nil {
		return nil
	}
	if d.table.Stats().Journeys > 0 {
		if err := d.answers(ctx); err != nil {
			return err
		}
	}
	d.table.Away(true)
	for d.table.Stats().Journeys > 0 {
		handed, err := user.set.handOver(ctx)
		d.mu.Lock()
		one.status.HandedOver += handed
		d.mu.Unlock()
		switch {
		case journey.IsFault(err):
			d.table.Away(false)
			return err
		case err != nil:
			d.log.Error("journeys cannot be handed over; they start again", "error", err)
			return nil
		case handed == 0:
			return nil
		}
	}
	return nil
}

// answers reports whether the store does.
func (d *Drainer) answers(ctx context.Context) error {
	user := d.user()
	if user == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, drainTry)
	defer cancel()
	return user.set.answers(ctx)
}

// handOver hands over the in-memory journeys of all realms, whose keys are
// read.
func (s *Set) handOver(ctx context.Context) (handed int, err error) {
	var errs []error
	for _, r := range s.realms {
		n, err := r.running.Load().keeper.HandOver(ctx)
		if n > 0 {
			s.cfg.Metrics.JourneysHandedOver(r.Path, n)
		}
		handed += n
		errs = append(errs, err)
	}
	return handed, errors.Join(errs...)
}

// leave has everybody told that this node has left the directory. What a reload
// has put in its place has been told since.
func (d *Drainer) leave(ctx context.Context, _ *draining) error {
	user := d.user()
	if user == nil || user.nodes == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, drainTry)
	defer cancel()
	if err := user.nodes.Told(ctx); err != nil {
		return fmt.Errorf("%w: the directory of nodes: %w", store.ErrUnavailable, err)
	}
	return nil
}
