package cache_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hooked is a store whose faults a test chooses. Its hooks are nil or called
// in place of what they are named for.
type hooked struct {
	store.Store

	mu     sync.Mutex
	get    getHook
	commit commitHook
	event  eventHook
	watch  func() error
	ended  error
	close  func() // ends the running watch with h.ended
	// list is called before what was read is returned.
	list  func(page []store.Record) error
	reads map[string]int // "any s/one", "fresh s/one"
}

type (
	getHook    func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error)
	commitHook func(ctx context.Context, ops []store.Op) (int64, error)
	// An eventHook returns what the watch delivers in place of ev.
	eventHook func(ev store.Event) []store.Event
)

// set changes hooks while the store is in use.
func (h *hooked) set(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn()
}

func (h *hooked) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	h.mu.Lock()
	get, inner := h.get, h.Store
	h.reads[fmt.Sprintf("%s %s", map[store.Freshness]string{store.Any: "any", store.Fresh: "fresh"}[want], k)]++
	h.mu.Unlock()
	if get != nil {
		return get(ctx, k, want)
	}
	return inner.Get(ctx, k, want)
}

func (h *hooked) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	h.mu.Lock()
	commit, inner := h.commit, h.Store
	h.mu.Unlock()
	if commit != nil {
		return commit(ctx, ops)
	}
	return inner.Commit(ctx, ops...)
}

func (h *hooked) List(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, int64, error) {
	h.mu.Lock()
	list, inner := h.list, h.Store
	h.mu.Unlock()
	rs, asOf, err := inner.List(ctx, prefix, page)
	if list != nil {
		if err := list(rs); err != nil {
			return nil, 0, err
		}
	}
	return rs, asOf, err
}

// count is how often the store was asked for k.
func (h *hooked) count(want string, k store.Key) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reads[want+" "+string(k)]
}

func (h *hooked) Watch(ctx context.Context, from int64, prefixes ...store.Key) (store.Watcher, error) {
	h.mu.Lock()
	refuse, to := h.watch, h.Store
	h.mu.Unlock()
	if refuse != nil {
		if err := refuse(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	inner, err := to.Watch(ctx, from, prefixes...)
	if err != nil {
		cancel()
		return nil, err
	}
	w := &watcher{Watcher: inner, hooked: h, events: make(chan store.Event)}
	h.set(func() { h.ended, h.close = nil, cancel })
	go w.run(cancel)
	return w, nil
}

// endWatch ends the running watch, which says that it is because of err.
func (h *hooked) endWatch(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = err
	h.close()
}

type watcher struct {
	store.Watcher
	hooked *hooked
	events chan store.Event
}

func (w *watcher) run(cancel func()) {
	defer cancel()
	defer close(w.events)
	for ev := range w.Watcher.Events() {
		out := []store.Event{ev}
		w.hooked.mu.Lock()
		if w.hooked.event != nil {
			out = w.hooked.event(ev)
		}
		w.hooked.mu.Unlock()
		for _, ev := range out {
			w.events <- ev
		}
	}
}

func (w *watcher) Events() <-chan store.Event { return w.events }

func (w *watcher) Err() error {
	w.hooked.mu.Lock()
	defer w.hooked.mu.Unlock()
	if w.hooked.ended != nil {
		return w.hooked.ended
	}
	return w.Watcher.Err()
}

// bench is a cache over a hooked store, in a bubble, with a proof, and a
// second node's cache on the same store without hooks.
type bench struct {
	*testing.T
	hooked *hooked
	cache  *cache.Cache
	other  *cache.Cache
}

func inBubble(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(newBench(t)) })
}

// newBench makes one, in a bubble.
func newBench(t *testing.T) *bench {
	t.Helper()
	mem := memory.New()
	t.Cleanup(mem.Close)
	b := &bench{T: t, hooked: &hooked{Store: mem, reads: make(map[string]int)}}
	b.cache = open(t, b.hooked, cache.Config{Node: "here", MaxReads: 8})
	b.other = open(t, mem, cache.Config{Node: "there"})
	synctest.Wait()
	if !b.cache.State().Proven {
		t.Fatal("no proof")
	}
	return b
}

// open fills in what all tests have in common.
func open(tb testing.TB, inner store.Store, cfg cache.Config) *cache.Cache {
	tb.Helper()
	cfg.SizeMiB, cfg.Logger = 8, slog.New(slog.DiscardHandler)
	if cfg.Prefixes == nil {
		cfg.Prefixes, cfg.Held = []store.Key{"s/"}, []store.Key{"d/", "e/"}
	}
	c, err := cache.New(inner, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// all is all that a cache tells of itself.
func all(c *cache.Cache) (s struct {
	cache.Stats
	cache.State
},
) {
	s.Stats, s.State = c.Stats(), c.State()
	return s
}

const freshness = cache.DefaultFreshness

// answer is what Get of Any says, in a word.
func answer(tb testing.TB, s store.Store, k store.Key) string {
	tb.Helper()
	r, _, err := s.Get(context.Background(), k, store.Any)
	switch {
	case err == nil && r.Key == k:
		return string(r.Value)
	case errors.Is(err, store.ErrNotFound):
		return "not found"
	case errors.Is(err, store.ErrUnavailable):
		return "unavailable"
	}
	tb.Errorf("get %q: %+v, %v", k, r, err)
	return "neither"
}

func (b *bench) want(k store.Key, want string) {
	b.Helper()
	if got := answer(b, b.cache, k); got != want {
		b.Errorf("%s is %q, want %q", k, got, want)
	}
}

// reads fails if the store was asked more or less often for k.
func (b *bench) reads(k store.Key, anyReads, freshReads int) {
	b.Helper()
	if a, f := b.hooked.count("any", k), b.hooked.count("fresh", k); a != anyReads || f != freshReads {
		b.Errorf("%s was read %d times lagging and %d times fresh, want %d and %d", k, a, f, anyReads, freshReads)
	}
}

// elsewhere commits on the other node and waits until that is known here.
func (b *bench) elsewhere(ops ...store.Op) int64 {
	b.Helper()
	r := commit(b, b.other, ops...)
	synctest.Wait()
	return r
}

func commit(tb testing.TB, s store.Store, ops ...store.Op) int64 {
	tb.Helper()
	r, err := s.Commit(context.Background(), ops...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func put(k store.Key, v string) store.Op { return store.Put(k, []byte(v), time.Now().Add(time.Hour)) }

// lagging makes reads that may lag answer from how things are now, as a
// member of etcd does that is cut off from the others.
func (b *bench) lagging(keys ...store.Key) getHook {
	b.Helper()
	type answer struct {
		r    store.Record
		asOf int64
		err  error
	}
	old := map[store.Key]answer{}
	for _, k := range keys {
		var a answer
		a.r, a.asOf, a.err = b.hooked.Store.Get(b.Context(), k, store.Fresh)
		old[k] = a
	}
	return func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
		if a, known := old[k]; known && want == store.Any {
			r := a.r
			r.Value = append([]byte(nil), r.Value...)
			return r, a.asOf, a.err
		}
		return b.hooked.Store.Get(ctx, k, want)
	}
}
