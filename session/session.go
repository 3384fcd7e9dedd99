package session

import (
	"time"
)

// Session is one authenticated session as it was when it was looked up. It is
// a small immutable value over the record, which it reads in place; all texts
// that it returns share the record's memory. The zero Session is nobody's:
// its texts are empty and its times long past.
type Session struct {
	// record has passed checkRecord, or is "".
	record   string
	id       hash
	revision int64 // of the record; for the transaction that ends it
	carried  bool  // by its client: the store has no record of it
}

// Realm is the path of the session's realm, such as "/alpha".
func (s Session) Realm() string { return s.text(textRealm) }

// UserID is the user's stable id in the realm.
func (s Session) UserID() string { return s.text(textUserID) }

// Username is the user's name as the realm spells it.
func (s Session) Username() string { return s.text(textUsername) }

// UniversalID is AM's name for the user across realms.
func (s Session) UniversalID() string { return s.text(textUniversalID) }

// AuthType is the types of the steps that were passed, with | between them.
func (s Session) AuthType() string { return s.text(textAuthType) }

// Journey is the name of the journey that yielded the session.
func (s Session) Journey() string { return s.text(textJourney) }

// AuthLevel is the authentication level that the journey reached.
func (s Session) AuthLevel() int {
	if s.record == "" {
		return 0
	}
	return int(int32(uint32(length(s.record, atLevel))<<16 | uint32(length(s.record, atLevel+2))))
}

// Created is when the session was issued, to the millisecond.
func (s Session) Created() time.Time { return s.time(atCreated) }

// MaxExpires is when the session ends however much it is used.
func (s Session) MaxExpires() time.Time { return s.time(atMax) }

// IdleTime is how long the session may go without being used.
func (s Session) IdleTime() time.Duration {
	if s.record == "" {
		return 0
	}
	return millis(number(s.record, atIdle))
}

// Roles are the user's roles when the session was issued.
func (s Session) Roles() []string {
	n, at := s.list(s.rolesAt())
	roles := make([]string, 0, n)
	for range n {
		var role string
		role, at = s.textAt(at)
		roles = append(roles, role)
	}
	return roles
}

// Property is the value of a session property and whether there is one.
func (s Session) Property(name string) (value string, ok bool) {
	n, at := s.list(s.propertiesAt())
	for range n {
		var this string
		this, at = s.textAt(at)
		value, at = s.textAt(at)
		if this == name {
			return value, true
		}
	}
	return "", false
}

// Properties are all properties that the journey set.
func (s Session) Properties() map[string]string {
	n, at := s.list(s.propertiesAt())
	properties := make(map[string]string, n)
	for range n {
		var name string
		name, at = s.textAt(at)
		properties[name], at = s.textAt(at)
	}
	return properties
}

// Handle names the session in lists and logs, in AM's form. It is made of
// hashes and opens nothing.
func (s Session) Handle() string { return handle(s.user(), s.id) }

// ContextID is AM's AMCtxId: a name for the session that apps and audit logs
// may see, <uuid>-<number>. It is derived from the session's id one way.
func (s Session) ContextID() string { return contextID(s.id) }

// Carried reports whether its client alone has the session, so that the store
// has nothing of it and its idle time is not judged.
func (s Session) Carried() bool { return s.carried }

// user is the hash of the session's user.
func (s Session) user() (h hash) {
	if s.record != "" {
		copy(h[:], s.record[atUser:])
	}
	return h
}

func (s Session) time(at int) time.Time {
	if s.record == "" {
		return time.Time{}
	}
	return time.UnixMilli(int64(number(s.record, at)))
}

func (s Session) text(i int) string {
	if s.record == "" {
		return ""
	}
	at := atTexts
	for before := range i {
		at += length(s.record, atLengths+2*before)
	}
	return s.record[at : at+length(s.record, atLengths+2*i)]
}

func (s Session) rolesAt() int {
	if s.record == "" {
		return 0
	}
	at := atTexts
	for i := range textCount {
		at += length(s.record, atLengths+2*i)
	}
	return at
}

func (s Session) propertiesAt() int {
	n, at := s.list(s.rolesAt())
	for range n {
		_, at = s.textAt(at)
	}
	return at
}

// list returns the length of the list at an offset and where it begins.
func (s Session) list(at int) (n, first int) {
	if s.record == "" {
		return 0, 0
	}
	return length(s.record, at), at + 2
}

// textAt returns the text at an offset and the offset behind it.
func (s Session) textAt(at int) (text string, next int) {
	next = at + 2 + length(s.record, at)
	return s.record[at+2 : next], next
}
