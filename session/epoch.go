package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
)

// MaxCarried is how long a session may last that its client carries, and for how
// long it is remembered that a user's sessions were ended.
const MaxCarried = 365 * 24 * time.Hour

const (
	// clockMargin is by how much the clocks of nodes may differ: an epoch lies
	// so far ahead of the clock that ended the sessions, and what is issued
	// then is dated later.
	clockMargin = 10 * time.Second
)

// epoch ends all of a user's sessions that their clients carry and that were
// issued up to then, but for one. In the store it is
//
//	offset  bytes
//	     0      1  version
//	     1      8  at, milliseconds since 1970
//	     9     20  the id of the session that lives on, zeros for none
type epoch struct {
	at     time.Time
	except hash
}

const (
	epochVersion = 1
	epochSize    = 1 + 8 + len(hash{})
)

func (e epoch) encode() []byte {
	b := make([]byte, epochSize)
	b[0] = epochVersion
	putTime(b[1:], e.at)
	copy(b[9:], e.except[:])
	return b
}

func decodeEpoch(b []byte) (e epoch, err error) {
	if len(b) != epochSize || b[0] != epochVersion || number(view(b), 1) > maxMillis {
		return epoch{}, errRecord
	}
	e.at = time.UnixMilli(int64(number(view(b), 1)))
	copy(e.except[:], b[9:])
	return e, nil
}

func (e epoch) ends(s Session) bool { return !s.Created().After(e.at) && s.id != e.except }

// epoch reads a user's, the zero one if there is none. One that cannot be read,
// such as a later version's, leaves open what it ends: store.ErrUnavailable.
func (m *Manager) epoch(ctx context.Context, user hash, want store.Freshness) (e epoch, revision int64, err error) {
	rec, _, err := m.store.Get(ctx, epochKey(user), want)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return epoch{}, 0, nil
	case err != nil:
		return epoch{}, 0, m.readError(ctx, err)
	}
	if e, err = decodeEpoch(rec.Value); err != nil {
		m.log.Error("the record of when a user's sessions were ended cannot be read")
		return epoch{}, 0, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return e, rec.Revision, nil
}

// endAllCarried ends all sessions of a user that their clients carry, but for
// one if except is not nil.
func (m *Manager) endAllCarried(ctx context.Context, user hash, except *Session) error {
	for range attempts {
		before, revision, err := m.epoch(ctx, user, store.Fresh)
		if err != nil {
			return err
		}
		now, key := time.Now(), epochKey(user)
		e := epoch{at: now.Add(clockMargin)}
		if dated := before.at.Add(time.Millisecond); dated.After(e.at) {
			e.at = dated // what was issued since the one before is dated like that
		}
		if except != nil {
			e.except = except.id
		}
		if revision == 0 {
			_, err = m.commit(ctx, store.Create(key, e.encode(), now.Add(MaxCarried)))
		} else {
			_, err = m.commit(ctx, store.Check(key, revision), store.Put(key, e.encode(), now.Add(MaxCarried)))
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return fmt.Errorf("%w: a user's sessions are ended all the time", store.ErrUnavailable)
}

// EndCarried ends all sessions of a user that their clients alone carry, unless
// somebody has done so since, and reports whether it did. It can be repeated
// after an error, which wraps store.ErrUnavailable.
func (m *Manager) EndCarried(ctx context.Context, path, userID string, since time.Time) (bool, error) {
	user := m.userOf(path, userID)
	e, _, err := m.epoch(ctx, user, store.Fresh)
	if err != nil || !e.at.Add(-clockMargin).Before(since) {
		return false, err
	}
	return true, m.endAllCarried(ctx, user, nil)
}

// dateAfter is when a session is dated that is issued now: after the epoch of
// its user, which it is not to end.
func (m *Manager) dateAfter(ctx context.Context, user hash) (time.Time, error) {
	e, _, err := m.epoch(ctx, user, store.Any)
	now := time.Now()
	if first := e.at.Add(time.Millisecond); err == nil && first.After(now) {
		return first, nil
	}
	return now, err
}
