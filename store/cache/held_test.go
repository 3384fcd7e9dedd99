package cache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/memory"
)

// TestHeldKindsReadNothing: what is there and what is not is known without
// asking, at once when it changes anywhere.
func TestHeldKindsReadNothing(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.want("d/one", "not found")
		b.elsewhere(put("d/one", "v"), put("e/one", "v"))
		b.want("d/one", "v")
		b.want("d/two", "not found")
		b.elsewhere(put("e/one", "w"), store.Delete("d/one"))
		b.want("e/one", "w")
		b.want("d/one", "not found")
		b.reads("d/one", 0, 0)
		b.reads("d/two", 0, 0)
		b.reads("e/one", 0, 0)
		if s := all(b.cache); s.HeldChanges != 4 || s.Held != 1 || s.Hits != 5 || s.Entries != 0 || s.Emptied != 1 {
			b.Errorf("%+v", s)
		}
	})
}

func TestHeldDeadlineIsJudgedOnGet(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(store.Put("d/one", []byte("v"), time.Now().Add(1500*time.Millisecond)))
		b.want("d/one", "v")
		time.Sleep(1500 * time.Millisecond)
		b.want("d/one", "not found")
		b.reads("d/one", 0, 0)
	})
}

// TestOwnCommitOfAHeldKind: who committed sees it here, whatever the watch does.
func TestOwnCommitOfAHeldKind(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.hooked.set(func() { b.hooked.event = func(store.Event) []store.Event { return nil } })
		commit(b, b.cache, store.Create("d/one", []byte("v"), time.Now().Add(time.Hour)))
		b.want("d/one", "v")
		commit(b, b.cache, put("d/one", "w"))
		b.want("d/one", "w")
		b.reads("d/one", 0, 0)
		commit(b, b.cache, store.PutIfExists("d/one", []byte("x"), time.Time{}))
		b.want("d/one", "x")
		b.reads("d/one", 0, 1) // whether it existed was not known
		commit(b, b.cache, store.Delete("d/one"))
		b.want("d/one", "not found")
		b.reads("d/one", 0, 1)
	})
}

// TestHeldKindsAreLoadedWhole: until all records have been read nothing is said
// from memory; then all of them are there, those of before too.
func TestHeldKindsAreLoadedWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mem := memory.New()
		t.Cleanup(mem.Close)
		const n = 45_000 // more than two pages
		for i := range n / 100 {
			ops := make([]store.Op, 100)
			for j := range ops {
				ops[j] = put(store.Key(fmt.Sprintf("d/%05d", 100*i+j)), "v")
			}
			commit(t, mem, ops...)
		}
		b := &bench{T: t, hooked: &hooked{Store: mem, reads: make(map[string]int)}}
		pages := 0
		b.hooked.list = func() error {
			if pages++; pages == 2 { // a part has been read by then
				return errCut
			}
			return nil
		}
		b.cache = open(t, b.hooked, cache.Config{Node: "here"})
		synctest.Wait()
		if s := all(b.cache); s.Proven || s.Held != 0 {
			t.Errorf("not all was read, and %+v", s)
		}
		b.want("d/00001", "v")
		b.want("d/99999", "not found")
		b.reads("d/00001", 0, 1)
		b.reads("d/99999", 0, 1)
		time.Sleep(time.Second)
		if s := all(b.cache); !s.Proven || s.Held != n {
			t.Errorf("%+v", s)
		}
		b.want("d/44999", "v")
		b.want("d/99999", "not found")
		b.reads("d/44999", 0, 0)
		b.reads("d/99999", 0, 1)
	})
}

// TestHeldKindsWithoutProof: a node that is cut off does not go on saying that
// nothing was ended.
func TestHeldKindsWithoutProof(t *testing.T) {
	const grace = time.Minute
	inBubble(t, func(b *bench) {
		b.elsewhere(put("d/one", "v"))
		b.hang(2 * time.Second) // of the other node's end of d/two this one hears nothing
		commit(b, b.other, put("d/two", "v"))
		time.Sleep(freshness - 1001*time.Millisecond)
		b.says("d/two", store.Any, "not found", 0) // as promised, and no longer
		time.Sleep(1001 * time.Millisecond)
		b.says("d/two", store.Any, "unavailable", 2*time.Second)
		b.says("d/two", store.Strict, "unavailable", 0)
		b.says("d/two", store.Grace(grace), "not found", 0) // what a grace costs
		b.says("d/one", store.Grace(grace), "v", 0)
		time.Sleep(grace)
		b.says("d/two", store.Grace(grace), "unavailable", 2*time.Second)
		b.hooked.endWatch(errCut) // another one will repeat what this one swallowed
		b.up()
		b.says("d/two", store.Strict, "v", 0)
	})
}

// TestHeldKindsAreNotReadFromALaggingMember: it would answer for ever that
// nothing was ended.
func TestHeldKindsAreNotReadFromALaggingMember(t *testing.T) {
	inBubble(t, func(b *bench) {
		lagging := b.lagging("d/one")
		b.hooked.set(func() {
			b.hooked.get, b.hooked.watch = lagging, func() error { return errCut }
		})
		b.hooked.endWatch(errCut)
		b.elsewhere(put("d/one", "v"))
		b.want("d/one", "v")
		b.reads("d/one", 0, 1)
	})
}

// TestHeldKeyInDoubt: after a commit of which nobody knows whether it happened
// the store is asked, until it has answered; should the commit happen later,
// the watch tells.
func TestHeldKeyInDoubt(t *testing.T) {
	for name, tc := range map[string]struct {
		happens bool
		want    string
	}{"it happened": {true, "v"}, "it may happen yet": {false, "not found"}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				op := put("d/one", "v")
				b.hooked.set(func() {
					b.hooked.event = func(store.Event) []store.Event { return nil }
					b.hooked.commit = func(ctx context.Context, ops []store.Op) (int64, error) {
						if tc.happens {
							_, _ = b.hooked.Store.Commit(ctx, ops...)
						}
						return 0, errCut
					}
					b.hooked.get = func(context.Context, store.Key, store.Freshness) (store.Record, int64, error) {
						return store.Record{}, 0, errCut
					}
				})
				if _, err := b.cache.Commit(b.Context(), op); !errors.Is(err, store.ErrUnavailable) {
					b.Fatal(err)
				}
				b.want("d/one", "unavailable")
				b.says("d/one", store.Grace(time.Minute), "unavailable", 0)
				b.want("d/two", "not found")
				b.hooked.set(func() { b.hooked.get = nil })
				b.want("d/one", tc.want)
				b.reads("d/one", 0, 3)
				b.want("d/one", tc.want)
				b.reads("d/one", 0, 3)
				b.hooked.set(func() { b.hooked.commit, b.hooked.event = nil, nil })
				if !tc.happens {
					b.elsewhere(op)
				}
				b.want("d/one", "v")
			})
		})
	}
}

// TestHeldKindsAfterACompaction: what was swept while the watch was away is
// gone from memory, what was ended is there, and what was known stays in use
// for a grace until all is read again.
func TestHeldKindsAfterACompaction(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("d/swept", "v"), put("d/stays", "v"))
		b.down()
		b.hooked.set(func() { b.hooked.watch = func() error { return store.ErrCompacted } })
		commit(b, b.other, store.Delete("d/swept"), put("d/ended", "v"))
		time.Sleep(freshness)
		b.says("d/stays", store.Grace(time.Hour), "v", 0)
		b.up()
		b.want("d/swept", "not found")
		b.want("d/stays", "v")
		b.want("d/ended", "v")
		if s := all(b.cache); s.Held != 2 {
			b.Errorf("%+v", s)
		}
	})
}

// TestHeldKindsWithRepeatedAndReorderedEvents: etcd repeats events when a watch
// resumes, and orders them for each key alone.
func TestHeldKindsWithRepeatedAndReorderedEvents(t *testing.T) {
	inBubble(t, func(b *bench) {
		var told []store.Event
		b.hooked.set(func() {
			b.hooked.event = func(ev store.Event) []store.Event {
				if ev.Kind == store.Progress {
					return []store.Event{ev}
				}
				told = append(told, ev)
				return append([]store.Event{ev}, told...) // all of the past again
			}
		})
		for i := range 5 {
			b.elsewhere(put("d/one", fmt.Sprint(i)), put("d/two", fmt.Sprint(i)))
		}
		b.elsewhere(store.Delete("d/two"))
		b.want("d/one", "4")
		b.elsewhere(put("d/two", "again"))
		b.want("d/two", "again")
		b.reads("d/one", 0, 0)
		b.reads("d/two", 0, 0)
	})
}

// many is a store in memory with a million records besides.
type many struct {
	store.Store
	n int
}

func (many) key(i int) store.Key { return store.Key(fmt.Sprintf("d/%027d", i)) }

func (m many) List(_ context.Context, _ store.Key, page store.Page) (rs []store.Record, asOf int64, err error) {
	first := 0
	if page.After != "" {
		if _, err := fmt.Sscanf(string(page.After), "d/%d", &first); err != nil {
			return nil, 0, err
		}
		first++
	}
	for i := first; i < min(m.n, first+page.Limit); i++ {
		rs = append(rs, store.Record{Key: m.key(i), Value: []byte{1}, Expires: time.Now().Add(time.Hour), Revision: 1})
	}
	return rs, 1, nil
}

// BenchmarkHeld measures a million records that are held, as a denylist has
// them, and asks for what is there and what is not.
func BenchmarkHeld(b *testing.B) {
	mem := memory.New()
	defer mem.Close()
	inner := many{mem, 1_000_000}
	before := heap()
	c, err := cache.New(inner, cache.Config{Node: "here", Held: []store.Key{"d/"}, SizeMiB: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for !c.State().Proven {
		time.Sleep(time.Millisecond)
	}
	bytes := float64(heap()-before) / float64(inner.n)
	for name, offset := range map[string]int{"there": 0, "absent": inner.n} {
		b.Run(name, func(b *testing.B) {
			keys := make([]store.Key, 100_000)
			for i := range keys {
				keys[i] = inner.key(offset + i*7919%inner.n)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, _, err := c.Get(b.Context(), keys[i%len(keys)], store.Any); (err == nil) != (offset == 0) {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(bytes, "held-B/record")
		})
	}
}
