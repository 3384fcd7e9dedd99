package journey

import (
	"errors"
	"fmt"
	"maps"
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

// Tree is a journey: nodes, and wires from each of their outcomes to the next
// node. A Tree in use is never changed.
type Tree struct {
	Name string
	// Entry is the id of the node where the journey begins.
	Entry string
	// Nodes are the nodes by id.
	Nodes map[string]*Placed
	// Timeout bounds how long the journey may take; 0 is the realm's.
	Timeout time.Duration
}

// Placed is a node at its place in a tree.
type Placed struct {
	ID string
	// Type is the name of the node's type, for messages.
	Type string
	Node Node
	// Next has the id of the node, or end, that follows each outcome.
	Next map[string]string
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
	if len(t.Nodes) == 0 {
		c.add("it has no nodes")
		return errors.Join(c.errs...)
	}
	for _, id := range slices.Sorted(maps.Keys(t.Nodes)) {
		c.node(id, t.Nodes[id])
	}
	if _, ok := t.Nodes[t.Entry]; !ok {
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
	reached := c.tree.reachable(c.tree.Entry)
	for _, id := range slices.Sorted(maps.Keys(c.tree.Nodes)) {
		if !reached[id] {
			c.add("node %s: no path leads to it from the entry %s; wire an outcome to it or remove it", id, c.tree.Entry)
		}
	}
	if !reached[Success] {
		c.add("no path leads to %s; wire an outcome to it", Success)
	}
}

// reachable is the set of nodes and ends that a journey at node from can come
// to, itself included.
func (t *Tree) reachable(from string) map[string]bool {
	reached := map[string]bool{from: true}
	for todo := []string{from}; len(todo) > 0; {
		p := t.Nodes[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		if p == nil {
			continue
		}
		for _, to := range p.Next {
			if !reached[to] {
				reached[to] = true
				todo = append(todo, to)
			}
		}
	}
	return reached
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
