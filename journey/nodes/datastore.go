package nodes

import (
	"context"
	"errors"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// errNoCredentials is a mistake in a journey: nothing collected what a
// decision needs.
var errNoCredentials = errors.New(
	"unable to authenticate: there is no user name or no password in the journey's state; collect both before")

// DataStore checks the collected user name and password against the realm's
// people. The outcome is "true" also for a user who is not active: such a
// journey fails at its end, with AM's message.
type DataStore struct{}

var (
	_ journey.Node     = (*DataStore)(nil)
	_ journey.Declarer = (*DataStore)(nil)
)

// Process implements journey.Node.
func (*DataStore) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	_, hasName := in.State.Get(journey.KeyUsername)
	_, hasPassword := in.State.Get(journey.KeyPassword)
	if !hasName || !hasPassword {
		return journey.Action{}, errNoCredentials
	}
	name, password := in.State.String(journey.KeyUsername), in.State.String(journey.KeyPassword)
	if name == "" || password == "" {
		return journey.Goto(outcomeFalse), nil
	}
	user, err := in.Users.Authenticate(ctx, name, password)
	switch {
	case errors.Is(err, identity.ErrCredentials):
		return journey.Goto(outcomeFalse), nil
	case err != nil:
		return journey.Action{}, err
	}
	return journey.Goto(outcomeTrue).WithSubject(user).WithAuthType("DataStore"), nil
}

// Outcomes implements journey.Node.
func (*DataStore) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Reads implements journey.Declarer.
func (*DataStore) Reads() []string { return []string{journey.KeyUsername, journey.KeyPassword} }

// Writes implements journey.Declarer.
func (*DataStore) Writes() []string { return nil }
