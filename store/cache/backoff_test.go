package cache_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/memory"
)

// TestNodesComeBackOutOfStep: nodes that lost the same store ask again at once,
// then less and less often, at least every 5 s, and not all at the same time.
func TestNodesComeBackOutOfStep(t *testing.T) {
	for name, fail := range map[string]func(h *hooked, tried func() error){
		"to watch": func(h *hooked, tried func() error) { h.watch = tried },
		"to load": func(h *hooked, tried func() error) {
			h.list = func([]store.Record) error { return tried() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				mem := memory.New()
				t.Cleanup(mem.Close)
				const nodes = 10
				var tries [nodes][]time.Duration
				began := time.Now()
				for i := range nodes {
					h := &hooked{Store: mem, reads: make(map[string]int)}
					fail(h, func() error {
						h.set(func() { tries[i] = append(tries[i], time.Since(began)) })
						return errCut
					})
					open(t, h, cache.Config{Node: "here", Prefixes: []store.Key{}, Held: []store.Key{"d/"}})
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				var last []time.Duration
				for _, at := range tries {
					// 0, 0.05–0.1, 0.15–0.3, … then each 2.5–5 s.
					if n := len(at); n < 16 || n > 30 {
						t.Errorf("%d tries in a minute: %v", n, at)
					}
					for i := range len(at) - 1 {
						if pause := at[i+1] - at[i]; pause < 50*time.Millisecond || pause > 5*time.Second {
							t.Errorf("a pause of %v after try %d", pause, i)
						}
					}
					last = append(last, at[len(at)-1])
				}
				slices.Sort(last)
				if in := len(slices.Compact(last)); in < nodes-2 {
					t.Errorf("%d nodes try at %d moments", nodes, in)
				}
			})
		})
	}
}
