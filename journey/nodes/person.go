package nodes

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// errNobody is a mistake in a journey: nothing says whom a node is about.
var errNobody = errors.New(
	"the journey does not say whom this is about; collect a user name, or identify the user, before")

// person is whom a journey is about: the user it has identified, else whom it
// collected the name or another attribute of. So a client that has proved to
// be one user cannot name another. Errors: errNobody, identity.ErrNotFound if
// nobody matches, or more than one user.
func person(ctx context.Context, in *journey.Input, attribute string) (*identity.User, error) {
	if in.Subject != "" {
		return in.Users.ByID(ctx, in.Subject)
	}
	if value := collected(in.State, attribute); value != "" {
		return identity.One(ctx, in.Users, attribute, value)
	}
	return named(ctx, in)
}

// named is whose name was collected last, even if the journey has identified
// another user. Errors: as person.
func named(ctx context.Context, in *journey.Input) (*identity.User, error) {
	if name := collected(in.State, identity.AttributeUserName); name != "" {
		return in.Users.ByName(ctx, name)
	}
	if in.Subject != "" {
		return in.Users.ByID(ctx, in.Subject)
	}
	return nil, errNobody
}

// decide runs a decision about a user: true or false, and false for somebody
// whom the realm does not know.
func decide(ctx context.Context, in *journey.Input, attribute string, is func(*identity.User) (bool, error)) (journey.Action, error) {
	u, err := person(ctx, in, attribute)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return journey.Goto(outcomeFalse), nil
	case err != nil:
		return journey.Action{}, err
	}
	yes, err := is(u)
	if err != nil {
		return journey.Action{}, err
	}
	return journey.Goto(outcomeOf(yes)), nil
}

// collected is what a journey has collected of an attribute as a text: among
// the object attributes, else by itself; "" for nothing. A user name is also
// what AM's own nodes keep, which is the one that is checked.
func collected(state *journey.State, attribute string) string {
	if attribute == identity.AttributeUserName {
		if name := state.String(journey.KeyUsername); name != "" {
			return name
		}
	}
	if text, ok := collectedValue(state, attribute).(string); ok && text != "" {
		return text
	}
	return state.String(attribute)
}

// collectedValue is what the object attributes have of an attribute, nil for
// nothing.
func collectedValue(state *journey.State, attribute string) any {
	var value any = state.Object(journey.KeyObjectAttributes)
	for _, name := range pathOf(attribute) {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// collect keeps a value of an attribute among the object attributes, as IDM's
// nodes do; preferences/marketing is a member of the object preferences.
func collect(state *journey.State, attribute string, value any) {
	state.PutSharedMember(value, journey.KeyObjectAttributes, pathOf(attribute)...)
}

// pathOf are the names that lead to an attribute.
func pathOf(attribute string) []string { return strings.Split(strings.TrimPrefix(attribute, "/"), "/") }

// checkAttribute tells what is wrong with the name of an attribute that an
// option has.
func checkAttribute(option, attribute string) error {
	if attribute == "" {
		return errors.New(option + " is missing; name an attribute, for example userName or mail")
	}
	if slices.Contains(pathOf(attribute), "") {
		return errors.New(option + ": a name between two slashes is missing; write for example preferences/marketing")
	}
	return nil
}
