package guard

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/amgate/amgate/identity"
)

// MaxCount bounds Lockout.Count: every failure is remembered by its time.
const MaxCount = 100

// Lockout says when failed logins lock a name out (AM 8.1, realm
// accountlockout: loginFailureCount, loginFailureDuration, lockoutDuration).
type Lockout struct {
	// Count failures within Interval lock the name for Duration; 0 is until
	// the account is switched on. A success before that forgets the failures.
	Count              int
	Interval, Duration time.Duration
}

// Check tells what is wrong with the values.
func (l *Lockout) Check() error {
	switch {
	case l.Count < 1 || l.Count > MaxCount:
		return fmt.Errorf("lockout: a count of %d; it is from 1 to %d failures", l.Count, MaxCount)
	case l.Interval < time.Second:
		return fmt.Errorf("lockout: an interval of %v; it is at least one second", l.Interval)
	case l.Duration < 0 || l.Duration > 0 && l.Duration < time.Second:
		return fmt.Errorf("lockout: a duration of %v; it is at least one second, or 0 for until the account is switched on", l.Duration)
	}
	return nil
}

const (
	// openTime is how long a check that has begun takes up one of a name's
	// Count places when nobody hears how it ended. It then counts as nothing:
	// its result was told to nobody.
	openTime = 30 * time.Second
	// checkTime bounds how long the realm's people may take for a check, so
	// that it ends while it still takes up its place.
	checkTime = 20 * time.Second
	// nobodyTime is how long a lock without end lasts if nobody has the name:
	// whoever tries names at random must not fill the store for good.
	nobodyTime = 24 * time.Hour
)

// errFull says that as many checks of a name are under way as could lock it.
// How they end decides whether another may begin.
var errFull = errors.New("guard: too many checks of this name at once")

// checks is the record of a name: its credential checks that count. No more
// than Count take place before it is known how they ended, so that as many
// guesses at once, on any nodes, get no further than one after the other.
type checks struct {
	// Locked is since when the name is locked out; zero for not.
	Locked time.Time `json:"locked,omitzero"`
	Checks []check   `json:"checks,omitempty"`
}

// check is one that failed, or whose end is still open.
type check struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Open bool      `json:"open,omitempty"`
}

// begin admits a check. Errors: identity.ErrLocked, errFull.
func (l *Lockout) begin(c *checks, id string, now time.Time) error {
	l.forget(c, now)
	switch {
	case !c.Locked.IsZero():
		return identity.ErrLocked
	case c.failed() >= l.Count: // of a higher Count
		return identity.ErrLocked
	case len(c.Checks) >= l.Count:
		return errFull
	}
	c.Checks = append(c.Checks, check{ID: id, At: now, Open: true})
	return nil
}

// fail notes that a check failed and reports whether that locks the name. A
// name that is locked already has nothing to note.
func (l *Lockout) fail(c *checks, id string, now time.Time) (locks bool) {
	l.forget(c, now)
	if !c.Locked.IsZero() {
		return false
	}
	c.withdraw(id)
	c.Checks = append(c.Checks, check{ID: id, At: now})
	if c.failed() < l.Count {
		return false
	}
	*c = checks{Locked: now}
	return true
}

// succeed forgets the failures, and leaves the checks of others under way.
// Error: identity.ErrLocked if the name was locked meanwhile.
func (l *Lockout) succeed(c *checks, id string, now time.Time) error {
	l.forget(c, now)
	if !c.Locked.IsZero() {
		return identity.ErrLocked
	}
	c.Checks = slices.DeleteFunc(c.Checks, func(k check) bool { return !k.Open || k.ID == id })
	return nil
}

// withdraw forgets a check of which nothing was decided.
func (c *checks) withdraw(id string) {
	c.Checks = slices.DeleteFunc(c.Checks, func(k check) bool { return k.ID == id })
}

// failed is how many checks have failed.
func (c *checks) failed() (n int) {
	for _, k := range c.Checks {
		if !k.Open {
			n++
		}
	}
	return n
}

// locked reports whether the name is locked out at now.
func (l *Lockout) locked(c *checks, now time.Time) bool {
	return !c.Locked.IsZero() && (l.Duration == 0 || now.Before(c.Locked.Add(l.Duration)))
}

// forget drops what no longer counts at now.
func (l *Lockout) forget(c *checks, now time.Time) {
	if !c.Locked.IsZero() && !l.locked(c, now) {
		*c = checks{}
	}
	c.Checks = slices.DeleteFunc(c.Checks, func(k check) bool { return !now.Before(l.until(k)) })
}

// until is how long a check counts.
func (l *Lockout) until(k check) time.Time {
	if k.Open {
		return k.At.Add(openTime)
	}
	return k.At.Add(l.Interval)
}

// expires is when nothing of c counts any more; zero for never.
func (l *Lockout) expires(c *checks, now time.Time) time.Time {
	if !c.Locked.IsZero() {
		if l.Duration == 0 {
			return time.Time{}
		}
		return c.Locked.Add(l.Duration)
	}
	last := now
	for _, k := range c.Checks {
		if until := l.until(k); until.After(last) {
			last = until
		}
	}
	return last
}
