package token

import (
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// A session that its client carries is in AM's layout without a head: the
// extensions SI, type=JWT, S1 and our KI, and a signed JWT as tail, around a
// sealed text. As in AM the signature is outside, so that nothing is decrypted
// that is not ours.
//
//	"*" c66(extensions) "*" JWS(JWE(session))

// JWTSession is the pair "type" of a session that its client carries.
const JWTSession Kind = "JWT"

// MaxSession is the length in bytes beyond which nothing is looked at as a
// session: what browsers keep of a cookie (RFC 6265 §6.1).
const MaxSession = 4096

// purposeSession is what sessions are sealed for.
const purposeSession = "session"

// sessionHeader is the header of the JWS but for the key's id: HS256 is the
// algorithm of every key that is derived. What is signed is itself a JWT
// (RFC 7519 §5.2).
const sessionHeader = `{"typ":"JWT","cty":"JWT","alg":"HS256","kid":"%s"}`

// encodedSignature is the length of an HS256 signature in base64url.
const encodedSignature = 43

// carrierSize is the length of what carrierOf returns for JWTSession, and
// sessionStartSize that of sessionStartOf: the same for all keys, since their
// ids have one length.
var (
	carrierSize      = len(carrierOf(JWTSession, strings.Repeat("-", keyIDSize)))
	sessionStartSize = len(sessionStartOf(strings.Repeat("-", keyIDSize)))
)

// sessionStartOf is what every session of a key begins with: all before the
// payload of the JWS.
func sessionStartOf(keyID string) string {
	return carrierOf(JWTSession, keyID) + base64url.EncodeToString(fmt.Appendf(nil, sessionHeader, keyID)) + "."
}

// SealSession encrypts and signs a session for its client with the realm's
// newest keys. Each call yields another token. There is no compression: a
// session is short, and what is compressed tells its length (RFC 8725 §3.6).
//
// Errors: ErrTooLarge beyond MaxSession. About seven bytes come back for each
// four that go in, and 350 on top.
func (k *Keys) SealSession(plain []byte) (string, error) {
	key := k.keys[0]
	sealed, err := key.sealText(purposeSession, plain)
	if err != nil {
		return "", err
	}
	text := make([]byte, 0, len(key.sessionStart)+base64url.EncodedLen(len(sealed))+1+encodedSignature)
	text = base64url.AppendEncode(append(text, key.sessionStart...), []byte(sealed))
	sig, err := jwt.SigningMethodHS256.Sign(string(text[carrierSize:]), key.session[:])
	if err != nil {
		return "", fmt.Errorf("token: sign a session: %w", err)
	}
	text = base64url.AppendEncode(append(text, '.'), sig)
	if len(text) > MaxSession {
		return "", fmt.Errorf("%w: a session of %d bytes, at most %d are allowed", ErrTooLarge, len(text), MaxSession)
	}
	return string(text), nil
}

// SessionRoom is about how many bytes a session may have whose token is to be
// no longer than size.
func SessionRoom(size int) int {
	sealed := base64url.DecodedLen(size - sessionStartSize - 1 - encodedSignature)
	return max(0, base64url.DecodedLen(sealed-sealedOverhead))
}

// sealedOverhead is the length of a sealed text around what is sealed: header,
// nonce, tag and dots.
const sealedOverhead = 78 + 16 + 22 + 4

// IsSession reports whether a token has the form of a session that its client
// carries; a reference never has.
func IsSession(tok string) bool { return strings.HasPrefix(tok, "*") }

// OpenSession returns what SealSession was given, and the realm whose keys it
// was sealed with. Whatever this ring has not sealed is ErrInvalid. Of all
// that JOSE allows only the one form is looked at that SealSession writes: the
// header stands byte for byte as it does for one of our keys, so that it can
// choose no algorithm, bring no key and make nothing critical.
func (r *Ring) OpenSession(tok string) (plain []byte, realm string, err error) {
	last := len(tok) - encodedSignature - 1
	if len(tok) > MaxSession || last < sessionStartSize || tok[last] != '.' {
		return nil, "", ErrInvalid
	}
	key := r.byStart[tok[:sessionStartSize]]
	if key == nil {
		return nil, "", ErrInvalid
	}
	// A line break, which the decoder skips, leaves the signature too short.
	sig, err := strict.DecodeString(tok[last+1:])
	if err != nil || jwt.SigningMethodHS256.Verify(tok[carrierSize:last], sig, key.session[:]) != nil {
		return nil, "", ErrInvalid
	}
	// It is ours: what was signed is as we wrote it.
	sealed, err := strict.DecodeString(tok[sessionStartSize:last])
	if err != nil {
		return nil, "", ErrInvalid
	}
	plain, err = key.openText(purposeSession, string(sealed))
	if err != nil {
		return nil, "", ErrInvalid
	}
	return plain, key.realm, nil
}
