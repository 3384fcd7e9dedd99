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
type Accounts struct{ records *records }

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
		return r.remove(ctx, r.accountKey(u), r.lockoutKey(u.Username))
	}
	key := r.accountKey(u)
	value := r.codec.Seal(key, encode(off{Since: time.Now()}))
	_, err := r.store.Commit(ctx, store.Create(key, value, time.Time{}))
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	return err
}

// accountKey is where an account is noted that is switched off.
func (r *records) accountKey(u *identity.User) store.Key { return r.key(kindAccount, u.ID) }

// lockoutKey is where the credential checks of a name are counted.
func (r *records) lockoutKey(username string) store.Key {
	return r.key(kindLockout, identity.Canonical(username))
}
