package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/amgate/amgate/journey"
)

// SetState puts texts into the shared state, in the place of what was there.
type SetState struct {
	Attributes map[string]string `json:"attributes" option:"attribute" doc:"A key of the state and its value. Required." example:"channel web"`
}

var (
	_ journey.Node     = (*SetState)(nil)
	_ journey.Declarer = (*SetState)(nil)
	_ journey.Checker  = (*SetState)(nil)
)

// Process implements journey.Node.
func (n *SetState) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	for key, value := range n.Attributes {
		in.State.Remove(key)
		in.State.PutShared(key, value)
	}
	return journey.Goto(outcomeOnly), nil
}

// Outcomes implements journey.Node.
func (*SetState) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*SetState) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (n *SetState) Writes() []string { return slices.Sorted(maps.Keys(n.Attributes)) }

// Check implements journey.Checker.
func (n *SetState) Check() error {
	if len(n.Attributes) == 0 {
		return errors.New("attribute is missing; give at least a key of the state and its value")
	}
	for _, key := range slices.Sorted(maps.Keys(n.Attributes)) {
		if err := checkKey(key); err != nil {
			return fmt.Errorf("attribute: %w", err)
		}
	}
	return nil
}
