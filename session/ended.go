package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/sealed"
)

// Why says how a session ended.
type Why uint8

// The ways in which a session ends.
const (
	LoggedOut Why = iota + 1
	IdleTimedOut
	MaxTimedOut
	// Upgraded is a session whose place another one took.
	Upgraded
	// Destroyed is a session that was ended by somebody who need not have its
	// token, or because its user had too many.
	Destroyed
)

// String is how AM names the end of a session to webhooks, its
// WebhookEventType.
func (w Why) String() string {
	switch w {
	case LoggedOut:
		return "LOGOUT"
	case IdleTimedOut:
		return "IDLE_TIMEOUT"
	case MaxTimedOut:
		return "MAX_TIMEOUT"
	case Upgraded:
		return "UPGRADE"
	case Destroyed:
		return "DESTROY"
	}
	return fmt.Sprintf("Why(%d)", uint8(w))
}

// Ended is a session that is over.
type Ended struct {
	Session
	Why Why
	// At is when that was found out, to the millisecond.
	At time.Time
}

// ID names the end of the session, wherever and however often it is told. It
// is derived from the session's id one way.
func (e Ended) ID() string {
	sum := sha256.Sum256(append([]byte(labelEnded), e.id[:]...))
	return uuid([16]byte(sum[:16]))
}

// Notice is what is told, at least once, of sessions of one realm that ended.
type Notice struct {
	// Realm is the path of the realm.
	Realm string
	// Webhook is the one to call, "" for the audit log. Then it is for one
	// session alone.
	Webhook string
	Ended   []Ended
}

// The layout of a notice, version 1; numbers are big-endian.
//
//	bytes
//	    1  version
//	    2  length of the webhook's name, and the name
//	  for each session that ended:
//	    1  why
//	    8  when, milliseconds since 1970
//	   20  the session's id
//	    4  length of the session's record, and the record
const noticeVersion = 1

// endedSize is what comes before a session's record.
const endedSize = 1 + 8 + len(hash{}) + 4

func encodeNotice(webhook string, ended ...Ended) []byte {
	b := appendText([]byte{noticeVersion}, webhook)
	for _, e := range ended {
		b = append(b, byte(e.Why))
		b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMilli()))
		b = append(b, e.id[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.record)))
		b = append(b, e.record...)
	}
	return b
}

// decodeNotice reads what encodeNotice wrote. The sessions share its memory.
func decodeNotice(b string) (webhook string, ended []Ended, err error) {
	if len(b) < 1 || b[0] != noticeVersion {
		return "", nil, errRecord
	}
	at, ok := checkText(b, 1)
	if !ok {
		return "", nil, errRecord
	}
	webhook = b[3:at]
	for b = b[at:]; b != ""; {
		if len(b) < endedSize {
			return "", nil, errRecord
		}
		e := Ended{Why: Why(b[0])}
		size := int(binary.BigEndian.Uint32([]byte(b[endedSize-4:])))
		when := number(b, 1)
		if e.Why < LoggedOut || e.Why > Destroyed || when > maxMillis || size > len(b)-endedSize {
			return "", nil, errRecord
		}
		e.At = time.UnixMilli(int64(when))
		copy(e.id[:], b[9:])
		if e.record = b[endedSize : endedSize+size]; !checkRecord(e.record) {
			return "", nil, errRecord
		}
		ended, b = append(ended, e), b[endedSize+size:]
	}
	if len(ended) == 0 || webhook != "" && len(ended) > 1 {
		return "", nil, errRecord
	}
	return webhook, ended, nil
}

// noticeKey is the key of a notice. A session ends once, so the first one that
// a notice tells of names it.
func noticeKey(webhook string, first hash) store.Key {
	sum := sha256.Sum256(append(append([]byte(labelNotice), first[:]...), webhook...))
	return outbox.Prefix + store.Key(base64.RawURLEncoding.EncodeToString(sum[:len(hash{})]))
}

// post is the operation that posts a notice of sessions of one realm.
func (m *Manager) post(r *realm, webhook string, ended ...Ended) store.Op {
	key := noticeKey(webhook, ended[0].id)
	return outbox.Post(key, r.codec.Seal(key, encodeNotice(webhook, ended...)))
}

// postWebhooks posts a notice for each webhook of a session.
func (m *Manager) postWebhooks(r *realm, e Ended) (ops []store.Op) {
	for _, webhook := range m.hooks(e.Session) {
		ops = append(ops, m.post(r, webhook, e))
	}
	return ops
}

// posted has the notices among ops delivered.
func (m *Manager) posted(revision int64, ops ...store.Op) {
	if m.outbox != nil {
		m.outbox.Posted(revision, ops...)
	}
}

// OpenNotice reads a notice of the outbox. Not ok means that this node does
// not have the keys of its realm. An error says that it was damaged, moved or
// forged.
func (m *Manager) OpenNotice(key store.Key, payload []byte) (n Notice, ok bool, err error) {
	r, ok := m.realmOf(payload)
	if !ok {
		return Notice{}, false, nil
	}
	plain, err := r.codec.OpenInPlace(key, payload)
	if err != nil {
		return Notice{}, true, fmt.Errorf("session: a notice of realm %s: %w", r.path, err)
	}
	n.Realm = r.path
	n.Webhook, n.Ended, err = decodeNotice(view(plain))
	return n, true, err
}

// realmOf is the realm whose key a value says it was sealed with.
func (m *Manager) realmOf(value []byte) (*realm, bool) {
	path, ok := m.keys.RealmOf(sealed.KeyID(value))
	if !ok {
		return nil, false
	}
	r, err := m.realm(path)
	return r, err == nil
}
