package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
)

// down makes the store refuse everything and ends the watch.
func (b *bench) down() {
	time.Sleep(time.Millisecond) // what was answered was asked before
	b.hooked.set(func() {
		b.hooked.get = func(context.Context, store.Key, store.Freshness) (store.Record, int64, error) {
			return store.Record{}, 0, errCut
		}
		b.hooked.watch = func() error { return errCut }
	})
	b.hooked.endWatch(errCut)
	synctest.Wait()
}

// hang makes the store answer nothing any more, for as long as timeout.
func (b *bench) hang(timeout time.Duration) {
	b.hooked.set(func() {
		b.hooked.get = func(ctx context.Context, _ store.Key, _ store.Freshness) (store.Record, int64, error) {
			select {
			case <-time.After(timeout):
			case <-ctx.Done():
			}
			return store.Record{}, 0, errCut
		}
		b.hooked.event = func(store.Event) []store.Event { return nil }
	})
}

// up undoes down and hang, and waits for a proof.
func (b *bench) up() {
	b.hooked.set(func() { b.hooked.get, b.hooked.watch, b.hooked.event = nil, nil, nil })
	time.Sleep(20 * time.Second)
	if !all(b.cache).Proven {
		b.Error("no proof after the outage")
	}
}

// says fails if Get does not answer that, or takes longer than it may.
func (b *bench) says(k store.Key, want store.Freshness, answer string, within time.Duration) {
	b.Helper()
	began := time.Now()
	r, _, err := b.cache.Get(b.Context(), k, want)
	got := string(r.Value)
	switch {
	case errors.Is(err, store.ErrNotFound):
		got = "not found"
	case errors.Is(err, store.ErrUnavailable):
		got = "unavailable"
	case err != nil:
		b.Errorf("%s: %v", k, err)
	}
	if took := time.Since(began); got != answer || took > within {
		b.Errorf("%s is %q after %v, want %q within %v", k, got, took, answer, within)
	}
}

// TestStrict: as soon as it is known that the store does not answer, nothing
// comes from memory and nobody waits, also while the last proof still holds.
func TestStrict(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.says("s/one", store.Strict, "v", 0)
			b.hooked.set(func() {
				b.hooked.get = func(context.Context, store.Key, store.Freshness) (store.Record, int64, error) {
					return store.Record{}, 0, errCut
				}
			})
			b.says("s/one", store.Strict, "v", 0) // nobody knows it yet
			time.Sleep(time.Second)               // the next proof fails
			synctest.Wait()
			if !all(b.cache).Proven {
				b.Fatal("the proof does not hold any more")
			}
			b.says("s/one", store.Any, "v", 0)
			b.says("s/one", store.Strict, "unavailable", 0)
			b.says("s/none", store.Strict, "unavailable", 0)
			b.up()
			b.says("s/one", store.Strict, "v", 0)
			b.says("s/none", store.Strict, "not found", 0)
			if s := all(b.cache); s.Stricts != 2 {
				b.Errorf("%+v", s)
			}
		})
	})
	t.Run("silent", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.says("s/one", store.Strict, "v", 0)
			b.hang(2 * time.Second)
			time.Sleep(3 * time.Second) // until the next proof, and its time
			synctest.Wait()
			b.says("s/one", store.Strict, "unavailable", 0)
			b.up()
			b.says("s/one", store.Strict, "v", 0)
		})
	})
}

// TestGrace: what is cached goes on for the grace after the freshness, without
// waiting for the store, and not a moment longer.
func TestGrace(t *testing.T) {
	const grace = time.Minute
	t.Run("refused", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.want("s/one", "v")
			synctest.Wait()
			ends := time.Now().Add(freshness - all(b.cache).Age + grace)
			b.down()
			b.elsewhere(store.Delete("s/one"))
			for time.Until(ends) > 0 {
				b.says("s/one", store.Grace(grace), "v", 0)
				b.says("s/none", store.Grace(grace), "unavailable", 0)
				b.says("s/one", store.Any, "unavailable", 0)
				time.Sleep(min(time.Second, time.Until(ends)))
			}
			b.says("s/one", store.Grace(grace), "unavailable", 0)
			b.up()
			b.says("s/one", store.Grace(grace), "not found", 0)
		})
	})
	t.Run("silent", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.want("s/one", "v")
			b.hang(2 * time.Second)
			time.Sleep(freshness)
			for range 40 {
				b.says("s/one", store.Grace(grace), "v", 0) // that it does not answer was known before
				time.Sleep(time.Second)
			}
			time.Sleep(grace)
			b.says("s/one", store.Grace(grace), "unavailable", 2*time.Second)
		})
	})
	// A watch that is broken says nothing about the store: it is asked, and so
	// a session that was ended is not served for a grace.
	t.Run("only the watch", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.want("s/one", "v")
			b.hooked.set(func() { b.hooked.watch = func() error { return errCut } })
			b.hooked.endWatch(errCut)
			b.elsewhere(store.Delete("s/one"))
			b.says("s/one", store.Grace(grace), "not found", 0)
		})
	})
	// Until it is known that the store does not answer it is waited for.
	t.Run("found out by the reader", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.want("s/one", "v")
			b.hooked.set(func() { b.hooked.watch = func() error { return errCut } })
			b.hang(2 * time.Second)
			b.hooked.endWatch(errCut)
			b.says("s/one", store.Grace(grace), "v", 2*time.Second)
			b.says("s/one", store.Grace(grace), "v", 0)
		})
	})
	t.Run("too many reads", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.want("s/one", "v")
			b.hooked.set(func() { b.hooked.watch = func() error { return errCut } })
			b.hang(2 * time.Second)
			b.hooked.endWatch(errCut)
			var slow sync.WaitGroup
			for _, k := range []store.Key{"s/1", "s/2", "s/3", "s/4", "s/5", "s/6", "s/7", "s/8"} {
				slow.Go(func() { b.want(k, "unavailable") })
			}
			synctest.Wait()
			b.says("s/one", store.Grace(grace), "v", 0)
			slow.Wait()
		})
	})
	t.Run("ended here", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.want("s/one", "v")
			b.down()
			b.hooked.set(func() {
				b.hooked.commit = func(context.Context, []store.Op) (int64, error) { return 0, errCut }
			})
			if _, err := b.cache.Commit(b.Context(), store.Delete("s/one")); !errors.Is(err, store.ErrUnavailable) {
				b.Error(err)
			}
			b.says("s/one", store.Grace(grace), "unavailable", 0)
		})
	})
	t.Run("never proven", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.down()
			late := open(b, b.hooked, cache.Config{Node: "late"})
			synctest.Wait()
			if _, _, err := late.Get(b.Context(), "s/one", store.Grace(grace)); !errors.Is(err, store.ErrUnavailable) {
				b.Error(err)
			}
			if s := all(late); s.Age != 0 {
				b.Errorf("%+v", s)
			}
		})
	})
	t.Run("closed", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.elsewhere(put("s/one", "v"))
			b.want("s/one", "v")
			b.cache.Close()
			b.says("s/one", store.Grace(grace), "unavailable", 0)
		})
	})
}

// TestLateFailureIsNoNews: a read that began in an outage and is given up when
// the outage is over does not make the store unreachable again.
func TestLateFailureIsNoNews(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.want("s/one", "v")
		gaveUp := make(chan struct{})
		b.hooked.set(func() {
			b.hooked.get = func(context.Context, store.Key, store.Freshness) (store.Record, int64, error) {
				<-gaveUp
				return store.Record{}, 0, errCut
			}
		})
		var slow sync.WaitGroup
		slow.Go(func() { b.want("s/two", "unavailable") })
		synctest.Wait()
		b.hooked.set(func() { b.hooked.get = nil })
		time.Sleep(2 * time.Second) // a proof
		synctest.Wait()
		close(gaveUp)
		slow.Wait()
		b.says("s/one", store.Strict, "v", 0)
	})
}

// TestEveryLookupIsCountedOnce in one of the results that the metrics have.
func TestEveryLookupIsCountedOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.elsewhere(put("s/one", "v"))
		b.says("s/one", store.Any, "v", 0)    // miss
		b.says("s/one", store.Strict, "v", 0) // hit
		b.down()
		b.says("s/one", store.Any, "unavailable", 0)    // stale
		b.says("s/one", store.Strict, "unavailable", 0) // strict
		b.says("s/one", store.Grace(time.Minute), "v", 0)
		s := all(b.cache)
		if s.Misses != 1 || s.Hits != 1 || s.Stales != 1 || s.Stricts != 1 || s.Graces != 1 || s.Busy != 0 {
			b.Errorf("%+v", s)
		}
		again := new(cache.Counters)
		first := open(b, b.hooked, cache.Config{Node: "n", Counters: again})
		_, _, _ = first.Get(b.Context(), "s/one", store.Any)
		first.Close()
		second := open(b, b.hooked, cache.Config{Node: "n", Counters: again})
		_, _, _ = second.Get(b.Context(), "s/one", store.Any)
		if got := second.Stats().Stales; got != 2 || again.Stats().Stales != 2 {
			b.Errorf("counters that are handed on say %d", got)
		}
	})
}
