// Package sealed encrypts the values of records and binds each to its key, so
// that whoever can read or write the store can neither read nor forge a
// record, nor pass one off for another. It is a codec for the packages that
// keep records, not a store.
//
// The envelope of a value:
//
//	version (1) | key id (8) | nonce (12) | ciphertext | tag (16)
//
// The cipher is AES-256-GCM with a random nonce. The additional data are the
// version and the record's key after its length; the record's key begins with
// its kind, so a value is bound to that too.
//
// Random nonces bound what one key may seal: NIST SP 800-38D §8.3 allows 2^32
// values, at which two share a nonce with a probability of 2^-32; who has read
// both from the store could then learn what they have in common and forge
// values under that key. The chance grows with the square: at 2^36 values it
// is 2^-24. Each realm has keys of its own, and a rotated secret starts the
// count anew: at 100 seals a second one key lasts 16 months, at 1,000 seven
// weeks. A realm that busy puts a new secret in front that often.
package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/amgate/amgate/store"
)

// ErrSealed says that a value was not sealed for this record under any of
// the keys: it was damaged, cut, moved from another record or made elsewhere.
var ErrSealed = errors.New("sealed: the value was not sealed for this record under these keys")

const (
	version   = 1
	idSize    = 8
	nonceSize = 12
	tagSize   = 16

	idAt    = 1
	nonceAt = idAt + idSize
	bodyAt  = nonceAt + nonceSize
)

// Overhead is by how many bytes a sealed value is longer than the plain one.
const Overhead = bodyAt + tagSize

// Key is a secret key and the public id by which a value names it: 8 bytes.
type Key struct {
	ID  string
	Key [32]byte
}

// Codec seals and opens values. It is safe for concurrent use.
type Codec struct {
	newest sealer
	byID   map[[idSize]byte]cipher.AEAD
	// scratch holds *[]byte for the additional data, which would else be
	// allocated for each call, since they pass through an interface.
	scratch sync.Pool
}

type sealer struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// New returns a Codec of keys, newest first: the first one seals, all open.
func New(keys []Key) (*Codec, error) {
	if len(keys) == 0 {
		return nil, errors.New("sealed: no key is given")
	}
	c := &Codec{
		byID:    make(map[[idSize]byte]cipher.AEAD, len(keys)),
		scratch: sync.Pool{New: func() any { b := make([]byte, 0, 128); return &b }},
	}
	for i, k := range keys {
		if len(k.ID) != idSize {
			return nil, fmt.Errorf("sealed: the key id %q has %d bytes, not %d", k.ID, len(k.ID), idSize)
		}
		id := [idSize]byte([]byte(k.ID))
		if _, twice := c.byID[id]; twice {
			return nil, fmt.Errorf("sealed: two keys have the id %q", k.ID)
		}
		aead, err := newAEAD(k.Key)
		if err != nil {
			return nil, err
		}
		if c.byID[id] = aead; i == 0 {
			c.newest = sealer{id, aead}
		}
	}
	return c, nil
}

func newAEAD(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("sealed: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("sealed: %w", err)
	}
	return aead, nil
}

// Seal returns plain sealed for the record under k. Two calls give different
// values.
func (c *Codec) Seal(k store.Key, plain []byte) []byte {
	out := make([]byte, bodyAt, len(plain)+Overhead)
	out[0] = version
	copy(out[idAt:], c.newest.id[:])
	rand.Read(out[nonceAt:bodyAt]) // never fails since Go 1.24
	ad := c.additionalData(k)
	defer c.scratch.Put(ad)
	return c.newest.aead.Seal(out, out[nonceAt:bodyAt], plain, *ad)
}

// Open returns what was sealed for the record under k, or ErrSealed. The
// sealed value is left as it is.
func (c *Codec) Open(k store.Key, sealed []byte) ([]byte, error) {
	return c.open(k, sealed, make([]byte, 0, max(0, len(sealed)-Overhead)))
}

// OpenInPlace is Open without an allocation: the result is a part of sealed,
// which is overwritten, after ErrSealed too.
func (c *Codec) OpenInPlace(k store.Key, sealed []byte) ([]byte, error) {
	return c.open(k, sealed, sealed[min(bodyAt, len(sealed)):][:0])
}

// Stale reports whether a value that opens was sealed with another key than
// the newest.
func (c *Codec) Stale(sealed []byte) bool {
	return len(sealed) < Overhead || [idSize]byte(sealed[idAt:nonceAt]) != c.newest.id
}

// KeyID is the id of the key that a value says it was sealed with, "" if it
// is no sealed value. Only Open knows whether that is true.
func KeyID(sealed []byte) string {
	if len(sealed) < Overhead || sealed[0] != version {
		return ""
	}
	return string(sealed[idAt:nonceAt])
}

func (c *Codec) open(k store.Key, sealed, into []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != version {
		return nil, refuse(k)
	}
	aead, known := c.byID[[idSize]byte(sealed[idAt:nonceAt])]
	if !known {
		return nil, refuse(k)
	}
	ad := c.additionalData(k)
	defer c.scratch.Put(ad)
	plain, err := aead.Open(into, sealed[nonceAt:bodyAt], sealed[bodyAt:], *ad)
	if err != nil {
		return nil, refuse(k)
	}
	return plain, nil
}

// additionalData is what a value is bound to. The caller gives it back to
// c.scratch.
func (c *Codec) additionalData(k store.Key) *[]byte {
	ad := c.scratch.Get().(*[]byte)
	*ad = append((*ad)[:0], version)
	*ad = binary.BigEndian.AppendUint32(*ad, uint32(len(k)))
	*ad = append(*ad, k...)
	return ad
}
