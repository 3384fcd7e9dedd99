// Package affinity decides on which AM node a journey lives, and carries that
// decision through a client that can neither make, change nor read it.
//
// Words. An affinity is the random id of a journey and the pin of the node it
// lives on. A pin is a keyed hash of the node's advertised host:port. While
// the pinned node is available the journey stays there; else, and before a
// node has pinned it, rendezvous hashing of the id decides, so that all edges
// agree without talking. So adding a node moves no journey that has begun,
// and losing one moves only its own.
//
// The affinity travels as text in the cookie amlbcookie and in the authId's
// claim of that name.
package affinity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strings"
	"sync"
)

const (
	idSize  = 9
	pinSize = 6
	macSize = 12

	encodedID = 12
	// TextSize is the length of an affinity's text in bytes.
	TextSize = encodedID + len(".") + 24
)

// The uses of the key. None is the beginning of another, and what follows
// each has a fixed length or stands last, so no two inputs are equal.
const (
	useMAC  = "amgate 1 affinity mac\x00"
	usePin  = "amgate 1 affinity pin\x00"
	useRank = "amgate 1 affinity rank\x00"
)

// Pin names a node to those who have the key. The zero Pin names none.
type Pin [pinSize]byte

// Affinity is a journey's random id and the pin of its node, if it has one.
type Affinity struct {
	ID  [idSize]byte
	Pin Pin
}

// Router makes and verifies affinities under one key, and picks nodes. It is
// safe for concurrent use.
type Router struct {
	hmacs sync.Pool // of *state; a reset HMAC keeps its hashed key
}

type state struct {
	hmac hash.Hash
	in   []byte
	out  [sha256.Size]byte
}

// New returns the Router of an installation, whose edges and nodes all have
// this key.
func New(key [32]byte) *Router {
	return &Router{hmacs: sync.Pool{New: func() any {
		return &state{hmac: hmac.New(sha256.New, key[:]), in: make([]byte, 0, 64)}
	}}}
}

// Begin returns the affinity of a new journey. It has no pin: the node that
// takes the journey on sets it.
func (r *Router) Begin() (a Affinity) {
	rand.Read(a.ID[:]) // never fails since Go 1.24
	return a
}

// Pin returns the pin of the node with this host:port, without regard to
// case. Otherwise it must be written the same everywhere.
func (r *Router) Pin(hostport string) (p Pin) {
	sum := r.sum(usePin, strings.ToLower(hostport))
	copy(p[:], sum[:])
	if p == (Pin{}) {
		p[0] = 1 // zero means no pin
	}
	return p
}

// Format writes a as text: the id, a dot, then pin and MAC, in base64url.
func (r *Router) Format(a Affinity) string {
	var tail [pinSize + macSize]byte
	copy(tail[:], a.Pin[:])
	mac := r.mac(&a)
	copy(tail[pinSize:], mac[:])

	text := make([]byte, 0, TextSize)
	text = base64.RawURLEncoding.AppendEncode(text, a.ID[:])
	text = append(text, '.')
	return string(base64.RawURLEncoding.AppendEncode(text, tail[:]))
}

// Parse reads what Format wrote under the same key, and nothing else. There
// is one text for each affinity.
func (r *Router) Parse(text string) (a Affinity, ok bool) {
	if len(text) != TextSize || text[encodedID] != '.' {
		return Affinity{}, false
	}
	var src [TextSize]byte
	var tail [pinSize + macSize]byte
	copy(src[:], text)
	// The decoder skips line breaks, hence the comparison of lengths.
	if n, err := base64.RawURLEncoding.Decode(a.ID[:], src[:encodedID]); err != nil || n != idSize {
		return Affinity{}, false
	}
	if n, err := base64.RawURLEncoding.Decode(tail[:], src[encodedID+1:]); err != nil || n != len(tail) {
		return Affinity{}, false
	}
	copy(a.Pin[:], tail[:])
	mac := r.mac(&a)
	if subtle.ConstantTimeCompare(mac[:], tail[pinSize:]) != 1 {
		return Affinity{}, false
	}
	return a, true
}

func (r *Router) mac(a *Affinity) (mac [macSize]byte) {
	var fields [idSize + pinSize]byte
	copy(fields[:], a.ID[:])
	copy(fields[idSize:], a.Pin[:])
	sum := r.sum(useMAC, string(fields[:]))
	copy(mac[:], sum[:])
	return mac
}

// rankHash is a node's share in every ranking.
func (r *Router) rankHash(hostport string) uint64 {
	sum := r.sum(useRank, strings.ToLower(hostport))
	return binary.BigEndian.Uint64(sum[:])
}

func (r *Router) sum(use, data string) [sha256.Size]byte {
	s := r.hmacs.Get().(*state)
	defer r.hmacs.Put(s)
	s.in = append(append(s.in[:0], use...), data...)
	s.hmac.Reset()
	s.hmac.Write(s.in)
	s.hmac.Sum(s.out[:0])
	return s.out
}
