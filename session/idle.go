package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
)

// attempts is how often a transaction is tried that others got ahead of.
const attempts = 4

// admit decides whether the session was idle for too long and, for a Touch,
// sees to it that the access is remembered.
func (m *Manager) admit(ctx context.Context, r *realm, s *Session, use Use, now time.Time) error {
	last := s.Created()
	if second := m.access.seen.get(&s.id); second > last.Unix() {
		last = time.Unix(second, 0)
	}
	quiet := now.Sub(last)
	if quiet > s.IdleTime() {
		return m.judgeOnce(ctx, r, *s, use)
	}
	if use == Touch && quiet >= s.resolution() {
		m.access.record(*s, r.codec, now)
	}
	return nil
}

// judgeOnce is judge for all who ask for the same session at the same time:
// a page with a hundred parts costs one read of the store.
func (m *Manager) judgeOnce(ctx context.Context, r *realm, s Session, use Use) error {
	key := string(append(s.id[:], byte(use)))
	verdict := m.judging.DoChan(key, func() (any, error) {
		// Others wait for it, too; the store has a deadline of its own.
		return nil, m.judge(context.WithoutCancel(ctx), r, s, use)
	})
	select {
	case v := <-verdict:
		return v.Err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}

// judge decides by the user's index, where other nodes have written what they
// saw, whether the session is idle; if it is, it ends it.
//
// The entry may lag behind the truth by resolution and FlushInterval, and by
// any time while the store did not answer. A session that is found within this
// margin beyond its idle time goes on, but its access is written before it is
// admitted: else another node would find the same entry a moment later and
// call idle what was just used.
func (m *Manager) judge(ctx context.Context, r *realm, s Session, use Use) error {
	for range attempts {
		e, revision, err := m.entry(ctx, r, s)
		if err != nil {
			return err
		}
		now := time.Now()
		quiet := now.Sub(e.accessed)
		switch {
		case m.access.idle(e, now):
			err = m.endIdle(ctx, r, s, revision, quiet)
		case use == Peek:
			m.access.seen.put(&s.id, e.accessed.Unix())
			return nil
		case quiet > s.IdleTime():
			err = m.writeAccess(ctx, r, s, revision, now)
		default:
			m.access.seen.put(&s.id, e.accessed.Unix())
			if quiet >= s.resolution() {
				m.access.record(s, r.codec, now)
			}
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w: a session's index entry changes all the time", store.ErrUnavailable)
}

// entry reads the session's entry in the user's index, and its revision.
func (m *Manager) entry(ctx context.Context, r *realm, s Session) (entry, int64, error) {
	key := indexKey(s.user(), s.id)
	rec, _, err := m.store.Get(ctx, key, store.Fresh)
	if err != nil {
		return entry{}, 0, m.readError(ctx, err)
	}
	m.access.answered()
	plain, err := r.codec.OpenInPlace(key, rec.Value)
	if err != nil {
		m.log.Error("an entry of a user's index was not sealed for it and is refused", "realm", r.path, "error", err)
		return entry{}, 0, ErrInvalid
	}
	e, err := decodeEntry(plain)
	if err != nil {
		m.log.Error("an entry of a user's index cannot be read and is refused", "realm", r.path)
		return entry{}, 0, ErrInvalid
	}
	return e, rec.Revision, nil
}

// endIdle removes a session that is idle and posts that it was, unless its
// entry has changed since it was read. It returns ErrEnded if it did.
func (m *Manager) endIdle(ctx context.Context, r *realm, s Session, revision int64, quiet time.Duration) error {
	index := indexKey(s.user(), s.id)
	ended := Ended{s, IdleTimedOut, time.Now()}
	ops := []store.Op{
		store.Check(index, revision), store.Delete(index), store.Delete(sessionKey(s.id)), m.post(r, "", ended),
	}
	_, err := m.commit(ctx, append(ops, m.postWebhooks(r, ended)...)...)
	if err != nil {
		return err
	}
	m.log.Info("a session ended", "outcome", "idle", "realm", s.Realm(), "session", s.Handle(), "idle", quiet)
	return ErrEnded
}

// writeAccess writes an access at once, unless the entry has changed since it
// was read.
func (m *Manager) writeAccess(ctx context.Context, r *realm, s Session, revision int64, now time.Time) error {
	index := indexKey(s.user(), s.id)
	_, err := m.commit(ctx, store.Check(index, revision),
		store.Put(index, r.codec.Seal(index, s.entry(now).encode()), s.MaxExpires()))
	if err == nil {
		m.access.seen.put(&s.id, now.Unix())
	}
	return err
}

// commit commits even if the caller leaves: no half of a change is ever
// wanted, and whoever retries must find out what became of it. What it posts
// is delivered.
func (m *Manager) commit(ctx context.Context, ops ...store.Op) (revision int64, err error) {
	revision, err = m.store.Commit(context.WithoutCancel(ctx), ops...)
	if err == nil {
		m.posted(revision, ops...)
	}
	if errors.Is(err, store.ErrUnavailable) {
		m.access.failed(err)
	}
	return revision, err
}

// Refresh has the session's idle time begin anew, as exactly as it is known: a
// Lookup that is a Touch does so only once in a Resolution. It is known here at
// once and elsewhere after FlushInterval.
func (m *Manager) Refresh(s Session) {
	if r, err := m.realm(s.Realm()); err == nil {
		m.access.record(s, r.codec, time.Now())
	}
}

// LastAccess is when the session was last used, as exactly as it is recorded:
// it may be up to Resolution and FlushInterval ago that this was still true.
// Asking is no use. For a session that its client carries it is now, as in AM:
// nobody records it. Errors: ErrEnded, and what wraps store.ErrUnavailable.
func (m *Manager) LastAccess(ctx context.Context, s Session) (time.Time, error) {
	if s.carried {
		return time.Now(), nil
	}
	r, err := m.realm(s.Realm())
	if err != nil {
		return time.Time{}, err
	}
	e, _, err := m.entry(ctx, r, s)
	if err != nil {
		return time.Time{}, err
	}
	return m.lastAccess(s, e), nil
}

// lastAccess is the later of what the session's entry has and what this
// process knows.
func (m *Manager) lastAccess(s Session, e entry) time.Time {
	if here := time.Unix(m.access.seen.get(&s.id), 0); here.After(e.accessed) {
		return here
	}
	return e.accessed
}

// entry is what the user's index holds of the session.
func (s Session) entry(accessed time.Time) entry {
	return entry{created: s.Created(), deadline: s.MaxExpires(), idle: s.IdleTime(), accessed: accessed}
}

// maxedOut reports whether the session's max time is over. The store drops
// such records by its own clock; this is the one that decides.
func (s Session) maxedOut(now time.Time) bool { return !now.Before(s.MaxExpires()) }

// resolution is how exactly the session's last access is known.
func (s Session) resolution() time.Duration { return resolution(s.IdleTime()) }

func resolution(idle time.Duration) time.Duration { return min(Resolution, idle/2) }
