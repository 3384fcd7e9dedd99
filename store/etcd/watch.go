package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/amgate/amgate/store"
)

const (
	// watchBuffer is how many events wait for a consumer, stallLimit how
	// long a full buffer may. The etcd client would go on buffering without
	// bounds; a watch that nobody reads is ended instead.
	watchBuffer = 1024
	stallLimit  = 30 * time.Second
)

// watcher is one stream to etcd with an etcd watch for each prefix.
type watcher struct {
	store  *Store
	stream metadata.MD // names the stream among those of the client
	events chan store.Event

	// ending ends first, then, under mu, the stream: a request for progress
	// on a stream that has ended would open another one, for good.
	ending context.Context
	quit   context.CancelFunc
	mu     sync.Mutex
	cancel context.CancelFunc

	done chan struct{} // closed after err is set, before events is
	err  error
}

var _ store.Watcher = (*watcher)(nil)

// Watch implements store.Store. It returns when etcd has taken up the watch
// of every prefix. That history is compacted shows a little later, in Err.
// The watch ends when the member that serves it has no leader; a member that
// dies is replaced by another one without a gap.
func (s *Store) Watch(ctx context.Context, from int64, prefixes ...store.Key) (store.Watcher, error) {
	prefixes = disjoint(prefixes)
	if len(prefixes) == 0 {
		return nil, errors.New("etcd: a watch needs a prefix")
	}
	bounded, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	// The stream's context is not the caller's, so that end alone ends it.
	// Everything under the same metadata shares a gRPC stream, and progress
	// is told only when all watches on the stream have caught up: each of
	// ours gets a stream of its own, by a number.
	streamCtx, cancel := context.WithCancel(clientv3.WithRequireLeader(context.WithoutCancel(ctx)))
	streamCtx = metadata.AppendToOutgoingContext(streamCtx, "amgate-watch", strconv.FormatUint(s.watches.Add(1), 10))
	md, _ := metadata.FromOutgoingContext(streamCtx)
	w := &watcher{
		store: s, stream: md, cancel: cancel,
		events: make(chan store.Event, watchBuffer),
		done:   make(chan struct{}),
	}
	w.ending, w.quit = context.WithCancel(context.Background())
	unhook := []func() bool{context.AfterFunc(ctx, w.end), context.AfterFunc(s.closing, w.end)}
	parts, err := s.takeUp(bounded, streamCtx, from, prefixes)
	if err != nil {
		w.end()
		return nil, s.fault(ctx, err)
	}
	s.watchers.Go(func() {
		m := merger{key: s.key, read: s.record, out: w.events, parts: parts}
		err := m.run(streamCtx)
		w.end()
		for _, unhook := range unhook {
			unhook()
		}
		w.err = s.whyEnded(ctx, err)
		close(w.done)
		close(w.events)
	})
	return w, nil
}

// takeUp begins an etcd watch for each prefix. The client's Watch returns
// only when the server has answered, however long that takes.
func (s *Store) takeUp(bounded, streamCtx context.Context, from int64, prefixes []store.Key) ([]clientv3.WatchChan, error) {
	begun := make(chan []clientv3.WatchChan, 1)
	s.watchers.Go(func() {
		parts := make([]clientv3.WatchChan, len(prefixes))
		for i, prefix := range prefixes {
			begin, end := s.below(prefix)
			parts[i] = s.client.Watch(streamCtx, begin, clientv3.WithRange(end), clientv3.WithRev(from+1))
		}
		begun <- parts
	})
	select {
	case parts := <-begun:
		return parts, nil
	case <-bounded.Done():
		return nil, fmt.Errorf("the watch was not taken up: %w", bounded.Err())
	}
}

// whyEnded is the error for Err.
func (s *Store) whyEnded(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, store.ErrCompacted):
		return err
	case ctx.Err() != nil:
		return s.fault(ctx, err)
	case s.closing.Err() != nil:
		return errClosed
	default:
		return s.fault(ctx, err)
	}
}

// end lets go of the stream, and the merger notices. It may be called often.
func (w *watcher) end() {
	w.quit()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel()
}

// Events implements store.Watcher.
func (w *watcher) Events() <-chan store.Event { return w.events }

// Err implements store.Watcher.
func (w *watcher) Err() error {
	select {
	case <-w.done:
		return w.err
	default:
		return nil
	}
}

// RequestProgress implements store.Watcher. etcd answers only when all
// prefixes have caught up, and else not at all.
func (w *watcher) RequestProgress(ctx context.Context) error {
	if err := w.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ending.Err() != nil {
		return fmt.Errorf("etcd: %w: the watch is ending", store.ErrUnavailable)
	}
	bounded, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, w.stream), w.store.timeout)
	defer cancel()
	defer context.AfterFunc(w.ending, cancel)()
	if err := w.store.client.RequestProgress(bounded); err != nil {
		return w.store.fault(ctx, err)
	}
	return nil
}

// disjoint leaves out what lies below another of the prefixes, so that no
// change is told twice.
func disjoint(prefixes []store.Key) []store.Key {
	var kept []store.Key
	for _, p := range slices.Sorted(slices.Values(prefixes)) {
		// In order, a prefix comes right before all that lies below it.
		if len(kept) == 0 || !p.HasPrefix(kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	return kept
}
