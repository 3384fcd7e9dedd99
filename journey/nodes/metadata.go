package nodes

import (
	"context"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Metadata tells the client's program values of the shared state. It belongs
// on a page, where it needs no answer. Values that are transient or secure are
// left out.
type Metadata struct {
	Attributes []string `json:"attributes" option:"attributes" doc:"The keys of the state that the client is told; those that are not there are left out." example:"username"`
}

var _ journey.Node = (*Metadata)(nil)

// Process implements journey.Node.
func (n *Metadata) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if in.Answers != nil {
		return journey.Goto(outcomeOnly), nil
	}
	data := make(map[string]any)
	for _, key := range n.Attributes {
		if value, ok := in.State.Shared(key); ok {
			data[key] = value
		}
	}
	return journey.Ask(callback.Metadata{Data: data}), nil
}

// Outcomes implements journey.Node.
func (*Metadata) Outcomes() []string { return []string{outcomeOnly} }
