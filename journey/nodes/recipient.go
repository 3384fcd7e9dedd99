package nodes

import (
	"context"
	"errors"
	"slices"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// recipient is somebody to whom a mail goes. The zero recipient is nobody.
type recipient struct {
	// userID is "" for somebody whom the realm does not know yet.
	userID string
	// address is "" if there is none.
	address string
	// object is what a template may tell about them.
	object map[string]any
}

// knownRecipient is the person of a journey, nobody if the realm does not know
// them, with the address that the account has in an attribute. Errors are those
// of identity.Store.
func knownRecipient(ctx context.Context, in *journey.Input, identityAttribute, address string) (recipient, error) {
	u, err := person(ctx, in, identityAttribute)
	switch {
	case errors.Is(err, errNobody), errors.Is(err, identity.ErrNotFound):
		return recipient{}, nil
	case err != nil:
		return recipient{}, err
	}
	r := recipient{userID: u.ID, object: make(map[string]any, len(u.Attributes)+2)}
	for name, values := range u.Attributes {
		switch len(values) {
		case 0:
		case 1:
			r.object[name] = values[0]
		default:
			r.object[name] = slices.Clone(values)
		}
	}
	r.object[identity.AttributeID], r.object[identity.AttributeUserName] = u.ID, u.Username
	if values := u.Values(address); len(values) > 0 {
		r.address = values[0]
	}
	return r, nil
}

// newRecipient is somebody of whom no more is known than was collected. What is
// secret of that, such as a password, is no part of a mail.
func newRecipient(s *journey.State, address string) recipient {
	r := recipient{object: s.SharedObject(journey.KeyObjectAttributes)}
	r.address, _ = r.object[address].(string)
	return r
}

// mail is a mail to the recipient that a template makes.
func (r recipient) mail(in *journey.Input, template string) journey.Mail {
	return journey.Mail{
		To: r.address, Template: template, Values: map[string]any{"object": r.object},
		Languages: slices.Clone(in.Client.Languages), Attempt: in.Attempt(),
	}
}
