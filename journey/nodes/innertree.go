package nodes

import (
	"context"
	"errors"
	"fmt"

	"github.com/amgate/amgate/journey"
)

// InnerTree runs another journey of the realm at its place. journey.Link puts
// the nodes of that journey there, so the node itself is never called.
type InnerTree struct {
	Tree string `json:"tree" option:"tree" doc:"The name of the journey. Required." example:"Login"`
	// ErrorOutcome adds the outcome "error".
	ErrorOutcome bool `json:"displayErrorOutcome" option:"display_error_outcome" doc:"Adds the outcome error: there the journey goes on if a node of the inner one could not decide. An outage does not lead there." example:"on"`
}

var (
	_ journey.Inner   = (*InnerTree)(nil)
	_ journey.Checker = (*InnerTree)(nil)
)

// Process implements journey.Node. It is an error: the journey was not linked.
func (n *InnerTree) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Action{}, fmt.Errorf("the journey %s was not put in the place of this node", n.Tree)
}

// Outcomes implements journey.Node.
func (n *InnerTree) Outcomes() []string {
	if n.ErrorOutcome {
		return []string{journey.InnerTrue, journey.InnerFalse, journey.InnerError}
	}
	return []string{journey.InnerTrue, journey.InnerFalse}
}

// InnerTree implements journey.Inner.
func (n *InnerTree) InnerTree() string { return n.Tree }

// Check implements journey.Checker.
func (n *InnerTree) Check() error {
	if n.Tree == "" {
		return errors.New("tree is missing; name a journey of the realm")
	}
	return nil
}
