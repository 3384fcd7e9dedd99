package session

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// opened remembers sessions that clients carry by the digests of their tokens,
// so that a token is verified and decrypted once and not at every request. It
// says nothing about whether a session lives. Only what was found to be ours
// comes in, and the digest is of every byte, key and realm among them.
//
// Like seen it is set-associative and has no locks: a token has eight places,
// and displaces the one that its digest chooses if none is free. It holds
// 65,536 sessions, about 30 MiB of them when they are all in use.
type opened struct {
	sets [openedSets][openedWays]atomic.Pointer[openedSession]
}

const (
	openedSets = 1 << 13
	openedWays = 8
)

type openedSession struct {
	digest  [sha256.Size]byte
	session Session
}

func digest(tok string) [sha256.Size]byte { return sha256.Sum256([]byte(tok)) }

func (o *opened) set(digest *[sha256.Size]byte) *[openedWays]atomic.Pointer[openedSession] {
	return &o.sets[binary.BigEndian.Uint32(digest[:])%openedSets]
}

func (o *opened) get(digest *[sha256.Size]byte) (Session, bool) {
	set := o.set(digest)
	for i := range set {
		if e := set[i].Load(); e != nil && e.digest == *digest {
			return e.session, true
		}
	}
	return Session{}, false
}

func (o *opened) put(digest *[sha256.Size]byte, s Session) {
	set := o.set(digest)
	place := int(digest[4]) % openedWays
	for i := range set {
		if set[i].Load() == nil {
			place = i
			break
		}
	}
	set[place].Store(&openedSession{*digest, s})
}
