package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/amgate/amgate/store"
)

// Grant is what a finished journey says of the session that it yields.
type Grant struct {
	// Realm is the path of the realm.
	Realm string
	// UserID is the user's stable id in the realm; it must not be "".
	UserID string
	// Username is the user's name as the realm spells it.
	Username string
	// UniversalID is AM's name for the user across realms.
	UniversalID string
	// Roles are the user's roles.
	Roles []string
	// AuthLevel is the authentication level reached.
	AuthLevel int
	// AuthType is the types of the steps that were passed, with | between.
	AuthType string
	// Journey is the name of the journey.
	Journey string
	// Properties are the session properties that the journey set.
	Properties map[string]string
	// MaxTime is how long the session lives at most, IdleTime how long it may
	// go without being used. Both are at least a millisecond: a session that
	// never ends is refused.
	MaxTime, IdleTime time.Duration
	// Upgrades is the session that this one takes the place of, nil for none.
	Upgrades *Upgrade
	// Seed is unguessable and belongs to one journey alone, such as its id: at
	// least 16 bytes. The session's id is derived from it, so that the same
	// seed can never yield two sessions.
	Seed []byte
	// Again says that an earlier Issue with this seed was left in doubt: it
	// may have made the session, or may yet; see journey.Snapshot.Doubted.
	Again bool
}

// minSeed is the least length of a seed in bytes: 128 bits.
const minSeed = 16

func (g *Grant) check() error {
	switch {
	case g.UserID == "":
		return errors.New("session: a grant without a user")
	case g.MaxTime < time.Millisecond || g.MaxTime.Milliseconds() > maxMillis/2:
		return fmt.Errorf("session: a max time of %v", g.MaxTime)
	case g.IdleTime < time.Millisecond || g.IdleTime.Milliseconds() > maxMillis:
		return fmt.Errorf("session: an idle time of %v", g.IdleTime)
	case len(g.Seed) < minSeed:
		return fmt.Errorf("session: a seed of %d bytes, at least %d are needed", len(g.Seed), minSeed)
	}
	return g.Upgrades.check(g)
}

// Between the tries of an Issue, which grow by half of themselves.
const (
	issueTries = 4
	issueWait  = 50 * time.Millisecond
)

// Issue makes the session that a journey yielded, in one transaction with the
// operations that end the journey, and returns its token.
//
// It may be repeated with the same seed: after store.ErrUnavailable, when the
// transaction may have happened, or may happen yet (Grant.Again), and in two
// requests at once. The session that is there is then the result, whatever has
// become of with. Issue itself tries a few times, within ctx, when the store
// does not answer.
//
// Errors: store.ErrConflict and store.ErrExists if an operation of with did
// not hold, ErrQuota, what wraps store.ErrUnavailable, and others for a grant that
// cannot be a session, ErrCookie among them. The token is a secret; never log it.
func (m *Manager) Issue(ctx context.Context, g Grant, with ...store.Op) (tok string, s Session, err error) {
	if err := g.check(); err != nil {
		return "", Session{}, err
	}
	r, err := m.realm(g.Realm)
	if err != nil {
		return "", Session{}, err
	}
	if r.room > 0 && !r.track {
		return m.issueCarried(ctx, r, &g, with)
	}
	head := r.keys.DeriveHead(g.Seed)
	err = retrying(ctx, func(try int) error {
		g.Again = g.Again || try > 0
		tok, s, err = m.create(ctx, r, &g, head, with)
		return err
	})
	if err != nil {
		return "", Session{}, err
	}
	m.access.seen.put(&s.id, s.Created().Unix())
	return tok, s, nil
}

// retrying tries a few times, within ctx, while the store does not answer. It
// returns what the last try did.
func retrying(ctx context.Context, once func(try int) error) error {
	wait := issueWait
	for try := 0; ; try++ {
		err := once(try)
		if try == issueTries-1 || !errors.Is(err, store.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		wait += wait / 2
	}
}

// prepare returns a new session and what creates it.
func (m *Manager) prepare(r *realm, g *Grant, id hash) (Session, []store.Op, error) {
	user, version := m.userOf(g.Realm, g.UserID), byte(recordVersion)
	if r.track {
		version = trackedVersion
	}
	record, err := encodeRecord(version, g, user, time.Now())
	if err != nil {
		return Session{}, nil, err
	}
	s := Session{record: string(record), id: id}
	key, index := sessionKey(id), indexKey(user, id)
	return s, []store.Op{
		store.Create(key, r.codec.Seal(key, m.stored(s, g)), s.MaxExpires()),
		store.Create(index, r.codec.Seal(index, s.entry(s.Created()).encode()), s.MaxExpires()),
	}, nil
}

// fenced is what a fence holds: its version. That it is there says all.
var fenced = []byte{1}

// create creates the session, and returns the one that is there with its token.
// It does not try for a second time what may have happened.
//
// A try that the store did not answer may happen yet, long after: a member of
// etcd that hung with it in its socket goes on with it. Were the session
// logged out by then, it would be back. So a session that took several tries
// comes with a fence, and no try happens where one is. It lasts as long as
// what a late try could bring back.
func (m *Manager) create(ctx context.Context, r *realm, g *Grant, head [20]byte, with []store.Op) (tok string, s Session, err error) {
	id := sessionID(&head)
	fixed := append([]store.Op{store.Absent(sessionKey(id)), store.Absent(fenceKey(id))}, with...)
	err = m.planned(ctx, r, g, id, fixed, func(p *plan) (err error) {
		var ops []store.Op
		if s, ops, err = m.prepare(r, &p.grant, id); err != nil {
			return err
		}
		if tok, s, err = m.tokenOf(r, head, s, &p.grant); err != nil {
			return err // before anything is written: it may be too large
		}
		once := fence(s)
		if !g.Again {
			once = store.Absent(once.Key)
		}
		s.revision, err = m.commit(ctx, slices.Concat(ops, p.ops, []store.Op{once}, with)...)
		return err
	})
	if !isConflict(err) {
		return tok, s, err
	}
	if s, err = m.recognise(ctx, r, g, id, err); err != nil {
		return "", Session{}, err
	}
	if g.Again {
		// One of several tries has made it, and others may be on their way.
		if _, err = m.commit(ctx, fence(s)); err != nil && !errors.Is(err, store.ErrExists) {
			return "", Session{}, err
		}
	}
	return m.tokenOf(r, head, s, g)
}

// fence is the operation that puts one up for a session.
func fence(s Session) store.Op { return store.Create(fenceKey(s.id), fenced, s.MaxExpires()) }

// recognise returns the session that the seed has yielded already, or, if
// there is none, the error by which create failed: then that was because of
// with, or the session has ended.
func (m *Manager) recognise(ctx context.Context, r *realm, g *Grant, id hash, failed error) (Session, error) {
	switch existing, err := m.load(ctx, r, id, store.Fresh); {
	case errors.Is(err, ErrEnded):
		return Session{}, failed
	case err != nil:
		return Session{}, err
	case existing.UserID() != g.UserID:
		// Two ends of one journey, for two users: the first one counts.
		return Session{}, fmt.Errorf("session: the journey has yielded a session already: %w", store.ErrConflict)
	default:
		return existing, nil
	}
}

// End ends a session at once, everywhere within the time that a cache needs to
// hear of it, because it is logged out. Its webhooks are called; to tell
// anybody else is the caller's affair. Errors: ErrEnded if it had ended
// already, and what wraps store.ErrUnavailable, after which the session may
// have ended or not.
func (m *Manager) End(ctx context.Context, s Session) error { return m.end(ctx, s, LoggedOut) }

// Destroy is End on behalf of somebody who need not have the session's token.
func (m *Manager) Destroy(ctx context.Context, s Session) error { return m.end(ctx, s, Destroyed) }

func (m *Manager) end(ctx context.Context, s Session, why Why) error {
	r, err := m.realm(s.Realm())
	if err != nil {
		return err
	}
	for range attempts {
		_, err := m.commit(ctx, m.ends(r, Ended{s, why, time.Now()})...)
		if s.carried && errors.Is(err, store.ErrExists) {
			return ErrEnded
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		// Somebody ended it, or changed it, since it was looked up.
		if s, err = m.load(ctx, r, s.id, store.Fresh); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: a session's record changes all the time", store.ErrUnavailable)
}
