// Package memory keeps records in a map of this process. It is the reference
// that the other stores are compared with, so it is written to be obviously
// right rather than fast; it serves tests and throw-away runs. Nothing
// survives the process, nothing is shared with another one, and a record past
// its deadline takes up memory until somebody deletes it.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/amgate/amgate/store"
)

// pageLimit is how many records a List returns that names no limit.
const pageLimit = 100

// errClosed is what a closed store answers.
var errClosed = fmt.Errorf("memory: %w: the store is closed", store.ErrUnavailable)

// Store is a store.Store in a map. Make one with New.
type Store struct {
	mu       sync.Mutex
	records  map[store.Key]store.Record
	revision int64
	history  history
	// changed is closed, and replaced, when there is news for the watchers.
	changed  chan struct{}
	closed   chan struct{} // closed by Close, under mu
	watchers sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// New returns an empty store at revision 1, as a fresh etcd is.
func New() *Store {
	return &Store{
		records:  make(map[store.Key]store.Record),
		revision: 1,
		changed:  make(chan struct{}),
		closed:   make(chan struct{}),
	}
}

// Close ends every watch, waits until they have ended, and makes all further
// calls fail with ErrUnavailable. The records are gone. It may be called twice.
func (s *Store) Close() {
	s.mu.Lock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
		s.records = nil
	}
	s.mu.Unlock()
	s.watchers.Wait()
}

// Compact makes the store forget its whole history, as etcd does from time to
// time: a Watch from an older revision, and one that lags, is ErrCompacted.
// It exists for tests of what depends on a Watch.
func (s *Store) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.forget(s.revision)
	s.announce()
}

// Get implements store.Store. Any and Fresh are the same here.
func (s *Store) Get(ctx context.Context, k store.Key, _ store.Freshness) (store.Record, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return store.Record{}, 0, err
	}
	r, live := s.live(k, time.Now())
	if !live {
		return store.Record{}, s.revision, fmt.Errorf("memory: %q: %w", k, store.ErrNotFound)
	}
	return clone(r), s.revision, nil
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, 0, err
	}
	limit := page.Limit
	if limit <= 0 {
		limit = pageLimit
	}
	now := time.Now()
	found := s.part(prefix, page, func(r store.Record) bool { return !r.Expired(now) })
	return clones(found[:min(limit, len(found))]), s.revision, nil
}

// usable tells why a call must not go on. The caller holds s.mu.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %w: %w", store.ErrUnavailable, err)
	}
	select {
	case <-s.closed:
		return errClosed
	default:
		return nil
	}
}

// live finds a record whose deadline has not passed. The caller holds s.mu.
func (s *Store) live(k store.Key, now time.Time) (store.Record, bool) {
	r, present := s.records[k]
	return r, present && !r.Expired(now)
}

// announce wakes the watchers. The caller holds s.mu.
func (s *Store) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// clone gives a record a value of its own, so that nobody outside can change
// what is stored.
func clone(r store.Record) store.Record {
	r.Value = bytes.Clone(r.Value)
	return r
}
