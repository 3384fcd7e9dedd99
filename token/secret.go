package token

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// MinSecretSize is the least length of a Secret in bytes, as in AM: 128 bits.
const MinSecretSize = 16

// generatedSize is the length of a generated Secret in bytes.
const generatedSize = 32

// Secret is key material that cannot slip into a log, a dump or a JSON
// document: all it shows of itself is its ID. The zero Secret holds nothing.
type Secret struct {
	// The bytes are captured by a function because fmt cannot call String on
	// the unexported field of another struct: it would show a slice, and what
	// a pointer points to. Of a function it shows the address; nor do
	// packages that dump values by reflection look into one.
	bytes func() []byte
}

// hide captures b, which nobody may change from now on.
func hide(b []byte) Secret { return Secret{func() []byte { return b }} }

// NewSecret keeps a copy of b, which must be at least MinSecretSize long.
func NewSecret(b []byte) (Secret, error) {
	if len(b) < MinSecretSize {
		return Secret{}, fmt.Errorf("token: a secret of %d bits, at least %d are needed", 8*len(b), 8*MinSecretSize)
	}
	return hide(bytes.Clone(b)), nil
}

// ParseSecret reads a Secret in base64, in the standard or the URL alphabet,
// padded or not. The error says what is wrong, never the value.
func ParseSecret(text string) (Secret, error) {
	if text == "" {
		return Secret{}, errors.New("token: the secret is empty")
	}
	if strings.ContainsAny(text, "\r\n") {
		return Secret{}, errors.New("token: the secret is more than one line")
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	raw := strings.TrimRight(text, "=")
	if pad := len(text) - len(raw); pad > 0 && (pad > 2 || len(text)%4 != 0) {
		return Secret{}, errors.New("token: the secret is not valid base64: wrong padding")
	}
	b, err := enc.DecodeString(raw)
	if err != nil {
		return Secret{}, fmt.Errorf("token: the secret is not valid base64: %w", err)
	}
	return NewSecret(b)
}

// GenerateSecret returns 256 random bits.
func GenerateSecret() Secret {
	b := make([]byte, generatedSize)
	rand.Read(b) // never fails since Go 1.24
	return hide(b)
}

// Reveal returns a copy of the bytes. It is the only way out besides Base64,
// so that its uses are easy to find.
func (s Secret) Reveal() []byte { return bytes.Clone(s.material()) }

// Base64 is the form that ParseSecret reads and an operator keeps.
func (s Secret) Base64() string { return base64.StdEncoding.EncodeToString(s.material()) }

// ID names the secret in public: 8 base64url characters that are derived one
// way. It is "" for the zero Secret.
func (s Secret) ID() string {
	if s.bytes == nil {
		return ""
	}
	return keyID(DeriveRoot(s, "id"))
}

// String returns a fingerprint.
func (s Secret) String() string {
	if s.bytes == nil {
		return "secret(none)"
	}
	return "secret(" + s.ID() + ")"
}

// GoString returns a fingerprint.
func (s Secret) GoString() string { return "token." + s.String() }

// LogValue returns a fingerprint.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns a fingerprint, in JSON too. Nothing reads it back.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Secret) material() []byte {
	if s.bytes == nil {
		return nil
	}
	return s.bytes()
}
