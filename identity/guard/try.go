package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/store"
)

const (
	// busyTime bounds how long a check waits for those of the same name.
	busyTime = 3 * time.Second
	// endTime bounds how long the end of a check is tried to be noted.
	endTime = 5 * time.Second
	// firstWait and maxWait are the pauses between looks at the CTS.
	firstWait, maxWait = 5 * time.Millisecond, 200 * time.Millisecond
)

// lockout is a Lockout at work on the CTS.
type lockout struct {
	Lockout
	records *records
	users   identity.Store // as their source knows them
}

// try is one credential check that was admitted.
type try struct {
	*lockout
	name string
	key  store.Key
	id   string
	kept held[checks]
}

// holds reports whether a name is locked out.
func (l *lockout) holds(ctx context.Context, username string) (bool, error) {
	h, err := read[checks](ctx, l.records, l.records.lockoutKey(username))
	return err == nil && l.locked(&h.value, time.Now()), err
}

// begin admits a credential check, which is counted under key. If as many as
// could lock the name are under way it waits for their ends. Errors: identity.ErrLocked,
// identity.ErrBusy, identity.ErrUnavailable, and that of ctx.
func (l *lockout) begin(ctx context.Context, username string, key store.Key) (*try, error) {
	t := &try{lockout: l, name: username, key: key, id: rand.Text()}
	patience := time.Now().Add(busyTime)
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		err := t.update(ctx, nil, l.Lockout.begin)
		switch {
		case errors.Is(err, store.ErrUnavailable):
			return nil, unavailable(err)
		case !errors.Is(err, errFull):
			return t, err
		case time.Now().After(patience):
			return nil, fmt.Errorf("%w: %w", identity.ErrBusy, err)
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// end notes how the check ended, result being the error of the people, and
// returns what to tell the client: result, unless that could not be noted.
// Then nothing may be told: a guess that does not count must teach nothing.
func (t *try) end(ctx context.Context, result error) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	switch {
	case result == nil:
		return t.settle(ctx, t.succeed)
	case counts(result):
		var locks bool
		err := t.settle(ctx, func(c *checks, id string, now time.Time) error {
			locks = t.fail(c, id, now)
			return nil
		})
		if err != nil {
			return err
		}
		if locks {
			if err := t.lockName(ctx); err != nil {
				return err
			}
			t.report(ctx)
		}
		return result
	}
	// If this fails the check goes on taking up its place for openTime.
	_ = t.update(ctx, &t.kept, func(c *checks, id string, _ time.Time) error {
		c.withdraw(id)
		return nil
	})
	return result
}

// lockName locks the name out for everything when it is counted elsewhere that
// it is to be.
func (t *try) lockName(ctx context.Context) error {
	name := *t
	if name.key = t.records.lockoutKey(t.name); name.key == t.key {
		return nil
	}
	name.kept = held[checks]{}
	return name.settle(ctx, func(c *checks, _ string, now time.Time) error {
		if t.forget(c, now); c.Locked.IsZero() {
			*c = checks{Locked: now}
		}
		return nil
	})
}

// settle notes what must not be lost. A commit of which nobody knows whether
// it happened is repeated: note finds what it has left.
func (t *try) settle(ctx context.Context, note note) error {
	err := t.update(ctx, &t.kept, note)
	for wait := firstWait; errors.Is(err, store.ErrUnavailable); wait = min(2*wait, maxWait) {
		if pause(ctx, wait) != nil {
			return unavailable(err)
		}
		err = t.update(ctx, nil, note)
	}
	return err
}

// note changes the record of a name for the check of this id.
type note func(c *checks, id string, now time.Time) error

func (t *try) update(ctx context.Context, from *held[checks], note note) error {
	kept, err := update(ctx, t.records, t.key, from, func(c *checks) (time.Time, error) {
		now := time.Now()
		if err := note(c, t.id, now); err != nil {
			return time.Time{}, err
		}
		expires := t.expires(c, now)
		if expires.IsZero() && t.nobody(ctx) {
			expires = c.Locked.Add(nobodyTime)
		}
		return expires, nil
	})
	if err == nil {
		t.kept = kept
	}
	return err
}

// nobody reports whether it is certain that nobody has the name.
func (t *try) nobody(ctx context.Context) bool {
	_, err := t.users.ByName(ctx, t.name)
	return errors.Is(err, identity.ErrNotFound)
}

// report logs that the name is locked out: the id of its user, never what was
// typed, which may be a password in the wrong field.
func (t *try) report(ctx context.Context) {
	if u, err := t.users.ByName(ctx, t.name); err == nil {
		t.records.log.Warn("a user is locked out after failed logins", "user", u.ID, "failures", t.Count)
		return
	}
	t.records.log.Warn("a name that is no user's is locked out after failed logins", "failures", t.Count)
}
