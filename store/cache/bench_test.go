package cache_test

import (
	"fmt"
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
