package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

// TestNobodyJoinsAReadFromBeforeAnEnd: while nothing proves what is held it is
// read, and a read may be on its way for long. Whoever asks after a session was
// ended must not wait for a read from before that: neither once this node has
// committed the end, in doubt or not, nor once it has heard of it.
func TestNobodyJoinsAReadFromBeforeAnEnd(t *testing.T) {
	for name, end := range map[string]func(b *bench, op store.Op){
		"ended here": func(b *bench, op store.Op) { commit(b, b.cache, op) },
		"ended here, in doubt": func(b *bench, op store.Op) {
			b.hooked.set(func() {
				b.hooked.commit = func(ctx context.Context, ops []store.Op) (int64, error) {
					_, _ = b.hooked.Store.Commit(ctx, ops...)
					return 0, errCut
				}
				b.hooked.event = func(store.Event) []store.Event { return nil }
			})
			if _, err := b.cache.Commit(b.Context(), op); !errors.Is(err, store.ErrUnavailable) {
				b.Fatal(err)
			}
		},
		"ended elsewhere": func(b *bench, op store.Op) { b.elsewhere(op) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				release := make(chan struct{})
				slow := true
				b.hooked.set(func() {
					b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
						if k == "inv/here" {
							return store.Record{}, 0, errCut // there is no proof, but the watch goes on
						}
						r, asOf, err := b.hooked.Store.Get(ctx, k, want)
						if slow {
							slow = false
							<-release
						}
						return r, asOf, err
					}
				})
				time.Sleep(freshness)
				var looks sync.WaitGroup
				looks.Go(func() { b.want("d/one", "not found") }) // it began before the end
				synctest.Wait()
				end(b, put("d/one", "v"))
				looks.Go(func() { b.want("d/one", "v") })
				synctest.Wait()
				close(release)
				looks.Wait()
				b.want("d/one", "v")
			})
		})
	}
}

// TestProofThatComesAfterItsWatch: the read that is to prove the cache fresh is
// answered when the watch has ended. It proves nothing then: of what changes
// from now on nobody tells.
func TestProofThatComesAfterItsWatch(t *testing.T) {
	inBubble(t, func(b *bench) {
		release := make(chan struct{})
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				r, asOf, err := b.hooked.Store.Get(ctx, k, want)
				if k == "inv/here" {
					<-release
				}
				return r, asOf, err
			}
			b.hooked.watch = func() error { return errCut }
		})
		time.Sleep(time.Second)
		synctest.Wait() // the next proof has begun
		b.hooked.endWatch(errCut)
		synctest.Wait()
		close(release)
		synctest.Wait()
		if all(b.cache).Proven {
			b.Error("there is a proof, and no watch")
		}
		b.elsewhere(put("d/one", "v"))
		b.want("d/one", "v")
	})
}

// BenchmarkHeld measures a million records that are held, as a denylist has
// them, and asks for what is there and what is not.
func BenchmarkHeld(b *testing.B) {
	mem := memory.New()
	defer mem.Close()
	inner := newMany(mem, 1_000_000)
	before := heap()
	c, err := cache.New(inner, cache.Config{Node: "here", Held: []store.Key{"d/"}, SizeMiB: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for !c.State().Proven {
		time.Sleep(time.Millisecond)
	}
	bytes := float64(heap()-before) / float64(len(inner.keys))
	for name, suffix := range map[string]store.Key{"there": "", "absent": "-"} {
		b.Run(name, func(b *testing.B) {
			keys := make([]store.Key, 100_000)
			for i := range keys {
				keys[i] = inner.keys[i*7919%len(inner.keys)] + suffix
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, _, err := c.Get(b.Context(), keys[i%len(keys)], store.Any); (err == nil) != (suffix == "") {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(bytes, "held-B/record")
		})
	}
}
