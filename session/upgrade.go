package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/amgate/amgate/store"
)

// Upgrade is a session that a login takes the place of (AM 8.1, "Session
// upgrade"). The new one has the higher of the two authentication levels, the
// authentication types of both and the properties of both; the times and the
// roles are its own. The old one ends in the transaction that makes the new
// one: a login that fails leaves it as it was.
type Upgrade struct {
	// Session is the one that the client has, of the grant's user and realm.
	// If it turns out to have ended the login stands for itself.
	Session Session
	// Merge makes the new session's properties of those of both. nil: a
	// property that both have is the new one's.
	Merge func(old, own map[string]string) map[string]string
}

// check tells what is wrong with the upgrade that a grant has.
func (u *Upgrade) check(g *Grant) error {
	if u != nil && (u.Session.Realm() != g.Realm || u.Session.UserID() != g.UserID) {
		return errors.New("session: an upgrade of a session of another user or realm")
	}
	return nil
}

// inherits is the grant with what it takes over from the session that it
// upgrades.
func (g *Grant) inherits(old Session) Grant {
	to := *g
	to.AuthLevel = max(g.AuthLevel, old.AuthLevel())
	types := strings.Split(old.AuthType(), "|")
	for t := range strings.SplitSeq(g.AuthType, "|") {
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	to.AuthType = strings.Trim(strings.Join(types, "|"), "|")
	merge := g.Upgrades.Merge
	if merge == nil {
		merge = mergeProperties
	}
	to.Properties = merge(old.Properties(), g.Properties)
	return to
}

func mergeProperties(old, own map[string]string) map[string]string {
	maps.Copy(old, own)
	return old
}

// replaced adds to a plan what ends a session because another one takes its
// place, and tells who wants to know. It returns the session as it is now.
// Errors: ErrEnded, ErrInvalid, and what wraps store.ErrUnavailable.
func (m *Manager) replaced(ctx context.Context, r *realm, s Session, p *plan) (Session, error) {
	if s.carried {
		revision, err := m.carriedFresh(ctx, s)
		if err != nil {
			return Session{}, err
		}
		key := epochKey(s.user())
		unended := store.Absent(key)
		if revision > 0 {
			unended = store.Check(key, revision)
		}
		p.ops, p.rests = append(p.ops, unended), append(p.rests, revision)
	} else {
		now, err := m.load(ctx, r, s.id, store.Fresh)
		if err != nil {
			return Session{}, err
		}
		s = s.as(now)
		p.rests = append(p.rests, s.revision)
	}
	ended := Ended{s, Upgraded, time.Now()}
	p.ops = append(append(p.ops, m.ends(r, ended)...), m.post(r, "", ended))
	return s, nil
}

// carriedFresh finds out whether a session that its client carries lives, and
// the revision of its user's epoch, 0 if there is none.
func (m *Manager) carriedFresh(ctx context.Context, s Session) (epochRevision int64, err error) {
	_, _, err = m.store.Get(ctx, deniedKey(s.id), store.Fresh)
	if err == nil {
		return 0, ErrEnded
	}
	if !errors.Is(err, store.ErrNotFound) {
		return 0, m.readError(ctx, err)
	}
	e, revision, err := m.epoch(ctx, s.user(), store.Fresh)
	if err == nil && e.ends(s) {
		err = ErrEnded
	}
	return revision, err
}

// ends are the operations that end a session, and call its webhooks. They do
// not hold if it has ended, or changed, since it was read.
func (m *Manager) ends(r *realm, e Ended) []store.Op {
	var ops []store.Op
	if e.carried {
		ops = append(ops, store.Create(deniedKey(e.id), denied, e.MaxExpires().Add(deniedGrace)))
	} else {
		key := sessionKey(e.id)
		ops = append(ops, store.Check(key, e.revision), store.Delete(key), store.Delete(indexKey(e.user(), e.id)))
	}
	return append(ops, m.postWebhooks(r, e)...)
}
