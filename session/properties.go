package session

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/amgate/amgate/store"
)

// Bounds on what a session's properties may grow to after it was issued. A
// session is read at every request, and whoever changes it pays little for
// what then costs everybody.
const (
	MaxProperties    = 100
	MaxPropertyBytes = 16 << 10
)

// ErrTooLarge says that a session has no room for what was to be put into it.
var ErrTooLarge = errors.New("session: no room for the properties")

// Changes are what is to become of some of a session's properties; the others
// stay.
type Changes struct {
	Set    map[string]string
	Remove []string
}

// SetProperties changes properties of a session and returns it as it then is.
// Of changes at the same time none is lost: those of different properties all
// happen, of one property the last one counts. The session's token, handle and
// times stay what they were, and every node sees the change as it would see a
// logout. What changes nothing writes nothing.
//
// Which names may be changed, by whom, is the caller's affair. Errors: ErrEnded,
// ErrCarried, ErrTooLarge, and what wraps store.ErrUnavailable, after which the change may
// have happened; it can be repeated.
func (m *Manager) SetProperties(ctx context.Context, s Session, c Changes) (Session, error) {
	r, err := m.realm(s.Realm())
	if err != nil {
		return Session{}, err
	}
	if s.carried || s.isStub() {
		return Session{}, ErrCarried
	}
	key := sessionKey(s.id)
	for range attempts {
		record, err := s.changed(c)
		if err != nil || string(record) == s.record {
			return s, err
		}
		revision, err := m.commit(ctx, store.Check(key, s.revision), store.Put(key, r.codec.Seal(key, record), s.MaxExpires()))
		if err == nil {
			return Session{record: string(record), id: s.id, revision: revision}, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return Session{}, err
		}
		// Somebody ended it, or changed it, since it was read.
		now, err := m.load(ctx, r, s.id, store.Fresh)
		if err != nil {
			return Session{}, err
		}
		s = s.as(now)
	}
	return Session{}, fmt.Errorf("%w: a session's record changes all the time", store.ErrUnavailable)
}

// changed is the record of the session with other properties.
func (s Session) changed(c Changes) ([]byte, error) {
	properties := s.Properties()
	before := sizeOf(properties)
	for _, name := range c.Remove {
		delete(properties, name)
	}
	maps.Copy(properties, c.Set)
	// A journey may have set more than that; what does not grow is let be.
	if after := sizeOf(properties); after > before && (after > MaxPropertyBytes || len(properties) > MaxProperties) {
		return nil, fmt.Errorf("%w: %d properties of %d bytes, at most %d of %d", ErrTooLarge, len(properties), after, MaxProperties, MaxPropertyBytes)
	}
	record := appendProperties([]byte(s.record[:s.propertiesAt()]), properties)
	if len(record) > maxRecord {
		return nil, fmt.Errorf("%w: %d bytes with all that is in it, at most %d", ErrTooLarge, len(record), maxRecord)
	}
	return record, nil
}

func sizeOf(properties map[string]string) (size int) {
	for name, value := range properties {
		size += len(name) + len(value)
	}
	return size
}
