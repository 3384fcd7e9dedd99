package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	// maxPlans is how often a login is planned again that others got ahead of.
	// With every round one of them is done.
	maxPlans = 64
	// planPause is how long a login waits at most before its next plan.
	planPause = 20 * time.Millisecond
)

// plan is what a login changes besides making its session. What that is
// depends on the other sessions of the user, so the plan holds only as long as
// they stay what they were: its operations say so.
//
// Who repeats a login that may have happened makes another plan: the old one,
// should it be carried out late, holds no more.
type plan struct {
	// grant is the login's, with what it takes over from another session.
	grant Grant
	ops   []store.Op
	// rests are the revisions of what the plan was made from.
	rests []int64
}

// plan reads what a login has to change whose session is to have an id. Errors:
// store.ErrExists if that session is there, ErrQuota, and what wraps
// store.ErrUnavailable.
func (m *Manager) plan(ctx context.Context, r *realm, g *Grant, id hash) (*plan, error) {
	p := &plan{grant: *g}
	counted := true // if no session goes for this one that was counted
	if g.Upgrades != nil {
		old, err := m.replaced(ctx, r, g.Upgrades.Session, p)
		switch {
		case err == nil:
			p.grant = g.inherits(old)
			counted = old.carried
		case !isOver(err):
			return nil, err
		default:
			p.grant.Upgrades = nil // it has ended meanwhile: the login stands for itself
		}
	}
	if !counted || r.quota.Max == 0 {
		return p, nil
	}
	return p, m.makeRoom(ctx, r, m.userOf(g.Realm, g.UserID), id, p)
}

// planned commits a login by a plan, and by a new one for as long as others
// change what it rests on. Fixed are those of the login's own operations that a
// new plan does not change: if they do not hold, the commit's conflict is
// returned. Other errors are those of the last commit, or of a plan.
func (m *Manager) planned(ctx context.Context, r *realm, g *Grant, id hash, fixed []store.Op, commit func(*plan) error) error {
	conditions := onlyConditions(fixed)
	var before []int64
	var failed error
	for n := range maxPlans {
		p, err := m.plan(ctx, r, g, id)
		if err != nil {
			return err
		}
		if n > 0 && len(conditions) > 0 && slices.Equal(p.rests, before) {
			// It need not have been another login that the commit met.
			switch _, err := m.commit(ctx, conditions...); {
			case isConflict(err):
				return failed
			case err != nil:
				return err
			}
		}
		failed = commit(p)
		if len(p.ops) == 0 || !isConflict(failed) {
			return failed
		}
		before = p.rests
		if err := pause(ctx, min(time.Duration(n)*time.Millisecond, planPause)); err != nil {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
	}
	return fmt.Errorf("%w: the sessions of a user change all the time", store.ErrUnavailable)
}

// onlyConditions are the conditions of operations without what they do.
func onlyConditions(ops []store.Op) (conditions []store.Op) {
	for _, op := range ops {
		switch {
		case op.Kind == store.OpCreate:
			conditions = append(conditions, store.Absent(op.Key))
		case !op.Writes():
			conditions = append(conditions, op)
		}
	}
	return conditions
}

// isConflict reports whether a commit failed because of what was there.
func isConflict(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists)
}

// pause waits for d, or somewhat less, so that those who meet do not meet
// again.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(store.Spread(d, d)):
		return nil
	}
}
