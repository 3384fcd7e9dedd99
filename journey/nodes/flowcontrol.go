package nodes

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/amgate/amgate/journey"
)

// FlowControl sends some journeys one way and the others another, by chance.
type FlowControl struct {
	Percentage int `json:"percentageA" option:"percentage_a" doc:"How many of a hundred journeys take the outcome A; the others take B."`
	// NameA and NameB are how AM's editor shows the outcomes; here they have
	// no effect.
	NameA string `json:"outcomeADisplayName"`
	NameB string `json:"outcomeBDisplayName"`
}

var (
	_ journey.Node    = (*FlowControl)(nil)
	_ journey.Checker = (*FlowControl)(nil)
)

// The outcomes of FlowControl.
const (
	outcomeA = "A"
	outcomeB = "B"
)

func newFlowControl() journey.Node {
	return &FlowControl{Percentage: 50, NameA: outcomeA, NameB: outcomeB}
}

// Process implements journey.Node.
func (n *FlowControl) Process(context.Context, *journey.Input) (journey.Action, error) {
	drawn, err := rand.Int(rand.Reader, big.NewInt(100))
	switch {
	case err != nil:
		return journey.Action{}, err
	case drawn.Int64() < int64(n.Percentage):
		return journey.Goto(outcomeA), nil
	}
	return journey.Goto(outcomeB), nil
}

// Outcomes implements journey.Node.
func (*FlowControl) Outcomes() []string { return []string{outcomeA, outcomeB} }

// Check implements journey.Checker.
func (n *FlowControl) Check() error {
	if n.Percentage < 0 || n.Percentage > 100 {
		return fmt.Errorf("percentage_a %d: a number from 0 to 100 is needed", n.Percentage)
	}
	return nil
}
