package password

import (
	"context"
	"runtime"

	"github.com/amgate/amgate/identity"
)

// queuePerSlot is how many checks may wait for each that runs when NewGate is
// not told. With the Default profile the last in the queue waits about half a
// second.
const queuePerSlot = 16

// Gate bounds how many password checks run at once and how many wait. One
// Gate is meant for a whole process. It is safe for concurrent use.
type Gate struct {
	room chan struct{} // one for each check that runs or waits
	run  chan struct{} // one for each that runs
}

// NewGate returns a Gate that runs at most concurrent checks and lets at most
// queue more of them wait. Zero asks for the default: one check for each
// processor Go may use, 16 waiting for each that runs. A negative queue lets
// none wait.
func NewGate(concurrent, queue int) *Gate {
	if concurrent <= 0 {
		concurrent = runtime.GOMAXPROCS(0)
	}
	switch {
	case queue == 0:
		queue = queuePerSlot * concurrent
	case queue < 0:
		queue = 0
	}
	return &Gate{room: make(chan struct{}, concurrent+queue), run: make(chan struct{}, concurrent)}
}

// Do runs check once its turn has come and returns nil after it. If the queue
// is full it returns identity.ErrBusy at once; if ctx ends first, its error.
// In both cases check was not run. A check that has begun is not interrupted.
func (g *Gate) Do(ctx context.Context, check func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g.room <- struct{}{}:
		defer func() { <-g.room }()
	default:
		return identity.ErrBusy
	}
	select {
	case g.run <- struct{}{}:
		defer func() { <-g.run }()
	case <-ctx.Done():
		return ctx.Err()
	}
	check()
	return nil
}
