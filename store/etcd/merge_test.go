package etcd

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

// merging is a merger at work, fed by hand.
type merging struct {
	parts []chan clientv3.WatchResponse
	out   chan store.Event
	err   chan error
	stop  context.CancelFunc
}

func merge(t *testing.T, parts, buffer int) *merging {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	g := &merging{out: make(chan store.Event, buffer), err: make(chan error, 1), stop: cancel}
	s := &Store{log: slog.New(slog.DiscardHandler)}
	m := merger{key: s.key, read: s.record, out: g.out}
	for range parts {
		part := make(chan clientv3.WatchResponse)
		g.parts = append(g.parts, part)
		m.parts = append(m.parts, part)
	}
	go func() { g.err <- m.run(ctx) }()
	return g
}

func progress(revision int64) clientv3.WatchResponse {
	return clientv3.WatchResponse{Header: &pb.ResponseHeader{Revision: revision}}
}

func written(key string, revision int64) clientv3.WatchResponse {
	kv := &mvccpb.KeyValue{Key: []byte(key), ModRevision: revision, Value: []byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00v")}
	return clientv3.WatchResponse{Header: &pb.ResponseHeader{Revision: revision}, Events: []*clientv3.Event{{Type: clientv3.EventTypePut, Kv: kv}}}
}

// told is what has come out so far.
func (g *merging) told() []int64 {
	synctest.Wait()
	var revisions []int64
	for {
		select {
		case ev := <-g.out:
			if ev.Kind == store.Progress {
				revisions = append(revisions, -ev.Record.Revision)
			} else {
				revisions = append(revisions, ev.Record.Revision)
			}
		default:
			return revisions
		}
	}
}

// TestProgressNeedsEveryPart: etcd tells progress to each watch of a stream;
// one that is being resumed elsewhere is not told and may have events to come.
// To believe the others would make an edge trust a session that was ended.
func TestProgressNeedsEveryPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := merge(t, 3, 10)
		for _, step := range []struct {
			part int
			resp clientv3.WatchResponse
			want []int64 // negative: progress
		}{
			{0, progress(10), nil},
			{1, progress(10), nil},
			{0, progress(12), nil}, // the third is still missing
			{2, written("e/1", 9), []int64{9}},
			{2, progress(11), []int64{-10}}, // the least of 12, 10, 11
			{2, progress(20), nil},          // a new round
			{1, written("d/1", 15), []int64{15}},
			{1, progress(20), nil},
			{0, progress(20), []int64{-20}},
		} {
			g.parts[step.part] <- step.resp
			if got := g.told(); !slices.Equal(got, step.want) {
				t.Errorf("part %d told %+v: %d, want %d", step.part, step.resp, got, step.want)
			}
		}
		g.stop()
		if err := <-g.err; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

// TestOnePartEndsAll: a watch of several prefixes that is deaf for one of
// them is not complete.
func TestOnePartEndsAll(t *testing.T) {
	for name, end := range map[string]struct {
		with func(chan clientv3.WatchResponse)
		want error
	}{
		"closed":    {func(p chan clientv3.WatchResponse) { close(p) }, nil},
		"cancelled": {func(p chan clientv3.WatchResponse) { p <- clientv3.WatchResponse{Canceled: true} }, nil},
		"compacted": {func(p chan clientv3.WatchResponse) {
			p <- clientv3.WatchResponse{Canceled: true, CompactRevision: 7}
		}, store.ErrCompacted},
		"malformed": {func(p chan clientv3.WatchResponse) {
			r := written("d/1", 8)
			r.Events[0].Kv.Value = []byte("\x02")
			p <- r
		}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := merge(t, 2, 10)
				end.with(g.parts[1])
				if err := <-g.err; err == nil || end.want != nil && !errors.Is(err, end.want) {
					t.Errorf("ended with %v, want %v", err, end.want)
				}
			})
		})
	}
}

// TestStalledConsumerEndsTheWatch: the etcd client buffers without bounds for
// a consumer that has stopped reading; that must not go on for ever.
func TestStalledConsumerEndsTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := merge(t, 1, 1)
		g.parts[0] <- written("d/1", 1)
		g.parts[0] <- written("d/1", 2)
		if err := <-g.err; !errors.Is(err, errStalled) {
			t.Errorf("ended with %v, want errStalled", err)
		}
		if got := g.told(); !slices.Equal(got, []int64{1}) {
			t.Errorf("told %d", got)
		}
	})
}

func TestDisjoint(t *testing.T) {
	for _, c := range []struct{ given, want []store.Key }{
		{nil, nil},
		{[]store.Key{"inv/", "d/", "e/"}, []store.Key{"d/", "e/", "inv/"}},
		{[]store.Key{"u/a/", "u/", "u0", "u/", "u"}, []store.Key{"u"}},
		{[]store.Key{"a/b", "a/", "a0", "a/\xff"}, []store.Key{"a/", "a0"}},
		{[]store.Key{"x", ""}, []store.Key{""}},
	} {
		if got := disjoint(c.given); !slices.Equal(got, c.want) {
			t.Errorf("disjoint(%q) is %q, want %q", c.given, got, c.want)
		}
	}
}
