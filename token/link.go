package token

import (
	"crypto/subtle"
)

// A link's reference stands in the query of a URL that is sent by mail, where
// it must survive whatever marks links in plain text: it has no character
// besides letters, digits, "-" and "_":
//
//	key id (8) | base64url(head (20) | MAC (20))

// LinkSize is the length of a link's reference in bytes: all have it.
const LinkSize = keyIDSize + (headSize+macSize)*4/3 + 1

// MintLink makes the reference to the suspended journey that head names,
// under the realm's newest key. Who has it can go on with the journey.
func (k *Keys) MintLink(head [headSize]byte) string {
	key := k.keys[0]
	sum := key.reference.sum(string(Suspended), string(head[:]))
	return key.id + base64url.EncodeToString(append(head[:], sum[:macSize]...))
}

// OpenLink opens a link's reference of this realm; anything else is
// ErrInvalid. Of a head there is one reference for each key, without spare
// bits.
func (k *Keys) OpenLink(text string) (head [headSize]byte, err error) {
	if len(text) != LinkSize {
		return head, ErrInvalid
	}
	key := k.find(text[:keyIDSize])
	raw, err := strict.DecodeString(text[keyIDSize:])
	if key == nil || err != nil || len(raw) != headSize+macSize {
		return head, ErrInvalid
	}
	mac := key.reference.sum(string(Suspended), string(raw[:headSize]))
	if subtle.ConstantTimeCompare(mac[:macSize], raw[headSize:]) != 1 {
		return head, ErrInvalid
	}
	return [headSize]byte(raw[:headSize]), nil
}
