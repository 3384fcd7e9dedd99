package affinity_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey/affinity"
)

func nodes(n int) []affinity.Node {
	out := make([]affinity.Node, n)
	for i := range out {
		out[i] = ours.NewNode(fmt.Sprintf("am-%d:8080", i))
	}
	return out
}

// numbered is an affinity whose id is as unlike a random one as can be: if
// consecutive ids spread evenly, all do.
func numbered(i int) (a affinity.Affinity) {
	binary.BigEndian.PutUint64(a.ID[:], uint64(i))
	return a
}

// first is the index of the best-ranked node.
func first(a affinity.Affinity, ns []affinity.Node) int {
	best, n := a.Best(ns)
	if n == 0 {
		return -1
	}
	return best[0]
}

func TestRanksSpreadEvenly(t *testing.T) {
	t.Parallel()
	const journeys = 100_000
	for _, n := range []int{2, 3, 10, 100} {
		ns, count := nodes(n), make([]int, n)
		for i := range journeys {
			count[first(numbered(i), ns)]++
		}
		// Of a binomial distribution five standard deviations, on either side.
		mean := journeys / n
		slack := 0
		for slack*slack < 25*mean {
			slack++
		}
		for i, c := range count {
			if c < mean-slack || c > mean+slack {
				t.Errorf("node %d of %d has %d journeys of %d, want %d ± %d", i, n, c, journeys, mean, slack)
			}
		}
	}
}

// TestNodeThatComesTakesItsShareAlone: what is ranked anew goes to the node that
// came, and no more of it than its share; a node that goes moves only its own.
func TestNodeThatComesTakesItsShareAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const journeys = 2_000
		n := rapid.IntRange(1, 40).Draw(t, "nodes")
		after := nodes(n + 1)
		came := rapid.IntRange(0, n).Draw(t, "came")
		before := slices.Delete(slices.Clone(after), came, came+1)
		from, moved := rapid.Int().Draw(t, "ids"), 0
		for i := range journeys {
			a := numbered(from + i)
			was, is := before[first(a, before)], after[first(a, after)]
			if was == is {
				continue
			}
			if moved++; is != after[came] {
				t.Fatalf("a journey moved from %v to %v, not to the node that came", was, is)
			}
		}
		// The mean and five standard deviations.
		share := journeys / (n + 1)
		slack := 1
		for slack*slack < 25*share {
			slack++
		}
		if moved > share+slack {
			t.Fatalf("%d journeys of %d moved to one node of %d", moved, journeys, n+1)
		}
	})
}

// TestBestIsInOrder: the best ones are those that would be the best one after
// the other if each failed, in whatever order the nodes come.
func TestBestIsInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		left := rapid.Permutation(nodes(rapid.IntRange(1, 8).Draw(t, "nodes"))).Draw(t, "order")
		a := numbered(rapid.Int().Draw(t, "id"))
		best, n := a.Best(left)
		if n != min(len(left), affinity.Few) {
			t.Fatalf("%d of %d nodes were found", n, len(left))
		}
		all := slices.Clone(left)
		for _, i := range best[:n] {
			got := first(a, left)
			if left[got] != all[i] {
				t.Fatalf("the best are %v of %v", best[:n], all)
			}
			left = slices.Delete(left, got, got+1)
		}
		if len(left) == 0 && first(a, left) != -1 {
			t.Fatal("a node was found where there is none")
		}
	})
}

func BenchmarkBest(b *testing.B) {
	for _, n := range []int{3, 10, 100, 1000} {
		ns := nodes(n)
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if first(numbered(i), ns) < 0 {
					b.Fatal("none")
				}
			}
		})
	}
}
