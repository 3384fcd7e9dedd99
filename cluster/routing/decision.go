package routing

import (
	"slices"

	"github.com/amgate/amgate/journey/affinity"
)

// Why says what decided that a request goes to a node.
type Why string

// The reasons of an edge.
const (
	// WhyPin: the journey lives there, or it begins where its client's last one
	// lived.
	WhyPin Why = "pin"
	// WhyLoad: the journey begins, and of the two best-ranked nodes this has
	// fewer journeys, though it is the second; or the node of its client's last
	// journey has too many.
	WhyLoad Why = "bounded-load"
	// WhyHash: it is the best-ranked of the nodes that can be taken.
	WhyHash Why = "hash"
)

// Decision is where one request goes. The nodes are ranked once; if one does not
// answer, the next of them is there already. It belongs to one request and must
// not be used by two goroutines at once.
type Decision struct {
	// Affinity is that of the journey; a new one if the request names none.
	Affinity affinity.Affinity
	// Begins says that the request can begin a journey.
	Begins bool
	// Returns says that it surely does, and that the pin of the Affinity is that of
	// its client's last journey: nothing rests there, so that it is a wish.
	Returns bool

	// list[at:n] are the nodes that come next, as table has them. list[:at] are
	// those that the request was sent to or that could not be taken, and offset
	// is where the last Offer began.
	table         *Table
	list          [affinity.Few]int
	at, n, offset int
	// pinned says that list[0] is the node that the Affinity names, and diverted
	// that this one has too many journeys.
	pinned, diverted bool
	// tried are nodes from earlier lists, sent those that the request was sent to
	// before the last one.
	tried, sent []affinity.Pin
	// passedOver is how often no node was available in what Offer gave.
	passedOver int

	chosen chosen
}

// chosen is the node that a request was sent to last; times is to how many it
// was sent.
type chosen struct {
	table *Table
	i     int
	why   Why
	times int
}

func (c *chosen) pin() affinity.Pin { return c.table.nodes[c.i].Pin }

// Next is the index of the node that the request goes to, or goes to next after
// one that did not answer; -1 if none is available. Nodes are numbered as the
// addresses of the Table are. It asks available about few of them.
func (d *Decision) Next(t *Table, available func(i int) bool) int {
	if d.table == nil || !d.table.sameNodes(t) {
		d.decide(t, false)
	}
	for again := false; ; {
		place := d.walk(func(place int) bool { return available(d.table.position[d.list[place]]) })
		if place >= 0 {
			return d.table.position[d.chosen.i]
		}
		d.decide(t, false)
		if d.n == 0 && again {
			return -1
		}
		if d.n == 0 { // rather one that did not answer before than none
			again, d.tried = true, nil
			d.decide(t, false)
		}
	}
}

// NextOfAll is Next if none is available: rather than to none the request goes to
// a node that has seemed to fail, the journey's own or the best-ranked, but to
// each only once. When all seem to fail, what is known of them tells little: they
// may have been restarted one after the other. (Other proxies call this panic
// mode.)
func (d *Decision) NextOfAll(t *Table, free func(i int) bool) int {
	return d.Next(t, func(i int) bool { return free(i) && !d.wasSent(t.ranked[i].Pin) })
}

// Offer is the addresses of the nodes that the request may go to, in order: a
// few, where there are many. They stay the same until one is taken.
func (d *Decision) Offer(t *Table) []string {
	if d.at == d.n {
		d.decide(t, true)
	}
	if d.n == 0 {
		d.tried = nil
		d.decide(t, true)
	}
	d.offset = d.at
	addresses := make([]string, 0, affinity.Few)
	for _, i := range d.list[d.at:d.n] {
		addresses = append(addresses, d.table.address(i))
	}
	return addresses
}

// Offered reports whether these are the nodes that Offer gave.
func (d *Decision) Offered(count int, address func(i int) string) bool {
	if d.table == nil || d.n-d.offset != count {
		return false
	}
	for i, node := range d.list[d.offset:d.n] {
		if d.table.address(node) != address(i) {
			return false
		}
	}
	return true
}

// NextOffered is the index, in what Offer gave, of the node that the request goes
// to; -1 if none is available. Then the next Offer has others.
func (d *Decision) NextOffered(available func(i int) bool) int {
	place := d.walk(func(place int) bool { return available(place - d.offset) })
	if place < 0 {
		d.passedOver++
		return -1
	}
	return place - d.offset
}

// NextOfAllOffered is NextOffered if none is available, as NextOfAll is. While
// there may be better nodes in the next Offer it is -1.
func (d *Decision) NextOfAllOffered(free func(i int) bool) int {
	if d.passedOver < 2 && len(d.tried)+d.n < len(d.table.nodes) {
		return -1
	}
	d.at = d.offset
	return d.NextOffered(func(i int) bool {
		return free(i) && !d.wasSent(d.table.nodes[d.list[d.offset+i]].Pin)
	})
}

// walk goes on to the next node of the list that is free, and notes that the
// request is sent there. It returns the place that it had in the list, -1 if
// none is left.
func (d *Decision) walk(free func(place int) bool) int {
	for d.at < d.n {
		place, why := d.at, WhyHash
		if d.at++; !free(place) {
			continue
		}
		switch {
		case d.pinned && place == 0:
			why = WhyPin
		case d.diverted && d.chosen.times == 0:
			why = WhyLoad
			fallthrough
		case d.Begins && d.chosen.times == 0:
			if lighter := d.lighter(place, free); lighter != place {
				d.list[place], d.list[lighter] = d.list[lighter], d.list[place]
				d.choose(d.list[place], WhyLoad)
				return lighter
			}
		}
		d.choose(d.list[place], why)
		return place
	}
	return -1
}

// lighter is the place of the node where a journey begins: that at a place, or
// the next one that is free, if that has fewer journeys and takes new ones.
func (d *Decision) lighter(place int, free func(place int) bool) int {
	t := d.table
	for other := place + 1; other < d.n && d.list[other] < t.ready; other++ {
		switch {
		case !free(other):
		case t.members[d.list[other]].Load() < t.members[d.list[place]].Load():
			return other
		default:
			return place
		}
	}
	return place
}

// choose notes that the request is sent to a node.
func (d *Decision) choose(i int, why Why) {
	if d.Begins && d.chosen.times == 0 {
		d.table.members[i].Sent()
	}
	if d.chosen.times > 0 {
		d.sent = append(d.sent, d.chosen.pin())
	}
	d.chosen = chosen{d.table, i, why, d.chosen.times + 1}
}

func (d *Decision) wasSent(p affinity.Pin) bool {
	return d.chosen.times > 0 && d.chosen.pin() == p || slices.Contains(d.sent, p)
}

// decide fills the list anew, with nodes that were not tried. A journey's own
// node is alone in it, unless all are wanted: most requests need no other.
func (d *Decision) decide(t *Table, all bool) {
	for _, i := range d.list[:d.at] {
		d.tried = append(d.tried, d.table.nodes[i].Pin)
	}
	d.table, d.at, d.n, d.offset, d.pinned, d.diverted = t, 0, 0, 0, false, false
	i, ok := t.leads(d.Affinity.Pin)
	ok = ok && (i < t.ready || !d.Begins) && !d.wasTried(i)
	if ok && !d.Returns {
		if d.lead(i, false); !all {
			return
		}
	}
	if t.ready >= len(d.list) && d.n == 0 && len(d.tried) == 0 {
		d.list, d.n = d.Affinity.Best(t.nodes[:t.ready]) // what most requests come to
	} else {
		d.fill(0, t.ready)
		d.fill(t.ready, t.known)
		d.fill(t.known, len(t.nodes))
	}
	if ok && d.Returns {
		if d.diverted = d.exceeds(i); !d.diverted {
			d.lead(i, all)
		}
	}
}

// exceeds reports whether a node has more than 1.25 times the journeys of the
// lighter of the two best-ranked, with the new one: the bound of consistent hashing
// with bounded loads, which is Envoy's and Google's. Beyond it the node of the
// client's last journey is not taken; so clients that come back spread over a node
// that was added, and none can aim what it begins at a node.
func (d *Decision) exceeds(i int) bool {
	members := d.table.members
	load := members[i].Load()
	for _, best := range d.list[:min(d.n, 2)] {
		if best < d.table.ready && 4*load >= 5*(members[best].Load()+1) {
			return true
		}
	}
	return false
}

// lead puts a node in front of the list, before the others if all are wanted.
func (d *Decision) lead(i int, all bool) {
	others, n := d.list, d.n
	d.list[0], d.n, d.pinned = i, 1, true
	if !all {
		return
	}
	for _, other := range others[:n] {
		d.append(other)
	}
}

func (d *Decision) wasTried(i int) bool { return slices.Contains(d.tried, d.table.nodes[i].Pin) }

// fill appends the best-ranked of the nodes between two indexes, as long as there
// is room.
func (d *Decision) fill(from, to int) {
	if d.n == len(d.list) || from == to {
		return
	}
	if len(d.tried) > 0 {
		d.fillUntried(from, to)
		return
	}
	best, n := d.Affinity.Best(d.table.nodes[from:to])
	for _, i := range best[:n] {
		d.append(from + i)
	}
}

// fillUntried is fill for a request that was sent somewhere before.
func (d *Decision) fillUntried(from, to int) {
	var nodes []affinity.Node
	var index []int
	for i := from; i < to; i++ {
		if !d.wasTried(i) {
			nodes, index = append(nodes, d.table.nodes[i]), append(index, i)
		}
	}
	best, n := d.Affinity.Best(nodes)
	for _, i := range best[:n] {
		d.append(index[i])
	}
}

func (d *Decision) append(i int) {
	if d.n < len(d.list) && !(d.pinned && i == d.list[0]) {
		d.list[d.n] = i
		d.n++
	}
}
