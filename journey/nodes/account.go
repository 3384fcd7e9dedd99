package nodes

import (
	"context"
	"errors"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// AccountActive decides whether the user's account may sign in. Somebody whom
// the realm does not know counts as active: most people are, and so the
// outcome does not tell who is known.
type AccountActive struct{}

// AccountLockout switches the user's account off or on. For somebody whom the
// realm does not know it does nothing, and says nothing of it.
type AccountLockout struct {
	Action string `json:"lockAction" option:"lock_action" values:"LOCK,UNLOCK" doc:"LOCK switches the account off, UNLOCK on."`
}

var (
	_ journey.Node = (*AccountActive)(nil)
	_ journey.Node = (*AccountLockout)(nil)
)

const (
	actionLock   = "LOCK"
	actionUnlock = "UNLOCK"
)

func newAccountLockout() journey.Node { return &AccountLockout{Action: actionLock} }

// Process implements journey.Node.
func (*AccountActive) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	u, err := person(ctx, in, identity.AttributeUserName)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return journey.Goto(outcomeTrue), nil
	case err != nil:
		return journey.Action{}, err
	}
	return journey.Goto(outcomeOf(u.Active)), nil
}

// Process implements journey.Node. It is about the name that was collected
// last, since a client that has signed in may go on to guess at another's
// password.
func (n *AccountLockout) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	u, err := named(ctx, in)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return journey.Goto(outcomeOnly), nil
	case err != nil:
		return journey.Action{}, err
	}
	if err := in.Services.Accounts.SetActive(ctx, u, n.Action == actionUnlock); err != nil {
		return journey.Action{}, err
	}
	return journey.Goto(outcomeOnly), nil
}

// Outcomes implements journey.Node.
func (*AccountActive) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Outcomes implements journey.Node.
func (*AccountLockout) Outcomes() []string { return []string{outcomeOnly} }
