package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.RunInBubble(t, func(t *testing.T) store.Store {
		mem := memory.New()
		t.Cleanup(mem.Close)
		c := open(t, mem, cache.Config{Node: "here"})
		synctest.Wait() // for the proof, so that the cache is in use
		return quiet{c, c}
	})
}

// TestContractOfHeldKinds: kinds of which all records are held are kinds of a
// store, too.
func TestContractOfHeldKinds(t *testing.T) {
	t.Parallel()
	storetest.RunInBubble(t, func(t *testing.T) store.Store {
		mem := memory.New()
		t.Cleanup(mem.Close)
		c := open(t, mem, cache.Config{Node: "here", Prefixes: []store.Key{}, Held: []store.Key{"s/", "u/", "a/", "d/"}})
		synctest.Wait()
		return c
	})
}

// TestContractWithoutProof: a cache that may never be used is a store too.
func TestContractWithoutProof(t *testing.T) {
	t.Parallel()
	storetest.RunInBubble(t, func(t *testing.T) store.Store {
		mem := memory.New()
		t.Cleanup(mem.Close)
		unwatched := &hooked{Store: mem, reads: make(map[string]int), watch: func() error { return store.ErrUnavailable }}
		return quiet{open(t, unwatched, cache.Config{Node: "here"}), mem}
	})
}

// quiet leaves the cache's own announcements out of watches: the suite counts
// every record, and these are the one thing that a cache adds.
type quiet struct {
	store.Store
	watched store.Store
}

func (q quiet) Watch(ctx context.Context, from int64, prefixes ...store.Key) (store.Watcher, error) {
	inner, err := q.watched.Watch(ctx, from, prefixes...)
	if err != nil {
		return nil, err
	}
	w := &quietWatcher{Watcher: inner, events: make(chan store.Event)}
	go func() {
		defer close(w.events)
		for ev := range inner.Events() {
			if ev.Record.Key == "inv/here" {
				continue
			}
			select {
			case w.events <- ev:
			case <-ctx.Done():
			}
		}
	}()
	return w, nil
}

type quietWatcher struct {
	store.Watcher
	events chan store.Event
}

func (w *quietWatcher) Events() <-chan store.Event { return w.events }

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	mem := memory.New()
	defer mem.Close()
	for want, cfg := range map[string]cache.Config{
		"node name":    {},
		"empty prefix": {Node: "n", Prefixes: []store.Key{"s/", ""}},
		"prefix would": {Node: "n", Held: []store.Key{""}},
		"at least 1s":  {Node: "n", Freshness: time.Second / 2},
		"-1 MiB":       {Node: "n", SizeMiB: -1},
		"-1 reads":     {Node: "n", MaxReads: -1},
	} {
		c, err := cache.New(mem, cfg)
		if err == nil {
			c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestHitsReadNothing(t *testing.T) {
	inBubble(t, func(b *bench) {
		expires := time.Now().Add(time.Hour)
		revision := b.elsewhere(store.Put("s/one", []byte("v"), expires), store.Put("x/one", []byte("v"), expires))
		for range 3 {
			r, asOf, err := b.cache.Get(b.Context(), "s/one", store.Any)
			if err != nil || r.Key != "s/one" || string(r.Value) != "v" || r.Revision != revision || asOf < revision ||
				!r.Expires.Equal(expires.Truncate(time.Millisecond)) {
				b.Errorf("got %+v as of %d, %v", r, asOf, err)
			}
			if _, _, err := b.cache.Get(b.Context(), "x/one", store.Any); err != nil {
				b.Error(err)
			}
		}
		b.reads("s/one", 1, 0)
		b.reads("x/one", 3, 0) // is not of a cached kind
		if _, _, err := b.cache.Get(b.Context(), "s/one", store.Fresh); err != nil {
			b.Error(err)
		}
		b.reads("s/one", 1, 1)
		if s := all(b.cache); s.Hits != 2 || s.Reads != 1 || s.Entries != 1 {
			b.Errorf("%+v", s)
		}
	})
}

// TestAbsenceIsNotCached: a session may be created the moment after somebody
// asked for it, and nobody announces that.
func TestAbsenceIsNotCached(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.want("s/one", "not found")
		b.want("s/one", "not found")
		b.reads("s/one", 2, 2)
		b.elsewhere(store.Create("s/one", []byte("v"), time.Time{}))
		b.want("s/one", "v")
		if s := all(b.cache); s.Entries != 1 || s.Evicted != 0 {
			b.Errorf("%+v", s)
		}
	})
}

func TestDeadlineIsJudgedOnGet(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(store.Put("s/one", []byte("v"), time.Now().Add(1500*time.Millisecond)))
		b.elsewhere(store.Put("s/ever", []byte("v"), time.Time{}))
		b.want("s/one", "v")
		b.want("s/ever", "v")
		time.Sleep(1499 * time.Millisecond)
		b.want("s/one", "v")
		b.reads("s/one", 1, 0)
		time.Sleep(time.Millisecond)
		b.want("s/one", "not found")
		b.want("s/ever", "v")
		b.reads("s/ever", 1, 0)
	})
}

func TestCommitAnnounces(t *testing.T) {
	inBubble(t, func(b *bench) {
		commit(b, b.cache, store.Create("s/made", []byte("v"), time.Time{}), store.Put("x/one", []byte("v"), time.Time{}))
		if _, _, err := b.hooked.Store.Get(b.Context(), "inv/here", store.Fresh); !errors.Is(err, store.ErrNotFound) {
			b.Errorf("a create was announced: %v", err)
		}
		revision := commit(b, b.cache, put("s/a", "v"), store.PutIfExists("s/b", nil, time.Time{}), store.Delete("s/c"),
			store.Absent("s/d"), store.Create("s/e", nil, time.Time{}), put("x/f", "v"))
		r, _, err := b.hooked.Store.Get(b.Context(), "inv/here", store.Fresh)
		want := "\x01" + "\x00\x00\x00\x03s/a" + "\x00\x00\x00\x03s/b" + "\x00\x00\x00\x03s/c"
		if err != nil || string(r.Value) != want || r.Revision != revision || !r.Expires.After(time.Now()) {
			b.Errorf("announced %q at %d, %v, want %q at %d", r.Value, r.Revision, err, want, revision)
		}
	})
}

func TestOwnCommitsAreSeenAtOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		commit(b, b.cache, put("s/one", "1"))
		b.want("s/one", "1")
		b.hooked.set(func() { b.hooked.event = func(store.Event) []store.Event { return nil } }) // also without the watch
		b.hooked.set(func() { b.hooked.get = b.lagging("s/one") })
		commit(b, b.cache, put("s/one", "2"))
		b.want("s/one", "2")
		commit(b, b.cache, store.Delete("s/one"))
		b.want("s/one", "not found")
	})
}

// TestCommitInDoubt: the store did not answer, but had deleted the session.
// This node must not go on serving it from memory.
func TestCommitInDoubt(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "1"))
		b.want("s/one", "1")
		b.hooked.set(func() {
			b.hooked.commit = func(ctx context.Context, ops []store.Op) (int64, error) {
				if _, err := b.hooked.Store.Commit(ctx, ops...); err != nil {
					b.Error(err)
				}
				return 0, store.ErrUnavailable
			}
		})
		if _, err := b.cache.Commit(b.Context(), store.Delete("s/one")); !errors.Is(err, store.ErrUnavailable) {
			b.Error(err)
		}
		b.want("s/one", "not found")
	})
}

// TestThunderingHerd: a thousand requests of one session, not cached yet, are
// one read, and each owns what it gets.
func TestThunderingHerd(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		release := make(chan struct{})
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				<-release
				return b.hooked.Store.Get(ctx, k, want)
			}
		})
		var herd sync.WaitGroup
		for range 1000 {
			herd.Go(func() {
				r, _, err := b.cache.Get(b.Context(), "s/one", store.Any)
				if err != nil || string(r.Value) != "v" {
					b.Errorf("%q, %v", r.Value, err)
				}
				clear(r.Value)
			})
		}
		synctest.Wait()
		close(release)
		herd.Wait()
		b.reads("s/one", 1, 0)
		if s := all(b.cache); s.Joined != 999 {
			b.Errorf("%+v", s)
		}
	})
}

func TestMaxReads(t *testing.T) {
	inBubble(t, func(b *bench) {
		release := make(chan struct{})
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				<-release
				return b.hooked.Store.Get(ctx, k, want)
			}
		})
		var slow sync.WaitGroup
		for i := range 8 {
			slow.Go(func() { b.want(store.Key(fmt.Sprint("s/", i)), "not found") })
		}
		synctest.Wait()
		began := time.Now()
		for _, want := range []store.Freshness{store.Any, store.Fresh} {
			for _, k := range []store.Key{"s/8", "j/one"} { // those that are only passed on count, too
				if _, _, err := b.cache.Get(b.Context(), k, want); !errors.Is(err, store.ErrBusy) || !errors.Is(err, store.ErrUnavailable) {
					b.Errorf("the ninth read says %v", err)
				}
			}
		}
		if time.Since(began) > 0 {
			b.Error("the ninth read waited")
		}
		joined, cancel := context.WithCancel(b.Context())
		slow.Go(func() {
			_, _, err := b.cache.Get(joined, "s/7", store.Any) // needs no read of its own
			if !errors.Is(err, context.Canceled) || !errors.Is(err, store.ErrUnavailable) {
				b.Errorf("who gave up got %v", err)
			}
		})
		synctest.Wait()
		cancel()
		close(release)
		slow.Wait()
		b.want("s/8", "not found")
		if s := all(b.cache); s.Busy != 4 {
			b.Errorf("%+v", s)
		}
	})
}

// TestListsCountAsReads: whoever asks for lists cannot have more of the store
// than whoever asks for records. Without a setting 256 reads are allowed.
func TestListsCountAsReads(t *testing.T) {
	for name, tc := range map[string]struct{ set, allowed int }{"set": {8, 8}, "by default": {0, 256}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				c := open(b, b.hooked, cache.Config{Node: "third", MaxReads: tc.set})
				synctest.Wait()
				release := make(chan struct{})
				b.hooked.set(func() { b.hooked.list = func([]store.Record) error { <-release; return nil } })
				list := func() error {
					_, _, err := c.List(b.Context(), "u/", store.Page{})
					return err
				}
				var slow sync.WaitGroup
				for range tc.allowed {
					slow.Go(func() {
						if err := list(); err != nil {
							b.Error(err)
						}
					})
				}
				synctest.Wait()
				if err := list(); !errors.Is(err, store.ErrBusy) {
					b.Errorf("one list more: %v", err)
				}
				if _, _, err := c.Get(b.Context(), "s/one", store.Fresh); !errors.Is(err, store.ErrBusy) {
					b.Errorf("one read more: %v", err)
				}
				close(release)
				slow.Wait()
				if err := list(); err != nil {
					b.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}

// TestOneGivesUpOthersGoOn: the first of those who wait for a read hangs up.
func TestOneGivesUpOthersGoOn(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		release := make(chan struct{})
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				<-release
				return b.hooked.Store.Get(ctx, k, want)
			}
		})
		first, cancel := context.WithCancel(b.Context())
		var both sync.WaitGroup
		both.Go(func() {
			if _, _, err := b.cache.Get(first, "s/one", store.Any); !errors.Is(err, context.Canceled) {
				b.Errorf("the first got %v", err)
			}
		})
		synctest.Wait()
		both.Go(func() { b.want("s/one", "v") })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		both.Wait()
		b.reads("s/one", 1, 0)
	})
}

func TestClose(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.want("s/one", "v")
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, _ store.Key, _ store.Freshness) (store.Record, int64, error) {
				<-ctx.Done()
				return store.Record{}, 0, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
			}
		})
		var waiting sync.WaitGroup
		waiting.Go(func() { b.want("s/two", "unavailable") })
		synctest.Wait()
		b.cache.Close()
		waiting.Wait()
		b.cache.Close()
		b.want("s/one", "unavailable")
		if s := all(b.cache); s.Proven {
			b.Errorf("%+v", s)
		}
		if _, err := b.cache.Commit(b.Context(), store.Delete("s/one")); err != nil {
			b.Errorf("a commit is not passed on any more: %v", err)
		}
	})
}

// TestTwoNodesAtWork lets many goroutines of two nodes change and read the
// same few records in real time. Each key has one writer, which always reads
// what it wrote last; nobody sees a record newer than its revision, and in
// the end all see that it is gone.
func TestTwoNodesAtWork(t *testing.T) {
	t.Parallel()
	mem := memory.New()
	defer mem.Close()
	nodes := []*cache.Cache{open(t, mem, cache.Config{Node: "a"}), open(t, mem, cache.Config{Node: "b"})}
	var all sync.WaitGroup
	for w := range 4 {
		k := store.Key(fmt.Sprint("s/", w))
		mine, theirs := nodes[w%2], nodes[1-w%2]
		all.Go(func() {
			for i := range 300 {
				op, want := store.Put(k, fmt.Append(nil, i), time.Time{}), fmt.Sprint(i)
				if i%10 == 9 {
					op, want = store.Delete(k), "not found"
				}
				commit(t, mine, op)
				if got := answer(t, mine, k); got != want {
					t.Errorf("%s at step %d is %q, want %q", k, i, got, want)
				}
			}
		})
		for range 2 {
			all.Go(func() {
				for range 1000 {
					r, asOf, err := theirs.Get(t.Context(), k, store.Any)
					if err != nil && !errors.Is(err, store.ErrNotFound) || r.Revision > asOf {
						t.Errorf("%s: revision %d as of %d, %v", k, r.Revision, asOf, err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	for w := range 4 {
		for _, n := range nodes {
			for answer(t, n, store.Key(fmt.Sprint("s/", w))) != "not found" {
				time.Sleep(time.Millisecond) // its announcement is on the way
			}
		}
	}
}
