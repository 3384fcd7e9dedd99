package realm

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/amgate/amgate/journey"
)

// Bounds on errands.
const (
	// maxErrands is how many are under way at once.
	maxErrands = 1000
	// An errand is tried so often, with pauses that double from the first one
	// on: the last try is half a minute after the first. Each takes at most
	// tryTimeout.
	errandTries = 6
	firstPause  = time.Second
	tryTimeout  = 30 * time.Second
	// closeTime is how long a Set that is closed waits for its errands, and
	// abandonTime how long it then waits for them to notice that it is over.
	closeTime   = 5 * time.Second
	abandonTime = time.Second
)

var errErrands = errors.New("realm: no more errands are taken")

// errands are what is done after a request was answered: links that are sent.
// They are in memory alone: a node that dies forgets those that were under
// way, and people ask for another link. What must not be forgotten is posted
// to the outbox.
type errands struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	under  int           // how many are under way
	closed chan struct{} // from then on no errand begins, or pauses
	done   sync.WaitGroup
}

func newErrands() *errands {
	e := &errands{closed: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// run tries an errand until it is done, fails for good (see journey.IsFault)
// or was tried often enough, and tells report how it ended. It does not block.
func (e *errands) run(try func(context.Context) error, report func(error)) {
	if !e.admit() {
		report(errErrands)
		return
	}
	go func() {
		defer e.leave()
		report(e.insist(try))
	}()
}

func (e *errands) admit() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.under == maxErrands || e.isClosed() {
		return false
	}
	e.under++
	e.done.Add(1)
	return true
}

func (e *errands) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.under--
	e.done.Done()
}

func (e *errands) isClosed() bool {
	select {
	case <-e.closed:
		return true
	default:
		return false
	}
}

func (e *errands) insist(try func(context.Context) error) (err error) {
	pause := firstPause
	for n := 1; ; n++ {
		err = e.attempt(try)
		if err == nil || !journey.IsFault(err) || n == errandTries || e.ctx.Err() != nil {
			return err
		}
		select {
		case <-e.closed:
			return err
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// attempt is one try. A panic in it is an error that will not be tried again.
func (e *errands) attempt(try func(context.Context) error) (err error) {
	defer Recover(&err)
	ctx, cancel := context.WithTimeout(e.ctx, tryTimeout)
	defer cancel()
	return try(ctx)
}

// close waits for the errands that are being tried, for closeTime at most. It
// may be called again.
func (e *errands) close() {
	e.mu.Lock()
	if e.isClosed() {
		e.mu.Unlock()
		return
	}
	close(e.closed)
	e.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.done.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(closeTime):
	}
	e.cancel()
	select {
	case <-ended:
	case <-time.After(abandonTime):
	}
}
