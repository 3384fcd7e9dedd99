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

// credentials are what the decisions about a password read.
var credentials = []string{journey.KeyUsername, journey.KeyPassword}

// authenticate checks the collected user name and password. Errors: those of
// identity.Store.Authenticate, and errNoCredentials. If the name is locked out
// the journey's failure will say so, unless a later check finds otherwise.
func authenticate(ctx context.Context, in *journey.Input, people identity.Store) (*identity.User, error) {
	_, hasName := in.State.Get(journey.KeyUsername)
	_, hasPassword := in.State.Get(journey.KeyPassword)
	if !hasName || !hasPassword {
		return nil, errNoCredentials
	}
	name, password := in.State.String(journey.KeyUsername), in.State.String(journey.KeyPassword)
	if name == "" || password == "" {
		return nil, identity.ErrCredentials
	}
	user, err := people.Authenticate(ctx, name, password)
	if errors.Is(err, identity.ErrLocked) {
		in.State.PutShared(journey.KeyLockoutMessage, journey.MessageLockedOut)
	} else {
		in.State.Remove(journey.KeyLockoutMessage)
	}
	return user, err
}

// refused reports whether an error of authenticate is a decision.
func refused(err error) bool {
	return errors.Is(err, identity.ErrCredentials) || errors.Is(err, identity.ErrLocked)
}
