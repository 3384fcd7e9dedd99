package nodes

import (
	"context"

	"github.com/amgate/amgate/journey"
)

// DataStore checks the collected user name and password against the realm's
// people. The outcome is "true" also for a user who is not active: such a
// journey fails at its end, with AM's message. A name that is locked out is
// "false", and if the journey then fails the client is told.
type DataStore struct{}

var (
	_ journey.Node     = (*DataStore)(nil)
	_ journey.Declarer = (*DataStore)(nil)
)

// Process implements journey.Node.
func (*DataStore) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	user, err := authenticate(ctx, in, in.Users)
	switch {
	case refused(err):
		return journey.Goto(outcomeFalse), nil
	case err != nil:
		return journey.Action{}, err
	}
	return journey.Goto(outcomeTrue).WithSubject(user).WithAuthType("DataStore"), nil
}

// Outcomes implements journey.Node.
func (*DataStore) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Reads implements journey.Declarer.
func (*DataStore) Reads() []string { return credentials }

// Writes implements journey.Declarer.
func (*DataStore) Writes() []string { return []string{journey.KeyLockoutMessage} }
