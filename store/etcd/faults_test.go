package etcd_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
)

// commit is a Commit that must succeed.
func commit(tb testing.TB, s store.Store, ops ...store.Op) int64 {
	tb.Helper()
	revision, err := s.Commit(tb.Context(), ops...)
	if err != nil {
		tb.Fatal(err)
	}
	return revision
}

// hangUp is a context that ends as soon as it was first found not to have:
// the caller goes while the call is under way.
type hangUp struct {
	context.Context
	cancel context.CancelFunc
	asked  atomic.Bool
}

func (h *hangUp) Err() error {
	if h.asked.Swap(true) {
		return h.Context.Err()
	}
	defer h.cancel()
	return nil
}

// TestHangingUpLeavesNoHalf: a client that drops its connection in the middle
// of a login must not make it uncertain whether the session was stored, and
// with it whether the session's other parts were.
func TestHangingUpLeavesNoHalf(t *testing.T) {
	s := newStore(t, etcd.Config{Client: startEmbedded(t)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	revision, err := s.Commit(&hangUp{Context: ctx, cancel: cancel}, store.Create("s/one", []byte("v"), time.Time{}))
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	if ctx.Err() == nil {
		t.Fatal("the caller did not hang up")
	}
	if r, _, err := s.Get(t.Context(), "s/one", store.Fresh); err != nil || r.Revision != revision {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestForeignRecordIsRefused: what another program, another version or an
// intruder wrote into etcd is never taken for a record, nor for a free key.
func TestForeignRecordIsRefused(t *testing.T) {
	client := startEmbedded(t)
	s := newStore(t, etcd.Config{Client: client, Prefix: "/am"})
	w, err := s.Watch(t.Context(), 0, "s/")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"empty": "", "short": "\x01\x00", "later version": "\x02\x00\x00\x00\x00\x00\x00\x00\x00v",
		"negative deadline": "\x01\xff\x00\x00\x00\x00\x00\x00\x00v",
	} {
		if _, err := client.Put(t.Context(), "/am/s/one", value); err != nil {
			t.Fatal(err)
		}
		_, _, getErr := s.Get(t.Context(), "s/one", store.Fresh)
		_, _, listErr := s.List(t.Context(), "s/", store.Page{})
		_, createErr := s.Commit(t.Context(), store.Create("s/one", []byte("mine"), time.Time{}))
		_, absentErr := s.Commit(t.Context(), store.Absent("s/one"))
		for call, err := range map[string]error{"get": getErr, "list": listErr, "create": createErr, "absent": absentErr} {
			if !errors.Is(err, etcd.ErrMalformed) {
				t.Errorf("%s, %s: %v, want ErrMalformed", name, call, err)
			}
			for _, other := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrUnavailable} {
				if errors.Is(err, other) {
					t.Errorf("%s, %s: %v is more than malformed", name, call, err)
				}
			}
		}
	}
	for ev := range w.Events() {
		t.Errorf("told %+v", ev)
	}
	if err := w.Err(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the watch ended with %v, want ErrUnavailable", err)
	}
	commit(t, s, store.Put("s/one", []byte("mine"), time.Time{}))
	commit(t, s, store.Delete("s/one"))
}

// TestLayoutInEtcd pins the bytes under their key: later versions must read
// what this one wrote.
func TestLayoutInEtcd(t *testing.T) {
	client := startEmbedded(t)
	s := newStore(t, etcd.Config{Client: client, Prefix: "/am"})
	commit(t, s,
		store.Put("s/one", []byte("value"), time.UnixMilli(0x0102030405060708)),
		store.Put("k/two", nil, time.Time{}))
	resp, err := client.Get(t.Context(), "", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, kv := range resp.Kvs {
		got[string(kv.Key)] = string(kv.Value)
		if kv.Lease != 0 {
			t.Errorf("%s has a lease", kv.Key)
		}
	}
	want := map[string]string{
		"/am/s/one": "\x01\x01\x02\x03\x04\x05\x06\x07\x08value",
		"/am/k/two": "\x01\x00\x00\x00\x00\x00\x00\x00\x00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("etcd holds (-want +got):\n%s", diff)
	}
}

// TestCompactedHistoryIsTold: a cache that watches from too long ago has
// missed invalidations and must learn that it has.
func TestCompactedHistoryIsTold(t *testing.T) {
	client := startEmbedded(t)
	s := newStore(t, etcd.Config{Client: client})
	first := commit(t, s, store.Put("inv/a", []byte("1"), time.Time{}))
	commit(t, s, store.Put("inv/a", []byte("2"), time.Time{}))
	last := commit(t, s, store.Put("inv/a", []byte("3"), time.Time{}))
	if _, err := client.Compact(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	w, err := s.Watch(t.Context(), first-1, "inv/", "d/")
	if err == nil {
		for ev := range w.Events() {
			t.Errorf("told %+v", ev)
		}
		err = w.Err()
	}
	if !errors.Is(err, store.ErrCompacted) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a watch from before the compaction: %v, want ErrCompacted", err)
	}
	w, err = s.Watch(t.Context(), last, "inv/", "d/")
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, store.Put("inv/a", []byte("4"), time.Time{}))
	if ev := <-w.Events(); string(ev.Record.Value) != "4" {
		t.Errorf("told %+v", ev)
	}
}

// TestCloseWaitsAndEnds: requests in flight outlive a reload, so Close lets
// them finish, and leaves nothing running (goleak sees to that).
func TestCloseWaitsAndEnds(t *testing.T) {
	client := startEmbedded(t)
	s, err := etcd.New(etcd.Config{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, store.Put("s/one", []byte("v"), time.Time{}))
	w, err := s.Watch(t.Context(), 0, "s/", "d/")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
	for range w.Events() {
	}
	_, _, getErr := s.Get(t.Context(), "s/one", store.Any)
	_, _, listErr := s.List(t.Context(), "s/", store.Page{})
	_, commitErr := s.Commit(t.Context(), store.Delete("s/one"))
	_, watchErr := s.Watch(t.Context(), 0, "s/")
	for call, err := range map[string]error{
		"get": getErr, "list": listErr, "commit": commitErr, "watch": watchErr,
		"running watch": w.Err(), "progress": w.RequestProgress(t.Context()),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", call, err)
		}
	}
	if _, err := client.Get(t.Context(), "s/one"); err != nil {
		t.Errorf("a client that was lent is closed: %v", err)
	}
}

// restless rewrites an expired record right before each transaction.
type restless struct {
	clientv3.KV
	rewrites int
}

func (r *restless) Txn(ctx context.Context) clientv3.Txn {
	r.rewrites++
	if _, err := r.Put(ctx, "s/one", "\x01\x00\x00\x00\x00\x00\x00\x00\x01"); err != nil {
		panic(err)
	}
	return r.KV.Txn(ctx)
}

// TestCommitGivesUpOnRestlessRecords: to write over a record that expired, it
// must still be the one that was seen; somebody who rewrites it all the time
// must not keep a request for ever.
func TestCommitGivesUpOnRestlessRecords(t *testing.T) {
	client := startEmbedded(t)
	kv := &restless{KV: client.KV}
	client.KV = kv
	s := newStore(t, etcd.Config{Client: client})
	_, err := s.Commit(t.Context(), store.Create("s/one", []byte("v"), time.Time{}))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("commit: %v, want ErrUnavailable", err)
	}
	if kv.rewrites < 2 || kv.rewrites > 20 {
		t.Errorf("%d attempts", kv.rewrites)
	}
}

// compacting compacts all history away before the second page of a List.
type compacting struct {
	clientv3.KV
	client *clientv3.Client
	reads  int
}

func (c *compacting) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	c.reads++
	if c.reads == 2 {
		resp, err := c.Put(ctx, "elsewhere", "")
		if err == nil {
			_, err = c.client.Compact(ctx, resp.Header.Revision)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.KV.Get(ctx, key, opts...)
}

// TestListOutlivesCompaction: what is read as of one revision begins anew when
// that is gone, and misses nothing.
func TestListOutlivesCompaction(t *testing.T) {
	client := startEmbedded(t)
	kv := &compacting{KV: client.KV, client: client}
	client.KV = kv
	s := newStore(t, etcd.Config{Client: client})
	past := time.Now().Add(-time.Hour)
	commit(t, s, store.Put("s/1", []byte("old"), past), store.Put("s/2", []byte("old"), past),
		store.Put("s/3", []byte("live"), time.Time{}))
	rs, _, err := s.List(t.Context(), "s/", store.Page{Limit: 1})
	if err != nil || len(rs) != 1 || rs[0].Key != "s/3" {
		t.Errorf("listed %+v, %v", rs, err)
	}
	if kv.reads <= 3 {
		t.Errorf("%d reads: nothing began anew", kv.reads)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  etcd.Config
		want string
	}{
		"nothing": {etcd.Config{Prefix: "/am"}, "endpoints"},
		"no URL":  {etcd.Config{Endpoints: []string{"127.0.0.1:2379"}}, "https://etcd-1.example.com:2379"},
		"another scheme": {
			etcd.Config{Endpoints: []string{"tcp://127.0.0.1:2379"}}, "https://etcd-1.example.com:2379",
		},
		"no port": {etcd.Config{Endpoints: []string{"https://etcd-1"}}, "https://etcd-1.example.com:2379"},
		"no host": {etcd.Config{Endpoints: []string{"https://:2379"}}, "https://etcd-1.example.com:2379"},
		"a path":  {etcd.Config{Endpoints: []string{"https://etcd-1:2379/v3"}}, "https://etcd-1.example.com:2379"},
		"a user": {
			etcd.Config{Endpoints: []string{"https://am:secret@etcd-1:2379"}}, "https://etcd-1.example.com:2379",
		},
		"a user beside nonsense": {
			etcd.Config{Endpoints: []string{"https://am:secret%@etcd-1:2379"}}, "https://etcd-1.example.com:2379",
		},
		"both schemes": {etcd.Config{Endpoints: []string{"https://a:2379", "http://b:2379"}}, "all https or all http"},
		"tls for http": {
			etcd.Config{Endpoints: []string{"http://a:2379"}, TLS: new(etcd.TLS)}, "write https://a:2379 instead of http://a:2379",
		},
		"no CA": {
			etcd.Config{Endpoints: []string{"https://a:2379"}, TLS: &etcd.TLS{CA: "testdata/missing.pem"}}, "testdata/missing.pem",
		},
		"no certificate in the CA": {
			etcd.Config{Endpoints: []string{"https://a:2379"}, TLS: &etcd.TLS{CA: "etcd.go"}}, "etcd.go holds no certificate",
		},
		"no key": {
			etcd.Config{Endpoints: []string{"https://a:2379"}, TLS: &etcd.TLS{Certificate: "etcd.go"}}, "come together",
		},
		"no key in the file": {
			etcd.Config{Endpoints: []string{"https://a:2379"}, TLS: &etcd.TLS{Certificate: "etcd.go", Key: "etcd.go"}}, "etcd.go",
		},
		"no password": {etcd.Config{Endpoints: []string{"https://a:2379"}, User: "am"}, "password"},
	} {
		s, err := etcd.New(c.cfg)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}
