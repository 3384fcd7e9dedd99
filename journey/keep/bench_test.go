package keep_test

import (
	"testing"

	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
)

// BenchmarkStep is one step of a journey without its nodes, in each scheme:
// verify, load, judge, keep, sign. The store is a map, so what the network
// adds is not in it; the round trips are counted.
func BenchmarkStep(b *testing.B) {
	for _, s := range schemes {
		b.Run(s.name, func(b *testing.B) {
			st := memory.New()
			b.Cleanup(st.Close)
			counted := &storetest.Faulty{Store: st}
			k := s.keeper(b, newRing(b), keep.Config{Store: counted})
			authID, err := k.Begin(b.Context(), newSnapshot())
			b.ReportAllocs()
			counted.Gets.Store(0)
			counted.Commits.Store(0)
			for b.Loop() {
				if err == nil {
					authID, err = k.Step(b.Context(), "/alpha", authID, keepGoing)
				}
			}
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(counted.Gets.Load()+counted.Commits.Load())/float64(b.N), "storeops/op")
			b.ReportMetric(float64(len(authID)), "authid-bytes")
		})
	}
}

// BenchmarkBegin is the first step, before it is answered.
func BenchmarkBegin(b *testing.B) {
	for _, s := range schemes {
		b.Run(s.name, func(b *testing.B) {
			st := memory.New()
			b.Cleanup(st.Close)
			counted := &storetest.Faulty{Store: st}
			k := s.keeper(b, newRing(b), keep.Config{Store: counted, Table: keep.NewTable(keep.TableConfig{MaxJourneys: 1000})})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Begin(b.Context(), newSnapshot()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(counted.Gets.Load()+counted.Commits.Load())/float64(b.N), "storeops/op")
		})
	}
}
