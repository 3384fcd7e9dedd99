package session

import (
	"context"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// A tracked session is carried by its client like any other, and the store has
// what it has of a session of its own: an entry in the user's index and a
// record, which is a stub as long as the client has all the rest. So it lives
// as long as its record does, and whatever works on records and entries works
// on it: lists, quotas, idle time, an end by its handle. Its token says that it
// is tracked, whatever the realm is configured to do by now.

// tracked reports whether the store tracks the session, which its client
// carries.
func (s Session) tracked() bool { return s.record != "" && s.record[0] != recordVersion }

// isStub reports whether roles and properties are only in the client's hands.
func (s Session) isStub() bool { return s.record != "" && s.record[0] == stubVersion }

// stub is the record of a tracked session without its roles and properties.
func (s Session) stub() []byte {
	b := append([]byte(s.record[:s.rolesAt()]), noLists...)
	b[0] = stubVersion
	return b
}

// as is the session as it was read anew, with what only its client has of it.
func (s Session) as(now Session) Session {
	if now.isStub() {
		now.record = s.record
	}
	return now
}

// findTracked finds the session of a token that carries it and that the store
// tracks.
func (m *Manager) findTracked(ctx context.Context, r *realm, s Session, use Use, outage store.Freshness) (Session, error) {
	now, err := m.load(ctx, r, s.id, outage)
	if err != nil {
		return Session{}, err
	}
	return m.alive(ctx, r, s.as(now), use)
}

// stored is what the store gets of a new session. It is the whole record where
// somebody needs it who does not have the token: a webhook that is called when
// the session times out, or a login that is repeated after its upgrade has
// ended the session that it took properties from.
func (m *Manager) stored(s Session, g *Grant) []byte {
	if !s.tracked() || g.Upgrades != nil || len(m.hooks(s)) > 0 {
		return []byte(s.record)
	}
	return s.stub()
}

// tokenOf makes the token of a session that the store has, and completes it.
// g is the grant of the journey that yielded it.
func (m *Manager) tokenOf(r *realm, head [20]byte, s Session, g *Grant) (string, Session, error) {
	if !s.tracked() {
		return r.keys.Mint(token.CTS, head), s, nil
	}
	if s.isStub() {
		record, err := appendLists([]byte(s.record[:s.rolesAt()]), g)
		if err != nil {
			return "", Session{}, err
		}
		record[0] = trackedVersion
		s.record = string(record)
	}
	tok, err := m.seal(r, s, g.Journey)
	return tok, s, err
}
