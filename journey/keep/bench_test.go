package keep_test

import (
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store/memory"
)

// BenchmarkStep is one step of a journey without its nodes: verify, load,
// judge, keep, sign. The server keeper's store is a map.
func BenchmarkStep(b *testing.B) {
	st, ring := memory.New(), newRing(b)
	b.Cleanup(st.Close)
	for name, k := range map[string]journey.Keeper{
		"server": newServer(b, st, ring, "/alpha"),
		"memory": newMemory(b, keep.NewTable(keep.TableConfig{}), ring, "/alpha"),
	} {
		b.Run(name, func(b *testing.B) {
			authID, err := k.Begin(b.Context(), newSnapshot())
			b.ReportAllocs()
			for b.Loop() {
				if err == nil {
					authID, err = k.Step(b.Context(), "/alpha", authID, keepGoing)
				}
			}
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
