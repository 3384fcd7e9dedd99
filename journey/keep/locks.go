package keep

import (
	"context"
	"sync"

	"github.com/amgate/amgate/journey"
)

// locks has a lock for each journey that is being answered, and none for the
// others. The zero value is ready.
type locks struct {
	mu   sync.Mutex
	held map[journey.ID]*lock
}

// lock is a lock one can stop waiting for: whoever can send holds it.
type lock struct {
	taken chan struct{}
	users int // holder and waiters
}

// acquire waits for the journey's lock until ctx ends.
func (l *locks) acquire(ctx context.Context, id journey.ID) (release func(), err error) {
	one := l.enter(id)
	select {
	case one.taken <- struct{}{}:
		return func() { <-one.taken; l.leave(id, one) }, nil
	case <-ctx.Done():
		l.leave(id, one)
		return nil, ctx.Err()
	}
}

// tryAcquire takes the journey's lock if nobody has it.
func (l *locks) tryAcquire(id journey.ID) (release func(), ok bool) {
	one := l.enter(id)
	select {
	case one.taken <- struct{}{}:
		return func() { <-one.taken; l.leave(id, one) }, true
	default:
		l.leave(id, one)
		return nil, false
	}
}

func (l *locks) enter(id journey.ID) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[journey.ID]*lock)
	}
	one := l.held[id]
	if one == nil {
		one = &lock{taken: make(chan struct{}, 1)}
		l.held[id] = one
	}
	one.users++
	return one
}

func (l *locks) leave(id journey.ID, one *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(l.held, id)
	}
}
