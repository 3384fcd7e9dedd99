package token

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"strings"
)

// A sealed text is a compact JWE (RFC 7516 §7.1) of one form, with direct
// encryption by AES-256-GCM (RFC 7518 §4.5, §5.3) and a header that is fixed
// for a key, so that nothing about it is ever parsed:
//
//	b64(header) ".." b64(nonce) "." b64(ciphertext) "." b64(tag)
//
// b64 is base64url without padding. The header's encoding is also the
// additional data.

// The headers of sealed texts but for the key's id: the only one, and that of
// sessions that are compressed.
const (
	sealedHeader = `{"alg":"dir","enc":"A256GCM","kid":"%s"}`
	zippedHeader = `{"alg":"dir","enc":"A256GCM","kid":"%s","zip":"DEF"}`
)

// Sizes of A256GCM in bytes, and in characters of base64url.
const (
	nonceSize, nonceLen = 12, 16
	tagSize, tagLen     = 16, 22
)

// sealedRest is the length of a sealed text behind its start and around the
// ciphertext: nonce, tag and dots.
const sealedRest = nonceLen + 1 + 1 + tagLen

// sealedStartOf is what a sealed text begins with: its header and, since the
// encryption is direct, an empty key.
func sealedStartOf(header, keyID string) string {
	return base64url.EncodeToString(fmt.Appendf(nil, header, keyID)) + ".."
}

// jwe writes and reads the sealed texts of one key with one header. It is
// immutable and safe for concurrent use.
type jwe struct {
	start  string
	header []byte
	// aead makes a random nonce and puts it in front.
	aead cipher.AEAD
}

func newJWE(start string, aead cipher.AEAD) jwe {
	return jwe{start, []byte(strings.TrimSuffix(start, "..")), aead}
}

// aeadFor is the cipher of sealed texts of a purpose.
func (k *key) aeadFor(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(k.expand(purpose, 32))
	if err != nil {
		panic(err) // only another size of key ends here
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only another cipher than AES ends here
	}
	return aead
}

// size is the length in bytes of a sealed text of so many plain bytes.
func (j jwe) size(plain int) int { return len(j.start) + sealedRest + base64url.EncodedLen(plain) }

// seal returns a text of which no two are the same. Errors: ErrTooLarge beyond
// MaxSealed.
func (j jwe) seal(plain []byte) (string, error) {
	size := j.size(len(plain))
	if size > MaxSealed {
		return "", fmt.Errorf("%w: %d bytes sealed, at most %d are allowed", ErrTooLarge, size, MaxSealed)
	}
	raw := j.aead.Seal(make([]byte, 0, len(plain)+j.aead.Overhead()), nil, plain, j.header) //nolint:gosec // G407: the cipher makes the nonce, a random one.
	tag := len(raw) - tagSize
	var text strings.Builder
	text.Grow(size)
	text.WriteString(j.start)
	writeBase64url(&text, raw[:nonceSize])
	text.WriteByte('.')
	writeBase64url(&text, raw[nonceSize:tag])
	text.WriteByte('.')
	writeBase64url(&text, raw[tag:])
	return text.String(), nil
}

// open returns what seal was given. All else is ErrSignature: of the texts
// that mean the same only the one that seal writes is accepted.
func (j jwe) open(text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, j.start)
	tag := len(rest) - tagLen
	if !ok || len(text) > MaxSealed || len(rest) < sealedRest || rest[nonceLen] != '.' || rest[tag-1] != '.' {
		return nil, ErrSignature
	}
	// The decoder skips line breaks.
	if strings.IndexByte(rest, '\n') >= 0 || strings.IndexByte(rest, '\r') >= 0 {
		return nil, ErrSignature
	}
	raw := make([]byte, 0, base64url.DecodedLen(len(rest)))
	for _, part := range [...]string{rest[:nonceLen], rest[nonceLen+1 : tag-1], rest[tag:]} {
		var err error
		if raw, err = strict.AppendDecode(raw, []byte(part)); err != nil {
			return nil, ErrSignature
		}
	}
	plain, err := j.aead.Open(raw[:0], nil, raw, j.header)
	if err != nil {
		return nil, ErrSignature
	}
	return plain, nil
}
