package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// What its client carries of a session is its id and its record, sealed and
// signed. The store has nothing of it until it is ended.

// ErrCarried says that something cannot be done with a session because its
// client carries it.
var ErrCarried = errors.New("session: its client carries it, so it cannot be changed")

// ErrCookie says that a session does not fit into its client's cookie.
var ErrCookie = errors.New("session: too large for its cookie")

// issueCarried makes a session that its client carries. All that is committed
// is with, the end of the journey: nothing if there is none.
//
// The id comes from the seed, so whoever repeats a journey's last step gets the
// same session, perhaps by another token. Of two tries that both may have ended
// the journey it need not be known which one did: there is one session, and
// one logout ends it.
func (m *Manager) issueCarried(ctx context.Context, r *realm, g *Grant, with []store.Op) (string, Session, error) {
	if g.MaxTime > maxCarried {
		return "", Session{}, fmt.Errorf("session: a max time of %v, but a session that its client carries lasts at most %v", g.MaxTime, maxCarried)
	}
	user := m.userOf(g.Realm, g.UserID)
	created, err := m.dateAfter(ctx, user)
	if err != nil {
		return "", Session{}, err
	}
	record, err := encodeRecord(g, user, created)
	if err != nil {
		return "", Session{}, err
	}
	head := r.keys.DeriveHead(g.Seed)
	s := Session{record: string(record), id: sessionID(&head), carried: true}
	tok, err := r.keys.SealSession(append(s.id[:], record...))
	if err == nil && len(tok) > r.room || errors.Is(err, token.ErrTooLarge) {
		return "", Session{}, fmt.Errorf("%w: a session of journey %s with %d bytes of identity, roles and properties; "+
			"the cookie has room for about %d; have the journey set fewer or shorter session properties, or use authenticated_sessions server",
			ErrCookie, g.Journey, len(record), token.SessionRoom(r.room)-len(s.id))
	}
	if err != nil {
		return "", Session{}, err
	}
	if err := m.commitEnd(ctx, g.Again, with); err != nil {
		return "", Session{}, err
	}
	return tok, s, nil
}

// commitEnd commits the end of a journey. It tries a few times, within ctx,
// when the store does not answer. If an earlier try may have happened, that the
// journey is no longer as it was means that it did.
func (m *Manager) commitEnd(ctx context.Context, again bool, with []store.Op) error {
	if len(with) == 0 {
		return nil
	}
	return retrying(ctx, func(int) error {
		_, err := m.store.Commit(context.WithoutCancel(ctx), with...)
		switch {
		case again && (errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists)):
			return nil
		case errors.Is(err, store.ErrUnavailable):
			m.access.failed(err)
			again = true
		}
		return err
	})
}

// openCarried opens the token of a session that its client carries. That it is
// ours does not say that the session lives.
func (m *Manager) openCarried(tok string) (*realm, Session, error) {
	sum := digest(tok)
	if s, ok := m.opened.get(&sum); ok {
		r, err := m.realm(s.Realm())
		return r, s, err
	}
	plain, path, err := m.keys.OpenSession(tok)
	if err != nil {
		return nil, Session{}, ErrInvalid
	}
	r, err := m.realm(path)
	if err != nil {
		return nil, Session{}, err
	}
	s := Session{carried: true}
	if len(plain) < len(s.id) {
		return nil, Session{}, ErrInvalid
	}
	s.record = string(plain[copy(s.id[:], plain):])
	if !checkRecord(s.record) || s.Realm() != path {
		m.log.Error("a session that its client carries cannot be read and is refused", "realm", path)
		return nil, Session{}, ErrInvalid
	}
	m.opened.put(&sum, s)
	return r, s, nil
}

// findCarried finds the session of a token that carries it. Its idle time is
// not judged: nobody records when it was used.
func (m *Manager) findCarried(ctx context.Context, s Session, outage store.Freshness) (Session, error) {
	if s.maxedOut(time.Now()) {
		return Session{}, ErrEnded
	}
	_, _, err := m.store.Get(ctx, deniedKey(s.id), outage)
	if err == nil {
		return Session{}, ErrEnded
	}
	if !errors.Is(err, store.ErrNotFound) {
		return Session{}, m.readError(ctx, err)
	}
	switch e, _, err := m.epoch(ctx, s.user(), outage); {
	case err != nil:
		return Session{}, err
	case e.ends(s):
		return Session{}, ErrEnded
	}
	return s, nil
}

// denied is what a denylist record holds: its version. That it is there says
// all, and its deadline is that of the session.
var denied = []byte{1}

// endCarried writes that a session is ended which its client goes on carrying.
func (m *Manager) endCarried(ctx context.Context, r *realm, s Session) error {
	ops := []store.Op{store.Create(deniedKey(s.id), denied, s.MaxExpires().Add(deniedGrace))}
	_, err := m.commit(ctx, append(ops, m.postWebhooks(r, Ended{s, LoggedOut, time.Now()})...)...)
	if errors.Is(err, store.ErrExists) {
		return ErrEnded
	}
	return err
}

// deniedGrace is for how long a denylist record outlives its session, so that
// a node whose clock is behind finds it (AM: blacklist-purge-delay).
const deniedGrace = time.Minute
