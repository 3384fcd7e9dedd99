package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
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
	// Seed is unguessable and belongs to one journey alone, such as its id: at
	// least 16 bytes. The session's id is derived from it, so that the same
	// seed can never yield two sessions.
	Seed []byte
	// Again says that a try to end the journey may have happened already of
	// which nobody knows; see journey.Snapshot.Doubted.
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
	return nil
}

// Between the tries of an Issue, which grow by half of themselves.
const (
	issueTries = 4
	issueWait  = 50 * time.Millisecond
)

// candidates are the heads of the tokens that one seed may yield: each try of
// an Issue makes a session with another one.
//
// A try that the store did not answer may happen yet, long after: a member of
// etcd that hung with it in its socket goes on with it. Were the next try for
// the same record, that could bring a session back that was logged out in
// between. As it is, the late one meets the session of the other try, or makes
// one whose token nobody was given.
type candidates [issueTries][20]byte

func (r *realm) candidates(seed []byte) (heads candidates) {
	heads[0] = r.keys.DeriveHead(seed)
	for try := 1; try < issueTries; try++ {
		heads[try] = r.keys.DeriveHead(append(bytes.Clone(seed), byte(try)))
	}
	return heads
}

// Issue makes the session that a journey yielded, in one transaction with the
// operations that end the journey, and returns its token.
//
// It may be repeated with the same seed: after store.ErrUnavailable, when the
// transaction may have happened, and in two requests at once. The session that
// is there is then the result, whatever has become of with. Issue itself
// tries a few times, within ctx, when the store does not answer.
//
// Errors: store.ErrConflict and store.ErrExists if an operation of with did
// not hold, what wraps store.ErrUnavailable, and others for a grant that
// cannot be a session, ErrCookie among them. The token is a secret; never log it.
func (m *Manager) Issue(ctx context.Context, g Grant, with ...store.Op) (tok string, s Session, err error) {
	if err := g.check(); err != nil {
		return "", Session{}, err
	}
	r, err := m.realm(g.Realm)
	if err != nil {
		return "", Session{}, err
	}
	if r.room > 0 {
		return m.issueCarried(ctx, r, &g, with)
	}
	heads := r.candidates(g.Seed)
	err = retrying(ctx, func(try int) error {
		head, made, err := m.create(ctx, r, &g, &heads, try, with)
		if err == nil {
			m.access.seen.put(&made.id, made.Created().Unix())
			tok, s = r.keys.Mint(token.CTS, head), made
		}
		return err
	})
	return tok, s, err
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
	user := m.userOf(g.Realm, g.UserID)
	record, err := encodeRecord(g, user, time.Now())
	if err != nil {
		return Session{}, nil, err
	}
	s := Session{record: string(record), id: id}
	key, index := sessionKey(id), indexKey(user, id)
	return s, []store.Op{
		store.Create(key, r.codec.Seal(key, record), s.MaxExpires()),
		store.Create(index, r.codec.Seal(index, s.entry(s.Created()).encode()), s.MaxExpires()),
	}, nil
}

// create tries once to create the session, unless one of the other candidates
// is there, and returns the one that is, with its head.
func (m *Manager) create(ctx context.Context, r *realm, g *Grant, heads *candidates, try int, with []store.Op) ([20]byte, Session, error) {
	s, ops, err := m.prepare(r, g, sessionID(&heads[try]))
	if err != nil {
		return [20]byte{}, Session{}, err
	}
	for i := range heads {
		if i != try {
			ops = append(ops, store.Absent(sessionKey(sessionID(&heads[i]))))
		}
	}
	revision, err := m.store.Commit(context.WithoutCancel(ctx), append(ops, with...)...)
	switch {
	case err == nil:
		s.revision = revision
		return heads[try], s, nil
	case errors.Is(err, store.ErrUnavailable):
		m.access.failed(err)
		return [20]byte{}, Session{}, err
	case errors.Is(err, store.ErrExists), errors.Is(err, store.ErrConflict):
		return m.recognise(ctx, r, g, heads, err)
	}
	return [20]byte{}, Session{}, err
}

// recognise returns the session that the seed has yielded already, or, if
// there is none, the error by which create failed: then that was because of
// with.
func (m *Manager) recognise(ctx context.Context, r *realm, g *Grant, heads *candidates, failed error) ([20]byte, Session, error) {
	for _, head := range heads {
		existing, err := m.load(ctx, r, sessionID(&head), store.Fresh)
		switch {
		case errors.Is(err, ErrEnded):
			continue
		case err != nil:
			return [20]byte{}, Session{}, err
		case existing.UserID() != g.UserID:
			// Two ends of one journey, for two users: the first one counts.
			return [20]byte{}, Session{}, fmt.Errorf("session: the journey has yielded a session already: %w", store.ErrConflict)
		}
		return head, existing, nil
	}
	return [20]byte{}, Session{}, failed
}

// End ends a session at once, everywhere within the time that a cache needs to
// hear of it. Its webhooks are called; to tell anybody else is the caller's
// affair. Errors: ErrEnded if it had ended already, and what wraps
// store.ErrUnavailable, after which the session may have ended or not.
func (m *Manager) End(ctx context.Context, s Session) error {
	r, err := m.realm(s.Realm())
	if err != nil {
		return err
	}
	if s.carried {
		return m.endCarried(ctx, r, s)
	}
	for range attempts {
		key := sessionKey(s.id)
		ops := []store.Op{store.Check(key, s.revision), store.Delete(key), store.Delete(indexKey(s.user(), s.id))}
		_, err := m.commit(ctx, append(ops, m.postWebhooks(r, Ended{s, LoggedOut, time.Now()})...)...)
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
