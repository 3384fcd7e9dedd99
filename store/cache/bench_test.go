package cache_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/memory"
)

// BenchmarkGet measures a hit on records of 400 bytes. With many of them the
// processor's caches miss. Two allocations are bigcache's own Get.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			mem := memory.New()
			defer mem.Close()
			c, err := cache.New(mem, cache.Config{Node: "here", Prefixes: []store.Key{"s/"}})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			for !c.State().Proven {
				time.Sleep(time.Millisecond)
			}
			keys := make([]store.Key, n)
			for i := range keys {
				keys[i] = store.Key(fmt.Sprintf("s/%043d", i))
				commit(b, mem, store.Put(keys[i], make([]byte, 400), time.Now().Add(time.Hour)))
				if _, _, err := c.Get(b.Context(), keys[i], store.Any); err != nil {
					b.Fatal(err)
				}
			}
			before := c.Stats()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				if _, _, err := c.Get(b.Context(), keys[i], store.Any); err != nil {
					b.Fatal(err)
				}
			}
			after := c.Stats()
			b.ReportMetric(float64(after.Reads+after.FreshReads-before.Reads-before.FreshReads)/float64(b.N), "reads/op")
		})
	}
}

// BenchmarkMillion has a million records of the size of a session in the cache:
// what each takes up, and how long a full garbage collection takes beside
// them. bigcache's index has no pointers, so they cost it little.
func BenchmarkMillion(b *testing.B) {
	const records = 1_000_000
	mem := memory.New()
	defer mem.Close()
	c, err := cache.New(made{mem}, cache.Config{Node: "here", Prefixes: []store.Key{"s/"}, SizeMiB: 1024})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for !c.State().Proven {
		time.Sleep(time.Millisecond)
	}
	before := heap()
	for i := range records {
		if _, _, err := c.Get(b.Context(), store.Key(fmt.Sprintf("s/%027d", i)), store.Any); err != nil {
			b.Fatal(err)
		}
	}
	size := float64(heap()-before) / records
	if n := c.State().Entries; n < records*99/100 {
		b.Fatalf("%d records are in the cache", n)
	}
	for b.Loop() {
		runtime.GC()
	}
	b.ReportMetric(size, "B/record")
}

// made is a store that has a session under every key, of 258 bytes sealed.
type made struct{ store.Store }

func (m made) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	if k.Kind() != "s" {
		return m.Store.Get(ctx, k, want)
	}
	return store.Record{Key: k, Value: make([]byte, 258), Expires: time.Now().Add(time.Hour), Revision: 1}, 1, nil
}

// heap is how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
