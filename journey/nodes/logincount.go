package nodes

import (
	"context"
	"errors"
	"fmt"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// IncrementLoginCount adds one to the user's count of logins. For somebody
// whom the realm does not know there is nothing to count.
type IncrementLoginCount struct {
	Identity string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified."`
}

// LoginCount decides by the user's count of logins: true at an amount, or
// every so many, else false.
type LoginCount struct {
	Interval string `json:"interval" option:"interval" values:"AT,EVERY" doc:"AT is true once, when the amount is reached; EVERY is true at each multiple of it."`
	Amount   int    `json:"amount" option:"amount" doc:"How many logins."`
	Identity string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified."`
}

var (
	_ journey.Node    = (*IncrementLoginCount)(nil)
	_ journey.Checker = (*IncrementLoginCount)(nil)
	_ journey.Node    = (*LoginCount)(nil)
	_ journey.Checker = (*LoginCount)(nil)
)

// loginCounter is the name of the counter; IDM has the attribute
// loginCount.
const loginCounter = "loginCount"

const (
	intervalAt    = "AT"
	intervalEvery = "EVERY"
)

func newIncrementLoginCount() journey.Node {
	return &IncrementLoginCount{Identity: identity.AttributeUserName}
}

func newLoginCount() journey.Node {
	return &LoginCount{Interval: intervalAt, Amount: 25, Identity: identity.AttributeUserName}
}

// Process implements journey.Node. A journey that does not say whom to count
// goes on, as in AM.
func (n *IncrementLoginCount) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	u, err := person(ctx, in, n.Identity)
	switch {
	case errors.Is(err, identity.ErrNotFound), errors.Is(err, errNobody):
		return journey.Goto(outcomeOnly), nil
	case err != nil:
		return journey.Action{}, err
	}
	if _, err := in.Services.Counters.Add(ctx, u.ID, loginCounter, 1, 0, in.Attempt()); err != nil {
		return journey.Action{}, err
	}
	return journey.Goto(outcomeOnly), nil
}

// Process implements journey.Node.
func (n *LoginCount) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	return decide(ctx, in, n.Identity, func(u *identity.User) (bool, error) {
		count, err := in.Services.Counters.Get(ctx, u.ID, loginCounter)
		if n.Interval == intervalEvery {
			return count > 0 && count%n.Amount == 0, err
		}
		return count == n.Amount, err
	})
}

// Outcomes implements journey.Node.
func (*IncrementLoginCount) Outcomes() []string { return []string{outcomeOnly} }

// Outcomes implements journey.Node.
func (*LoginCount) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Check implements journey.Checker.
func (n *IncrementLoginCount) Check() error { return checkAttribute("identity_attribute", n.Identity) }

// Check implements journey.Checker.
func (n *LoginCount) Check() error {
	if n.Amount < 1 {
		return fmt.Errorf("amount %d: at least 1 is needed", n.Amount)
	}
	return checkAttribute("identity_attribute", n.Identity)
}
