package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

// errStalled is why a watch ends that nobody reads.
var errStalled = errors.New("the consumer of the watch does not keep up")

// merger makes one sequence of events out of several etcd watches. etcd
// tells its progress to each watch of a stream separately, and one that is
// just being resumed on another member misses the news; so the merger
// reports progress only when every part has had some, and then the least.
type merger struct {
	key   func(*mvccpb.KeyValue) store.Key
	read  func(*mvccpb.KeyValue) (store.Record, error)
	parts []clientv3.WatchChan
	out   chan<- store.Event
}

// response is what a part has to tell.
type response struct {
	part int
	clientv3.WatchResponse
	open bool
}

// run delivers until ctx ends or a part fails, and waits for its goroutines.
func (m *merger) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	in := make(chan response)
	var forwarders sync.WaitGroup
	defer forwarders.Wait()
	defer cancel()
	for i, part := range m.parts {
		forwarders.Go(func() { forward(ctx, i, part, in) })
	}
	reached := make(map[int]int64, len(m.parts)) // since the last progress reported
	for {
		var resp response
		select {
		case resp = <-in:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := ended(resp); err != nil {
			return err
		}
		for _, ev := range resp.Events {
			if err := m.deliver(ctx, ev); err != nil {
				return err
			}
		}
		if !resp.IsProgressNotify() {
			continue
		}
		reached[resp.part] = resp.Header.Revision
		if len(reached) < len(m.parts) {
			continue
		}
		least := resp.Header.Revision
		for _, revision := range reached {
			least = min(least, revision)
		}
		clear(reached)
		if err := m.send(ctx, store.Event{Kind: store.Progress, Record: store.Record{Revision: least}}); err != nil {
			return err
		}
	}
}

// forward hands on what one part tells, its end included.
func forward(ctx context.Context, i int, part clientv3.WatchChan, in chan<- response) {
	for open := true; open; {
		r := response{part: i}
		select {
		case r.WatchResponse, open = <-part:
		case <-ctx.Done():
			return
		}
		r.open = open
		select {
		case in <- r:
		case <-ctx.Done():
			return
		}
	}
}

// ended tells why a part is over, nil if it is not.
func ended(r response) error {
	switch {
	case r.open && r.CompactRevision != 0:
		return fmt.Errorf("etcd: history before revision %d is gone: %w", r.CompactRevision, store.ErrCompacted)
	case r.open:
		return r.Err()
	default:
		return errors.New("etcd closed the watch")
	}
}

// deliver makes an event of what etcd tells. A record that cannot be read
// ends the watch: it changed, and nobody could be told to what.
func (m *merger) deliver(ctx context.Context, ev *clientv3.Event) error {
	if ev.Type == clientv3.EventTypeDelete {
		r := store.Record{Key: m.key(ev.Kv), Revision: ev.Kv.ModRevision}
		return m.send(ctx, store.Event{Kind: store.Deleted, Record: r})
	}
	r, err := m.read(ev.Kv)
	if err != nil {
		return err
	}
	return m.send(ctx, store.Event{Kind: store.Written, Record: r})
}

// send waits for the consumer, but not for ever.
func (m *merger) send(ctx context.Context, ev store.Event) error {
	select {
	case m.out <- ev:
		return nil
	default:
	}
	stalled := time.NewTimer(stallLimit)
	defer stalled.Stop()
	select {
	case m.out <- ev:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-stalled.C:
		return errStalled
	}
}
