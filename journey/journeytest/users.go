package journeytest

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/amgate/amgate/identity"
)

// Person is a user and a password.
type Person struct {
	identity.User
	Password string
}

// Users are people in memory. They pass identitytest, but not for what takes
// time: passwords lie in clear text and are compared at once, so that tests
// are fast.
type Users []Person

var (
	_ identity.Searcher = Users(nil)
	_ identity.Lister   = Users(nil)
)

// Demo is one active user with the name, id and password that are given.
func Demo(username, password string) Users {
	return Users{{User: identity.User{ID: username, Username: username, Active: true, HasPassword: password != ""}, Password: password}}
}

// ByName implements identity.Store.
func (us Users) ByName(ctx context.Context, username string) (*identity.User, error) {
	name := identity.Canonical(username)
	return us.find(ctx, func(p *Person) bool { return identity.Canonical(p.Username) == name })
}

// ByID implements identity.Store.
func (us Users) ByID(ctx context.Context, id string) (*identity.User, error) {
	return us.find(ctx, func(p *Person) bool { return p.ID == id })
}

// Authenticate implements identity.Store. An empty password is nobody's.
func (us Users) Authenticate(ctx context.Context, username, password string) (*identity.User, error) {
	name := identity.Canonical(username)
	u, err := us.find(ctx, func(p *Person) bool {
		return password != "" && identity.Canonical(p.Username) == name &&
			subtle.ConstantTimeCompare([]byte(p.Password), []byte(password)) == 1
	})
	if errors.Is(err, identity.ErrNotFound) {
		return nil, identity.ErrCredentials
	}
	return u, err
}

// ByAttribute implements identity.Searcher.
func (us Users) ByAttribute(ctx context.Context, attribute, value string, limit int) ([]*identity.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []*identity.User
	for i := range us {
		if len(found) < limit && us[i].Matches(attribute, value) {
			found = append(found, &us[i].User)
		}
	}
	return found, nil
}

// List implements identity.Lister.
func (us Users) List(ctx context.Context, text string, page identity.Page) ([]*identity.User, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	all := make([]*identity.User, len(us))
	for i := range us {
		all[i] = &us[i].User
	}
	found, next := identity.NewRoll(all).List(text, page)
	return found, next, nil
}

func (us Users) find(ctx context.Context, wanted func(*Person) bool) (*identity.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range us {
		if wanted(&us[i]) {
			return &us[i].User, nil
		}
	}
	return nil, identity.ErrNotFound
}
