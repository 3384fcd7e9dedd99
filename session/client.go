package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// What its client carries of a session is its id and its record, sealed and
// signed. Unless the realm tracks its sessions, the store has nothing of it
// until it is ended.

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
func (m *Manager) issueCarried(ctx context.Context, r *realm, g *Grant, with []store.Op) (tok string, s Session, err error) {
	if g.MaxTime > MaxCarried {
		return "", Session{}, fmt.Errorf("session: a max time of %v, but a session that its client carries lasts at most %v", g.MaxTime, MaxCarried)
	}
	head := r.keys.DeriveHead(g.Seed)
	id := sessionID(&head)
	again, last := g.Again, g
	err = m.planned(ctx, r, g, id, with, func(p *plan) error {
		if again && len(p.ops) == 0 {
			p.grant = *last // that the session to upgrade is over may be this login's doing
		}
		if tok, s, err = m.carry(ctx, r, &p.grant, id); err != nil {
			return err
		}
		again, err = m.commitEnd(ctx, again, slices.Concat(p.ops, with))
		last = &p.grant
		return err
	})
	// That the journey is no longer as it was may mean that an earlier try has
	// ended it.
	if err != nil && !(again && isConflict(err)) {
		return "", Session{}, err
	}
	return tok, s, nil
}

// carry makes a session that its client carries, and its token.
func (m *Manager) carry(ctx context.Context, r *realm, g *Grant, id hash) (string, Session, error) {
	user := m.userOf(g.Realm, g.UserID)
	created, err := m.dateAfter(ctx, user)
	if err != nil {
		return "", Session{}, err
	}
	record, err := encodeRecord(recordVersion, g, user, created)
	if err != nil {
		return "", Session{}, err
	}
	s := Session{record: string(record), id: id, carried: true}
	tok, err := m.seal(r, s, g.Journey)
	return tok, s, err
}

// seal makes the token of a session that its client carries.
func (m *Manager) seal(r *realm, s Session, journey string) (string, error) {
	room := cmp.Or(r.room, token.MaxSession)
	tok, err := m.carrier.Seal(r.path, append(s.id[:], s.record...))
	if err == nil && len(tok) > room || errors.Is(err, token.ErrTooLarge) {
		return "", fmt.Errorf("%w: a session of journey %s with %d bytes of identity, roles and properties; "+
			"the cookie has room for about %d; have the journey set fewer or shorter session properties, "+
			"compress them, or use authenticated_sessions server",
			ErrCookie, journey, len(s.record), m.carrier.Room(r.path, room)-len(s.id))
	}
	return tok, err
}

// commitEnd commits the end of a journey. It tries a few times, within ctx,
// when the store does not answer: then a try may have happened of which nobody
// knows, again.
func (m *Manager) commitEnd(ctx context.Context, doubted bool, ops []store.Op) (again bool, err error) {
	if len(ops) == 0 {
		return doubted, nil
	}
	err = retrying(ctx, func(int) error {
		_, err := m.commit(ctx, ops...)
		doubted = doubted || errors.Is(err, store.ErrUnavailable)
		return err
	})
	return doubted, err
}

// openCarried opens the token of a session that its client carries. That it is
// ours does not say that the session lives.
func (m *Manager) openCarried(tok string) (*realm, Session, error) {
	sum := digest(tok)
	if s, ok := m.opened.get(&sum); ok {
		r, err := m.realm(s.Realm())
		return r, s, err
	}
	plain, path, err := m.carrier.Open(tok)
	if err != nil {
		return nil, Session{}, ErrInvalid
	}
	r, err := m.realm(path)
	if err != nil {
		return nil, Session{}, err
	}
	var s Session
	if len(plain) < len(s.id) {
		return nil, Session{}, ErrInvalid
	}
	s.record = string(plain[copy(s.id[:], plain):])
	if !checkRecord(s.record) || s.isStub() || s.Realm() != path {
		m.log.Error("a session that its client carries cannot be read and is refused", "realm", path)
		return nil, Session{}, ErrInvalid
	}
	s.carried = !s.tracked()
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

// deniedGrace is for how long a denylist record outlives its session, so that
// a node whose clock is behind finds it (AM: blacklist-purge-delay).
const deniedGrace = time.Minute
