package nodes

import (
	"context"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Password asks for the password and keeps it as the transient state
// "password": it is gone when the step ends, unless a later node reads it.
// An empty answer is asked again.
type Password struct{}

var (
	_ journey.Node     = (*Password)(nil)
	_ journey.Declarer = (*Password)(nil)
)

// Process implements journey.Node.
func (*Password) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	password, _ := callback.First[callback.Password](in.Answers)
	if password.Value == "" {
		return journey.Ask(callback.Password{Prompt: "Password"}), nil
	}
	in.State.PutTransient(journey.KeyPassword, password.Value)
	return journey.Goto(outcomeOnly), nil
}

// Outcomes implements journey.Node.
func (*Password) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*Password) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*Password) Writes() []string { return []string{journey.KeyPassword} }
