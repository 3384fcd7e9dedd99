package lint

import (
	"maps"
	"slices"
)

// components are the sets of nodes that can reach one another over edges that
// count (R. Tarjan, "Depth-first search and linear graph algorithms", 1972),
// each sorted, in the order of their first nodes.
func components(edges map[string][]edge, counts func(edge) bool) [][]string {
	t := tarjan{edges: edges, counts: counts, index: make(map[string]int), low: make(map[string]int), open: make(map[string]bool)}
	for _, id := range slices.Sorted(maps.Keys(edges)) {
		if t.index[id] == 0 {
			t.visit(id)
		}
	}
	slices.SortFunc(t.found, slices.Compare)
	return t.found
}

type tarjan struct {
	edges  map[string][]edge
	counts func(edge) bool
	// index counts the nodes in the order in which they were first seen, from
	// 1; low is the smallest index that a node can come back to.
	index, low map[string]int
	stack      []string
	open       map[string]bool // on the stack
	found      [][]string
}

// visit is as deep as the longest path, at most journey.MaxNodes.
func (t *tarjan) visit(id string) {
	t.index[id] = len(t.index) + 1
	t.low[id] = t.index[id]
	t.stack, t.open[id] = append(t.stack, id), true
	for _, e := range t.edges[id] {
		if _, isNode := t.edges[e.to]; !isNode || !t.counts(e) {
			continue
		}
		if t.index[e.to] == 0 {
			t.visit(e.to)
			t.low[id] = min(t.low[id], t.low[e.to])
		} else if t.open[e.to] {
			t.low[id] = min(t.low[id], t.index[e.to])
		}
	}
	if t.low[id] != t.index[id] {
		return
	}
	at := slices.Index(t.stack, id)
	component := slices.Clone(t.stack[at:])
	t.stack = t.stack[:at]
	for _, id := range component {
		t.open[id] = false
	}
	slices.Sort(component)
	t.found = append(t.found, component)
}
