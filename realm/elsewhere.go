package realm

import (
	"context"
	"fmt"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
)

// ErrElsewhere says that a journey rests in the memory of another node, or is to
// begin there because this one is draining. Only calls with a context of
// SeekElsewhere end with it. It is a fault to whoever does not know it: to send
// the request again may reach that node.
var ErrElsewhere = fmt.Errorf("%w: the journey rests in the memory of another node", store.ErrUnavailable)

// Elsewhere is the node that a request belongs to, once that is known.
type Elsewhere struct {
	Node  cluster.Node
	Found bool
}

type elsewhereKey struct{}

// SeekElsewhere lets a call of Authenticate end with ErrElsewhere and leave in
// Elsewhere which node has the journey. Without it a journey that is not here
// is looked for in the store, and starts again if it is not there.
func SeekElsewhere(ctx context.Context) (context.Context, *Elsewhere) {
	e := new(Elsewhere)
	return context.WithValue(ctx, elsewhereKey{}, e), e
}

type foundKey struct{}

// SeekFound lets a call of Authenticate leave in Found how the keeper has come by
// the journey that it answered a step of.
func SeekFound(ctx context.Context) (context.Context, *journey.Found) {
	f := new(journey.Found)
	return context.WithValue(ctx, foundKey{}, f), f
}

// placement is where this process stands among the nodes.
type placement struct {
	affinity *affinity.Router
	pin      affinity.Pin
	nodes    *cluster.Directory // nil: there are no others
}

var _ keep.Nodes = placement{}

// Pinned returns the affinity under which this node goes on: the one that came
// with the request, if it is ours, else a new one; pinned to this node.
func (p placement) Pinned(sent string) string {
	a, ok := p.affinity.Parse(sent)
	if !ok {
		a = p.affinity.Begin()
	}
	a.Pin = p.pin
	return p.affinity.Format(a)
}

// Elsewhere implements keep.Nodes: the error is ErrElsewhere.
func (p placement) Elsewhere(ctx context.Context, text string, leaving bool) error {
	e, ok := ctx.Value(elsewhereKey{}).(*Elsewhere)
	if !ok || p.nodes == nil {
		return nil
	}
	a, ok := p.affinity.Parse(text)
	if !ok || a.Pin == (affinity.Pin{}) || a.Pin == p.pin {
		return nil
	}
	owner, ok := p.nodes.View().Pinned(a.Pin)
	if !ok || owner.Draining && !leaving {
		return nil
	}
	e.Node, e.Found = owner.Node, true
	return ErrElsewhere
}

// Passes are those of the requests that nodes send each other. The error wraps
// store.ErrUnavailable.
func (s *Set) Passes() (*cluster.Passes, error) {
	k, err := s.keys()
	if err != nil {
		return nil, err
	}
	return k.passes, nil
}
