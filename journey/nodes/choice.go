package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Choice asks to pick one of several texts, each of which is an outcome. For a
// journey that must reach an authentication level it offers only the choices
// that can lead there, and asks nothing if there is but one.
type Choice struct {
	Choices []string `json:"choices" option:"choices" doc:"What can be chosen; each is an outcome of the node. Required." example:"Yes No"`
	Default string   `json:"defaultChoice" option:"default_choice" doc:"The choice that is picked already; the first one if this is none." example:"Yes"`
	Prompt  string   `json:"prompt" option:"prompt" doc:"The question." example:"Stay signed in?"`
}

var (
	_ journey.Node     = (*Choice)(nil)
	_ journey.Declarer = (*Choice)(nil)
	_ journey.Checker  = (*Choice)(nil)
)

// Process implements journey.Node.
func (n *Choice) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if answer, ok := callback.First[callback.Choice](in.Answers); ok {
		return journey.Goto(answer.Choices[answer.Selected]), nil
	}
	choices, err := n.offered(in)
	if err != nil {
		return journey.Action{}, err
	}
	if len(choices) == 1 {
		return journey.Goto(choices[0]), nil
	}
	preset := max(0, slices.Index(choices, n.Default))
	return journey.Ask(callback.NewChoice(n.Prompt, choices, preset)), nil
}

// offered are the choices that can lead to the level that the journey must
// reach, if there is one; at least one.
func (n *Choice) offered(in *journey.Input) ([]string, error) {
	if _, bound := in.State.Get(journey.KeyTargetAuthLevel); !bound {
		return n.Choices, nil
	}
	target := in.State.Int(journey.KeyTargetAuthLevel)
	choices := slices.DeleteFunc(slices.Clone(n.Choices), func(c string) bool { return in.Reach(c) < target })
	if len(choices) == 0 {
		return nil, fmt.Errorf("no choice leads to the authentication level %d, which this journey must reach", target)
	}
	return choices, nil
}

// Outcomes implements journey.Node.
func (n *Choice) Outcomes() []string { return n.Choices }

// Reads implements journey.Declarer.
func (*Choice) Reads() []string { return []string{journey.KeyTargetAuthLevel} }

// Writes implements journey.Declarer.
func (*Choice) Writes() []string { return nil }

// Check implements journey.Checker.
func (n *Choice) Check() error {
	switch {
	case len(n.Choices) == 0:
		return errors.New("choices is missing; list what can be chosen")
	case slices.Contains(n.Choices, ""):
		return errors.New("choices: a choice is empty; each needs a text")
	}
	return nil
}
