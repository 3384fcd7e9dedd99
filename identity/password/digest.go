package password

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// ErrFormat says that a text is no hash that this package accepts. The errors
// that wrap it tell what is wrong and never repeat the text.
var ErrFormat = errors.New("not a password hash that can be used")

// Digest is what is kept of a password. It prints as its Profile, so that
// logging one by mistake tells nothing. The zero Digest matches no password.
// Digests are immutable; all methods are safe for concurrent use.
type Digest struct {
	profile Profile
	salt    []byte // argon2id
	key     []byte // argon2id
	crypt   []byte // bcrypt, encoded
}

// Profile is an algorithm with its cost. Checking takes the same time, within
// what a machine can promise, for all digests of one profile. It is
// comparable.
type Profile struct {
	bcrypt  int    // cost, or 0
	memory  uint32 // argon2id, KiB
	time    uint32
	threads uint8
	saltLen int
	keyLen  int
}

// Default is the profile of the hashes that Hash makes: argon2id with 19 MiB,
// two passes, one thread (OWASP Password Storage Cheat Sheet).
var Default = Profile{memory: 19456, time: 2, threads: 1, saltLen: 16, keyLen: 32}

// String names the profile as a hash would begin.
func (p Profile) String() string {
	if p.bcrypt > 0 {
		return fmt.Sprintf("bcrypt cost %d", p.bcrypt)
	}
	return fmt.Sprintf("argon2id m=%d,t=%d,p=%d", p.memory, p.time, p.threads)
}

// Hash returns a new argon2id hash of the password in PHC form, with the
// Default profile and a random salt.
func Hash(password string) string {
	d := Digest{profile: Default, salt: random(Default.saltLen)}
	d.key = d.derive(password)
	return d.encode()
}

// Decoy returns a digest of this profile that matches no password: checking
// against it costs what checking against a real one does.
func (p Profile) Decoy() Digest {
	if p.bcrypt > 0 {
		text := fmt.Appendf(nil, "$2b$%02d$", p.bcrypt)
		for _, b := range random(bcryptLen - len(text)) {
			text = append(text, bcryptAlphabet[b%64])
		}
		return Digest{profile: p, crypt: text}
	}
	return Digest{profile: p, salt: random(p.saltLen), key: random(p.keyLen)}
}

// Profile tells the algorithm and its cost.
func (d Digest) Profile() Profile { return d.profile }

// Verify reports whether the password is the one that was hashed. It takes
// milliseconds to seconds of processor time, and for argon2id the memory of
// the profile: call it through a Gate.
//
// Of a password checked against bcrypt only the first 72 bytes count, as
// everywhere.
func (d Digest) Verify(password string) bool {
	switch {
	case d.crypt != nil:
		return bcrypt.CompareHashAndPassword(d.crypt, []byte(password)) == nil
	case d.key != nil:
		return subtle.ConstantTimeCompare(d.derive(password), d.key) == 1
	}
	return false
}

func (d Digest) derive(password string) []byte {
	p := d.profile
	return argon2.IDKey([]byte(password), d.salt, p.time, p.memory, p.threads, uint32(p.keyLen))
}

// Fingerprint tells digests apart, even those of the same password. Nothing of
// the digest can be found out from it.
func (d Digest) Fingerprint() string {
	sum := sha256.Sum256([]byte("amgate password fingerprint\x00" + d.encode()))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// encode is the inverse of Parse.
func (d Digest) encode() string {
	if d.crypt != nil {
		return string(d.crypt)
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		d.profile.memory, d.profile.time, d.profile.threads, phc.EncodeToString(d.salt), phc.EncodeToString(d.key))
}

// String is the profile.
func (d Digest) String() string { return d.profile.String() }

// GoString is the profile, for %#v.
func (d Digest) GoString() string { return strings.ReplaceAll(d.profile.String(), " ", "_") }

// LogValue is the profile.
func (d Digest) LogValue() slog.Value { return slog.StringValue(d.profile.String()) }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return b
}
