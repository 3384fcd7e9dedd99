package affinity

import "encoding/binary"

// Node is an AM node, prepared for Pick by NewNode.
type Node struct {
	Pin  Pin
	hash uint64
}

// NewNode prepares the node with this host:port, written as for Pin.
func (r *Router) NewNode(hostport string) Node {
	return Node{Pin: r.Pin(hostport), hash: r.rankHash(hostport)}
}

// Pick returns the index of the node for a: the pinned one while it is
// available, else the best-ranked of those that are, or -1 if none is. The
// order of the nodes does not matter; they must come from the same Router.
// It asks available about few nodes while most are.
func (r *Router) Pick(a Affinity, nodes []Node, available func(i int) bool) int {
	if a.Pin != (Pin{}) {
		for i := range nodes {
			if nodes[i].Pin == a.Pin && available(i) {
				return i
			}
		}
	}
	id := a.spread()
	best, bestRank := -1, uint64(0)
	for i := range nodes {
		// Only a node that would win is asked about: ln(n) of n on average.
		if rank := mix(id ^ nodes[i].hash); (best < 0 || rank > bestRank) && available(i) {
			best, bestRank = i, rank
		}
	}
	return best
}

// PickNew returns the index of the node for a journey that begins: of the two
// best-ranked nodes that are available the one with the lighter load, the
// better one if both are alike; -1 if none is available. With two to choose
// from, loads differ by little however the ids fall.
func (r *Router) PickNew(a Affinity, nodes []Node, available func(i int) bool, load func(i int) int) int {
	var best [2]int
	switch r.Best(a, nodes, available, best[:]) {
	case 0:
		return -1
	case 1:
		return best[0]
	}
	if load(best[1]) < load(best[0]) {
		return best[1]
	}
	return best[0]
}

// Best fills best with the indexes of the best-ranked nodes that are available,
// in order, and returns how many there are. A pin does not count.
func (r *Router) Best(a Affinity, nodes []Node, available func(i int) bool, best []int) (n int) {
	id := a.spread()
	for i := range nodes {
		rank := mix(id ^ nodes[i].hash)
		at := n
		for at > 0 && rank > mix(id^nodes[best[at-1]].hash) {
			at--
		}
		if at == len(best) || !available(i) {
			continue
		}
		n = min(n+1, len(best))
		copy(best[at+1:n], best[at:])
		best[at] = i
	}
	return n
}

// spread is an id as it enters a ranking.
func (a Affinity) spread() uint64 { return binary.BigEndian.Uint64(a.ID[:]) ^ uint64(a.ID[8]) }

// mix spreads every bit of x over all bits of the result: the finalizer of
// MurmurHash3. Nobody can aim at a node, because its hash is secret.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
