package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/amgate/amgate/store"
)

// hash is what names a session or a user in the store: the first 20 bytes of
// SHA-256, plain or keyed.
type hash [20]byte

// hashText is the length of a hash in base64url without padding.
const hashText = 27

// The labels keep the hashes of one secret for several purposes apart.
const (
	labelID      = "amgate session id\x00"
	labelContext = "amgate session context\x00"
	labelUser    = "amgate session user"
	labelEnded   = "amgate session ended\x00"
	labelNotice  = "amgate session notice\x00"
)

// sessionID is the id of the session whose token has this head.
func sessionID(head *[20]byte) (id hash) {
	var in [len(labelID) + len(head)]byte
	copy(in[copy(in[:], labelID):], head[:])
	sum := sha256.Sum256(in[:])
	copy(id[:], sum[:])
	return id
}

// userHash is the hash of a user under a key of the installation that no
// rotation of secrets changes: a user's sessions stay in one index. A record
// remembers the one it was made with.
func userHash(key *[32]byte, realm, userID string) (h hash) {
	mac := hmac.New(sha256.New, key[:])
	var size [8]byte
	for _, field := range []string{labelUser, realm, userID} {
		binary.BigEndian.PutUint64(size[:], uint64(len(field)))
		mac.Write(size[:])
		mac.Write([]byte(field))
	}
	copy(h[:], mac.Sum(nil))
	return h
}

// sessionKey is the key of a session's record.
func sessionKey(id hash) store.Key {
	var b [2 + hashText]byte
	copy(b[:], "s/")
	base64.RawURLEncoding.Encode(b[2:], id[:])
	return store.Key(b[:])
}

// deniedKey is the key of the record that says that a session is ended which
// its client carries.
func deniedKey(id hash) store.Key { return hashKey("d/", id) }

// fenceKey is the key of the record that keeps late tries from making a session.
func fenceKey(id hash) store.Key { return hashKey("f/", id) }

// epochKey is the key of a user's epoch.
func epochKey(user hash) store.Key { return hashKey("e/", user) }

func hashKey(kind string, h hash) store.Key {
	var b [2 + hashText]byte
	copy(b[:], kind)
	base64.RawURLEncoding.Encode(b[2:], h[:])
	return store.Key(b[:])
}

// indexKey is the key of a session's entry in its user's index.
func indexKey(user, id hash) store.Key {
	var b [2 + hashText + 1 + hashText]byte
	copy(b[:], "u/")
	base64.RawURLEncoding.Encode(b[2:], user[:])
	b[2+hashText] = '/'
	base64.RawURLEncoding.Encode(b[3+hashText:], id[:])
	return store.Key(b[:])
}

// indexPrefix is the prefix of a user's index.
func indexPrefix(user hash) store.Key {
	return store.Key("u/" + base64.RawURLEncoding.EncodeToString(user[:]) + "/")
}

func contextID(id hash) string {
	sum := sha256.Sum256(append([]byte(labelContext), id[:]...))
	return fmt.Sprintf("%s-%d", uuid([16]byte(sum[:16])), binary.BigEndian.Uint32(sum[16:]))
}

// uuid writes 16 bytes as a UUID of version 8: made in a way of our own
// (RFC 9562).
func uuid(u [16]byte) string {
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
