package nodes

import (
	"context"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Username asks for the user name and keeps it as the state "username". An
// empty answer is asked again.
type Username struct{}

var (
	_ journey.Node     = (*Username)(nil)
	_ journey.Declarer = (*Username)(nil)
)

// Process implements journey.Node.
func (*Username) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	name, _ := callback.First[callback.Name](in.Answers)
	if name.Value == "" {
		return journey.Ask(callback.Name{Prompt: "User Name"}), nil
	}
	in.State.PutShared(journey.KeyUsername, name.Value)
	return journey.Goto(outcomeOnly), nil
}

// Outcomes implements journey.Node.
func (*Username) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*Username) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*Username) Writes() []string { return []string{journey.KeyUsername} }
