package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"hash"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/amgate/amgate/token"
)

func sealSession(tb testing.TB, c *token.Carrier, plain string) string {
	tb.Helper()
	tok, err := c.Seal("/alpha", []byte(plain))
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

// carrier is that of the realm /alpha, which signs by an algorithm.
func carrier(tb testing.TB, r *token.Ring, by token.Algorithm) *token.Carrier {
	tb.Helper()
	return token.NewCarrier(r, map[string]token.Signing{"/alpha": signingBy(tb, by)})
}

// byEachAlgorithm runs a test for the sessions of oneRealm, signed by each
// algorithm.
func byEachAlgorithm(t *testing.T, test func(t *testing.T, by token.Algorithm, c *token.Carrier, k *token.Keys)) {
	t.Helper()
	r, k := oneRealm(t)
	for _, by := range token.Algorithms {
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			test(t, by, carrier(t, r, by), k)
		})
	}
}

func TestSessionRoundTrip(t *testing.T) {
	t.Parallel()
	byEachAlgorithm(t, func(t *testing.T, by token.Algorithm, c *token.Carrier, _ *token.Keys) {
		for _, plain := range []string{"", "x", strings.Repeat("\x00é", 500)} {
			one, two := sealSession(t, c, plain), sealSession(t, c, plain)
			if one == two {
				t.Error("two sessions with one nonce")
			}
			got, realm, err := c.Open(one)
			if err != nil || string(got) != plain || realm != "/alpha" {
				t.Errorf("%d bytes of realm %q came back, want %d of /alpha: %v", len(got), realm, len(plain), err)
			}
			if !token.IsSession(one) {
				t.Error("it is not known for what it is")
			}
		}
		if tok, err := c.Seal("/beta", nil); err == nil {
			t.Errorf("sealed for a realm that is not there: %q", tok)
		}
	})
}

// TestSessionIsAMs: AM's layout, JWS around JWE, as am-protocol §4.5 has it.
func TestSessionIsAMs(t *testing.T) {
	t.Parallel()
	byEachAlgorithm(t, func(t *testing.T, by token.Algorithm, c *token.Carrier, k *token.Keys) {
		id := k.SealKeys()[0].ID
		parts := strings.Split(sealSession(t, c, "the session"), "*")
		if len(parts) != 3 || parts[0] != "" {
			t.Fatalf("%d parts, the head is %q", len(parts), parts[0])
		}
		ext, err := base64.URLEncoding.DecodeString(strings.ReplaceAll(parts[1], ".", "="))
		if want := "\x00\x02SI\x00\x0201\x00\x04type\x00\x03JWT\x00\x02S1\x00\x00\x00\x02KI\x00\x08" + id; err != nil || string(ext) != want {
			t.Errorf("extensions %q, %v; want %q", ext, err, want)
		}
		jws := strings.Split(parts[2], ".")
		if want := `{"typ":"JWT","cty":"JWT","alg":"` + string(by) + `","kid":"` + kidOf(t, by, k) + `"}`; len(jws) != 3 || decode(t, jws[0]) != want {
			t.Fatalf("JWS of %d parts, header %s, want %s", len(jws), decode(t, jws[0]), want)
		}
		jwe := strings.Split(decode(t, jws[1]), ".")
		if want := `{"alg":"dir","enc":"A256GCM","kid":"` + id + `"}`; len(jwe) != 5 || decode(t, jwe[0]) != want {
			t.Errorf("JWE of %d parts, header %s", len(jwe), decode(t, jwe[0]))
		}
		if strings.Contains(decode(t, jwe[3]), "session") {
			t.Error("the session can be read")
		}
	})
}

// TestSessionIsBounded: no token is longer than what browsers keep, and Room
// tells what fits.
func TestSessionIsBounded(t *testing.T) {
	t.Parallel()
	byEachAlgorithm(t, func(t *testing.T, by token.Algorithm, c *token.Carrier, _ *token.Keys) {
		fits, step := 0, 1
		if by != token.HS256 {
			step = 20 // some take a millisecond to sign
		}
		for n := 0; ; n += step {
			tok, err := c.Seal("/alpha", make([]byte, n))
			if errors.Is(err, token.ErrTooLarge) {
				break
			}
			if err != nil || len(tok) > token.MaxSession {
				t.Fatalf("%d bytes: a token of %d, %v", n, len(tok), err)
			}
			fits = n
			if n%100 == 0 {
				if _, _, err := c.Open(tok); err != nil {
					t.Fatalf("%d bytes cannot be opened: %v", n, err)
				}
			}
		}
		if room := c.Room("/alpha", token.MaxSession); fits < room-step || fits > room+step {
			t.Errorf("%d bytes fit, but %d are promised", fits, room)
		}
		if fits < 1900 {
			t.Errorf("%d bytes fit", fits)
		}
	})
}

// TestSessionsAreOfOnePlace: a token is nothing for another realm's keys or
// another installation, even under the same secret and the same key to sign;
// and a secret that was rotated out of the first place still opens.
func TestSessionsAreOfOnePlace(t *testing.T) {
	t.Parallel()
	for _, by := range token.Algorithms {
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			old, newer := secret(t, 2), secret(t, 3)
			how := map[string]token.Signing{"/alpha": signingBy(t, by), "/beta": signingBy(t, by)}
			of := func(installation string, realms map[string][]token.Secret) *token.Carrier {
				return token.NewCarrier(ring(t, installation, 1, realms), how)
			}
			tok := sealSession(t, of(here, map[string][]token.Secret{"/alpha": {old}}), "plain")
			rotated := of(here, map[string][]token.Secret{"/alpha": {newer, old}, "/beta": {secret(t, 4)}})
			if got, realm, err := rotated.Open(tok); err != nil || string(got) != "plain" || realm != "/alpha" {
				t.Errorf("after a rotation: %q of %q, %v", got, realm, err)
			}
			for what, other := range map[string]*token.Carrier{
				"another installation with the same secret": of(elsewhere, map[string][]token.Secret{"/alpha": {old}}),
				"another realm with the same secret":        of(here, map[string][]token.Secret{"/beta": {old}}),
				"a key that was retired":                    of(here, map[string][]token.Secret{"/alpha": {newer}}),
			} {
				if got, _, err := other.Open(tok); !errors.Is(err, token.ErrInvalid) || got != nil {
					t.Errorf("%s: %q, %v", what, got, err)
				}
			}
		})
	}
}

// forge puts a session together as an attacker may who knows all but the keys.
type forge struct {
	tb                        testing.TB
	alg                       token.Algorithm
	ext, payload, kid, sealID string
}

func newForge(tb testing.TB, by token.Algorithm, k *token.Keys, good string) forge {
	at := strings.LastIndexByte(good, '*') + 1
	return forge{tb, by, good[:at], strings.Split(good[at:], ".")[1], kidOf(tb, by, k), k.SealKeys()[0].ID}
}

func (f forge) with(header, payload string, sign func(text string) []byte) string {
	enc := base64.RawURLEncoding.EncodeToString
	text := enc([]byte(header)) + "." + payload
	return f.ext + text + "." + enc(sign(text))
}

func (f forge) header(alg, more string) string {
	return `{"typ":"JWT","cty":"JWT","alg":"` + alg + `","kid":"` + f.kid + `"` + more + `}`
}

// by signs as the library would, with a key of the attacker's.
func (f forge) by(name token.Algorithm, key any) func(string) []byte {
	return func(text string) []byte {
		sig, err := libraryMethods[name].Sign(text, key)
		if err != nil {
			f.tb.Fatal(name, err)
		}
		return sig
	}
}

// strangers is a key of the attacker's own.
func (f forge) strangers(alg token.Algorithm) any {
	f.tb.Helper()
	switch alg[:2] {
	case "HS":
		return bytes.Repeat([]byte("k"), 64)
	case "RS", "PS":
		return strangerRSA()
	case "Ed":
		return ed25519.NewKeyFromSeed(make([]byte, 32))
	}
	curve := map[token.Algorithm]elliptic.Curve{token.ES256: elliptic.P256(), token.ES384: elliptic.P384(), token.ES512: elliptic.P521()}[alg]
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		f.tb.Fatal(err)
	}
	return key
}

var strangerRSA = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// jwk is the attacker's key as a header may bring it along.
func (f forge) jwk() string {
	key := jose.JSONWebKey{Key: f.strangers(f.alg)}
	if public := key.Public(); public.Valid() {
		key = public
	}
	text, err := key.MarshalJSON()
	if err != nil {
		f.tb.Fatal(err)
	}
	return string(text)
}

// publicForms are the forms in which an attacker may have our public key.
func (f forge) publicForms() map[string][]byte {
	private, ok := privateKey(f.tb, f.alg).(crypto.Signer)
	if !ok {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		f.tb.Fatal(err)
	}
	jwk, err := jose.JSONWebKey{Key: private.Public()}.MarshalJSON()
	if err != nil {
		f.tb.Fatal(err)
	}
	return map[string][]byte{
		"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "JWK": jwk, "kid": []byte(f.kid),
	}
}

// libraryMethods are all that can sign, by name.
var libraryMethods = map[token.Algorithm]jwt.SigningMethod{
	"HS256": jwt.SigningMethodHS256, "HS384": jwt.SigningMethodHS384, "HS512": jwt.SigningMethodHS512,
	"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
	"PS256": jwt.SigningMethodPS256, "PS384": jwt.SigningMethodPS384, "PS512": jwt.SigningMethodPS512,
	"ES256": jwt.SigningMethodES256, "ES384": jwt.SigningMethodES384, "ES512": jwt.SigningMethodES512,
	"EdDSA": jwt.SigningMethodEdDSA,
}

func hmacBy(h func() hash.Hash, key []byte) func(string) []byte {
	return func(text string) []byte {
		m := hmac.New(h, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
}

// TestForgedSessionsAreRefused walks through the known ways to make a JWT
// library accept what it should not (SECURITY row 28), for a realm of each
// algorithm and with every algorithm that the library has.
func TestForgedSessionsAreRefused(t *testing.T) {
	t.Parallel()
	byEachAlgorithm(t, func(t *testing.T, by token.Algorithm, c *token.Carrier, k *token.Keys) {
		good := sealSession(t, c, "plain")
		f := newForge(t, by, k, good)
		for name, bad := range f.all(c, k, good) {
			if got, _, err := c.Open(bad); !errors.Is(err, token.ErrInvalid) || got != nil {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		if _, _, err := c.Open(good); err != nil {
			t.Errorf("the one that is ours: %v", err)
		}
	})
}

// all are the forgeries, by name.
func (f forge) all(c *token.Carrier, k *token.Keys, good string) map[string]string {
	enc, alg := base64.RawURLEncoding.EncodeToString, string(f.alg)
	none := func(string) []byte { return nil }
	theirs := f.by(f.alg, f.strangers(f.alg))
	other := sealSession(f.tb, c, "other")
	mac := strings.LastIndexByte(good, '.') + 1
	plainJWE := enc([]byte(seal(f.tb, k, "test", "plain")))
	theirJWE := enc([]byte(jwe(f.tb, jose.DIRECT, jose.A256GCM, make([]byte, 32), nil, f.sealID)))
	bare := func(alg, kid string) string { return `{"typ":"JWT","cty":"JWT","alg":"` + alg + `","kid":` + kid + `}` }

	forged := map[string]string{
		"alg none":                  f.with(f.header("none", ""), f.payload, none),
		"alg None":                  f.with(f.header("None", ""), f.payload, none),
		"alg none and a signature":  f.with(f.header("none", ""), f.payload, theirs),
		"no alg":                    f.with(`{"typ":"JWT","cty":"JWT","kid":"`+f.kid+`"}`, f.payload, theirs),
		"lower-case alg":            f.with(f.header(strings.ToLower(alg), ""), f.payload, theirs),
		"alg twice":                 f.with(f.header("none", `,"alg":"`+alg+`"`), f.payload, theirs),
		"alg twice, ours first":     f.with(f.header(alg, `,"alg":"none"`), f.payload, none),
		"kid twice":                 f.with(f.header(alg, `,"kid":"`+f.kid+`"`), f.payload, theirs),
		"a key of a stranger":       f.with(f.header(alg, ""), f.payload, theirs),
		"empty key":                 f.with(f.header("HS256", ""), f.payload, hmacBy(sha256.New, nil)),
		"kid of a path":             f.with(bare(alg, `"../../dev/null"`), f.payload, theirs),
		"kid of a query":            f.with(bare(alg, `"x' UNION SELECT 'k"`), f.payload, theirs),
		"kid empty":                 f.with(bare(alg, `""`), f.payload, theirs),
		"kid a number":              f.with(bare(alg, `12345678`), f.payload, theirs),
		"kid a list":                f.with(bare(alg, `["`+f.kid+`"]`), f.payload, theirs),
		"no kid":                    f.with(`{"typ":"JWT","cty":"JWT","alg":"`+alg+`"}`, f.payload, theirs),
		"jwk":                       f.with(f.header(alg, `,"jwk":`+f.jwk()), f.payload, theirs),
		"jku":                       f.with(f.header(alg, `,"jku":"https://evil.example/keys"`), f.payload, theirs),
		"x5u":                       f.with(f.header(alg, `,"x5u":"https://evil.example/cert"`), f.payload, theirs),
		"x5c":                       f.with(f.header(alg, `,"x5c":["MIIB"]`), f.payload, theirs),
		"crit":                      f.with(f.header(alg, `,"crit":["x"],"x":1`), f.payload, theirs),
		"b64":                       f.with(f.header(alg, `,"b64":false,"crit":["b64"]`), f.payload, theirs),
		"zip":                       f.with(f.header(alg, `,"zip":"DEF"`), f.payload, theirs),
		"another typ":               f.with(strings.Replace(f.header(alg, ""), `"typ":"JWT"`, `"typ":"at+jwt"`, 1), f.payload, theirs),
		"another cty":               f.with(strings.Replace(f.header(alg, ""), `"cty":"JWT"`, `"cty":"JSON"`, 1), f.payload, theirs),
		"other order":               f.with(`{"alg":"`+alg+`","typ":"JWT","cty":"JWT","kid":"`+f.kid+`"}`, f.payload, theirs),
		"white space":               f.with(strings.ReplaceAll(f.header(alg, ""), ",", ", "), f.payload, theirs),
		"header no JSON":            f.with("x", f.payload, theirs),
		"claims beside an expiry":   f.with(f.header(alg, ""), enc([]byte(`{"exp":1}`)), theirs),
		"another one's signature":   good[:mac] + other[strings.LastIndexByte(other, '.')+1:],
		"parts swapped":             f.ext + strings.Join([]string{strings.Split(good[len(f.ext):], ".")[1], strings.Split(good[len(f.ext):], ".")[0], good[mac:]}, "."),
		"no signature":              good[:mac],
		"a signature of zeros":      good[:mac] + enc(make([]byte, base64.RawURLEncoding.DecodedLen(len(good)-mac))),
		"a signature too short":     good[:len(good)-1],
		"a signature too long":      good + "A",
		"a text of other purpose":   f.with(f.header(alg, ""), plainJWE, theirs),
		"a text of other keys":      f.with(f.header(alg, ""), theirJWE, theirs),
		"an authId":                 f.ext + sign(f.tb, k, full),
		"a journey":                 k.Carry(seal(f.tb, k, "journey", "plain")),
		"a link":                    k.MintLink(k.DeriveHead([]byte("seed"))),
		"a reference":               k.Mint(token.CTS, k.DeriveHead([]byte("seed"))),
		"a head":                    "head" + good,
		"no extensions":             "**" + good[strings.LastIndexByte(good, '*')+1:],
		"the JWT alone":             good[strings.LastIndexByte(good, '*')+1:],
		"the sealed text alone":     f.ext + decode(f.tb, f.payload),
		"padded":                    good + "=",
		"a space":                   good + " ",
		"line break":                good + "\n",
		"line break in the text":    good[:200] + "\n" + good[200:],
		"line break in the sig":     good[:len(good)-5] + "\r\n" + good[len(good)-3:],
		"a sig of line breaks":      good[:mac] + strings.Repeat("\n", len(good)-mac),
		"twice":                     good + good,
		"empty":                     "",
		"the start alone":           good[:len(f.ext)+strings.IndexByte(good[len(f.ext):], '.')+1],
		"a megabyte of dots":        f.ext + strings.Repeat(".", 1<<20),
		"dots":                      good[:200] + strings.Repeat(".", 1000) + good[len(good)-44:],
		"dots as long as it may be": good[:mac-20] + strings.Repeat(".", token.MaxSession-len(good)) + good[mac-20:],
		"JSON of the JWS":           `{"protected":"` + strings.Split(good[len(f.ext):], ".")[0] + `","payload":"` + f.payload + `","signature":"` + good[mac:] + `"}`,
	}
	// Every other algorithm, under the name of our key, and signed with every
	// secret that an attacker could take for ours: what is public of it.
	for name := range libraryMethods {
		if name != f.alg {
			forged["signed by "+string(name)] = f.with(f.header(string(name), ""), f.payload, f.by(name, f.strangers(name)))
		}
	}
	for _, hs := range []token.Algorithm{token.HS256, token.HS384, token.HS512} {
		for form, public := range f.publicForms() {
			for _, claimed := range []token.Algorithm{hs, f.alg} {
				forged[string(hs)+" with the public key as "+form+", said to be "+string(claimed)] = f.with(f.header(string(claimed), ""), f.payload, f.by(hs, public))
			}
		}
	}
	return forged
}

// TestEveryBitOfASessionCounts: flip one anywhere and it is refused. Where a
// signature takes long to verify, one bit of each character is flipped.
func TestEveryBitOfASessionCounts(t *testing.T) {
	t.Parallel()
	byEachAlgorithm(t, func(t *testing.T, by token.Algorithm, c *token.Carrier, _ *token.Keys) {
		good := sealSession(t, c, "plain")
		for i := range len(good) {
			for bit := range 8 {
				if !strings.HasPrefix(string(by), "HS") && bit != i%8 {
					continue
				}
				bad := []byte(good)
				bad[i] ^= 1 << bit
				if _, _, err := c.Open(string(bad)); !errors.Is(err, token.ErrInvalid) {
					t.Fatalf("character %d may be %q for %q", i, bad[i], good[i])
				}
			}
		}
	})
}

// A forged token is looked at for as long as it takes to see that its start
// is no key's, or its signature not ours; nothing is decoded.
func TestForgedSessionCostsLittle(t *testing.T) {
	r, _ := oneRealm(t)
	c := carrier(t, r, token.HS256)
	good := sealSession(t, c, strings.Repeat("x", 1000))
	dots := good[:100] + strings.Repeat(".", 1<<20)
	if n := memoryOf(func() {
		if _, _, err := c.Open(dots); !errors.Is(err, token.ErrInvalid) {
			t.Error(err)
		}
	}); n > 1<<10 {
		t.Errorf("a megabyte of dots cost %d bytes", n)
	}
	badly := good[:len(good)-2] + "AA"
	if n := testing.AllocsPerRun(100, func() { _, _, _ = c.Open(badly) }); n > 10 {
		t.Errorf("a bad signature cost %v allocations", n)
	}
}

// memoryOf is how many bytes f allocates: the least of a few tries, since the
// runtime allocates, too.
func memoryOf(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// FuzzOpenSession: whatever is accepted is, byte for byte, what its content
// encodes to. The seeds are "plain", sealed once by oneRealm and signed by each
// algorithm, and one that is compressed.
func FuzzOpenSession(f *testing.F) {
	r, _ := oneRealm(f)
	signing, err := token.NewSigning(token.Algorithms, signingKeys(f))
	if err != nil {
		f.Fatal(err)
	}
	c := token.NewCarrier(r, map[string]token.Signing{"/alpha": signing})
	once, err := os.ReadFile("testdata/sessions.txt")
	if err != nil {
		f.Fatal(err)
	}
	seeds := strings.Fields(string(once))
	if len(seeds) != len(token.Algorithms)+1 {
		f.Fatalf("%d seeds", len(seeds))
	}
	for _, once := range seeds {
		if plain, _, err := c.Open(once); err != nil || string(plain) != "plain" {
			f.Fatalf("sealed once, now %q, %v", plain, err)
		}
		f.Add(once)
		f.Add(once[:len(once)-1])
	}
	f.Add(sealSession(f, c, "")) // of this process alone
	f.Add(seeds[0] + "\n")
	f.Add("*" + seeds[0])
	f.Fuzz(func(t *testing.T, tok string) {
		plain, realm, err := c.Open(tok)
		switch {
		case err != nil && (!errors.Is(err, token.ErrInvalid) || plain != nil || realm != ""):
			t.Errorf("%q of %q, %v", plain, realm, err)
		case err == nil && token.Reencode(t, c, tok) != tok:
			t.Errorf("%q is accepted and not what %q encodes to", tok, plain)
		}
	})
}
