package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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
	// Params is a JSON object of what else the client gave at the start; "" for
	// nothing. Pages can read it.
	Params string
	// Checkpoint is the journey, sealed, in case that the node is lost which
	// has it; or "".
	Checkpoint string
	// Issued and Expires are kept to the second.
	Issued, Expires time.Time
}

// claims are those of AM, in AM's order, and affinity, checkpoint and params, which
// are ours; append writes them. The times are NumericDates of RFC 7519, whole seconds as AM
// writes them.
type claims struct {
	IndexValue string         `json:"authIndexValue"`
	Allow      string         `json:"whitelist-state"`
	OTK        string         `json:"otk"`
	IndexType  string         `json:"authIndexType"`
	Realm      string         `json:"realm"`
	SessionID  string         `json:"sessionId"`
	Affinity   string         `json:"affinity"`
	Checkpoint string         `json:"checkpoint"`
	Params     jsontext.Value `json:"params"`
	Expires    int64          `json:"exp"`
	Issued     int64          `json:"iat"`
}

var (
	base32hex = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
)

// parser tells a JWT that is not ours from what is no JWT at all.
var parser = jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())

// authIDHeader is the encoded header of every authId that a key signs. It is
// written by hand because the library sorts a header's members; AM has typ
// first.
func authIDHeader(keyID string) string {
	return base64url.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256","kid":"` + keyID + `"}`))
}

// SignAuthID signs a with the realm's newest key. Errors: ErrTooLarge.
func (k *Keys) SignAuthID(a AuthID) (string, error) {
	if a.Realm != k.realm {
		return "", fmt.Errorf("token: an authId of realm %q, but the keys are those of %q", a.Realm, k.realm)
	}
	if a.OTK == "" {
		a.OTK = NewOTK()
	}
	if params := jsontext.Value(a.Params); a.Params != "" && (params.Kind() != '{' || !params.IsValid()) {
		return "", errors.New("token: the params of an authId must be a JSON object")
	}
	payload := (&claims{
		IndexValue: a.IndexValue, Allow: a.Allow, OTK: a.OTK, IndexType: a.IndexType,
		Realm: a.Realm, SessionID: a.SessionID, Affinity: a.Affinity, Checkpoint: a.Checkpoint, Params: jsontext.Value(a.Params),
		Expires: a.Expires.Unix(), Issued: a.Issued.Unix(),
	}).append(make([]byte, 0, 512))
	key := k.keys[0]
	size := len(key.header) + 1 + base64url.EncodedLen(len(payload)) + 1 + base64url.EncodedLen(sha256.Size)
	if size > MaxAuthID {
		return "", fmt.Errorf("%w: an authId of %d bytes, at most %d are allowed", ErrTooLarge, size, MaxAuthID)
	}
	var text strings.Builder
	text.Grow(size)
	text.WriteString(key.header)
	text.WriteByte('.')
	writeBase64url(&text, payload)
	sig, err := jwt.SigningMethodHS256.Sign(text.String(), key.authID[:])
	if err != nil {
		return "", fmt.Errorf("token: sign an authId: %w", err)
	}
	text.WriteByte('.')
	writeBase64url(&text, sig)
	return text.String(), nil
}

// ParseAuthID verifies that s was signed by this installation for this realm
// and returns what it says. The deadline is not judged. Errors are
// ErrMalformed and ErrSignature.
func (k *Keys) ParseAuthID(s string) (AuthID, error) {
	if len(s) > MaxAuthID || strings.Count(s, ".") != 2 {
		return AuthID{}, ErrMalformed
	}
	signed, signature := s[:strings.LastIndexByte(s, '.')], s[strings.LastIndexByte(s, '.')+1:]
	header, payload, _ := strings.Cut(signed, ".")
	key := k.signer(header)
	if key == nil || !key.signed(signed, signature) {
		return AuthID{}, refusal(s)
	}
	// It is ours: what it says is as we wrote it.
	text, err := strict.DecodeString(payload)
	if err != nil {
		return AuthID{}, ErrMalformed
	}
	var c claims
	if err := jsonv2.Unmarshal(text, &c); err != nil {
		return AuthID{}, ErrMalformed
	}
	if c.Realm != k.realm {
		return AuthID{}, ErrSignature
	}
	return AuthID{
		Realm: c.Realm, SessionID: c.SessionID, IndexType: c.IndexType, IndexValue: c.IndexValue,
		Allow: c.Allow, OTK: c.OTK, Affinity: c.Affinity, Checkpoint: c.Checkpoint, Params: string(c.Params),
		Expires: time.Unix(c.Expires, 0), Issued: time.Unix(c.Issued, 0),
	}, nil
}

// signer finds the key whose header an authId has, byte for byte. Whatever a
// header could say beyond what we write, another algorithm, a key of its own
// or a critical extension, is a reason to refuse, not to follow.
func (k *Keys) signer(header string) *key {
	for _, key := range k.keys {
		if key.header == header {
			return key
		}
	}
	return nil
}

// signed reports whether a signature is that of a text, in its one encoding.
func (k *key) signed(text, signature string) bool {
	sig, err := strict.DecodeString(signature)
	// A line break, which the decoder skips, leaves less of it.
	return err == nil && len(signature) == base64url.EncodedLen(len(sig)) &&
		jwt.SigningMethodHS256.Verify(text, sig, k.authID[:]) == nil
}

// refusal says what is wrong with an authId that we have not signed. s has three
// parts.
func refusal(s string) error {
	if !inBase64url(s) {
		return ErrMalformed
	}
	if _, _, err := parser.ParseUnverified(s, jwt.MapClaims{}); errors.Is(err, jwt.ErrTokenMalformed) {
		return ErrMalformed
	}
	return ErrSignature
}

// inBase64url reports whether s is dots and the alphabet of base64url. The
// library's decoder skips line breaks.
func inBase64url(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// append writes JSON as AM does: no white space, no HTML escapes. What is not
// UTF-8 becomes U+FFFD.
func (c *claims) append(text []byte) []byte {
	for _, m := range []struct {
		name, value string
		always      bool
	}{
		{"authIndexValue", c.IndexValue, false},
		{"whitelist-state", c.Allow, false},
		{"otk", c.OTK, true},
		{"authIndexType", c.IndexType, false},
		{"realm", c.Realm, true},
		{"sessionId", c.SessionID, true},
		{"affinity", c.Affinity, false},
		{"checkpoint", c.Checkpoint, false},
	} {
		if m.value == "" && !m.always {
			continue
		}
		text = append(append(append(text, `,"`...), m.name...), `":`...)
		text, _ = jsontext.AppendQuote(text, m.value) // it tells that it has replaced something
	}
	if len(c.Params) > 0 {
		text = append(append(text, `,"params":`...), c.Params...)
	}
	text[0] = '{'
	text = strconv.AppendInt(append(text, `,"exp":`...), c.Expires, 10)
	text = strconv.AppendInt(append(text, `,"iat":`...), c.Issued, 10)
	return append(text, '}')
}

// NewOTK returns 130 random bits in the 26 characters that AM uses.
func NewOTK() string {
	var b [17]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return base32hex.EncodeToString(b[:])[:26]
}
