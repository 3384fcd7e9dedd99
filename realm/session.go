package realm

import (
	"context"
	"errors"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// Session finds the first live session, of any realm, among the tokens that a
// client presents. Errors: session.ErrInvalid if none is a token of ours,
// session.ErrEnded if one was, and store.ErrUnavailable if that could not be
// decided.
func (s *Set) Session(ctx context.Context, tokens []string, use session.Use) (session.Session, error) {
	return s.find(tokens, func(session.Session) bool { return true }, func(m *session.Manager, tok string) (session.Session, error) {
		return m.Lookup(ctx, tok, use)
	})
}

// Session is Set.Session for sessions of this realm alone: a token of another
// realm is session.ErrInvalid.
func (r *Realm) Session(ctx context.Context, tokens []string, use session.Use) (session.Session, error) {
	return r.SessionDuring(ctx, tokens, use, r.Outage)
}

// SessionDuring is Session with another rule for outages than the realm's, see
// Settings.Outage.
func (r *Realm) SessionDuring(
	ctx context.Context, tokens []string, use session.Use, outage store.Freshness,
) (session.Session, error) {
	return r.set.find(tokens, func(s session.Session) bool { return s.Realm() == r.Path },
		func(m *session.Manager, tok string) (session.Session, error) {
			return m.LookupDuring(ctx, tok, use, outage)
		})
}

func (s *Set) find(
	tokens []string, wanted func(session.Session) bool, lookup func(*session.Manager, string) (session.Session, error),
) (session.Session, error) {
	k, err := s.keys()
	if err != nil {
		return session.Session{}, err
	}
	result := session.ErrInvalid
	for _, tok := range tokens {
		found, err := lookup(k.sessions, tok)
		switch {
		case err == nil && wanted(found):
			if s.stands(found) {
				return found, nil
			}
			result = session.ErrEnded
		case err == nil, errors.Is(err, session.ErrInvalid):
		case errors.Is(err, session.ErrEnded):
			result = session.ErrEnded
		default:
			return session.Session{}, err
		}
	}
	return session.Session{}, result
}

// LastAccess is when the session was last used, as exactly as the store
// knows it.
func (s *Set) LastAccess(ctx context.Context, found session.Session) (time.Time, error) {
	k, err := s.keys()
	if err != nil {
		return time.Time{}, err
	}
	return k.sessions.LastAccess(ctx, found)
}

// Refresh has a session's idle time begin anew. The error wraps
// store.ErrUnavailable.
func (s *Set) Refresh(found session.Session) error {
	k, err := s.keys()
	if err == nil {
		k.sessions.Refresh(found)
	}
	return err
}

// Logout ends the live sessions among the tokens and says how many there
// were. A token that is not verified ends nothing. The webhooks of the
// sessions are called in the background.
func (s *Set) Logout(ctx context.Context, tokens []string) (int, error) {
	k, err := s.keys()
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, tok := range tokens {
		found, err := k.sessions.Lookup(ctx, tok, session.Peek)
		if err == nil {
			err = k.sessions.End(ctx, found)
		}
		switch {
		case err == nil:
			ended++
			if r, ok := s.realms[found.Realm()]; ok {
				r.tellLogout(ctx, found)
			}
		case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrEnded):
		default:
			return ended, err
		}
	}
	return ended, nil
}
