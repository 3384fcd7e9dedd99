package routing

import (
	"sync/atomic"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey/affinity"
)

// Table is the nodes that an edge may send requests to, as they are at a moment.
// It does not change.
type Table struct {
	router *affinity.Router
	view   *cluster.View
	// addresses are the nodes as the edge knows them, ranked what they are to
	// rendezvous hashing.
	addresses []string
	ranked    []affinity.Node

	// nodes are the same in another order: nodes[:ready] take new journeys,
	// nodes[ready:known] are draining, the directory has none of the rest.
	nodes        []affinity.Node
	ready, known int
	members      []cluster.Member // zero where the directory has none
	position     []int            // in addresses
	byPin        map[affinity.Pin]int
}

// newTable judges nodes by what the directory tells of them.
func newTable(router *affinity.Router, view *cluster.View, addresses []string, ranked []affinity.Node) *Table {
	t := &Table{
		router: router, view: view, addresses: addresses, ranked: ranked,
		nodes: make([]affinity.Node, 0, len(ranked)), byPin: make(map[affinity.Pin]int, len(ranked)),
	}
	var draining, unknown []int
	for i, node := range ranked {
		switch m, ok := view.Pinned(node.Pin); {
		case !ok:
			unknown = append(unknown, i)
		case m.Draining:
			draining = append(draining, i)
		default:
			t.add(i)
		}
	}
	if len(unknown) == len(ranked) { // the directory knows nothing of these nodes
		draining, unknown = nil, nil
		for i := range ranked {
			t.add(i)
		}
	}
	t.ready = len(t.nodes)
	for _, i := range draining {
		t.add(i)
	}
	t.known = len(t.nodes)
	for _, i := range unknown {
		t.add(i)
	}
	return t
}

// add takes in the node at an index of addresses.
func (t *Table) add(i int) {
	m, _ := t.view.Pinned(t.ranked[i].Pin)
	t.byPin[t.ranked[i].Pin] = len(t.nodes)
	t.nodes, t.members, t.position = append(t.nodes, t.ranked[i]), append(t.members, m), append(t.position, i)
}

// Unknown are the addresses that the directory does not have although it has
// others of them: of nodes that have left or died, or advertise another address.
func (t *Table) Unknown() (addresses []string) {
	for _, i := range t.position[t.known:] {
		addresses = append(addresses, t.addresses[i])
	}
	return addresses
}

// sameNodes reports whether two tables are of the same nodes, at whatever moments.
func (t *Table) sameNodes(other *Table) bool {
	return len(t.addresses) == len(other.addresses) && (len(t.addresses) == 0 || &t.addresses[0] == &other.addresses[0])
}

// address is that of a node, as the edge knows it.
func (t *Table) address(i int) string { return t.addresses[t.position[i]] }

// leads finds the node with a pin, if journeys with that pin stay there.
func (t *Table) leads(p affinity.Pin) (i int, ok bool) {
	if p == (affinity.Pin{}) {
		return 0, false
	}
	i, ok = t.byPin[p]
	return i, ok && i < t.known
}

// Nodes makes the Tables of an edge and keeps the last one. It is safe for
// concurrent use.
type Nodes struct {
	addresses []string // nil for those of the directory
	last      atomic.Pointer[Table]
}

// NewNodes are the nodes at these addresses, each a host:port.
func NewNodes(addresses []string) *Nodes { return &Nodes{addresses: addresses} }

// Directory are the nodes that the directory has.
func Directory() *Nodes { return new(Nodes) }

// Table is the nodes as a view has them. Of nodes that were in an earlier Table
// none is hashed again. Fresh says that it was made by this call.
func (n *Nodes) Table(router *affinity.Router, view *cluster.View) (t *Table, fresh bool) {
	last := n.last.Load()
	if last != nil && last.router == router && last.view == view {
		return last, false
	}
	switch {
	case n.addresses == nil:
		addresses := make([]string, len(view.Members))
		for i, m := range view.Members {
			addresses[i] = m.Address
		}
		t = newTable(router, view, addresses, view.Ranked)
	case last != nil && last.router == router:
		t = newTable(router, view, n.addresses, last.ranked)
	default:
		ranked := make([]affinity.Node, len(n.addresses))
		for i, address := range n.addresses {
			ranked[i] = view.Ranking(router, address)
		}
		t = newTable(router, view, n.addresses, ranked)
	}
	n.last.Store(t)
	return t, true
}

// At reports whether these are count nodes at these addresses, in this order.
func (n *Nodes) At(count int, address func(i int) string) bool {
	if len(n.addresses) != count {
		return false
	}
	for i, known := range n.addresses {
		if known != address(i) {
			return false
		}
	}
	return true
}
