package etcd_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
	"github.com/amgate/amgate/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startEmbedded gives a test an etcd of its own.
func startEmbedded(tb testing.TB) *clientv3.Client {
	tb.Helper()
	logger := slog.New(slog.NewTextHandler(tb.Output(), nil))
	server, err := embedded.Start(tb.Context(), embedded.Config{Dir: tb.TempDir(), Logger: logger})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Errorf("close the server: %v", err)
		}
	})
	return server.Client()
}

// newStore makes a store that is closed with the test.
func newStore(tb testing.TB, cfg etcd.Config) *etcd.Store {
	tb.Helper()
	s, err := etcd.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return s
}

var stores atomic.Int64

// freshPrefix lets many stores share an etcd.
func freshPrefix() string { return fmt.Sprintf("/test-%d", stores.Add(1)) }

func TestContractOnEmbeddedEtcd(t *testing.T) {
	client := startEmbedded(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		return newStore(t, etcd.Config{Client: client, Prefix: freshPrefix()})
	})
}

// TestContractOnEtcdAlone: an etcd that has no other member keeps to the
// contract, too, when nobody asks whether it still leads.
func TestContractOnEtcdAlone(t *testing.T) {
	client := startEmbedded(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		return newStore(t, etcd.Config{Client: client, Prefix: freshPrefix(), Alone: true})
	})
}

// readSpy notes how records are read.
type readSpy struct {
	clientv3.KV
	serializable []bool
}

func (s *readSpy) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	op := clientv3.OpGet(key, opts...)
	s.serializable = append(s.serializable, op.IsSerializable())
	return s.KV.Get(ctx, key, opts...)
}

// TestFreshReads: a Fresh read makes the member that is asked make sure that it
// is not behind, unless there is no other.
func TestFreshReads(t *testing.T) {
	client := startEmbedded(t)
	spy := &readSpy{KV: client.KV}
	client.KV = spy
	for _, alone := range []bool{false, true} {
		s := newStore(t, etcd.Config{Client: client, Prefix: freshPrefix(), Alone: alone})
		if _, err := s.Commit(t.Context(), store.Create("a/1", []byte("one"), time.Time{})); err != nil {
			t.Fatal(err)
		}
		spy.serializable = nil
		for _, want := range []store.Freshness{store.Fresh, store.Any} {
			if r, _, err := s.Get(t.Context(), "a/1", want); err != nil || string(r.Value) != "one" {
				t.Errorf("alone %v: %+v, %v", alone, r, err)
			}
		}
		if want := []bool{alone, true}; !slices.Equal(spy.serializable, want) {
			t.Errorf("alone %v: serializable %v, want %v", alone, spy.serializable, want)
		}
	}
}

// TestWithoutPrefix: a range over all keys has a form of its own in etcd.
func TestWithoutPrefix(t *testing.T) {
	s := newStore(t, etcd.Config{Client: startEmbedded(t)})
	w, err := s.Watch(t.Context(), 0, "")
	if err != nil {
		t.Fatal(err)
	}
	revision, err := s.Commit(t.Context(), store.Create("a/1", []byte("one"), time.Time{}), store.NoneNewer("b/", 1))
	if err != nil {
		t.Fatal(err)
	}
	want := store.Record{Key: "a/1", Value: []byte("one"), Revision: revision}
	if ev := <-w.Events(); ev.Kind != store.Written || !cmp.Equal(ev.Record, want) {
		t.Errorf("told %+v, want %+v", ev, want)
	}
	for after, want := range map[store.Key][]store.Record{"": {want}, "a/1": nil, "\xff": nil} {
		rs, asOf, err := s.List(t.Context(), "", store.Page{After: after})
		if err != nil || asOf != revision || !cmp.Equal(rs, want) {
			t.Errorf("after %q: %+v as of %d, %v; want %+v as of %d", after, rs, asOf, err, want, revision)
		}
	}
}
