// Package identity is the contract for the people of a realm: who they are
// and whether a password is theirs.
package identity

import (
	"context"
	"errors"
)

// The errors of the contract; implementations wrap them with %w.
var (
	// ErrNotFound says that the realm knows nobody of that name or id.
	ErrNotFound = errors.New("identity: not found")
	// ErrCredentials says that name and password do not belong together. It
	// does not say whether the name exists, and takes as long in both cases.
	ErrCredentials = errors.New("identity: wrong user name or password")
	// ErrLocked says that the name is locked out, after too many failures: no
	// password was looked at. It is said of names that nobody has, too.
	ErrLocked = errors.New("identity: account locked")
	// ErrBusy says that too many passwords are being checked already. The
	// caller should try again after a moment; nothing was decided.
	ErrBusy = errors.New("identity: too many password checks at once")
	// ErrUnavailable says that the people could not be asked. Nothing was
	// decided.
	ErrUnavailable = errors.New("identity: store unavailable")
)

// User is one person of a realm. Values handed out are shared: never change
// them.
type User struct {
	// ID is stable and unique in the realm; sessions are bound to it.
	ID string
	// Username is the name as the realm spells it.
	Username string
	// Active is false for an account that may not sign in (AM's
	// inetuserstatus).
	Active bool
	// HasPassword says that there is a password by which the user signs in.
	HasPassword bool
	// Roles are free names that protected apps see; "admin" makes the user
	// an administrator of the realm.
	Roles []string
	// Attributes are all further facts, each with one or more values.
	Attributes map[string][]string
}

// Store is the people of one realm. All methods are safe for concurrent use
// and honour ctx. Names are compared in the form that Canonical gives them.
type Store interface {
	// ByName finds a user by name. Errors: ErrNotFound, ErrUnavailable.
	ByName(ctx context.Context, username string) (*User, error)
	// ByID finds a user by id. Errors: ErrNotFound, ErrUnavailable.
	ByID(ctx context.Context, id string) (*User, error)
	// Authenticate returns the user whose name and password these are, also
	// one that is not active. Errors: ErrCredentials, ErrLocked, ErrBusy,
	// ErrUnavailable. It may take tens of milliseconds of processor time.
	Authenticate(ctx context.Context, username, password string) (*User, error)
}
