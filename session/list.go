package session

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/amgate/amgate/store"
)

// MaxListed is how many sessions one page of a List holds at most; AM's
// default for maxSessionListSize.
const MaxListed = 120

// Page selects a part of a List.
type Page struct {
	// After is the next of the page before, "" for the first one.
	After string
	// Limit is how many sessions the page may hold: MaxListed if it is 0 or
	// more than that.
	Limit int
}

// Listed is a session in a list.
type Listed struct {
	Session
	// Accessed is when it was used last, see Manager.LastAccess.
	Accessed time.Time
}

// List reads a page of a user's live sessions. Their order says nothing, but
// it stays the same, so no session that lives throughout is missed or told
// twice. next is the After of the following page, "" if this was the last one.
//
// It finds what was issued before, on whatever node. Errors: ErrInvalid for an
// After that no List of this user returned, and what wraps
// store.ErrUnavailable.
func (m *Manager) List(ctx context.Context, path, userID string, page Page) (found []Listed, next string, err error) {
	r, err := m.realm(path)
	if err != nil {
		return nil, "", err
	}
	user := m.userOf(path, userID)
	limit := page.Limit
	if limit <= 0 || limit > MaxListed {
		limit = MaxListed
	}
	var after store.Key
	if page.After != "" {
		of, id, ok := parseHandle(page.After)
		if !ok || of != user {
			return nil, "", ErrInvalid
		}
		after = indexKey(user, id)
	}
	for len(found) < limit {
		entries, _, last, err := m.indexPage(ctx, r, user, store.Page{After: after, Limit: limit - len(found)})
		if err != nil || last == "" {
			return found, "", err
		}
		after = last
		listed, err := m.listed(ctx, r, entries)
		if err != nil {
			return nil, "", err
		}
		found = append(found, listed...)
	}
	id, ok := sessionOf(after)
	if !ok {
		return found, "", nil // not a key of ours, and the last of them
	}
	return found, handle(user, id), nil
}

// listed reads the sessions of entries, without those that are over.
func (m *Manager) listed(ctx context.Context, r *realm, entries []indexed) (found []Listed, err error) {
	now := time.Now()
	for _, e := range entries {
		if m.access.idle(e.entry, now) {
			continue
		}
		s, err := m.load(ctx, r, e.id, store.Any)
		switch {
		case isOver(err), err == nil && s.maxedOut(now):
			continue
		case err != nil:
			return nil, err
		}
		found = append(found, Listed{s, m.lastAccess(s, e.entry)})
	}
	return found, nil
}

// isOver tells a session that is certainly not there from one that could not
// be read.
func isOver(err error) bool { return errors.Is(err, ErrEnded) || errors.Is(err, ErrInvalid) }

// indexed is a session by its entry in its user's index.
type indexed struct {
	entry
	id       hash
	revision int64 // of the entry
}

// index reads all entries of a user's index. Nothing that is not among them
// was written up to the revision asOf.
func (m *Manager) index(ctx context.Context, r *realm, user hash) (all []indexed, asOf int64, err error) {
	for after := store.Key(""); ; {
		entries, revision, last, err := m.indexPage(ctx, r, user, store.Page{After: after})
		if err != nil {
			return nil, 0, err
		}
		if asOf == 0 {
			asOf = revision // what later pages show that is newer will be found to be
		}
		if last == "" {
			return all, asOf, nil
		}
		all, after = append(all, entries...), last
	}
}

// indexPage reads a part of a user's index, and says which record was the last
// that it saw: "" if there were none. Entries that cannot be read are left out
// and logged.
func (m *Manager) indexPage(ctx context.Context, r *realm, user hash, page store.Page) (entries []indexed, asOf int64, last store.Key, err error) {
	records, asOf, err := m.store.List(ctx, indexPrefix(user), page)
	if err != nil {
		return nil, 0, "", m.readError(ctx, err)
	}
	for _, rec := range records {
		last = rec.Key
		e := indexed{revision: rec.Revision}
		plain, err := r.codec.OpenInPlace(rec.Key, rec.Value)
		if err == nil {
			e.entry, err = decodeEntry(plain)
		}
		var ok bool
		if e.id, ok = sessionOf(rec.Key); !ok || err != nil {
			m.log.Error("an entry of a user's index cannot be read and is left out", "realm", r.path, "error", err)
			continue
		}
		entries = append(entries, e)
	}
	return entries, asOf, last, nil
}

// ByHandle finds a live session of any realm by its handle, without using it.
// A handle gives no right to anything: whether the caller may know of the
// session is for the caller of ByHandle to decide. Errors as of Lookup.
func (m *Manager) ByHandle(ctx context.Context, text string) (Session, error) {
	user, id, ok := parseHandle(text)
	if !ok {
		return Session{}, ErrInvalid
	}
	rec, _, err := m.store.Get(ctx, sessionKey(id), store.Any)
	if err != nil {
		return Session{}, m.readError(ctx, err)
	}
	r, ok := m.realmOf(rec.Value)
	if !ok {
		return Session{}, ErrInvalid // of a realm that is not configured here
	}
	s, err := m.open(r, id, rec)
	switch {
	case err != nil:
		return Session{}, err
	case s.user() != user:
		return Session{}, ErrInvalid
	}
	return m.alive(ctx, r, s, Peek)
}

// SharesUser reports whether a handle is of a session of the same user, this
// one or another. It asks nobody: the session may have ended.
func (s Session) SharesUser(handle string) bool {
	user, _, ok := parseHandle(handle)
	return ok && s.record != "" && user == s.user()
}

// EndUser ends all sessions that a user has, but for one if except is not nil,
// and returns those that it ended. One that is issued meanwhile lives on.
// Errors: what wraps store.ErrUnavailable; some sessions may have ended then,
// and it can be repeated.
func (m *Manager) EndUser(ctx context.Context, path, userID string, except *Session) (ended []Session, err error) {
	r, err := m.realm(path)
	if err != nil {
		return nil, err
	}
	if err := m.endAllCarried(ctx, m.userOf(path, userID), except); err != nil {
		return nil, err
	}
	return m.endIndexed(ctx, r, userID, func(s Session) bool { return except != nil && s.id == except.id })
}

// EndUnless ends the sessions of a user that the store knows, but for those
// that stand, and returns those that it ended. One whose properties only its
// client has stands if it was issued after since. Errors: what wraps
// store.ErrUnavailable; some sessions may have ended then, and it can be
// repeated.
func (m *Manager) EndUnless(ctx context.Context, path, userID string, since time.Time, stands func(Session) bool) (ended []Session, err error) {
	r, err := m.realm(path)
	if err != nil {
		return nil, err
	}
	return m.endIndexed(ctx, r, userID, func(s Session) bool {
		if s.isStub() {
			return s.Created().After(since)
		}
		return stands(s)
	})
}

// endIndexed ends those of a user's sessions in the store that are not spared.
func (m *Manager) endIndexed(ctx context.Context, r *realm, userID string, spared func(Session) bool) (ended []Session, err error) {
	entries, _, err := m.index(ctx, r, m.userOf(r.path, userID))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		s, err := m.load(ctx, r, e.id, store.Any)
		if err == nil && spared(s) {
			continue
		}
		if err == nil {
			err = m.Destroy(ctx, s)
		}
		switch {
		case err == nil:
			ended = append(ended, s)
		case !isOver(err):
			return ended, err
		}
	}
	return ended, nil
}

// userOf is the hash of a user of a realm.
func (m *Manager) userOf(path, userID string) hash { return userHash(&m.userKey, path, userID) }

const handlePrefix = "shandle:"

func handle(user, id hash) string {
	var both [2 * len(hash{})]byte
	copy(both[copy(both[:], user[:]):], id[:])
	return handlePrefix + base64.RawURLEncoding.EncodeToString(both[:])
}

// parseHandle reads what handle writes, and nothing else.
func parseHandle(text string) (user, id hash, ok bool) {
	encoded, ok := strings.CutPrefix(text, handlePrefix)
	var both [2 * len(hash{})]byte
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(len(both)) {
		return hash{}, hash{}, false
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(both[:], []byte(encoded)); err != nil {
		return hash{}, hash{}, false
	}
	copy(id[:], both[copy(user[:], both[:]):])
	return user, id, true
}
