package cache_test

import (
	"context"
	"crypto/sha1" // #nosec G505 -- to spread keys
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
	"github.com/amgate/amgate/store/memory"
)

// denied is a key as the denylist has them.
func denied(i int) store.Key {
	h := sha1.Sum(binary.BigEndian.AppendUint64(nil, uint64(i))) // #nosec G401 -- to spread keys
	return store.Key("d/" + base64.RawURLEncoding.EncodeToString(h[:]))
}

// many is a store in memory with many records of the kind d/ besides. Like etcd
// it counts, for each page, all keys of the range that is asked for.
type many struct {
	store.Store
	keys           []store.Key // in order
	counted, lists *atomic.Int64
}

func newMany(inner store.Store, n int) many {
	m := many{inner, make([]store.Key, n), new(atomic.Int64), new(atomic.Int64)}
	for i := range m.keys {
		m.keys[i] = denied(i)
	}
	slices.Sort(m.keys)
	return m
}

func (m many) List(_ context.Context, _ store.Key, page store.Page) (rs []store.Record, asOf int64, err error) {
	begin, _ := slices.BinarySearch(m.keys, page.After+"\x00")
	end := len(m.keys)
	if page.UpTo != "" {
		end, _ = slices.BinarySearch(m.keys, page.UpTo+"\x00")
	}
	m.lists.Add(1)
	m.counted.Add(int64(end - begin))
	for _, k := range m.keys[begin:min(end, begin+page.Limit)] {
		rs = append(rs, store.Record{Key: k, Value: []byte{1}, Expires: time.Now().Add(time.Hour), Revision: 1})
	}
	return rs, 1, nil
}

// TestLoadTakesTimeInProportion: in etcd all keys of a range are counted for
// each of its pages, and no record can be written meanwhile. Read as one range
// 600,000 records would be counted 61 times, and 6 million 601 times.
func TestLoadTakesTimeInProportion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory.New()
		t.Cleanup(mem.Close)
		inner := newMany(mem, 600_000)
		c := open(t, inner, cache.Config{Node: "here", Prefixes: []store.Key{}, Held: []store.Key{"d/"}})
		synctest.Wait()
		if s := c.State(); !s.Proven || s.Held != len(inner.keys) {
			t.Fatalf("%+v", s)
		}
		if n := inner.counted.Load(); n > 3*int64(len(inner.keys)) {
			t.Errorf("%d keys were counted to load %d", n, len(inner.keys))
		}
		if n := inner.lists.Load(); n > 400 {
			t.Errorf("%d pages were read", n)
		}
	})
}

// TestLoadOfCrowdedKeys: where most records share what their keys begin with
// that part is divided again.
func TestLoadOfCrowdedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := memory.New()
		t.Cleanup(mem.Close)
		inner := newMany(mem, 200_000)
		for i, k := range inner.keys {
			inner.keys[i] = "d/AAA" + k[2:]
		}
		c := open(t, inner, cache.Config{Node: "here", Prefixes: []store.Key{}, Held: []store.Key{"d/"}})
		synctest.Wait()
		if s := c.State(); !s.Proven || s.Held != len(inner.keys) {
			t.Fatalf("%+v", s)
		}
		if n := inner.counted.Load(); n > 16*int64(len(inner.keys)) { // in one range 21 times
			t.Errorf("%d keys were counted to load %d", n, len(inner.keys))
		}
	})
}

// TestHeldKindsAreLoadedWhole: until all records have been read nothing is said
// from memory; then all of them are there, those of before too. Where the store
// failed the load goes on, and does not begin again.
func TestHeldKindsAreLoadedWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := memory.New()
		t.Cleanup(mem.Close)
		const n = 1_000
		deny(t, mem, n)
		b := &bench{T: t, hooked: &hooked{Store: mem, reads: make(map[string]int)}}
		pages := 0
		b.hooked.list = func([]store.Record) error {
			if pages++; pages == 50 { // a part has been read by then
				return errCut
			}
			return nil
		}
		b.cache = open(t, b.hooked, cache.Config{Node: "here"})
		synctest.Wait()
		if s := all(b.cache); s.Proven || s.Held != 0 {
			t.Errorf("not all was read, and %+v", s)
		}
		b.want(denied(1), "v")
		b.want("d/absent", "not found")
		b.reads(denied(1), 0, 1)
		b.reads("d/absent", 0, 1)
		time.Sleep(time.Second)
		if s := all(b.cache); !s.Proven || s.Held != n {
			t.Errorf("%+v", s)
		}
		if pages > 50+220 { // 2 kinds, 65 parts, an empty page at the end of each
			t.Errorf("%d pages were read", pages)
		}
		for i := range n {
			b.want(denied(i), "v")
		}
		b.want("d/absent", "not found")
		b.reads(denied(1), 0, 1)
		b.reads("d/absent", 0, 1)
	})
}

// deny puts n records into the store.
func deny(tb testing.TB, s store.Store, n int) {
	tb.Helper()
	var writers errgroup.Group
	writers.SetLimit(8)
	for i := 0; i < n; i += store.MaxOps {
		ops := make([]store.Op, 0, store.MaxOps)
		for j := i; j < min(n, i+store.MaxOps); j++ {
			ops = append(ops, put(denied(j), "v"))
		}
		writers.Go(func() error {
			_, err := s.Commit(context.Background(), ops...)
			return err
		})
	}
	if err := writers.Wait(); err != nil {
		tb.Fatal(err)
	}
}

// TestCompactionDuringALoad: a load may take longer than history is kept. The
// watch has kept up meanwhile, so what was loaded is not thrown away.
func TestCompactionDuringALoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := memory.New()
		t.Cleanup(mem.Close)
		deny(t, mem, 1_000)
		b := &bench{T: t, hooked: &hooked{Store: mem, reads: make(map[string]int)}}
		pages := 0
		b.hooked.list = func([]store.Record) error {
			pages++
			time.Sleep(5 * time.Second) // 10 minutes and more for all
			commit(t, mem, put("d/new", fmt.Sprint(pages)))
			time.Sleep(5 * time.Second)
			mem.Compact()
			return nil
		}
		b.cache = open(t, b.hooked, cache.Config{Node: "here"})
		time.Sleep(time.Hour)
		if s := all(b.cache); !s.Proven || s.Held != 1_001 || s.Watches != 1 || s.Emptied != 1 {
			t.Errorf("%+v", s)
		}
		b.want("d/new", fmt.Sprint(pages))
		b.reads("d/new", 0, 0)
	})
}

// TestWatchThatEndsDuringALoad is begun again; the load goes on. If history is
// gone, what was loaded may lack changes, and all is read again, whatever comes
// of the first load.
func TestWatchThatEndsDuringALoad(t *testing.T) {
	const pages = 194 // for each part with records two, for the others one
	for name, tc := range map[string]struct {
		cause         error
		at            int
		loads, lasted int
	}{
		"cut off":                    {errCut, 80, 1, pages},
		"compacted":                  {store.ErrCompacted, 80, 2, 80 + pages},
		"compacted at the last page": {store.ErrCompacted, pages, 2, 2 * pages},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mem := memory.New()
				t.Cleanup(mem.Close)
				deny(t, mem, 1_000)
				b := &bench{T: t, hooked: &hooked{Store: mem, reads: make(map[string]int)}}
				var read atomic.Int64
				b.hooked.list = func([]store.Record) error {
					if read.Add(1) == int64(tc.at) {
						b.hooked.endWatch(tc.cause)
					}
					time.Sleep(time.Second)
					return nil
				}
				b.cache = open(t, b.hooked, cache.Config{Node: "here"})
				time.Sleep(time.Hour)
				if s := all(b.cache); !s.Proven || s.Held != 1_000 || s.Watches != 2 || s.Emptied != uint64(tc.loads) {
					t.Errorf("%+v", s)
				}
				if n := int(read.Load()); n > tc.lasted+1 { // one was under way
					t.Errorf("%d pages were read, want %d", n, tc.lasted)
				}
			})
		})
	}
}

// TestHeldKindsOfAStoreThatWentBack: it was restored from a backup, and its
// revisions begin again below those that the watch had told of.
func TestHeldKindsOfAStoreThatWentBack(t *testing.T) {
	inBubble(t, func(b *bench) {
		for range 10 {
			b.elsewhere(put("d/one", "v"))
		}
		time.Sleep(time.Second)
		restored := memory.New()
		b.Cleanup(restored.Close)
		b.hooked.set(func() { b.hooked.Store = restored })
		b.hooked.endWatch(store.ErrCompacted)
		time.Sleep(time.Minute)
		b.want("d/one", "not found")
		commit(b, restored, put("d/two", "v"))
		synctest.Wait()
		b.want("d/two", "v")
		b.reads("d/two", 0, 0)
	})
}

// TestRemovalDuringALoad: a page was read, then a record of it is removed, which
// the watch tells, and that all is told; then the page comes.
func TestRemovalDuringALoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := memory.New()
		t.Cleanup(mem.Close)
		deny(t, mem, 2)
		b := &bench{T: t, hooked: &hooked{Store: mem, reads: make(map[string]int)}}
		b.hooked.event = func(ev store.Event) []store.Event {
			return []store.Event{ev, {Kind: store.Progress, Record: store.Record{Revision: ev.Record.Revision}}}
		}
		b.hooked.list = func(page []store.Record) error {
			for _, r := range page {
				if r.Key == denied(1) {
					commit(t, mem, store.Delete(r.Key))
					time.Sleep(time.Second) // the watch tells
				}
			}
			return nil
		}
		b.cache = open(t, b.hooked, cache.Config{Node: "here"})
		time.Sleep(time.Minute)
		if s := all(b.cache); !s.Proven || s.Held != 1 {
			t.Errorf("%+v", s)
		}
		b.want(denied(0), "v")
		b.want(denied(1), "not found")
		b.reads(denied(1), 0, 0)
	})
}

// TestModelLoad changes and removes records at any moment while they are
// loaded, here and elsewhere, some in a commit that is in doubt. In the end
// what is held is what is there.
func TestModelLoad(t *testing.T) {
	type step struct {
		key    int
		remove bool
		here   bool
		late   bool // the watch tells of it when the next pages have been read
		pages  int
	}
	rapid.Check(t, func(rt *rapid.T) {
		plan := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{
				key: rapid.IntRange(0, 3).Draw(t, "key"), remove: rapid.Bool().Draw(t, "remove"),
				here: rapid.Bool().Draw(t, "here"), late: rapid.Bool().Draw(t, "late"),
				pages: rapid.IntRange(0, 20).Draw(t, "pages"),
			}
		}), 1, 20).Draw(rt, "plan")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			mem := memory.New()
			t.Cleanup(mem.Close)
			deny(t, mem, 3)
			b := &bench{T: t, hooked: &hooked{Store: mem, reads: make(map[string]int)}}
			page := make(chan struct{})
			b.hooked.list = func([]store.Record) error { <-page; return nil }
			b.cache = open(t, b.hooked, cache.Config{Node: "here"})
			next := func(n int) {
				for range n {
					select {
					case page <- struct{}{}:
					case <-time.After(time.Second): // all are read
					}
				}
			}
			var held []store.Event
			for i, s := range plan {
				b.hooked.set(func() {
					b.hooked.event = func(ev store.Event) []store.Event {
						if held = append(held, ev); s.late {
							return nil
						}
						out := held
						held = nil
						return out
					}
				})
				var from store.Store = mem
				if s.here {
					from = b.cache
				}
				op := put(denied(s.key), fmt.Sprint(i))
				if s.remove {
					op = store.Delete(denied(s.key))
				}
				commit(t, from, op)
				synctest.Wait()
				next(s.pages)
			}
			b.hooked.set(func() {
				b.hooked.list = nil
				b.hooked.event = func(ev store.Event) []store.Event {
					out := append(held, ev)
					held = nil
					return out
				}
			})
			close(page)
			time.Sleep(time.Minute)
			if !b.cache.State().Proven {
				wrong = append(wrong, "no proof")
			}
			for i := range 4 {
				if got, want := answer(t, b.cache, denied(i)), answer(t, mem, denied(i)); got != want {
					wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", denied(i), got, want))
				}
				b.reads(denied(i), 0, 0)
			}
		})
		if len(wrong) > 0 {
			rt.Fatal(strings.Join(wrong, "\n"))
		}
	})
}

// TestHeldKindsWithEventsOutOfOrder: what was removed is not put back by what
// is told of it from before, also when that is told long after.
func TestHeldKindsWithEventsOutOfOrder(t *testing.T) {
	inBubble(t, func(b *bench) {
		var told []store.Event
		b.hooked.set(func() {
			b.hooked.event = func(ev store.Event) []store.Event {
				if ev.Kind == store.Progress {
					return append([]store.Event{ev}, told[2:]...) // what has changed since, again
				}
				told = append([]store.Event{ev}, told...) // the newest first
				if len(told) < 4 {
					return nil
				}
				return told
			}
		})
		commit(b, b.other, put("d/one", "1"), put("e/two", "1"))
		commit(b, b.other, store.Delete("d/one"), put("e/two", "2"))
		synctest.Wait()
		for range 3 {
			b.want("d/one", "not found")
			b.want("e/two", "2")
			time.Sleep(time.Second)
			synctest.Wait()
		}
		b.reads("d/one", 0, 0)
		b.reads("e/two", 0, 0)
	})
}

// BenchmarkLoad has an embedded etcd with many records that are held, and
// measures how long a node loads them before its cache comes into use.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			server, err := embedded.Start(b.Context(), embedded.Config{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer server.Close()
			inner, err := etcd.New(etcd.Config{Client: server.Client(), Timeout: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			defer inner.Close()
			deny(b, inner, n)
			for b.Loop() {
				c := open(b, inner, cache.Config{Node: "here"})
				for !c.State().Proven {
					time.Sleep(time.Millisecond)
				}
				if held := c.State().Held; held != n {
					b.Fatalf("%d records are held", held)
				}
				c.Close()
			}
		})
	}
}
