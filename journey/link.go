package journey

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Inner is a Node that stands for another journey of the realm. Link puts the
// nodes of that journey in its place, so it is never called itself.
type Inner interface {
	Node
	// InnerTree is the name of the journey.
	InnerTree() string
}

// The outcomes of an Inner node: the inner journey's Success, its Failure,
// and, if the node has it, an error in one of its nodes.
const (
	InnerTrue  = "true"
	InnerFalse = "false"
	InnerError = "error"
)

// MaxNodes bounds the nodes of a linked journey.
const MaxNodes = 2000

// Link returns the journeys of a realm with their inner journeys in place: a
// node of an inner journey has the id "<inner node>/<its own id>". The trees
// that are given are not changed. A journey that cannot be linked, because an
// inner one is not there, does not run, or contains it, is missing from linked
// and has an error in broken. Timeouts and session times of inner journeys do
// not count (AM 8.1, "Configure authentication trees").
func Link(trees map[string]*Tree) (linked map[string]*Tree, broken map[string]error) {
	l := linker{trees: trees, linked: make(map[string]*Tree, len(trees)), broken: make(map[string]error)}
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		_, _ = l.link(name, nil)
	}
	return l.linked, l.broken
}

type linker struct {
	trees, linked map[string]*Tree
	broken        map[string]error
}

// link returns a journey with its inner journeys in place; on are the journeys
// that are being linked.
func (l *linker) link(name string, on []string) (*Tree, error) {
	if t, ok := l.linked[name]; ok {
		return t, nil
	}
	if err, ok := l.broken[name]; ok {
		return nil, err
	}
	if slices.Contains(on, name) {
		return nil, fmt.Errorf("it contains itself: %s", strings.Join(append(on, name), " → "))
	}
	on = append(slices.Clip(on), name)
	t, err := l.expand(l.trees[name], on)
	if err != nil {
		l.broken[name] = err
		return nil, err
	}
	l.linked[name] = t
	return t, nil
}

// expand puts the inner journeys of t in their places.
func (l *linker) expand(t *Tree, on []string) (*Tree, error) {
	fail := func(id string, format string, args ...any) error {
		return fmt.Errorf("journey %s: node %s: "+format, append([]any{t.Name, id}, args...)...)
	}
	inners := make(map[string]*Tree)
	entries := make(map[string]string) // of the inner nodes
	for _, id := range slices.Sorted(maps.Keys(t.Nodes)) {
		node, ok := t.Nodes[id].Node.(Inner)
		if !ok {
			continue
		}
		name := node.InnerTree()
		switch inner := l.trees[name]; {
		case inner == nil:
			return nil, fail(id, "there is no journey %q in this realm", name)
		case inner.Disabled:
			return nil, fail(id, "the journey %q is disabled", name)
		}
		inner, err := l.link(name, on)
		if err != nil {
			return nil, fail(id, "the inner journey %s: %w", name, err)
		}
		inners[id], entries[id] = inner, inside(t.Nodes[id], inner.Entry)
	}
	if len(inners) == 0 {
		return t, nil
	}
	// An inner journey that does nothing leads straight on, perhaps to another.
	enter := func(id string) string {
		for range len(entries) {
			entry, ok := entries[id]
			if !ok {
				break
			}
			id = entry
		}
		return id
	}
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		if _, inner := entries[enter(id)]; inner {
			return nil, fail(id, "from it inner journeys that do nothing lead to one another for ever; wire one of them elsewhere")
		}
	}
	whole := *t
	whole.Entry, whole.Nodes = enter(t.Entry), make(map[string]*Placed)
	for id, p := range t.Nodes {
		inner, ok := inners[id]
		if !ok {
			whole.Nodes[id] = p.moved(id, p.Tree, p.OnError, enter)
			continue
		}
		for _, q := range inner.Nodes {
			moved := q.moved(id+"/"+q.ID, q.tree(inner), "", func(to string) string { return enter(inside(p, to)) })
			if moved.OnError = p.Next[InnerError]; q.OnError != "" {
				moved.OnError = inside(p, q.OnError)
			}
			if moved.OnError = enter(moved.OnError); t.Nodes[moved.ID] != nil {
				return nil, fail(moved.ID, "this id is taken by a node of the inner journey of %s", id)
			}
			whole.Nodes[moved.ID] = moved
		}
		if len(whole.Nodes) > MaxNodes {
			return nil, fail(id, "with all inner journeys in place the journey has more than %d nodes", MaxNodes)
		}
	}
	return &whole, nil
}

// inside is the id under which what an inner journey calls id is known outside,
// where p is the inner node.
func inside(p *Placed, id string) string {
	switch id {
	case Success:
		return p.Next[InnerTrue]
	case Failure:
		return p.Next[InnerFalse]
	}
	return p.ID + "/" + id
}

// moved is a copy of a node at another place.
func (p *Placed) moved(id, tree, onError string, to func(string) string) *Placed {
	q := *p
	q.ID, q.Tree, q.OnError = id, tree, onError
	q.Next = make(map[string]string, len(p.Next))
	for outcome, next := range p.Next {
		q.Next[outcome] = to(next)
	}
	return &q
}
