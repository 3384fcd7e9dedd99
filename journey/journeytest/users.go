package journeytest

import (
	"context"
	"crypto/subtle"
	"strings"

	"github.com/amgate/amgate/identity"
)

// Person is a user and a password.
type Person struct {
	identity.User
	Password string
}

// Users are people in memory. They keep the promises of identity.Store but
// one: passwords lie in clear text and are compared at once, so that tests
// are fast. Names are compared without regard to case.
type Users []Person

var _ identity.Store = Users(nil)

// Demo is one active user with the name, id and password that are given.
func Demo(username, password string) Users {
	return Users{{User: identity.User{ID: username, Username: username, Active: true}, Password: password}}
}

// ByName implements identity.Store.
func (us Users) ByName(ctx context.Context, username string) (*identity.User, error) {
	return us.find(ctx, func(p *Person) bool { return strings.EqualFold(p.Username, username) })
}

// ByID implements identity.Store.
func (us Users) ByID(ctx context.Context, id string) (*identity.User, error) {
	return us.find(ctx, func(p *Person) bool { return p.ID == id })
}

// Authenticate implements identity.Store.
func (us Users) Authenticate(ctx context.Context, username, password string) (*identity.User, error) {
	u, err := us.find(ctx, func(p *Person) bool {
		return strings.EqualFold(p.Username, username) &&
			subtle.ConstantTimeCompare([]byte(p.Password), []byte(password)) == 1
	})
	if err == identity.ErrNotFound { //nolint:errorlint // find returns it as it is
		return nil, identity.ErrCredentials
	}
	return u, err
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
