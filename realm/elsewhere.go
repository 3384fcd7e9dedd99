package realm

import (
	"context"
	"fmt"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/store"
)

// ErrElsewhere says that a journey rests in the memory of another node. Only
// calls with a context of SeekElsewhere end with it. It is a fault to whoever
// does not know it: to answer the step again may reach that node.
var ErrElsewhere = fmt.Errorf("%w: the journey rests in the memory of another node", store.ErrUnavailable)

// Elsewhere is the node that a request belongs to, once that is known.
type Elsewhere struct {
	Node  cluster.Node
	Found bool
}

type elsewhereKey struct{}

// SeekElsewhere lets a call of Authenticate end with ErrElsewhere and leave in
// Elsewhere which node has the journey. Without it a journey that is not here
// starts again.
func SeekElsewhere(ctx context.Context) (context.Context, *Elsewhere) {
	e := new(Elsewhere)
	return context.WithValue(ctx, elsewhereKey{}, e), e
}

// elsewhere finds out whether the node that a journey was begun on is there.
// The affinity is that of the journey.
func (c *call) elsewhere(ctx context.Context, text string) bool {
	e, ok := ctx.Value(elsewhereKey{}).(*Elsewhere)
	if !ok || c.keyed.nodes == nil {
		return false
	}
	a, ok := c.keyed.affinity.Parse(text)
	if !ok || a.Pin == (affinity.Pin{}) || a.Pin == c.keyed.pin {
		return false
	}
	owner, ok := c.keyed.nodes.View().Pinned(a.Pin)
	e.Node, e.Found = owner.Node, ok
	return ok
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
