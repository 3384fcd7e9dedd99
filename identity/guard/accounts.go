package guard

import (
	"context"
	"errors"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

// Accounts implements journey.Accounts on the CTS. It only takes back what it
// did itself: an account that its source says is not active stays so.
type Accounts struct {
	records *records
	lockout *lockout // nil for none
}

var _ journey.Accounts = (*Accounts)(nil)

// off is the record of an account that is switched off. That it is there is
// what counts.
type off struct {
	Since time.Time `json:"since"`
}

// SetActive implements journey.Accounts.
func (a *Accounts) SetActive(ctx context.Context, u *identity.User, active bool) error {
	r := a.records
	if active {
		return r.remove(ctx, r.accountKey(u), r.lockoutKey(u.Username), r.codesKey(u.Username))
	}
	key := r.accountKey(u)
	value := r.codec.Seal(key, encode(off{Since: time.Now()}))
	_, err := r.store.Commit(ctx, store.Create(key, value, time.Time{}))
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	return err
}

// Check implements journey.Accounts.
func (a *Accounts) Check(ctx context.Context, u *identity.User, right func() bool) (bool, error) {
	if a.lockout == nil {
		return right(), nil
	}
	try, err := a.lockout.begin(ctx, u.Username, a.records.codesKey(u.Username))
	if err != nil {
		return false, err
	}
	var result error
	if !right() {
		result = identity.ErrCredentials
	}
	// Who hangs up learns nothing, and it counts.
	err = try.end(context.WithoutCancel(ctx), result)
	if errors.Is(err, identity.ErrCredentials) {
		return false, nil
	}
	return err == nil, err
}

// accountKey is where an account is noted that is switched off.
func (r *records) accountKey(u *identity.User) store.Key { return r.key(kindAccount, u.ID) }

// codesKey is where the checks of a name's other credentials are counted. They
// have a record of their own, for who knows the password could make the guesses
// at a second factor forgotten.
func (r *records) codesKey(username string) store.Key {
	return r.key(kindLockout, identity.Canonical(username), "codes")
}

// lockoutKey is where the checks of a name's password are counted, and where it
// is noted that the name is locked out.
func (r *records) lockoutKey(username string) store.Key {
	return r.key(kindLockout, identity.Canonical(username))
}
