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

func all(int) bool { return true }

func TestPick(t *testing.T) {
	t.Parallel()
	ns := nodes(5)
	a := numbered(7)
	first := ours.Pick(a, ns, all)
	pinned := a
	pinned.Pin = ns[(first+1)%5].Pin
	without := func(down ...int) func(int) bool {
		return func(i int) bool { return !slices.Contains(down, i) }
	}
	if got := ours.Pick(pinned, ns, all); got != (first+1)%5 {
		t.Errorf("the pin was not followed: %d", got)
	}
	if got := ours.Pick(pinned, ns, without((first+1)%5)); got != first {
		t.Errorf("without its node a pinned journey is at %d, want the best-ranked %d", got, first)
	}
	second := ours.Pick(a, ns, without(first))
	if second < 0 || second == first {
		t.Errorf("without the best-ranked: %d", second)
	}
	if third := ours.Pick(a, ns, without(first, second)); third < 0 || third == first || third == second {
		t.Errorf("without the best two: %d", third)
	}
	if got := ours.Pick(pinned, ns, func(int) bool { return false }); got != -1 {
		t.Errorf("with no node available: %d", got)
	}
	if got := ours.Pick(a, nil, all); got != -1 {
		t.Errorf("with no node: %d", got)
	}
	a.Pin = ours.Pin("am-99:8080")
	if got := ours.Pick(a, ns, all); got != first {
		t.Errorf("with the pin of an unknown node: %d, want %d", got, first)
	}
}

func TestPickSpreadsEvenly(t *testing.T) {
	t.Parallel()
	const journeys = 100_000
	for _, n := range []int{2, 3, 10, 100} {
		ns, count := nodes(n), make([]int, n)
		for i := range journeys {
			count[ours.Pick(numbered(i), ns, all)]++
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

// TestOnlyWhoMustMoves is the promise of sticky routing: a node that comes
// takes no journey that has begun, and of the others only its share; a node
// that goes moves only its own.
func TestOnlyWhoMustMoves(t *testing.T) {
	t.Parallel()
	const journeys = 20_000
	after := nodes(11)
	before := after[:10]
	moved := 0
	for i := range journeys {
		a := numbered(i)
		from, to := ours.Pick(a, before, all), ours.Pick(a, after, all)
		if from != to {
			moved++
			if to != 10 {
				t.Fatalf("journey %d went from %d to %d, not to the new node", i, from, to)
			}
		}
		a.Pin = before[from].Pin
		if got := ours.Pick(a, after, all); got != from {
			t.Fatalf("the pinned journey %d went from %d to %d", i, from, got)
		}
		if got := ours.Pick(a, after, func(i int) bool { return i != 10 }); got != from {
			t.Fatalf("journey %d went from %d to %d when another node was lost", i, from, got)
		}
	}
	if limit := journeys/11 + journeys/100; moved > limit || moved == 0 {
		t.Errorf("%d of %d unpinned journeys moved, want at most %d", moved, journeys, limit)
	}
}

// TestEdgesAgree: each edge has the nodes in an order of its own and sees
// another part of them fail.
func TestEdgesAgree(t *testing.T) {
	t.Parallel()
	names := []string{"a:1", "b:1", "c:1", "d:1", "e:1", "f:1"}
	rapid.Check(t, func(t *rapid.T) {
		a := numbered(rapid.Int().Draw(t, "id"))
		if pin := rapid.IntRange(-1, len(names)-1).Draw(t, "pin"); pin >= 0 {
			a.Pin = ours.Pin(names[pin])
		}
		down := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(t, "down")
		pick := func(router *affinity.Router, order []string) string {
			var ns []affinity.Node
			for _, name := range order {
				ns = append(ns, router.NewNode(name))
			}
			i := router.Pick(a, ns, func(i int) bool { return !slices.Contains(down, order[i]) })
			if i < 0 {
				return ""
			}
			return order[i]
		}
		one, other := pick(ours, names), pick(affinity.New([32]byte{1}), rapid.Permutation(names).Draw(t, "order"))
		if one != other || (one == "") != (len(down) == len(names)) || slices.Contains(down, one) {
			t.Fatalf("one edge picks %q, another %q", one, other)
		}
	})
}

// TestBestIsInOrder: the best ones are those that Pick would take one after the
// other if each failed.
func TestBestIsInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ns := nodes(rapid.IntRange(0, 8).Draw(t, "nodes"))
		a := numbered(rapid.Int().Draw(t, "id"))
		down := rapid.SliceOfDistinct(rapid.IntRange(0, 7), rapid.ID).Draw(t, "down")
		best := make([]int, rapid.IntRange(0, 4).Draw(t, "wanted"))
		n := ours.Best(a, ns, func(i int) bool { return !slices.Contains(down, i) }, best)
		for _, got := range best[:n] {
			if want := ours.Pick(a, ns, func(i int) bool { return !slices.Contains(down, i) }); got != want {
				t.Fatalf("the best are %v; %d should be %d", best[:n], got, want)
			}
			down = append(down, got)
		}
		if next := ours.Pick(a, ns, func(i int) bool { return !slices.Contains(down, i) }); n < len(best) && next >= 0 {
			t.Fatalf("the best are %v of %d wanted, but there is %d", best[:n], len(best), next)
		}
	})
}

// TestNewJourneysSpreadByLoad: with a hundred nodes none has more than 1.15
// times the mean, which by rank alone some would have.
func TestNewJourneysSpreadByLoad(t *testing.T) {
	t.Parallel()
	const n, journeys = 100, 20_000
	ns, load, byRank := nodes(n), make([]int, n), make([]int, n)
	for i := range journeys {
		load[ours.PickNew(numbered(i), ns, all, func(i int) int { return load[i] })]++
		byRank[ours.Pick(numbered(i), ns, all)]++
	}
	if most := slices.Max(load); most*100 > journeys/n*115 {
		t.Errorf("a node has %d journeys, the mean is %d", most, journeys/n)
	}
	if most := slices.Max(byRank); most*100 <= journeys/n*115 {
		t.Errorf("by rank alone no node has more than %d: this test shows nothing", most)
	}
	busy := func(i int) int { return load[i] }
	if got := ours.PickNew(numbered(1), ns, func(i int) bool { return i == 7 }, busy); got != 7 {
		t.Errorf("of one node it is %d", got)
	}
	if got := ours.PickNew(numbered(1), ns, func(int) bool { return false }, busy); got != -1 {
		t.Errorf("of none it is %d", got)
	}
}

func BenchmarkPickNew(b *testing.B) {
	for _, n := range []int{3, 10, 100, 1000} {
		ns, load := nodes(n), func(i int) int { return i }
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if ours.PickNew(numbered(i), ns, all, load) < 0 {
					b.Fatal("none")
				}
			}
		})
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{3, 10, 100, 1000} {
		ns := nodes(n)
		for _, pinned := range []bool{false, true} {
			b.Run(fmt.Sprintf("nodes=%d/pinned=%t", n, pinned), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					a := numbered(i)
					if pinned {
						a.Pin = ns[i%n].Pin
					}
					if ours.Pick(a, ns, all) < 0 {
						b.Fatal("none")
					}
				}
			})
		}
	}
}
