package realm

import (
	"context"
	"errors"
)

// errDraining says why a node that serves is not ready.
var errDraining = errors.New("realm: this node is draining; it takes no new journeys")

// draining reports whether this node takes no new journeys.
func (p placement) draining() bool { return p.nodes != nil && p.nodes.Draining() }

// Draining reports whether this node takes no new journeys.
func (s *Set) Draining() bool {
	k, err := s.keys()
	return err == nil && k.draining()
}

// beginsElsewhere finds out which node a journey is to begin on, or to be
// resumed on, because this one is draining. Where no other takes journeys it
// begins here.
func (c *call) beginsElsewhere(ctx context.Context) bool {
	e, ok := ctx.Value(elsewhereKey{}).(*Elsewhere)
	if !ok || !c.keyed.draining() {
		return false
	}
	a, ok := c.keyed.affinity.Parse(c.req.Affinity)
	if !ok {
		a = c.keyed.affinity.Begin()
	}
	other, ok := c.keyed.nodes.View().Instead(a, c.keyed.pin)
	e.Node, e.Found = other.Node, ok
	return ok
}
