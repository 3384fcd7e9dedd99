package token

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxAuthID is the length in bytes beyond which nothing is signed or looked
// at as an authId.
const MaxAuthID = 64 << 10

// AuthID is the content of an authId: the JWT that names a journey to its
// client. It is signed, not encrypted: AM's own login pages decode it.
type AuthID struct {
	// Realm is the realm's path; it must be that of the keys.
	Realm string
	// SessionID is the reference to the journey, or the journey itself.
	SessionID string
	// IndexType and IndexValue are as the client gave them at the start.
	IndexType, IndexValue string
	// Allow is the allowlist state, AM's claim whitelist-state.
	Allow string
	// OTK is AM's one-time key: it tells this authId from all others. Of an
	// authId that is signed without one it is made by SignAuthID.
	OTK string
	// Affinity tells on which node the journey lives, see journey/affinity.
	Affinity string
	// Issued and Expires are kept to the second.
	Issued, Expires time.Time
}

// claims are those of AM, in AM's order, and affinity, which is ours.
// RegisteredClaims contributes exp and iat.
type claims struct {
	IndexValue string `json:"authIndexValue,omitempty"`
	Allow      string `json:"whitelist-state,omitempty"`
	OTK        string `json:"otk"`
	IndexType  string `json:"authIndexType,omitempty"`
	Realm      string `json:"realm"`
	SessionID  string `json:"sessionId"`
	Affinity   string `json:"affinity,omitempty"`
	jwt.RegisteredClaims
}

var (
	base64url = base64.RawURLEncoding
	base32hex = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
)

// parser leaves the deadline to the caller, so that an authId that is expired
// and badly signed is reported as badly signed.
var parser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
	jwt.WithStrictDecoding(),
	jwt.WithoutClaimsValidation(),
)

// SignAuthID signs a with the realm's newest key. Errors: ErrTooLarge.
func (k *Keys) SignAuthID(a AuthID) (string, error) {
	if a.Realm != k.realm {
		return "", fmt.Errorf("token: an authId of realm %q, but the keys are those of %q", a.Realm, k.realm)
	}
	if a.OTK == "" {
		a.OTK = NewOTK()
	}
	payload, err := marshalClaims(&claims{
		IndexValue: a.IndexValue, Allow: a.Allow, OTK: a.OTK, IndexType: a.IndexType,
		Realm: a.Realm, SessionID: a.SessionID, Affinity: a.Affinity,
		RegisteredClaims: jwt.RegisteredClaims{
			ExpiresAt: jwt.NewNumericDate(a.Expires), IssuedAt: jwt.NewNumericDate(a.Issued),
		},
	})
	if err != nil {
		return "", err
	}
	key := k.keys[0]
	// Written by hand because the library sorts a header's members; AM has
	// typ first.
	header := `{"typ":"JWT","alg":"HS256","kid":"` + key.id + `"}`
	signed := base64url.EncodeToString([]byte(header)) + "." + base64url.EncodeToString(payload)
	sig, err := jwt.SigningMethodHS256.Sign(signed, key.authID[:])
	if err != nil {
		return "", fmt.Errorf("token: sign an authId: %w", err)
	}
	authID := signed + "." + base64url.EncodeToString(sig)
	if len(authID) > MaxAuthID {
		return "", fmt.Errorf("%w: an authId of %d bytes, at most %d are allowed", ErrTooLarge, len(authID), MaxAuthID)
	}
	return authID, nil
}

// ParseAuthID verifies that s was signed by this installation for this realm
// and returns what it says. The deadline is not judged. Errors are
// ErrMalformed and ErrSignature.
func (k *Keys) ParseAuthID(s string) (AuthID, error) {
	if !compactJWS(s) {
		return AuthID{}, ErrMalformed
	}
	var c claims
	_, err := parser.ParseWithClaims(s, &c, k.verificationKey)
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return AuthID{}, ErrMalformed
	case err != nil || c.Realm != k.realm:
		return AuthID{}, ErrSignature
	}
	a := AuthID{
		Realm: c.Realm, SessionID: c.SessionID, IndexType: c.IndexType, IndexValue: c.IndexValue,
		Allow: c.Allow, OTK: c.OTK, Affinity: c.Affinity,
	}
	if c.IssuedAt != nil {
		a.Issued = c.IssuedAt.Time
	}
	if c.ExpiresAt != nil {
		a.Expires = c.ExpiresAt.Time
	}
	return a, nil
}

// verificationKey finds the key that the header names. Whatever a header
// could say beyond what we write, a key of its own or a critical extension,
// is a reason to refuse, not to follow.
func (k *Keys) verificationKey(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	key := k.find(id)
	if key == nil || len(t.Header) != 3 || t.Header["typ"] != "JWT" {
		return nil, ErrSignature
	}
	return key.authID[:], nil
}

// compactJWS reports whether s can be a compact JWS (RFC 7515 §3.1): three
// parts in the alphabet of base64url. It comes before the library, whose
// decoder skips line breaks, and bounds what that may cost.
func compactJWS(s string) bool {
	if len(s) > MaxAuthID || strings.Count(s, ".") != 2 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// marshalClaims writes JSON as AM does: no white space, no HTML escapes.
func marshalClaims(c *claims) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("token: write an authId: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// NewOTK returns 130 random bits in the 26 characters that AM uses.
func NewOTK() string {
	var b [17]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return base32hex.EncodeToString(b[:])[:26]
}
