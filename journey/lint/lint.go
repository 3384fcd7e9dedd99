package lint

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Severity says how much a finding matters.
type Severity string

// The severities of findings.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// The rules by which journeys are judged.
const (
	// RuleUnreachable: no path leads to a node.
	RuleUnreachable = "unreachable"
	// RuleNoExit: a loop that no outcome leaves.
	RuleNoExit = "no-exit"
	// RuleDeadEnd: all that follows a node leads into such a loop.
	RuleDeadEnd = "dead-end"
	// RuleSilentLoop: a loop that asks nothing and goes on forever. The
	// journey ends with an error.
	RuleSilentLoop = "silent-loop"
	// RuleUnproved: a path to success on which nothing vouches for the client.
	RuleUnproved = "unproved"
)

// Traits are what is known of a type of node.
type Traits struct {
	// Proves are the outcomes that vouch for something the client had to
	// know, have or be.
	Proves []string
	// Asks says that the node asks the client or suspends the journey.
	Asks bool
	// Limited are the outcomes that the node chooses only so often in one
	// journey.
	Limited []string
}

// Types knows nodes, by the types that placed nodes have.
type Types interface {
	// Traits are those of a node, with the options that it has; nil is one of
	// the type that is not there.
	Traits(kind string, node journey.Node) (t Traits, known bool)
}

// Finding is something odd about a journey. File is where the journey was
// written. It and the rest of the place are empty where they do not apply.
type Finding struct {
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"`
	File     string   `json:"file,omitempty"`
	Journey  string   `json:"journey,omitempty"`
	Node     string   `json:"node,omitempty"`
	Name     string   `json:"name,omitempty"`
	Type     string   `json:"type,omitempty"`
	Property string   `json:"property,omitempty"`
	Text     string   `json:"text"`
	// Path are the ids of the nodes of an example, in order.
	Path []string `json:"path,omitempty"`
}

// String is the finding in one line.
func (f Finding) String() string {
	var where string
	if f.File != "" {
		where = f.File + ": "
	}
	where += "journey " + quoted(f.Journey)
	if f.Node != "" {
		where += ": node " + quoted(f.Node)
		if f.Name != "" && f.Name != f.Node {
			where += " " + strconv.Quote(f.Name)
		}
		where += " (" + quoted(f.Type) + ")"
	}
	if f.Property != "" {
		where += ": property " + quoted(f.Property)
	}
	return fmt.Sprintf("%s: %s: %s [%s]", f.Severity, where, f.Text, f.Rule)
}

// quoted is a text of a file as a message may show it.
func quoted(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// Journey judges a linked journey. Findings are in the order of the rules.
// Journeys that make no session may succeed without any proof, and so may those
// that run inside others only: the others are judged with them in place.
func Journey(t *journey.Tree, types Types) []Finding {
	l := &linter{tree: t, types: types, edges: make(map[string][]edge)}
	for _, id := range slices.Sorted(maps.Keys(t.Nodes)) {
		l.edges[id] = edgesOf(t.Nodes[id])
	}
	l.unreachable()
	l.exits()
	l.silentLoops()
	if !t.NoSession && !t.InnerOnly {
		l.unproved()
	}
	return l.findings
}

// linter judges one journey.
type linter struct {
	tree     *journey.Tree
	types    Types
	edges    map[string][]edge // by the node that they leave, sorted
	findings []Finding
}

// edge is a wire. outcome is "" for the way out of an error.
type edge struct{ from, outcome, to string }

func edgesOf(p *journey.Placed) []edge {
	var edges []edge
	for _, outcome := range slices.Sorted(maps.Keys(p.Next)) {
		edges = append(edges, edge{p.ID, outcome, p.Next[outcome]})
	}
	if p.OnError != "" {
		edges = append(edges, edge{p.ID, "", p.OnError})
	}
	return edges
}

// find adds a finding about a node.
func (l *linter) find(s Severity, rule, node, format string, args ...any) *Finding {
	f := Finding{Severity: s, Rule: rule, File: l.tree.Source, Journey: l.tree.Name, Node: node, Text: fmt.Sprintf(format, args...)}
	if p := l.tree.Nodes[node]; p != nil {
		f.Name, f.Type = p.Name, p.Type
	}
	l.findings = append(l.findings, f)
	return &l.findings[len(l.findings)-1]
}

// reachable are the nodes and ends to which edges that count lead from one.
func (l *linter) reachable(from string, counts func(edge) bool) map[string]bool {
	reached := map[string]bool{from: true}
	for todo := []string{from}; len(todo) > 0; todo = todo[1:] {
		for _, e := range l.edges[todo[0]] {
			if counts(e) && !reached[e.to] {
				reached[e.to] = true
				todo = append(todo, e.to)
			}
		}
	}
	return reached
}

func always(edge) bool { return true }

// unreachable finds the nodes to which no path leads.
func (l *linter) unreachable() {
	reached := l.reachable(l.tree.Entry, always)
	for _, id := range slices.Sorted(maps.Keys(l.tree.Nodes)) {
		if !reached[id] {
			l.find(Warning, RuleUnreachable, id, "no path leads to it; wire an outcome to it, or remove it")
			delete(l.edges, id)
		}
	}
}

// exits finds the nodes from which no end can be reached.
func (l *linter) exits() {
	open := l.reaching(journey.Success, journey.Failure)
	for _, loop := range components(l.edges, always) {
		if open[loop[0]] {
			continue
		}
		for _, id := range loop {
			if len(loop) == 1 && !l.loops(id) {
				l.find(Error, RuleDeadEnd, id, "neither success nor failure can be reached from here; wire one of the nodes that follow to an end")
			}
		}
		if len(loop) > 1 || l.loops(loop[0]) {
			f := l.find(Error, RuleNoExit, loop[0], "whoever comes here can only go round: %s; wire an outcome to a node outside of it, or to an end", l.names(loop))
			f.Path = loop
		}
	}
}

// loops reports whether a node leads to itself at once.
func (l *linter) loops(id string) bool {
	return slices.ContainsFunc(l.edges[id], func(e edge) bool { return e.to == id })
}

// reaching are the nodes from which an end can be reached.
func (l *linter) reaching(ends ...string) map[string]bool {
	back := make(map[string][]string)
	for _, edges := range l.edges {
		for _, e := range edges {
			back[e.to] = append(back[e.to], e.from)
		}
	}
	reaching := make(map[string]bool)
	for todo := ends; len(todo) > 0; todo = todo[1:] {
		for _, from := range back[todo[0]] {
			if !reaching[from] {
				reaching[from] = true
				todo = append(todo, from)
			}
		}
	}
	return reaching
}

// silentLoops finds the loops in which nothing is asked.
func (l *linter) silentLoops() {
	silent := func(e edge) bool {
		p := l.tree.Nodes[e.from]
		return p != nil && !l.asks(p) && !slices.Contains(l.traits(p).Limited, e.outcome)
	}
	for _, loop := range components(l.edges, silent) {
		if len(loop) == 1 && !slices.ContainsFunc(l.edges[loop[0]], func(e edge) bool { return e.to == loop[0] && silent(e) }) {
			continue
		}
		f := l.find(Error, RuleSilentLoop, loop[0],
			"this loop asks nothing, and a journey in it ends with an error after %d nodes: %s; put a node that asks into it, or a retry limit", journey.MaxVisits, l.names(loop))
		f.Path = loop
	}
}

// traits of an unknown type are those of a node that does not matter.
func (l *linter) traits(p *journey.Placed) Traits {
	t, _ := l.types.Traits(p.Type, p.Node)
	return t
}

// asks reports whether a node, or one on it, asks. Of one that is not known
// this is assumed.
func (l *linter) asks(p *journey.Placed) bool {
	for _, part := range partsOf(p) {
		if t, known := l.types.Traits(part.Type, part.Node); t.Asks || !known {
			return true
		}
	}
	return false
}

// partsOf are the nodes on a node, or the node itself.
func partsOf(p *journey.Placed) []journey.Child {
	if parent, ok := p.Node.(journey.Parent); ok {
		return parent.Parts()
	}
	return []journey.Child{{ID: p.ID, Type: p.Type, Node: p.Node}}
}

// names lists nodes for a message.
func (l *linter) names(ids []string) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = l.name(id)
	}
	return strings.Join(names, ", ")
}

// name is what a person calls a node.
func (l *linter) name(id string) string {
	if p := l.tree.Nodes[id]; p != nil && p.Name != "" {
		return strconv.Quote(p.Name)
	}
	return quoted(id)
}
