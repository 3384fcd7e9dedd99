package token

import (
	"crypto/subtle"
	"encoding/base64"
)

// A reference has the layout of AM 7 and 8 (SSO token and sessionId claim):
//
//	c66(head) "*" c66(extensions) "*"
//
// head is 20 bytes that nobody can guess. The extensions are pairs, each key
// and value after a 2-byte big-endian length: SI=01, SK=the MAC, type=the
// kind, S1="", and KI=the key's id, which is ours. SI and S1 are the same on
// all nodes, so that a token tells nobody a node. SK is the storage key in
// AM; here it holds the MAC that keeps forgeries away from the store.

// Kind tells what a reference refers to. It is the pair "type" of AM.
type Kind string

const (
	// CTS is an authenticated session in the CTS.
	CTS Kind = "CTS"
	// CTSAuth is a journey in the CTS.
	CTSAuth Kind = "CTS_AUTH"
	// MemAuth is a journey in the memory of one node.
	MemAuth Kind = "MEM_AUTH"
	// JWTAuth is a journey that the client carries itself. AM's layout for it
	// has neither head nor MAC, so no reference is of this kind: see Carry.
	JWTAuth Kind = "JWT_AUTH"
	// Suspended is a journey that waits for its link to be followed. What
	// names it has a form of its own: see MintLink.
	Suspended Kind = "SUSPENDED"
)

const (
	headSize  = 20
	macSize   = 20
	keyIDSize = 8

	// MaxReference is the length in bytes beyond which nothing is looked at
	// as a reference.
	MaxReference = 256
)

// The constant parts of the extensions, around MAC, kind and key id.
const (
	serverID    = "\x00\x02SI\x00\x0201"
	beforeMAC   = serverID + "\x00\x02SK\x00\x1c"
	beforeKind  = "\x00\x04type\x00"
	beforeKeyID = "\x00\x02S1\x00\x00" + "\x00\x02KI\x00\x08"
)

const (
	encodedHead = 28 // c66 of the head
	encodedMAC  = 28 // plain base64 of the MAC
)

// c66 is AM's cookie-safe base64. Strict and a length check make it
// canonical: for given bytes exactly one text is accepted.
var c66 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").WithPadding('.').Strict()

// Reference is an opened token.
type Reference struct {
	// Head is the secret part; a hash of it is the key of the record.
	Head  [headSize]byte
	Kind  Kind
	Realm string
	// KeyID names the key that made the token.
	KeyID string
}

// valid reports whether references of this kind exist.
func (k Kind) valid() bool { return k == CTS || k == CTSAuth || k == MemAuth }

// Mint makes the reference to what head names, under the realm's newest key.
// For a kind that has no references it panics.
func (k *Keys) Mint(kind Kind, head [headSize]byte) string {
	if !kind.valid() {
		panic("token: no reference is of kind " + string(kind))
	}
	key := k.keys[0]
	sk := key.encodedMAC(kind, &head)
	ext := make([]byte, 0, 128)
	ext = append(ext, beforeMAC...)
	ext = append(ext, sk[:]...)
	ext = append(ext, beforeKind...)
	ext = append(ext, byte(len(kind)))
	ext = append(ext, kind...)
	ext = append(ext, beforeKeyID...)
	ext = append(ext, key.id...)

	out := make([]byte, 0, MaxReference)
	out = c66.AppendEncode(out, head[:])
	out = append(out, '*')
	out = c66.AppendEncode(out, ext)
	return string(append(out, '*'))
}

// OpenReference opens a reference of any realm. Whatever was not made by this
// ring is ErrInvalid, in bounded time and without an allocation.
func (r *Ring) OpenReference(tok string) (Reference, error) {
	p, ok := parse(tok)
	if !ok {
		return Reference{}, ErrInvalid
	}
	return p.verify(r.byID[p.keyID])
}

// OpenReference opens a reference of this realm and kind; any other is
// ErrInvalid.
func (k *Keys) OpenReference(kind Kind, tok string) (Reference, error) {
	p, ok := parse(tok)
	if !ok || p.kind != kind {
		return Reference{}, ErrInvalid
	}
	return p.verify(k.find(string(p.keyID[:])))
}

// encodedMAC is the value of SK.
func (k *key) encodedMAC(kind Kind, head *[headSize]byte) (sk [encodedMAC]byte) {
	sum := k.reference.sum(string(kind), string(head[:]))
	base64.StdEncoding.Encode(sk[:], sum[:macSize])
	return sk
}

// parsed is a reference whose MAC has not been verified.
type parsed struct {
	head  [headSize]byte
	sk    [encodedMAC]byte
	kind  Kind
	keyID [keyIDSize]byte
}

// verify checks the MAC under the key that the token names, nil if unknown.
func (p *parsed) verify(k *key) (Reference, error) {
	if k == nil {
		return Reference{}, ErrInvalid
	}
	want := k.encodedMAC(p.kind, &p.head)
	if subtle.ConstantTimeCompare(want[:], p.sk[:]) != 1 {
		return Reference{}, ErrInvalid
	}
	return Reference{Head: p.head, Kind: p.kind, Realm: k.realm, KeyID: k.id}, nil
}

// parse takes a token apart. It accepts exactly what Mint can write.
func parse(tok string) (p parsed, ok bool) {
	const least = encodedHead + len("**")
	if len(tok) <= least || len(tok) > MaxReference {
		return p, false
	}
	if tok[encodedHead] != '*' || tok[len(tok)-1] != '*' {
		return p, false
	}
	var text, ext [MaxReference]byte
	n := copy(text[:], tok)
	if n, err := c66.Decode(ext[:], text[:encodedHead]); err != nil || n != headSize {
		return p, false
	}
	copy(p.head[:], ext[:headSize])
	encoded := text[encodedHead+1 : n-1]
	n, err := c66.Decode(ext[:], encoded)
	if err != nil || c66.EncodedLen(n) != len(encoded) { // the decoder skips line breaks
		return p, false
	}
	return p, p.parseExtensions(ext[:n])
}

// parseExtensions reads the pairs, which come in one order only.
func (p *parsed) parseExtensions(ext []byte) bool {
	c := cursor(ext)
	ok := c.skip(beforeMAC) && c.read(p.sk[:]) && c.skip(beforeKind)
	if !ok || len(c) == 0 {
		return false
	}
	size := int(c[0])
	if c = c[1:]; size > len(c) {
		return false
	}
	switch string(c[:size]) {
	case string(CTS):
		p.kind = CTS
	case string(CTSAuth):
		p.kind = CTSAuth
	case string(MemAuth):
		p.kind = MemAuth
	default:
		return false
	}
	c = c[size:]
	return c.skip(beforeKeyID) && c.read(p.keyID[:]) && len(c) == 0
}

// cursor is what is left to read.
type cursor []byte

func (c *cursor) skip(want string) bool {
	if len(*c) < len(want) || string((*c)[:len(want)]) != want {
		return false
	}
	*c = (*c)[len(want):]
	return true
}

func (c *cursor) read(into []byte) bool {
	if len(*c) < len(into) {
		return false
	}
	*c = (*c)[copy(into, *c):]
	return true
}
