package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MaxSealed is the length in bytes beyond which nothing is sealed or looked at
// as a sealed text.
const MaxSealed = MaxAuthID

// ErrTooLarge says that something is longer than a client is made to carry.
var ErrTooLarge = errors.New("token: too large")

// The headers of sealed texts but for the key's id: the only one, and that of
// sessions that are compressed. Their members are in the library's order.
const (
	sealedHeader = `{"alg":"dir","enc":"A256GCM","kid":"%s"}`
	zippedHeader = `{"alg":"dir","enc":"A256GCM","kid":"%s","zip":"DEF"}`
)

// sealedStartOf is what a sealed text begins with: its header and, since the
// encryption is direct, an empty key.
func sealedStartOf(header, keyID string) string {
	return base64url.EncodeToString(fmt.Appendf(nil, header, keyID)) + ".."
}

// Seal encrypts and authenticates what a client keeps for us, as a compact
// JWE (RFC 7516) with direct encryption by AES-256-GCM and without
// compression. Each purpose has a key of its own, so that a text sealed for
// one of them is nothing for another. Purposes are written in the code, never
// taken from a client.
//
// Nonces are random, so one key should seal at most 2^32 texts (NIST SP
// 800-38D §8.3); a secret that is rotated starts the count anew.
func (k *Keys) Seal(purpose string, plain []byte) (string, error) {
	return k.keys[0].sealText(purpose, plain, false)
}

func (k *key) sealText(purpose string, plain []byte, compress bool) (string, error) {
	secret, err := k.expand(purpose, 32)
	if err != nil {
		return "", err
	}
	var options jose.EncrypterOptions
	if compress {
		options.Compression = jose.DEFLATE
	}
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: secret, KeyID: k.id}, &options)
	if err != nil {
		return "", fmt.Errorf("token: seal: %w", err)
	}
	object, err := enc.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("token: seal: %w", err)
	}
	sealed, err := object.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("token: seal: %w", err)
	}
	if len(sealed) > MaxSealed {
		return "", fmt.Errorf("%w: %d bytes sealed, at most %d are allowed", ErrTooLarge, len(sealed), MaxSealed)
	}
	return sealed, nil
}

// Open returns what Seal was given. Anything that this installation did not
// seal for this realm and purpose is ErrSignature: of all that JOSE allows
// only the one form that Seal writes is looked at, and each of its characters
// counts.
func (k *Keys) Open(purpose, sealed string) ([]byte, error) {
	if len(sealed) > MaxSealed {
		return nil, ErrSignature
	}
	for _, key := range k.keys {
		if strings.HasPrefix(sealed, key.sealedStart) {
			return key.openText(purpose, sealed, key.sealedStart)
		}
	}
	return nil, ErrSignature
}

// openText opens what begins with start, as this key's sealed texts do. In the
// place of the empty key the library would take any and ignore it.
func (k *key) openText(purpose, sealed, start string) ([]byte, error) {
	if !strings.HasPrefix(sealed, start) {
		return nil, ErrSignature
	}
	object, err := jose.ParseEncryptedCompact(sealed, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, ErrSignature
	}
	// The library's decoder skips line breaks and does not mind spare bits.
	if again, err := object.CompactSerialize(); err != nil || again != sealed {
		return nil, ErrSignature
	}
	secret, err := k.expand(purpose, 32)
	if err != nil {
		return nil, err
	}
	plain, err := object.Decrypt(secret)
	if err != nil {
		return nil, ErrSignature
	}
	return plain, nil
}

// expand is a key of so many bytes for a purpose. It is derived at each use,
// which takes about a microsecond.
func (k *key) expand(purpose string, size int) ([]byte, error) {
	secret, err := hkdf.Expand(sha256.New, k.carried[:], purpose, size)
	if err != nil {
		return nil, fmt.Errorf("token: derive a key: %w", err)
	}
	return secret, nil
}
