package realm

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/session"
)

// stampProperty is the session property that has the identity.Standing stamp
// of the session's user when it was issued.
const stampProperty = protected + "stamp"

// Identities is on whose behalf a session ends because its user may not sign in
// any more, or signs in by another password.
const Identities = "identities"

// stamped adds the user's stamp to the properties of a session.
func (r *Realm) stamped(properties map[string]string, userID string) map[string]string {
	if r.standing != nil {
		if stamp, _ := r.standing.Stamp(userID); stamp != "" {
			properties[stampProperty] = stamp
		}
	}
	return properties
}

// stands reports whether what a session rests on is as it was when it was
// issued. A session that is younger than what this node knows of its user may
// have been issued by a node that knows better.
func (r *Realm) stands(s session.Session) bool {
	if r.standing == nil {
		return true
	}
	was, ok := s.Property(stampProperty)
	if !ok {
		return true
	}
	stamp, since := r.standing.Stamp(s.UserID())
	return stamp == was || s.Created().After(since)
}

// stands is Realm.stands of the session's realm. The sessions of a user who
// does not stand any more are ended in the background.
func (s *Set) stands(found session.Session) bool {
	r, ok := s.realms[found.Realm()]
	if !ok || r.stands(found) {
		return true
	}
	s.retired.add(time.Time{}, retiree{realm: r, user: found.UserID(), found: found})
	return false
}

// retiree is a user whose sessions are to end, those that do not stand: the one
// that was found, those that the store knows, and, if the user was seen to
// change, all that clients alone carry.
type retiree struct {
	realm   *Realm
	user    string
	found   session.Session
	changed bool
}

// retired are the users whose sessions are still to be ended, and when their
// changes were made. They are in memory: what a node forgets that ends is
// ended by the others, or when somebody comes with it.
type retired struct {
	mu   sync.Mutex
	todo map[retiree]time.Time
	wake chan struct{}
}

func newRetired() *retired {
	return &retired{todo: make(map[retiree]time.Time), wake: make(chan struct{}, 1)}
}

func (q *retired) add(made time.Time, all ...retiree) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, who := range all {
		q.todo[who] = made
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *retired) take() map[retiree]time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.todo
	q.todo = make(map[retiree]time.Time)
	return all
}

// maxRetirePause is how long retiring pauses at most while the store does not
// answer.
const maxRetirePause = 30 * time.Second

// run ends the sessions of the retired until ctx ends. What a fault prevents is
// tried again until it is done.
func (q *retired) run(ctx context.Context) {
	pause := firstPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		left := q.take()
		maps.DeleteFunc(left, func(who retiree, made time.Time) bool { return !journey.IsFault(who.retire(ctx, made)) })
		if len(left) == 0 {
			pause = firstPause
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxRetirePause)
		for who, made := range left {
			q.add(made, who)
		}
	}
}

// retire ends what is to be ended of a retiree.
func (who retiree) retire(ctx context.Context, made time.Time) error {
	r := who.realm
	k, err := r.set.keys()
	if err != nil {
		return err
	}
	ended, err := k.sessions.EndUnless(ctx, r.Path, who.user, made, r.stands)
	if err == nil && who.found != (session.Session{}) {
		if err = k.sessions.Destroy(ctx, who.found); err == nil {
			ended = append(ended, who.found)
		}
	}
	for _, s := range ended {
		r.tellDestroyed(ctx, []string{s.ContextID()}, s.UniversalID(), Identities)
	}
	if err == nil && who.changed && r.Untracked() {
		var done bool
		if done, err = k.sessions.EndCarried(ctx, r.Path, who.user, made); done {
			r.tellDestroyed(ctx, []string{}, r.UniversalID(who.user), Identities)
		}
	}
	if journey.IsFault(err) {
		r.log.Warn("the sessions of a user who has changed could not be ended yet; it is tried again", "error", err)
	}
	return err
}

// followUsers has the sessions of users end who change, until stop is called.
func (s *Set) followUsers() (stop func()) {
	var stops []func()
	for _, r := range s.realms {
		if r.standing == nil {
			continue
		}
		stops = append(stops, r.standing.OnChange(func(ids []string, made time.Time) {
			all := make([]retiree, len(ids))
			for i, id := range ids {
				all[i] = retiree{realm: r, user: id, changed: true}
			}
			s.retired.add(made, all...)
		}))
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// accounts are a realm's accounts; whoever is switched off has no session left.
type accounts struct {
	journey.Accounts
	realm *Realm
}

// SetActive implements journey.Accounts. It may be repeated after a fault.
func (a accounts) SetActive(ctx context.Context, u *identity.User, active bool) error {
	err := a.Accounts.SetActive(ctx, u, active)
	if err == nil && !active {
		_, err = a.realm.EndUser(ctx, u.ID, Identities, nil)
	}
	return err
}
