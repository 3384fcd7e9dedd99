package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/amgate/amgate/store"
)

// ErrQuota says that a user has as many sessions as the realm allows, and that
// none has to make room for another one.
var ErrQuota = errors.New("session: the user has as many sessions as the realm allows")

// Quota bounds how many sessions a user may have in a realm at once (AM 8.1,
// "Session quotas"). It is exact: whatever happens at the same time, on
// whatever nodes, never has a user more.
type Quota struct {
	// Max is how many sessions a user may have, 0 for any number.
	Max int
	// Action says what becomes of a login when a user has them all.
	Action QuotaAction
}

// QuotaAction is what happens to a login when the quota is exhausted.
type QuotaAction uint8

const (
	// DenyAccess refuses the login: ErrQuota.
	DenyAccess QuotaAction = iota + 1
	// DestroyNextExpiring ends the session that would end first if none were
	// used any more.
	DestroyNextExpiring
	// DestroyOldest ends the session that was issued first.
	DestroyOldest
	// DestroyAll ends all sessions that the user has.
	DestroyAll
)

// maxRemovals and maxRemovalOps bound what one transaction ends beside the
// login: it has to hold the end of the journey, too. Only a quota that was made
// smaller, or DestroyAll, has a login end more.
const (
	maxRemovals   = 10
	maxRemovalOps = 80
)

// makeRoom adds to a plan what keeps a user's sessions within the realm's
// quota. Errors as of plan.
//
// That it is exact rests on one condition: nothing in the user's index is
// newer than what was read of it, so whoever was faster has the login planned
// anew. What is gone from the index leaves room, and changes nothing. A session
// that is idle counts until it is removed: another node may still know better.
func (m *Manager) makeRoom(ctx context.Context, r *realm, user, id hash, p *plan) error {
	for range maxPlans {
		entries, asOf, err := m.index(ctx, r, user)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(entries, func(e indexed) bool { return e.id == id }) {
			return fmt.Errorf("session: the login has its session already: %w", store.ErrExists)
		}
		victims, err := r.quota.victims(m.sorted(entries))
		if err != nil {
			return err
		}
		room, err := m.removals(ctx, r, user, victims)
		if err != nil {
			return err
		}
		if room.all {
			p.rests = append(p.rests, room.rests...)
			for _, e := range entries {
				p.rests = append(p.rests, e.revision)
			}
			p.ops = append(append(p.ops, room.ops...), store.NoneNewer(indexPrefix(user), asOf))
			return nil
		}
		// More than one transaction can hold: some of them go first.
		if _, err := m.commit(ctx, room.ops...); err != nil && !isConflict(err) {
			return err
		}
	}
	return fmt.Errorf("%w: the sessions of a user change all the time", store.ErrUnavailable)
}

// sorted tells a user's sessions that are over from those that live.
func (m *Manager) sorted(entries []indexed) (over, live []indexed) {
	now := time.Now()
	for _, e := range entries {
		if !now.Before(e.deadline) || m.access.idle(e.entry, now) {
			over = append(over, e)
		} else {
			live = append(live, e)
		}
	}
	return over, live
}

// victims are the sessions that have to go so that there is room for one more:
// first those that are over.
func (q Quota) victims(over, live []indexed) ([]indexed, error) {
	beyond := len(live) + 1 - q.Max
	if beyond > 0 {
		switch q.Action {
		case DestroyNextExpiring:
			slices.SortFunc(live, by(indexed.expires))
		case DestroyOldest:
			slices.SortFunc(live, by(indexed.issued))
		case DestroyAll:
			beyond = len(live)
		default:
			return nil, ErrQuota
		}
		return append(over, live[:beyond]...), nil
	}
	return over[:min(len(over), max(0, len(over)+beyond))], nil
}

// by compares entries by a time, and those of the same time by when they were
// written.
func by(when func(indexed) time.Time) func(a, b indexed) int {
	return func(a, b indexed) int {
		return cmp.Or(when(a).Compare(when(b)), cmp.Compare(a.revision, b.revision))
	}
}

// issued is when the session was.
func (e indexed) issued() time.Time { return e.created }

// expires is when the session ends if it is not used any more.
func (e indexed) expires() time.Time {
	if idle := e.accessed.Add(e.idle); idle.Before(e.deadline) {
		return idle
	}
	return e.deadline
}

// room is what ends sessions so that there is room for another one.
type room struct {
	ops   []store.Op
	rests []int64
	// all says that ops end all that have to go, and not only the first.
	all bool
}

// removals are what ends a user's sessions, as many of them as a transaction
// holds, and tells of it. A session that ends otherwise meanwhile keeps the
// transaction from being done.
func (m *Manager) removals(ctx context.Context, r *realm, user hash, victims []indexed) (room, error) {
	made := room{all: true}
	var told []Ended
	for _, e := range victims {
		if len(told) == maxRemovals || len(made.ops) >= maxRemovalOps {
			made.all = false
			break
		}
		s, err := m.load(ctx, r, e.id, store.Fresh)
		switch {
		case err == nil:
			ended := Ended{s, Destroyed, time.Now()}
			if m.access.idle(e.entry, ended.At) {
				ended.Why = IdleTimedOut
			}
			told = append(told, ended)
			made.rests = append(made.rests, s.revision)
			made.ops = append(made.ops, m.ends(r, ended)...)
		case isOver(err):
			// An entry without a session, or with one that nobody can read.
			made.ops = append(made.ops, store.Delete(indexKey(user, e.id)), store.Delete(sessionKey(e.id)))
		default:
			return room{}, err
		}
	}
	if len(told) > 0 {
		made.ops = append(made.ops, m.post(r, "", told...))
	}
	return made, nil
}
