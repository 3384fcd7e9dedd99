package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"strings"
)

// MaxSealed is the length in bytes beyond which nothing is sealed or looked at
// as a sealed text.
const MaxSealed = MaxAuthID

// ErrTooLarge says that something is longer than a client is made to carry.
var ErrTooLarge = errors.New("token: too large")

// Sealer seals what a client keeps for us, and opens it. It is immutable and
// safe for concurrent use.
type Sealer struct{ keys []jwe }

// Sealer returns the Sealer for a purpose. Each purpose has keys of its own, so
// that a text sealed for one of them is nothing for another. Purposes are
// written in the code or the configuration, never taken from a client.
//
// It takes some microseconds; who seals much keeps it.
func (k *Keys) Sealer(purpose string) *Sealer {
	s := &Sealer{keys: make([]jwe, len(k.keys))}
	for i, key := range k.keys {
		s.keys[i] = newJWE(key.sealedStart, key.aeadFor(purpose))
	}
	return s
}

// Seal encrypts and authenticates plain with the realm's newest key, as a
// compact JWE (RFC 7516) with direct encryption by AES-256-GCM and without
// compression. Errors: ErrTooLarge.
//
// Nonces are random, so one key should seal at most 2^32 texts (NIST SP
// 800-38D §8.3); a secret that is rotated starts the count anew.
func (s *Sealer) Seal(plain []byte) (string, error) { return s.keys[0].seal(plain) }

// Open returns what Seal was given. Anything that this installation did not
// seal for this realm and purpose is ErrSignature: of all that JOSE allows
// only the one form that Seal writes is looked at, and each of its characters
// counts.
func (s *Sealer) Open(sealed string) ([]byte, error) {
	for _, key := range s.keys {
		if strings.HasPrefix(sealed, key.start) {
			return key.open(sealed)
		}
	}
	return nil, ErrSignature
}

// expand is a key of so many bytes for a purpose.
func (k *key) expand(purpose string, size int) []byte {
	secret, err := hkdf.Expand(sha256.New, k.carried[:], purpose, size)
	if err != nil {
		panic(err) // only a length beyond 255 hashes ends here
	}
	return secret
}
