package nodes

import (
	"context"
	"errors"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// IdentifyExistingUser finds the only user who has the collected value of an
// attribute, and makes the journey this user's, as AM does. What the client
// typed proves nothing: other nodes must do that before success.
type IdentifyExistingUser struct {
	// Identifier is kept as the user name; "" leaves that as it is.
	Identifier string `json:"identifier" option:"identifier" doc:"The attribute that becomes the collected user name of who was found."`
	Identity   string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user."`
}

var (
	_ journey.Node    = (*IdentifyExistingUser)(nil)
	_ journey.Checker = (*IdentifyExistingUser)(nil)
)

func newIdentifyExistingUser() journey.Node {
	return &IdentifyExistingUser{Identifier: identity.AttributeUserName, Identity: identity.AttributeMail}
}

// Process implements journey.Node. That there is nobody and that there are
// several is the same to it.
func (n *IdentifyExistingUser) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	value := collected(in.State, n.Identity)
	if value == "" {
		value = collected(in.State, identity.AttributeUserName)
	}
	u, err := identity.One(ctx, in.Users, n.Identity, value)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return journey.Goto(outcomeFalse), nil
	case err != nil:
		return journey.Action{}, err
	}
	in.State.PutShared(identity.AttributeID, u.ID)
	if values := u.Values(n.Identifier); n.Identifier != "" && len(values) > 0 {
		in.State.PutShared(journey.KeyUsername, values[0])
		collect(in.State, n.Identifier, values[0])
	}
	return journey.Goto(outcomeTrue).WithSubject(u), nil
}

// Outcomes implements journey.Node.
func (*IdentifyExistingUser) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Check implements journey.Checker.
func (n *IdentifyExistingUser) Check() error {
	return checkAttribute("identity_attribute", n.Identity)
}
