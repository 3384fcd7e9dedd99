package cluster

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/amgate/amgate/journey/affinity"
)

// Member is a node of a View.
type Member struct {
	Node
	ranked affinity.Node
	// sent is how many journeys were sent there since the node last wrote.
	sent *atomic.Int64
}

// NewMember is a node to which nothing was sent yet.
func NewMember(r *affinity.Router, n Node) Member {
	return Member{Node: n, ranked: r.NewNode(n.Address), sent: new(atomic.Int64)}
}

// Load is how many journeys the node has, as far as is known here: those that
// it told of, and those that were sent there from here since.
func (m Member) Load() int {
	if m.sent == nil {
		return 0 // the zero Member
	}
	return m.Journeys + int(m.sent.Load())
}

// Sent counts a journey that begins there.
func (m Member) Sent() {
	if m.sent != nil {
		m.sent.Add(1)
	}
}

// View is the nodes at a moment, in the order of their addresses. It does not
// change.
type View struct {
	Members []Member
	// Ranked are the Members as affinity.Router ranks them.
	Ranked    []affinity.Node
	byPin     map[affinity.Pin]int
	byAddress map[string]int // in lower case
}

// NewView is a View of these nodes, which it sorts in place.
func NewView(members []Member) *View {
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Address, b.Address) })
	v := &View{Members: members, byPin: make(map[affinity.Pin]int, len(members)), byAddress: make(map[string]int, len(members))}
	for i, m := range members {
		v.Ranked = append(v.Ranked, m.ranked)
		v.byPin[m.ranked.Pin], v.byAddress[strings.ToLower(m.Address)] = i, i
	}
	return v
}

// Pinned is the node with a pin.
func (v *View) Pinned(p affinity.Pin) (Member, bool) {
	i, ok := v.byPin[p]
	if !ok {
		return Member{}, false
	}
	return v.Members[i], true
}

// At is the node at an address, without regard to case.
func (v *View) At(address string) (Member, bool) {
	i, ok := v.byAddress[strings.ToLower(address)]
	if !ok {
		return Member{}, false
	}
	return v.Members[i], true
}

// Ranking is the node at an address as a router ranks it. It need not be in
// the View; if it is, nothing is hashed.
func (v *View) Ranking(r *affinity.Router, address string) affinity.Node {
	if m, ok := v.At(address); ok {
		return m.ranked
	}
	return r.NewNode(address)
}

// Others is how many nodes there are beside the one at an address.
func (v *View) Others(address string) int {
	n := len(v.Members)
	if _, ok := v.At(address); ok {
		n--
	}
	return n
}

// Instead is the node to which a journey goes that another node, the one with
// the pin self, does not take: the one that the journey is pinned to, else the
// best-ranked. Nodes that are draining take none.
func (v *View) Instead(a affinity.Affinity, self affinity.Pin) (Member, bool) {
	if own, ok := v.Pinned(a.Pin); ok && a.Pin != self && !own.Draining {
		return own, true
	}
	var nodes []affinity.Node
	var members []Member
	for i, m := range v.Members {
		if v.Ranked[i].Pin != self && !m.Draining {
			nodes, members = append(nodes, v.Ranked[i]), append(members, m)
		}
	}
	best, n := a.Best(nodes)
	if n == 0 {
		return Member{}, false
	}
	return members[best[0]], true
}
