package treefile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/amgate/amgate/journey"
)

// node makes the node of the tree that at names, and those that are on it.
// What is wrong is noted for it; a node that cannot be made is a stand-in.
func (b *builder) node(at Problem) journey.Node {
	node, ok := b.decode(at.Node, at)
	if !ok {
		return node
	}
	if parent, ok := node.(journey.Parent); ok {
		before := len(b.problems[at.Node])
		for _, child := range slices.Clone(parent.Parts()) {
			b.addChild(at.Node, parent, child)
		}
		if len(b.problems[at.Node]) > before {
			return node // a page complains of its children again
		}
	}
	b.check(at.Node, at, node)
	return node
}

// addChild makes a node that is on another one, the one placed in the tree.
func (b *builder) addChild(placed string, parent journey.Parent, child journey.Child) {
	at := Problem{Node: child.ID, Name: child.Name, Type: child.Type}
	node, ok := b.decode(placed, at)
	child.Node = node
	if err := parent.Add(child); err != nil {
		b.note(placed, at, err)
		return
	}
	if ok {
		b.check(placed, at, node)
	}
}

// note notes what is wrong with a node; placed is the one of the tree that it
// is, or is on.
func (b *builder) note(placed string, at Problem, err error) {
	b.problems[placed] = append(b.problems[placed], properties(at, err)...)
}

func (b *builder) check(placed string, at Problem, node journey.Node) {
	if c, ok := node.(journey.Checker); ok {
		if err := c.Check(); err != nil {
			b.note(placed, at, err)
		}
	}
}

// decode makes one node of its JSON. ok is false if it is a stand-in.
func (b *builder) decode(placed string, at Problem) (node journey.Node, ok bool) {
	raw, there := b.nodes[at.Node]
	var o object
	switch err := json.Unmarshal(raw, &o); {
	case !there && b.bare:
		b.note(placed, at, fmt.Errorf("its configuration is missing; it belongs into the folder %s beside the file", nodesFolder))
	case !there:
		b.note(placed, at, errors.New("its configuration is missing; the export is not complete"))
	case err != nil || o == nil:
		b.note(placed, at, errors.New("a node must be a JSON object"))
	default:
		if err := b.judge(at, o); err != nil {
			b.note(placed, at, err)
			break
		}
		node, unknown, err := b.types.Decode(at.Type, raw)
		if err != nil {
			b.note(placed, at, err)
			break
		}
		b.ignore(placed, at, o, unknown)
		return node, true
	}
	return newStandIn(o, b.places[at.Node].connections), false
}

// judge tells whether there is such a node here.
func (b *builder) judge(at Problem, o object) error {
	var kind struct {
		ID string `json:"_id"`
	}
	if raw := o["_type"]; raw != nil {
		_ = json.Unmarshal(raw, &kind) // for a comparison only
	}
	if kind.ID != "" && kind.ID != at.Type {
		return fmt.Errorf("its configuration is that of a %s", printable(kind.ID))
	}
	if _, known := b.types.Proves(at.Type); known {
		return nil
	}
	var script string
	if json.Unmarshal(o["script"], &script) == nil && script != "" {
		name := b.scripts[script]
		if name == "" {
			name = script
		}
		return &journey.PropertyError{Property: "script", Err: fmt.Errorf("scripts do not run in amgate; replace the script %q by nodes that do the same", name)}
	}
	return errors.New("amgate has no node of this type; replace it by others, or remove it")
}

// ignore notes the properties that are not known here. A node that vouches for
// somebody must not ignore any: it could be the one that makes it strict.
func (b *builder) ignore(placed string, at Problem, o object, unknown []string) {
	proves, _ := b.types.Proves(at.Type)
	for _, at.Property = range unknown {
		switch {
		case isEmpty(o[at.Property]):
		case len(proves) > 0:
			at.Text = "amgate does not know this property, and a node that checks who somebody is must not ignore one; remove it if it does not matter"
			b.problems[placed] = append(b.problems[placed], at)
		default:
			at.Text = "amgate does not know this property; it has no effect here"
			b.warnings[placed] = append(b.warnings[placed], at)
		}
	}
}

// isEmpty reports whether a value says nothing.
func isEmpty(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// standIn is in the place of a node that cannot run here, so that the journey
// can be looked at. It never runs: the journey is disabled.
type standIn struct{ outcomes []string }

var _ journey.Node = (*standIn)(nil)

// newStandIn has the outcomes that the node's JSON lists and those that are
// connected.
func newStandIn(o object, connections map[string]string) *standIn {
	var listed []struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(o["_outcomes"], &listed) // AM computes them; they may be missing
	n := new(standIn)
	for _, outcome := range listed {
		n.outcomes = append(n.outcomes, outcome.ID)
	}
	n.outcomes = append(n.outcomes, slices.Sorted(maps.Keys(connections))...)
	if len(n.outcomes) == 0 {
		n.outcomes = []string{"outcome"}
	}
	return &standIn{outcomes: distinct(n.outcomes)}
}

// Process implements journey.Node.
func (*standIn) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Action{}, errors.New("this node cannot run in amgate")
}

// Outcomes implements journey.Node.
func (n *standIn) Outcomes() []string { return n.outcomes }

// distinct is the list without repetitions, in order.
func distinct(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(list, func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}
