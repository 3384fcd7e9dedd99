package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// maxBoxes bounds what is drawn; nobody could read more.
const maxBoxes = 500

// kind tells how a box looks.
type kind int

const (
	kindNode kind = iota
	kindPage
	kindInner
	kindStart
	kindSuccess
	kindFailure
)

// box is something that is drawn: a node, an end, or the start.
type box struct {
	id   string
	kind kind
	// title is the node's display name, subtitle its type; parts are what is
	// on a page.
	title, subtitle string
	parts           []string
	// lost says that no path leads to it.
	lost  bool
	ports []port
}

// port is where an outcome leaves a box.
type port struct {
	outcome string
	to      string // the id of a box
}

// startID is the box from which the arrow to the entry comes. No node is
// called "".
const startID = ""

// picture are the boxes of a journey, each once: the start first, then as a
// walk along the wires finds them, then those to which no path leads.
func picture(t *journey.Tree) ([]*box, error) {
	if len(t.Nodes) > maxBoxes {
		return nil, fmt.Errorf("journey %s has %d nodes; at most %d can be drawn", t.Name, len(t.Nodes), maxBoxes)
	}
	start := &box{id: startID, kind: kindStart, title: "Start", ports: []port{{to: t.Entry}}}
	boxes, seen := []*box{start}, map[string]bool{startID: true}
	var walk func(id string, lost bool)
	walk = func(id string, lost bool) {
		if seen[id] {
			return
		}
		seen[id] = true
		b := newBox(id, t.Nodes[id])
		b.lost = lost && b.kind != kindSuccess && b.kind != kindFailure
		boxes = append(boxes, b)
		for _, p := range b.ports {
			walk(p.to, lost)
		}
	}
	walk(t.Entry, false)
	for _, id := range slices.Sorted(maps.Keys(t.Nodes)) {
		walk(id, true)
	}
	return boxes, nil
}

func newBox(id string, p *journey.Placed) *box {
	switch {
	case id == journey.Success:
		return &box{id: id, kind: kindSuccess, title: "Success"}
	case id == journey.Failure:
		return &box{id: id, kind: kindFailure, title: "Failure"}
	case p == nil:
		return &box{id: id, title: id, subtitle: "missing"}
	}
	b := &box{id: id, title: p.Name, subtitle: p.Type}
	if b.title == "" {
		b.title = id
	}
	switch node := p.Node.(type) {
	case journey.Parent:
		b.kind = kindPage
		for _, child := range node.Parts() {
			b.parts = append(b.parts, partName(child))
		}
	case journey.Inner:
		b.kind = kindInner
		b.parts = []string{"journey " + node.InnerTree()}
	}
	for _, outcome := range outcomes(p) {
		b.ports = append(b.ports, port{outcome: outcome, to: p.Next[outcome]})
	}
	if p.OnError != "" {
		b.ports = append(b.ports, port{outcome: "error", to: p.OnError})
	}
	return b
}

// partName is what a person calls a node on a page.
func partName(c journey.Child) string {
	if c.Name == "" || c.Name == c.ID && c.Type != "" {
		return c.Type
	}
	return c.Name
}

// outcomes are those that are wired, in the order of the node.
func outcomes(p *journey.Placed) []string {
	var list []string
	if p.Node != nil {
		list = slices.Clone(p.Node.Outcomes())
	}
	for _, outcome := range slices.Sorted(maps.Keys(p.Next)) {
		if !slices.Contains(list, outcome) {
			list = append(list, outcome)
		}
	}
	return slices.DeleteFunc(list, func(outcome string) bool { _, wired := p.Next[outcome]; return !wired })
}

// summary is the journey in words, for who cannot see the picture.
func summary(boxes []*box) string {
	titles := make(map[string]string, len(boxes))
	for _, b := range boxes {
		titles[b.id] = b.title
	}
	var b strings.Builder
	fmt.Fprintf(&b, "It begins at %s.", titles[boxes[0].ports[0].to])
	for _, box := range boxes[1:] {
		for i, p := range box.ports {
			if i == 0 {
				fmt.Fprintf(&b, " %s:", box.title)
			} else {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " %s leads to %s", p.outcome, titles[p.to])
		}
		if len(box.ports) > 0 {
			b.WriteString(".")
		}
	}
	return b.String()
}
