package journey

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// The ids of the two ends of every tree. Each end is there without being
// among the tree's nodes.
const (
	Success = "success"
	Failure = "failure"
)

// ErrNoSuccess says that a journey cannot but fail.
var ErrNoSuccess = errors.New("no path leads to " + Success)

// Tree is a journey: nodes, and wires from each of their outcomes to the next
// node. A Tree in use is never changed.
type Tree struct {
	Name, Description string
	// Entry is the id of the node, or end, where the journey begins.
	Entry string
	// Nodes are the nodes by id.
	Nodes map[string]*Placed
	// Timeout bounds how long the journey may take; 0 is the realm's.
	Timeout time.Duration
	// MaxTime and IdleTime are those of the session that it makes; 0 is the
	// realm's.
	MaxTime, IdleTime time.Duration
	// Disabled journeys do not run, InnerOnly ones only inside others.
	Disabled, InnerOnly bool
	// NoSession journeys succeed without making a session.
	NoSession bool
	// MustRun journeys run even for a client whose session would do.
	MustRun bool
	// Source is where the journey was written, for messages.
	Source string
}

// Placed is a node at its place in a tree.
type Placed struct {
	ID string
	// Type is the name of the node's type, Name its display name; both are
	// for messages.
	Type, Name string
	Node       Node
	// Next has the id of the node, or end, that follows each outcome.
	Next map[string]string
	// OnError is the id of the node, or end, at which the journey goes on
	// after an error of the node; "" ends the journey. Link sets it.
	OnError string
	// Tree is the name of the journey that the node was written in, if that
	// is not the journey itself. Link sets it.
	Tree string
}

// Leveler is a Node that changes the authentication level.
type Leveler interface {
	// LevelGain is how much the level grows; it may be negative.
	LevelGain() int
}

// Rememberer is a Node that leaves the client a cookie by which its user is
// known again, of the host alone and with the path "/".
type Rememberer interface {
	// RememberedBy is the cookie's name.
	RememberedBy() string
}

// tree is the name of the journey that the node was written in.
func (p *Placed) tree(t *Tree) string {
	if p.Tree != "" {
		return p.Tree
	}
	return t.Name
}

// Check tells everything that is wrong with a tree, one error per problem
// joined by errors.Join: nodes that are not there or cannot be reached,
// outcomes that lead nowhere, wires for outcomes that do not exist, no way to
// success, and what the nodes find wrong with themselves.
func (t *Tree) Check() error {
	c := treeCheck{tree: t}
	if t.Name == "" {
		c.add("it has no name")
	}
	if t.Timeout < 0 {
		c.add("its timeout is %v; it must not be negative", t.Timeout)
	}
	if len(t.Nodes) == 0 && (t.Entry == Success || t.Entry == Failure) {
		return errors.Join(c.errs...)
	}
	if len(t.Nodes) == 0 {
		c.add("it has no nodes")
		return errors.Join(c.errs...)
	}
	for _, id := range slices.Sorted(maps.Keys(t.Nodes)) {
		c.node(id, t.Nodes[id])
	}
	if _, ok := t.Nodes[t.Entry]; !ok && t.Entry != Success && t.Entry != Failure {
		c.add("it begins at node %q, which does not exist; %s", t.Entry, c.known())
		return errors.Join(c.errs...)
	}
	c.paths()
	return errors.Join(c.errs...)
}

// treeCheck collects what is wrong with a tree.
type treeCheck struct {
	tree *Tree
	errs []error
}

func (c *treeCheck) add(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("journey %s: "+format, append([]any{c.tree.Name}, args...)...))
}

// known lists the nodes that a wire may lead to.
func (c *treeCheck) known() string {
	ids := slices.Sorted(maps.Keys(c.tree.Nodes))
	return "the nodes are: " + strings.Join(append(ids, Success, Failure), ", ")
}

// node checks one node and its wires.
func (c *treeCheck) node(id string, p *Placed) {
	switch {
	case id == Success || id == Failure || id == "":
		c.add("node %q: this id is taken; choose another", id)
		return
	case p == nil || p.Node == nil:
		c.add("node %s: there is no node under this id", id)
		return
	case p.ID != id:
		c.add("node %s: it calls itself %q", id, p.ID)
	}
	outcomes := p.Node.Outcomes()
	for i, o := range outcomes {
		if slices.Contains(outcomes[:i], o) {
			c.add("node %s: the outcome %q is there twice", id, o)
			continue
		}
		c.wire(id, o, p.Next)
	}
	for _, o := range slices.Sorted(maps.Keys(p.Next)) {
		if !slices.Contains(outcomes, o) {
			c.add("node %s: there is no outcome %q; the outcomes are: %s", id, o, strings.Join(outcomes, ", "))
		}
	}
	if ch, ok := p.Node.(Checker); ok {
		if err := ch.Check(); err != nil {
			c.add("node %s: %w", id, err)
		}
	}
}

func (c *treeCheck) wire(id, outcome string, next map[string]string) {
	to, ok := next[outcome]
	switch {
	case !ok:
		c.add("node %s: the outcome %q leads nowhere; wire it to a node, to %s or to %s", id, outcome, Success, Failure)
	case to == Success || to == Failure:
	case c.tree.Nodes[to] == nil:
		c.add("node %s: the outcome %q leads to node %q, which does not exist; %s", id, outcome, to, c.known())
	}
}

// paths checks that every node can be reached, and that success can.
func (c *treeCheck) paths() {
	reached := c.tree.Reachable(c.tree.Entry)
	for _, id := range slices.Sorted(maps.Keys(c.tree.Nodes)) {
		if !reached[id] {
			c.add("node %s: no path leads to it from the entry %s; wire an outcome to it or remove it", id, c.tree.Entry)
		}
	}
	if !reached[Success] {
		c.add("%w; wire an outcome to it", ErrNoSuccess)
	}
}

// Reachable is the set of nodes and ends that a journey at node from can come
// to, itself included.
func (t *Tree) Reachable(from string) map[string]bool {
	reached := map[string]bool{from: true}
	for todo := []string{from}; len(todo) > 0; {
		p := t.Nodes[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if p == nil {
			continue
		}
		for _, to := range p.leads() {
			if !reached[to] {
				reached[to] = true
				todo = append(todo, to)
			}
		}
	}
	return reached
}

// owner is the placed node that an id means, or the one on which the node of
// that id is: children of a page are called "<page>/<child>".
func (t *Tree) owner(id string) *Placed {
	for id != "" {
		if p := t.Nodes[id]; p != nil {
			return p
		}
		id = id[:max(0, strings.LastIndexByte(id, '/'))]
	}
	return nil
}

// finishers are the ids of the nodes that every success of the journey calls.
func (t *Tree) finishers() []string {
	var ids []string
	for id, p := range t.Nodes {
		if f, ok := p.Node.(Finisher); ok && f.Finishes() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// gain is by how much the authentication level can grow at most on a way from
// a node to success: math.MinInt if there is no such way, math.MaxInt if
// nothing bounds it.
func (t *Tree) gain(from string) int {
	best := map[string]int{Success: 0}
	// After as many rounds as there are nodes, only a loop that gains goes on
	// improving.
	for range len(t.Nodes) {
		if !t.improve(best, func(gain int) int { return gain }) {
			break
		}
	}
	for t.improve(best, func(int) int { return math.MaxInt }) {
	}
	if gain, ok := best[from]; ok {
		return gain
	}
	return math.MinInt
}

// improve takes one round of gain: each node's best is that of its best
// successor and its own. A node that still improves gets what as makes of it.
func (t *Tree) improve(best map[string]int, as func(int) int) (improved bool) {
	for id, p := range t.Nodes {
		own := 0
		if l, ok := p.Node.(Leveler); ok {
			own = l.LevelGain()
		}
		for _, next := range p.leads() {
			gain, ok := best[next]
			if !ok {
				continue
			}
			if gain != math.MaxInt {
				gain += own
			}
			if old, ok := best[id]; !ok || gain > old {
				best[id], improved = as(gain), true
			}
		}
	}
	return improved
}

// Unmet tells which needs of the journey's nodes the services do not meet, one
// error per need joined by errors.Join.
func (t *Tree) Unmet(s *Services) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(t.Nodes)) {
		p := t.Nodes[id]
		r, ok := p.Node.(Requirer)
		if !ok {
			continue
		}
		for _, need := range r.Needs() {
			if err := s.Check(need); err != nil {
				errs = append(errs, fmt.Errorf("journey %s: node %s (%s): %w", t.Name, id, p.Type, err))
			}
		}
	}
	return errors.Join(errs...)
}

// leads lists where the node can lead to.
func (p *Placed) leads() []string {
	to := slices.Collect(maps.Values(p.Next))
	if p.OnError != "" {
		to = append(to, p.OnError)
	}
	return to
}

// MatchOutcome finds the outcome that a person meant who wrote wish: the one
// of exactly that name, else the only one that differs in case alone. AM's
// outcomes are written "true", "Retry", "TRUE" and "successOutcome".
func MatchOutcome(outcomes []string, wish string) (string, bool) {
	if slices.Contains(outcomes, wish) {
		return wish, true
	}
	var match string
	found := 0
	for _, o := range outcomes {
		if strings.EqualFold(o, wish) {
			match = o
			found++
		}
	}
	return match, found == 1
}
