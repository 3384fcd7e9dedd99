package affinity

import "encoding/binary"

// Node is an AM node, prepared for ranking by NewNode.
type Node struct {
	Pin  Pin
	hash uint64
}

// NewNode prepares the node with this host:port, written as for Pin.
func (r *Router) NewNode(hostport string) Node {
	return Node{Pin: r.Pin(hostport), hash: r.rankHash(hostport)}
}

const (
	// Few is how many nodes Best finds.
	Few = 3
	// MaxNodes is among how many it finds them; more are not looked at.
	MaxNodes = 1<<indexBits - 1

	indexBits = 16
)

// Best returns the indexes of the best-ranked of these nodes for a journey, best
// first, and how many there are: Few, or as many as there are nodes. A pin does
// not count. The nodes must come from the same Router; their order does not
// matter, so that all who know the same nodes agree. (Two nodes are told apart
// by 48 bits.)
//
// It takes the same steps whatever the ranks are, because a processor that
// guesses wrong whether a node is better loses more time than ranking takes.
func (a *Affinity) Best(nodes []Node) (best [Few]int, n int) {
	nodes = nodes[:min(len(nodes), MaxNodes)]
	id := binary.BigEndian.Uint64(a.ID[:]) ^ uint64(a.ID[8])
	var first, second, third uint64 // the rank of a node, and in the lowest bits its index + 1
	for i := range nodes {
		rank := mix(id^nodes[i].hash)&^MaxNodes | uint64(i+1)
		first, rank = max(first, rank), min(first, rank)
		second, rank = max(second, rank), min(second, rank)
		third = max(third, rank)
	}
	return [Few]int{int(first&MaxNodes) - 1, int(second&MaxNodes) - 1, int(third&MaxNodes) - 1}, min(len(nodes), Few)
}

// mix spreads every bit of x over all bits of the result: the finalizer of
// MurmurHash3. Nobody can aim at a node, because its hash is secret.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
