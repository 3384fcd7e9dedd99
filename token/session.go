package token

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
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

// MaxInflated is the size in bytes beyond which no session is compressed, or
// read that was (AM 7.1).
const MaxInflated = 32 << 10

// purposeSession is what sessions are sealed for.
const purposeSession = "session"

// sessionHeader is the header of the JWS but for algorithm and key. What is
// signed is itself a JWT (RFC 7519 §5.2).
const sessionHeader = `{"typ":"JWT","cty":"JWT","alg":"%s","kid":"%s"}`

// carrierSize is the length of what carrierOf returns for JWTSession, and
// sessionStartSize that of sessionStartOf: the same for all keys, since all
// their ids have one length, and all names of algorithms have one.
var (
	carrierSize      = len(carrierOf(JWTSession, strings.Repeat("-", keyIDSize)))
	sessionStartSize = len(sessionStartOf(strings.Repeat("-", keyIDSize), HS256, strings.Repeat("-", keyIDSize)))
)

// sessionStartOf is what every session begins with that is sealed with one key
// and signed with another: all before the payload of the JWS.
func sessionStartOf(keyID string, by Algorithm, kid string) string {
	return carrierOf(JWTSession, keyID) + base64url.EncodeToString(fmt.Appendf(nil, sessionHeader, by, kid)) + "."
}

// Carrier makes and opens the tokens of sessions that their clients carry. It
// is immutable and safe for concurrent use.
type Carrier struct {
	byStart map[string]*sessionKey
	realms  map[string]carrying
}

// carrying is how the sessions of one realm are made.
type carrying struct {
	key      *sessionKey
	compress bool
}

// sessionKey is a key that seals sessions, compressed or not, and one that signs
// them. A token begins with start if it was made with both; the algorithm is
// part of that.
type sessionKey struct {
	realm         string
	plain, zipped jwe
	signer        signer
	start         string
}

// NewCarrier returns the Carrier of the realms of a ring. A realm that how does
// not name signs as the zero Signing says.
func NewCarrier(r *Ring, how map[string]Signing) *Carrier {
	c := &Carrier{byStart: make(map[string]*sessionKey), realms: make(map[string]carrying, len(r.realms))}
	for path, keys := range r.realms {
		signing := how[path]
		for _, key := range keys.keys {
			aead := key.aeadFor(purposeSession)
			plain, zipped := newJWE(key.sealedStart, aead), newJWE(key.zippedStart, aead)
			for _, s := range signing.signers(key) {
				k := &sessionKey{path, plain, zipped, s, sessionStartOf(key.id, s.algorithm, s.kid)}
				c.byStart[k.start] = k
				if _, first := c.realms[path]; !first {
					c.realms[path] = carrying{k, signing.Compress}
				}
			}
		}
	}
	return c
}

// Seal encrypts and signs a session of a realm for its client, with the newest
// keys. Each call yields another token. It is compressed if the realm says so
// and that makes it shorter.
//
// Errors: ErrTooLarge beyond MaxSession, or MaxInflated before compression.
// See Room.
func (c *Carrier) Seal(realm string, plain []byte) (string, error) {
	with, ok := c.realms[realm]
	if !ok {
		return "", fmt.Errorf("token: no realm %q", realm)
	}
	if with.compress && len(plain) > MaxInflated {
		return "", fmt.Errorf("%w: a session of %d bytes, at most %d are compressed", ErrTooLarge, len(plain), MaxInflated)
	}
	key := with.key
	sealed, err := key.seal(plain, with.compress)
	if err != nil {
		return "", err
	}
	size := len(key.start) + base64url.EncodedLen(len(sealed)) + 1 + base64url.EncodedLen(key.signer.size)
	if size > MaxSession {
		return "", fmt.Errorf("%w: a session of %d bytes, at most %d are allowed", ErrTooLarge, size, MaxSession)
	}
	var text strings.Builder
	text.Grow(size)
	text.WriteString(key.start)
	writeBase64url(&text, []byte(sealed))
	sig, err := key.signer.sign(text.String()[carrierSize:])
	if err != nil {
		return "", fmt.Errorf("token: sign a session: %w", err)
	}
	text.WriteByte('.')
	writeBase64url(&text, sig)
	return text.String(), nil
}

// Room is about how many bytes a session of a realm may have whose token is to
// be no longer than size, if compression makes nothing of it. About seven bytes
// of token come for each four of session, and some 300 and the signature on
// top.
func (c *Carrier) Room(realm string, size int) int {
	with, ok := c.realms[realm]
	if !ok {
		return 0
	}
	sealed := base64url.DecodedLen(size - sessionStartSize - 1 - base64url.EncodedLen(with.key.signer.size))
	return max(0, base64url.DecodedLen(sealed-len(with.key.plain.start)-sealedRest))
}

// IsSession reports whether a token has the form of a session that its client
// carries; a reference never has.
func IsSession(tok string) bool { return strings.HasPrefix(tok, "*") }

// Open returns what Seal was given, and the realm whose keys it was sealed
// with. Whatever these keys have not sealed is ErrInvalid. Of all that JOSE
// allows only the one form is looked at that Seal writes: the header stands
// byte for byte as it does for one of our keys, so that it can choose no
// algorithm, bring no key and make nothing critical.
func (c *Carrier) Open(tok string) (plain []byte, realm string, err error) {
	if len(tok) > MaxSession || len(tok) < sessionStartSize {
		return nil, "", ErrInvalid
	}
	key := c.byStart[tok[:sessionStartSize]]
	if key == nil {
		return nil, "", ErrInvalid
	}
	last := len(tok) - base64url.EncodedLen(key.signer.size) - 1
	if last < sessionStartSize || tok[last] != '.' {
		return nil, "", ErrInvalid
	}
	// A line break, which the decoder skips, leaves the signature too short.
	sig, err := strict.DecodeString(tok[last+1:])
	if err != nil || len(sig) != key.signer.size || key.signer.verify(tok[carrierSize:last], sig) != nil {
		return nil, "", ErrInvalid
	}
	// It is ours: what was signed is as we wrote it.
	sealed, err := strict.DecodeString(tok[sessionStartSize:last])
	if err != nil {
		return nil, "", ErrInvalid
	}
	plain, err = key.open(string(sealed))
	if err != nil {
		return nil, "", ErrInvalid
	}
	return plain, key.realm, nil
}

// seal seals a session, compressed if that is wanted and makes it shorter.
func (k *sessionKey) seal(plain []byte, compress bool) (string, error) {
	if compress {
		packed, err := deflate(plain)
		if err != nil {
			return "", fmt.Errorf("token: compress a session: %w", err)
		}
		if k.zipped.size(len(packed)) < k.plain.size(len(plain)) {
			return k.zipped.seal(packed)
		}
	}
	return k.plain.seal(plain)
}

// open opens a sealed session, compressed or not.
func (k *sessionKey) open(sealed string) ([]byte, error) {
	if !strings.HasPrefix(sealed, k.zipped.start) {
		return k.plain.open(sealed)
	}
	packed, err := k.zipped.open(sealed)
	if err != nil {
		return nil, err
	}
	return inflate(packed)
}

// Whoever deflates needs 1.2 MB, whoever inflates 40 KB: they are used again.
var (
	deflaters = sync.Pool{New: func() any {
		w, err := flate.NewWriter(nil, flate.BestSpeed)
		if err != nil {
			panic(err) // only a level that there is not ends here
		}
		return w
	}}
	inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}
)

// deflate compresses by DEFLATE (RFC 1951), the one way that JWE has.
func deflate(plain []byte) ([]byte, error) {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	var packed bytes.Buffer
	w.Reset(&packed)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err := w.Close()
	return packed.Bytes(), err
}

var errInflated = errors.New("token: larger than what is compressed")

// inflate is deflate undone, up to MaxInflated bytes. It is given only what one
// of our keys has sealed.
func inflate(packed []byte) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxInflated+1))
	switch {
	case err != nil:
		return nil, err
	case len(plain) > MaxInflated:
		return nil, errInflated
	}
	return plain, nil
}
