package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// people is the realm's people as they are seen through a Guard.
type people struct {
	inner     identity.Store
	records   *records
	lockout   *lockout // nil for none
	switching bool
}

var (
	_ identity.Searcher = (*people)(nil)
	_ identity.Lister   = (*people)(nil)
)

// guarded returns the people of cfg seen through their records.
func guarded(cfg Config, r *records, l *lockout) identity.Store {
	p := &people{inner: cfg.Users, records: r, lockout: l, switching: cfg.Switching}
	if inner, ok := cfg.Users.(identity.Standing); ok {
		return &standing{p, inner}
	}
	return p
}

// standing are people whose source knows from memory how they stand. Whether
// they are switched off or locked out is not part of it.
type standing struct {
	*people
	inner identity.Standing
}

var (
	_ identity.Standing = (*standing)(nil)
	_ identity.Searcher = (*standing)(nil)
	_ identity.Lister   = (*standing)(nil)
)

// Stamp implements identity.Standing.
func (s *standing) Stamp(id string) (stamp string, since time.Time) { return s.inner.Stamp(id) }

// OnChange implements identity.Standing.
func (s *standing) OnChange(fn func(ids []string, made time.Time)) (stop func()) {
	return s.inner.OnChange(fn)
}

// ByName implements identity.Store.
func (p *people) ByName(ctx context.Context, username string) (*identity.User, error) {
	u, err := p.inner.ByName(ctx, username)
	return p.asKept(ctx, u, err)
}

// ByID implements identity.Store.
func (p *people) ByID(ctx context.Context, id string) (*identity.User, error) {
	u, err := p.inner.ByID(ctx, id)
	return p.asKept(ctx, u, err)
}

// ByAttribute implements identity.Searcher.
func (p *people) ByAttribute(ctx context.Context, attribute, value string, limit int) ([]*identity.User, error) {
	found, err := identity.ByAttribute(ctx, p.inner, attribute, value, limit)
	if err != nil {
		return nil, err
	}
	return p.allAsKept(ctx, found)
}

// List implements identity.Lister.
func (p *people) List(ctx context.Context, text string, page identity.Page) ([]*identity.User, string, error) {
	found, next, err := identity.List(ctx, p.inner, text, page)
	if err != nil {
		return nil, "", err
	}
	found, err = p.allAsKept(ctx, found)
	if err != nil {
		return nil, "", err
	}
	return found, next, nil
}

// allAsKept is asKept for each of found, which it changes.
func (p *people) allAsKept(ctx context.Context, found []*identity.User) (_ []*identity.User, err error) {
	for i, u := range found {
		if found[i], err = p.asKept(ctx, u, nil); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// asKept returns u as not Active if the account is switched off or its name is
// locked out. It passes an error on.
func (p *people) asKept(ctx context.Context, u *identity.User, err error) (*identity.User, error) {
	if err != nil || !u.Active {
		return u, err
	}
	if p.lockout != nil {
		locked, err := p.lockout.holds(ctx, u.Username)
		if err != nil {
			return nil, unavailable(err)
		}
		if locked {
			return inactive(u), nil
		}
	}
	return p.asSwitched(ctx, u)
}

// asSwitched returns u as not Active if the account is switched off.
func (p *people) asSwitched(ctx context.Context, u *identity.User) (*identity.User, error) {
	if !p.switching || !u.Active {
		return u, nil
	}
	off, err := p.records.there(ctx, p.records.accountKey(u))
	if err != nil {
		return nil, unavailable(err)
	}
	if off {
		return inactive(u), nil
	}
	return u, nil
}

// inactive is a copy of u that may not sign in.
func inactive(u *identity.User) *identity.User {
	c := *u
	c.Active = false
	return &c
}

// unavailable says that the people could not be asked because the CTS could
// not.
func unavailable(err error) error { return fmt.Errorf("%w: %w", identity.ErrUnavailable, err) }

// Authenticate implements identity.Store. Here, and in Accounts.Check for what
// is no password, failures are counted and names are locked out, both by a try.
func (p *people) Authenticate(ctx context.Context, username, password string) (*identity.User, error) {
	if p.lockout == nil {
		u, err := p.inner.Authenticate(ctx, username, password)
		if err != nil {
			return nil, err
		}
		return p.asSwitched(ctx, u)
	}
	try, err := p.lockout.begin(ctx, username, p.records.lockoutKey(username))
	if err != nil {
		return nil, err
	}
	u, err := p.check(ctx, username, password)
	// Who hangs up to see no failure counted learns nothing, and it counts.
	if err := try.end(context.WithoutCancel(ctx), err); err != nil {
		return nil, err
	}
	return p.asSwitched(ctx, u)
}

// check asks the people themselves, for at most checkTime.
func (p *people) check(ctx context.Context, username, password string) (*identity.User, error) {
	bounded, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	u, err := p.inner.Authenticate(bounded, username, password)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: no answer in %v: %w", identity.ErrBusy, checkTime, err)
	}
	return u, err
}

// counts reports whether err says that name and password do not belong
// together: a fault says nothing, whatever else it wraps.
func counts(err error) bool { return errors.Is(err, identity.ErrCredentials) && !journey.IsFault(err) }
