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
)

var errCut = fmt.Errorf("cut off: %w", store.ErrUnavailable)

// TestEndedElsewhereIsGoneAtOnce (SECURITY row 17): a logout on one node is
// heard by the others within a round trip of the watch, without any time
// passing.
func TestEndedElsewhereIsGoneAtOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.want("s/one", "v")
		began := time.Now()
		b.elsewhere(store.Delete("s/one"))
		b.want("s/one", "not found")
		if time.Since(began) > 0 {
			b.Error("it took time")
		}
	})
}

// TestPropertyChangeIsSeenAtOnce (SECURITY row 22).
func TestPropertyChangeIsSeenAtOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "1"), put("s/two", "1"))
		b.want("s/one", "1")
		b.want("s/two", "1")
		b.elsewhere(store.PutIfExists("s/one", []byte("2"), time.Time{}))
		b.want("s/one", "2")
		b.want("s/two", "1")
		b.reads("s/one", 2, 0)
		b.reads("s/two", 1, 0) // nobody named it
	})
}

// TestLaggingReadIsNotBelieved: the announcement was seen, yet a lagging
// member still answers with the ended session. It fails without the first
// guard of DESIGN §5.2, the floor in Cache.read, as do TestOwnCommitsAreSeenAtOnce,
// TestLaggingReadAfterACompaction and TestRepeatedAndReorderedEvents: the
// session would be cached again.
func TestLaggingReadIsNotBelieved(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"), put("s/two", "1"))
		b.want("s/one", "v")
		b.hooked.set(func() { b.hooked.get = b.lagging("s/one", "s/two") })
		b.elsewhere(store.Delete("s/one"), put("s/two", "2"))
		b.want("s/one", "not found")
		b.want("s/two", "2")
		b.want("s/two", "2")
		b.reads("s/two", 1, 1)
	})
}

// TestLaggingReadAfterACommitInDoubt: this node's logout was committed, but
// etcd did not say so, and its announcement is still on its way. Whoever asks
// here now must not be told by a lagging member, nor whoever asks after them.
func TestLaggingReadAfterACommitInDoubt(t *testing.T) {
	inBubble(t, func(b *bench) {
		large := strings.Repeat("x", 2<<20) // so that it is never cached
		b.elsewhere(put("s/one", "v"), put("s/two", "v"))
		lagging := b.lagging("s/one", "s/two")
		b.hooked.set(func() {
			b.hooked.get = lagging
			b.hooked.event = func(store.Event) []store.Event { return nil }
			b.hooked.commit = func(ctx context.Context, ops []store.Op) (int64, error) {
				_, _ = b.hooked.Store.Commit(ctx, ops...)
				return 0, errCut
			}
		})
		if _, err := b.cache.Commit(b.Context(), store.Delete("s/one"), put("s/two", large)); !errors.Is(err, store.ErrUnavailable) {
			b.Fatal(err)
		}
		b.want("s/one", "not found")
		b.want("s/one", "not found")
		b.want("s/two", large)
		b.want("s/two", large)
	})
}

// TestDoubtEndsWithAProof: what the watch has told by then needs no read.
func TestDoubtEndsWithAProof(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.hooked.set(func() {
			b.hooked.commit = func(context.Context, []store.Op) (int64, error) { return 0, errCut }
		})
		if _, err := b.cache.Commit(b.Context(), put("d/one", "v")); !errors.Is(err, store.ErrUnavailable) {
			b.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		b.want("d/one", "not found")
		b.reads("d/one", 0, 0)
	})
}

// TestLaggingReadThatHidesNothing is accepted: it is older than the newest
// revision, but not than any change.
func TestLaggingReadThatHidesNothing(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.hooked.set(func() { b.hooked.get = b.lagging("s/one") })
		b.elsewhere(put("x/other", "v"))
		b.want("s/one", "v")
		b.reads("s/one", 1, 0)
	})
}

// TestAnnouncementDuringARead: the session was read, then ended, then the
// read comes back. The second guard of DESIGN §5.2 is the mark on the
// flight: Cache.join looks at it, so that nobody joins what is stale, and
// Cache.fly, so that it is not cached. TestTwoAnnouncementsDuringARead fails
// without the latter: the ended session would be cached after its announcement
// had passed, and stay.
func TestAnnouncementDuringARead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		release := make(chan struct{})
		slow := true
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				if k != "s/one" {
					return b.hooked.Store.Get(ctx, k, want)
				}
				if want == store.Any { // which sends the cache on to a fresh read
					return store.Record{}, 0, store.ErrNotFound
				}
				r, asOf, err := b.hooked.Store.Get(ctx, k, want)
				if slow {
					slow = false
					<-release
				}
				return r, asOf, err
			}
		})
		var early sync.WaitGroup
		early.Go(func() { b.want("s/one", "v") }) // it began before the logout
		synctest.Wait()
		b.elsewhere(store.Delete("s/one"))
		b.want("s/one", "not found") // it must not join the early one
		close(release)
		early.Wait()
		b.want("s/one", "not found")
	})
}

// TestTwoAnnouncementsDuringARead: of the two changes that are announced while
// a read is under way, the read has seen the first alone. Were it marked with
// that one only, it would be cached when the eviction for the second had passed,
// and stay.
func TestTwoAnnouncementsDuringARead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "1"))
		asked, answer := make(chan struct{}, 1), make(chan struct{})
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				if k != "s/one" {
					return b.hooked.Store.Get(ctx, k, want)
				}
				if want == store.Any { // which sends the cache on to a fresh read
					return store.Record{}, 0, store.ErrNotFound
				}
				<-asked
				r, asOf, err := b.hooked.Store.Get(ctx, k, want)
				<-answer
				return r, asOf, err
			}
		})
		var early sync.WaitGroup
		early.Go(func() { b.want("s/one", "2") })
		synctest.Wait()
		b.elsewhere(put("s/one", "2"))
		asked <- struct{}{}
		synctest.Wait()
		b.elsewhere(put("s/one", "3"))
		close(answer)
		early.Wait()
		b.hooked.set(func() { b.hooked.get = nil })
		b.want("s/one", "3")
	})
}

// TestNobodyJoinsAReadThatIsTooOld: without a watch nothing marks a read, so a
// Get that waited for one that began long ago would answer from then.
func TestNobodyJoinsAReadThatIsTooOld(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "1"))
		b.hooked.set(func() { b.hooked.watch = func() error { return errCut } })
		b.hooked.endWatch(errCut)
		synctest.Wait()
		slow := 2 * freshness
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				r, asOf, err := b.hooked.Store.Get(ctx, k, want)
				time.Sleep(slow)
				return r, asOf, err
			}
		})
		var looks sync.WaitGroup
		looks.Go(func() { b.want("s/one", "1") })
		time.Sleep(time.Second)
		b.elsewhere(put("s/one", "2"))
		looks.Go(func() { b.want("s/one", "1") }) // within the freshness
		time.Sleep(freshness)
		looks.Go(func() { b.want("s/one", "2") })
		looks.Wait()
	})
}

// TestPartitionIsBoundedByFreshness: this node and the member of the store
// that it talks to are cut off from the quorum. The member goes on answering
// lagging reads, events and progress. A session that is ended on the other
// side may be served here until the freshness has passed, and never after.
func TestPartitionIsBoundedByFreshness(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"), put("s/two", "v"))
		b.want("s/one", "v")
		stale := b.lagging("s/one", "s/two")
		_, isolated, _ := b.hooked.Store.Get(b.Context(), "s/one", store.Fresh)
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				if want == store.Fresh {
					return store.Record{}, 0, errCut
				}
				return stale(ctx, k, want)
			}
			b.hooked.event = func(ev store.Event) []store.Event {
				if ev.Kind == store.Progress {
					ev.Record.Revision = isolated
					return []store.Event{ev}
				}
				return nil
			}
		})
		ended := time.Now()
		b.elsewhere(store.Delete("s/one"), store.Delete("s/two"))
		b.want("s/one", "v") // the price, stated in the promise
		for time.Since(ended) < time.Minute {
			time.Sleep(100 * time.Millisecond)
			if time.Since(ended) >= freshness {
				b.want("s/one", "unavailable")
				b.want("s/two", "unavailable")
			}
		}
		b.hooked.set(func() { b.hooked.get, b.hooked.event = nil, nil })
		b.want("s/one", "not found")
		// The watch lost the announcements, so only its end can help it.
		b.hooked.endWatch(errCut)
		time.Sleep(time.Minute)
		b.want("s/one", "not found")
		b.elsewhere(put("s/one", "again"))
		b.want("s/one", "again")
		b.want("s/one", "again")
		if !all(b.cache).Proven {
			b.Error("no proof after the partition")
		}
	})
}

// TestProofCountsFromBeforeTheRead: a linearizable read that takes four
// seconds proves for one more.
func TestProofCountsFromBeforeTheRead(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.want("s/one", "v")
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				if k == "inv/here" {
					r, asOf, err := b.hooked.Store.Get(ctx, k, want)
					time.Sleep(freshness - time.Second)
					return r, asOf, err
				}
				return b.hooked.Store.Get(ctx, k, want)
			}
			b.hooked.event = func(ev store.Event) []store.Event {
				if ev.Kind == store.Written {
					return nil // and the announcement is on its way for long
				}
				return []store.Event{ev}
			}
		})
		time.Sleep(time.Second) // the first slow proof begins now
		synctest.Wait()
		b.elsewhere(store.Delete("s/one")) // after its read, so it does not cover this
		b.hooked.set(func() {
			inner := b.hooked.get
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				if k == "inv/here" {
					return store.Record{}, 0, errCut // and no other proof follows
				}
				return inner(ctx, k, want)
			}
		})
		time.Sleep(freshness - time.Millisecond)
		if !all(b.cache).Proven {
			b.Error("the proof does not hold for the freshness")
		}
		time.Sleep(time.Millisecond)
		b.want("s/one", "not found")
	})
}

// TestReadThatOutlastsTheProof: a member answers from before the partition,
// after the proof has lapsed under which it was asked.
func TestReadThatOutlastsTheProof(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		stale := b.lagging("s/one")
		b.hooked.set(func() {
			b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
				if want == store.Fresh {
					return store.Record{}, 0, errCut
				}
				time.Sleep(freshness)
				return stale(ctx, k, want)
			}
			b.hooked.event = func(store.Event) []store.Event { return nil }
		})
		b.elsewhere(store.Delete("s/one"))
		b.want("s/one", "unavailable")
		b.reads("s/one", 1, 1)
	})
}

// TestDelayedWatch (SECURITY row 59): events and progress are held up. When
// the proof has lapsed the cache is not used, whatever it holds.
func TestDelayedWatch(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.want("s/one", "v")
		var held []store.Event
		b.hooked.set(func() {
			b.hooked.event = func(ev store.Event) []store.Event { held = append(held, ev); return nil }
		})
		ended := time.Now()
		b.elsewhere(store.Delete("s/one"))
		time.Sleep(time.Until(ended.Add(freshness)))
		b.want("s/one", "not found")
		b.hooked.set(func() {
			b.hooked.event = func(ev store.Event) []store.Event {
				out := append(held, ev)
				held = nil
				return out
			}
		})
		time.Sleep(2 * time.Second)
		b.want("s/one", "not found")
		if !all(b.cache).Proven {
			b.Error("no proof though the watch caught up")
		}
	})
}

// TestSilentWatchIsReplaced: etcd answers no request for progress on a stream
// with one unsynced watcher, and says nothing. Only a new watch helps.
func TestSilentWatchIsReplaced(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"), put("s/two", "v"))
		b.want("s/one", "v")
		b.want("s/two", "v")
		b.hooked.set(func() {
			b.hooked.event = func(store.Event) []store.Event { return nil }
			b.hooked.watch = func() error { b.hooked.set(func() { b.hooked.event = nil }); return nil }
		})
		b.elsewhere(store.Delete("s/one")) // is lost with the silent watch, and told again by the next
		time.Sleep(time.Minute)
		if s := all(b.cache); s.Watches != 2 || !s.Proven || s.Emptied != 1 {
			b.Errorf("%+v", s)
		}
		b.want("s/one", "not found")
		b.want("s/two", "v")
		b.reads("s/two", 1, 0) // what nobody changed stayed
	})
}

// TestEndedWatch: while there is no watch nothing is believed, and the next
// one begins where the last was complete, so the cache need not be emptied.
func TestEndedWatch(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"), put("s/two", "v"))
		b.want("s/one", "v")
		b.want("s/two", "v")
		b.hooked.set(func() { b.hooked.watch = func() error { return errCut } })
		b.hooked.endWatch(errCut)
		synctest.Wait()
		if all(b.cache).Proven {
			b.Error("the proof outlived its watch")
		}
		b.elsewhere(store.Delete("s/one"))
		b.want("s/one", "not found")
		b.want("s/two", "v")
		b.reads("s/two", 1, 1)
		time.Sleep(time.Minute)
		b.hooked.set(func() { b.hooked.watch = nil })
		time.Sleep(10 * time.Second)
		b.want("s/one", "not found")
		b.want("s/two", "v")
		b.reads("s/two", 1, 1)
		if s := all(b.cache); !s.Proven || s.Emptied != 1 {
			b.Errorf("%+v", s)
		}
	})
}

// TestCompactedWatch: what happened meanwhile is forgotten, so everything is.
func TestCompactedWatch(t *testing.T) {
	for _, when := range []string{"while running", "when resumed"} {
		t.Run(when, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.elsewhere(put("s/one", "v"))
				b.want("s/one", "v")
				b.hooked.set(func() { b.hooked.event = func(store.Event) []store.Event { return nil } })
				b.elsewhere(store.Delete("s/one"))
				cause := store.ErrCompacted
				if when == "when resumed" {
					cause = errCut
					first := true
					b.hooked.set(func() {
						b.hooked.watch = func() error {
							if first {
								first = false
								return store.ErrCompacted
							}
							return nil
						}
					})
				}
				// A read that is under way when the cache is emptied.
				release := make(chan struct{})
				b.elsewhere(put("s/two", "1"))
				b.hooked.set(func() {
					b.hooked.get = func(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
						if k == "s/two" && want == store.Any { // which sends the cache on to a fresh read
							return store.Record{}, 0, store.ErrNotFound
						}
						r, asOf, err := b.hooked.Store.Get(ctx, k, want)
						if string(r.Value) == "1" {
							<-release
						}
						return r, asOf, err
					}
				})
				var slow sync.WaitGroup
				slow.Go(func() { b.want("s/two", "1") })
				synctest.Wait()
				b.elsewhere(put("s/two", "2"))
				b.hooked.endWatch(cause)
				b.hooked.set(func() { b.hooked.event = nil })
				time.Sleep(10 * time.Second)
				close(release)
				slow.Wait()
				if s := all(b.cache); !s.Proven || s.Emptied != 2 || s.Entries != 0 {
					b.Errorf("%+v", s)
				}
				b.want("s/one", "not found")
				b.want("s/two", "2")
			})
		})
	}
}

// TestLaggingReadAfterACompaction: the announcement was never heard, so only
// the revision at which the cache began anew tells that the read is too old.
func TestLaggingReadAfterACompaction(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.hooked.set(func() {
			b.hooked.get = b.lagging("s/one")
			b.hooked.event = func(store.Event) []store.Event { return nil }
		})
		b.elsewhere(store.Delete("s/one"))
		b.hooked.endWatch(store.ErrCompacted)
		b.hooked.set(func() { b.hooked.event = nil })
		time.Sleep(10 * time.Second)
		if !all(b.cache).Proven {
			b.Error("no proof")
		}
		b.want("s/one", "not found")
	})
}

// TestRepeatedAndReorderedEvents (SECURITY row 59): etcd once told events
// twice and out of order.
func TestRepeatedAndReorderedEvents(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "1"), put("s/two", "1"))
		b.want("s/one", "1")
		b.want("s/two", "1")
		var held []store.Event
		b.hooked.set(func() {
			b.hooked.event = func(ev store.Event) []store.Event {
				if ev.Kind == store.Written && len(held) < 2 {
					held = append(held, ev)
				}
				if len(held) < 2 {
					return nil
				}
				return []store.Event{held[1], held[0], held[1], held[0], ev}
			}
		})
		b.elsewhere(put("s/one", "2"))
		b.hooked.set(func() { b.hooked.get = b.lagging("s/one", "s/two") })
		b.elsewhere(put("s/two", "2"))
		// The floor is the newer of the two, though it was told first.
		b.want("s/one", "2")
		b.want("s/two", "2")
		time.Sleep(time.Minute)
		b.want("s/one", "2")
		b.want("s/two", "2")
	})
}

// TestUnreadableAnnouncementEmptiesTheCache: it may be of a newer version of
// this program and name any session.
func TestUnreadableAnnouncementEmptiesTheCache(t *testing.T) {
	for _, value := range []string{"", "\x02", "\x01\x00", "\x01\x00\x00\x00\x09s/one"} {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.elsewhere(put("s/one", "v"))
				b.want("s/one", "v")
				commit(b, b.hooked.Store, store.Put("s/one", []byte("w"), time.Time{}), store.Put("inv/newer", []byte(value), time.Time{}))
				synctest.Wait()
				b.want("s/one", "w")
				if s := all(b.cache); s.Emptied != 2 {
					b.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestStoreOutageIsNotALogout (SECURITY row 25): while the store is away a
// cached session is served for the freshness, all else is unavailable, and
// nothing is ever "not found". Then all is well without a restart.
func TestStoreOutageIsNotALogout(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"), put("s/two", "v"))
		b.want("s/one", "v")
		b.hooked.set(func() {
			b.hooked.get = func(context.Context, store.Key, store.Freshness) (store.Record, int64, error) {
				return store.Record{}, 0, errCut
			}
			b.hooked.watch = func() error { return errCut }
		})
		time.Sleep(freshness - 1001*time.Millisecond) // the last proof may be a second old
		b.want("s/one", "v")
		b.want("s/two", "unavailable")
		b.hooked.endWatch(errCut)
		synctest.Wait()
		b.want("s/one", "unavailable")
		time.Sleep(time.Minute)
		b.want("s/one", "unavailable")
		b.hooked.set(func() { b.hooked.get, b.hooked.watch = nil, nil })
		b.want("s/one", "v")
		time.Sleep(10 * time.Second)
		b.want("s/two", "v")
		before := all(b.cache).Hits
		b.want("s/two", "v")
		if s := all(b.cache); s.Hits != before+1 {
			b.Errorf("the cache is not used again: %+v", s)
		}
	})
}

// TestNoStoreAtTheStart: nodes and store may start in any order.
func TestNoStoreAtTheStart(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.cache.Close()
		b.hooked.set(func() {
			b.hooked.get = func(context.Context, store.Key, store.Freshness) (store.Record, int64, error) {
				return store.Record{}, 0, errCut
			}
		})
		late := open(b, b.hooked, cache.Config{Node: "late"})
		time.Sleep(time.Minute)
		if _, _, err := late.Get(b.Context(), "s/one", store.Any); !errors.Is(err, store.ErrUnavailable) {
			b.Error(err)
		}
		b.hooked.set(func() { b.hooked.get = nil })
		time.Sleep(10 * time.Second)
		if s := all(late); !s.Proven {
			b.Errorf("%+v", s)
		}
	})
}
