package memory

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/amgate/amgate/store"
)

// historyLimit is how many events are remembered for watches to begin at.
const historyLimit = 10_000

// history is the events of the last commits in the order of their revisions.
// It is guarded by Store.mu.
type history struct {
	events    []store.Event
	forgotten int64 // no event up to this revision is remembered for certain
}

// add appends the events of one commit. It forgets half of what there is at
// once, so that the copying costs little per commit.
func (h *history) add(events []store.Event) {
	h.events = append(h.events, events...)
	if len(h.events) > historyLimit {
		h.forget(h.events[len(h.events)-historyLimit/2].Record.Revision)
	}
}

// forget drops the events up to revision, never half a commit.
func (h *history) forget(revision int64) {
	h.events = slices.Clone(h.after(revision))
	h.forgotten = revision
}

// after is the events later than revision. They must not be changed.
func (h *history) after(revision int64) []store.Event {
	i := sort.Search(len(h.events), func(i int) bool { return h.events[i].Record.Revision > revision })
	return h.events[i:]
}

// watcher is a cursor in the store's history: its goroutine delivers what is
// new, then sleeps until there is more. However slow its consumer is, it
// holds up nobody; it ends with ErrCompacted when history passes it by.
type watcher struct {
	store    *Store
	prefixes []store.Key
	cursor   int64 // everything up to here was delivered
	events   chan store.Event
	asked    chan struct{} // holds one request for progress

	mu  sync.Mutex
	err error
}

var _ store.Watcher = (*watcher)(nil)

// Watch implements store.Store. The history is bounded: ten thousand events
// at most, five thousand at least once there were so many.
func (s *Store) Watch(ctx context.Context, from int64, prefixes ...store.Key) (store.Watcher, error) {
	if len(prefixes) == 0 {
		return nil, fmt.Errorf("memory: a watch needs a prefix")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if from < s.history.forgotten {
		return nil, fmt.Errorf("memory: watch from revision %d: %w", from, store.ErrCompacted)
	}
	w := &watcher{
		store:    s,
		prefixes: slices.Clone(prefixes),
		cursor:   from,
		events:   make(chan store.Event),
		asked:    make(chan struct{}, 1),
	}
	s.watchers.Go(func() { w.run(ctx) })
	return w, nil
}

// Events implements store.Watcher.
func (w *watcher) Events() <-chan store.Event { return w.events }

// Err implements store.Watcher.
func (w *watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// RequestProgress implements store.Watcher. Requests made before the first is
// answered are answered together.
func (w *watcher) RequestProgress(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: %w: %w", store.ErrUnavailable, err)
	}
	if err := w.Err(); err != nil {
		return err
	}
	select {
	case w.asked <- struct{}{}:
	default:
	}
	return nil
}

// run delivers until it cannot.
func (w *watcher) run(ctx context.Context) {
	err := w.deliver(ctx)
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	close(w.events)
}

func (w *watcher) deliver(ctx context.Context) error {
	progress := false
	for {
		batch, reached, changed, err := w.next()
		if err != nil {
			return err
		}
		if progress && reached >= w.cursor {
			batch = append(batch, store.Event{Kind: store.Progress, Record: store.Record{Revision: reached}})
			progress = false
		}
		for _, ev := range batch {
			select {
			case w.events <- ev:
			case <-ctx.Done():
				return ctx.Err()
			case <-w.store.closed:
				return errClosed
			}
		}
		w.cursor = max(w.cursor, reached)
		select {
		case <-changed:
		case <-w.asked:
			progress = true
		case <-ctx.Done():
			return ctx.Err()
		case <-w.store.closed:
			return errClosed
		}
	}
}

// next takes from the history what the watcher has not delivered, up to the
// revision reached; changed is closed when there is more.
func (w *watcher) next() (batch []store.Event, reached int64, changed <-chan struct{}, err error) {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.cursor < s.history.forgotten {
		return nil, 0, nil, fmt.Errorf("memory: watch at revision %d: %w", w.cursor, store.ErrCompacted)
	}
	for _, ev := range s.history.after(w.cursor) {
		if slices.ContainsFunc(w.prefixes, ev.Record.Key.HasPrefix) {
			batch = append(batch, store.Event{Kind: ev.Kind, Record: clone(ev.Record)})
		}
	}
	return batch, s.revision, s.changed, nil
}
