package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"runtime"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/amgate/amgate/token"
)

func sealSession(tb testing.TB, k *token.Keys, plain string) string {
	tb.Helper()
	tok, err := k.SealSession([]byte(plain))
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

func TestSessionRoundTrip(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	for _, plain := range []string{"", "x", strings.Repeat("\x00é", 500)} {
		one, two := sealSession(t, k, plain), sealSession(t, k, plain)
		if one == two {
			t.Error("two sessions with one nonce")
		}
		got, realm, err := r.OpenSession(one)
		if err != nil || string(got) != plain || realm != "/alpha" {
			t.Errorf("%d bytes of realm %q came back, want %d of /alpha: %v", len(got), realm, len(plain), err)
		}
		if !token.IsSession(one) {
			t.Error("it is not known for what it is")
		}
	}
}

// TestSessionIsAMs: AM's layout, JWS around JWE, as am-protocol §4.5 has it.
func TestSessionIsAMs(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	id := k.SealKeys()[0].ID
	parts := strings.Split(sealSession(t, k, "the session"), "*")
	if len(parts) != 3 || parts[0] != "" {
		t.Fatalf("%d parts, the head is %q", len(parts), parts[0])
	}
	ext, err := base64.URLEncoding.DecodeString(strings.ReplaceAll(parts[1], ".", "="))
	if want := "\x00\x02SI\x00\x0201\x00\x04type\x00\x03JWT\x00\x02S1\x00\x00\x00\x02KI\x00\x08" + id; err != nil || string(ext) != want {
		t.Errorf("extensions %q, %v; want %q", ext, err, want)
	}
	jws := strings.Split(parts[2], ".")
	if want := `{"typ":"JWT","cty":"JWT","alg":"HS256","kid":"` + id + `"}`; len(jws) != 3 || decode(t, jws[0]) != want {
		t.Fatalf("JWS of %d parts, header %s", len(jws), decode(t, jws[0]))
	}
	jwe := strings.Split(decode(t, jws[1]), ".")
	if want := `{"alg":"dir","enc":"A256GCM","kid":"` + id + `"}`; len(jwe) != 5 || decode(t, jwe[0]) != want {
		t.Errorf("JWE of %d parts, header %s", len(jwe), decode(t, jwe[0]))
	}
	if strings.Contains(decode(t, jwe[3]), "session") {
		t.Error("the session can be read")
	}
}

func TestSessionIsBounded(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	fits := 0
	for n := range token.MaxSession {
		tok, err := k.SealSession(make([]byte, n))
		if errors.Is(err, token.ErrTooLarge) {
			break
		}
		if err != nil || len(tok) > token.MaxSession {
			t.Fatalf("%d bytes: a token of %d, %v", n, len(tok), err)
		}
		fits = n
		if _, _, err := r.OpenSession(tok); err != nil {
			t.Fatalf("%d bytes cannot be opened: %v", n, err)
		}
	}
	if fits < 2000 || fits > 2200 {
		t.Errorf("%d bytes fit, but about 2,100 are promised", fits)
	}
}

// TestSessionsAreOfOnePlace: a token is nothing for another realm's keys or
// another installation, even under the same secret; and a secret that was
// rotated out of the first place still opens.
func TestSessionsAreOfOnePlace(t *testing.T) {
	t.Parallel()
	old, newer := secret(t, 2), secret(t, 3)
	before := ring(t, here, 1, map[string][]token.Secret{"/alpha": {old}})
	tok := sealSession(t, keys(t, before, "/alpha"), "plain")
	rotated := ring(t, here, 1, map[string][]token.Secret{"/alpha": {newer, old}, "/beta": {secret(t, 4)}})
	if got, realm, err := rotated.OpenSession(tok); err != nil || string(got) != "plain" || realm != "/alpha" {
		t.Errorf("after a rotation: %q of %q, %v", got, realm, err)
	}
	for what, other := range map[string]*token.Ring{
		"another installation with the same secret": ring(t, elsewhere, 1, map[string][]token.Secret{"/alpha": {old}}),
		"another realm with the same secret":        ring(t, here, 1, map[string][]token.Secret{"/beta": {old}}),
		"a key that was retired":                    ring(t, here, 1, map[string][]token.Secret{"/alpha": {newer}}),
	} {
		if got, _, err := other.OpenSession(tok); !errors.Is(err, token.ErrInvalid) || got != nil {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

// forge puts a session together as an attacker may who knows all but the keys.
type forge struct {
	tb               testing.TB
	ext, payload, id string
}

func newForge(tb testing.TB, k *token.Keys, good string) forge {
	at := strings.LastIndexByte(good, '*') + 1
	return forge{tb, good[:at], strings.Split(good[at:], ".")[1], k.SealKeys()[0].ID}
}

func (f forge) with(header, payload string, sign func(text string) []byte) string {
	enc := base64.RawURLEncoding.EncodeToString
	text := enc([]byte(header)) + "." + payload
	return f.ext + text + "." + enc(sign(text))
}

func (f forge) header(alg, more string) string {
	return `{"typ":"JWT","cty":"JWT","alg":"` + alg + `","kid":"` + f.id + `"` + more + `}`
}

// by signs as the library would, with a key of the attacker's.
func (f forge) by(method jwt.SigningMethod, key any) func(string) []byte {
	return func(text string) []byte {
		sig, err := method.Sign(text, key)
		if err != nil {
			f.tb.Fatal(err)
		}
		return sig
	}
}

func hmacBy(h func() hash.Hash, key []byte) func(string) []byte {
	return func(text string) []byte {
		m := hmac.New(h, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
}

// TestForgedSessionsAreRefused walks through the known ways to make a JWT
// library accept what it should not (SECURITY row 28), with every algorithm
// that the library has.
func TestForgedSessionsAreRefused(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	good := sealSession(t, k, "plain")
	other := sealSession(t, k, "other")
	f := newForge(t, k, good)
	empty, theirs := hmacBy(sha256.New, nil), bytes.Repeat([]byte("k"), 64)
	none := func(string) []byte { return nil }
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sig := good[strings.LastIndexByte(good, '.')+1:]
	plainJWE := base64.RawURLEncoding.EncodeToString([]byte(seal(t, k, "test", "plain")))
	theirJWE := base64.RawURLEncoding.EncodeToString([]byte(jwe(t, jose.DIRECT, jose.A256GCM, make([]byte, 32), nil, f.id)))

	forged := map[string]string{
		"alg none":                 f.with(f.header("none", ""), f.payload, none),
		"alg None":                 f.with(f.header("None", ""), f.payload, none),
		"alg none and a signature": f.with(f.header("none", ""), f.payload, empty),
		"no alg":                   f.with(`{"typ":"JWT","cty":"JWT","kid":"`+f.id+`"}`, f.payload, empty),
		"lower-case alg":           f.with(f.header("hs256", ""), f.payload, empty),
		"header twice":             f.with(f.header("none", `,"alg":"HS256"`), f.payload, empty),
		"empty key":                f.with(f.header("HS256", ""), f.payload, empty),
		"the public key as secret": f.with(f.header("HS256", ""), f.payload, hmacBy(sha256.New, rsaKey.N.Bytes())),
		"HS384":                    f.with(f.header("HS384", ""), f.payload, hmacBy(sha512.New384, theirs)),
		"HS512":                    f.with(f.header("HS512", ""), f.payload, hmacBy(sha512.New, theirs)),
		"EdDSA":                    f.with(f.header("EdDSA", ""), f.payload, f.by(jwt.SigningMethodEdDSA, edKey)),
		"kid of a path":            f.with(`{"typ":"JWT","cty":"JWT","alg":"HS256","kid":"../../dev/null"}`, f.payload, empty),
		"kid empty":                f.with(`{"typ":"JWT","cty":"JWT","alg":"HS256","kid":""}`, f.payload, empty),
		"kid a number":             f.with(`{"typ":"JWT","cty":"JWT","alg":"HS256","kid":12345678}`, f.payload, empty),
		"no kid":                   f.with(`{"typ":"JWT","cty":"JWT","alg":"HS256"}`, f.payload, empty),
		"jwk":                      f.with(f.header("HS256", `,"jwk":{"kty":"oct","k":""}`), f.payload, empty),
		"jku":                      f.with(f.header("HS256", `,"jku":"https://evil.example/keys"`), f.payload, empty),
		"x5u":                      f.with(f.header("HS256", `,"x5u":"https://evil.example/cert"`), f.payload, empty),
		"x5c":                      f.with(f.header("HS256", `,"x5c":["MIIB"]`), f.payload, empty),
		"crit":                     f.with(f.header("HS256", `,"crit":["x"],"x":1`), f.payload, empty),
		"zip":                      f.with(f.header("HS256", `,"zip":"DEF"`), f.payload, empty),
		"white space":              f.with(strings.ReplaceAll(f.header("HS256", ""), ",", ", "), f.payload, empty),
		"header no JSON":           f.with("x", f.payload, empty),
		"claims beside an expiry":  f.with(f.header("HS256", ""), base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1}`)), empty),
		"another one's signature":  good[:len(good)-len(sig)] + other[strings.LastIndexByte(other, '.')+1:],
		"no signature":             good[:len(good)-len(sig)],
		"a signature too short":    good[:len(good)-1],
		"a signature too long":     good + "A",
		"a text of other purpose":  f.with(f.header("HS256", ""), plainJWE, empty),
		"a text of other keys":     f.with(f.header("HS256", ""), theirJWE, empty),
		"an authId":                f.ext + sign(t, k, full),
		"a journey":                k.Carry(seal(t, k, "journey", "plain")),
		"a reference":              k.Mint(token.CTS, k.DeriveHead([]byte("seed"))),
		"a head":                   "head" + good,
		"no extensions":            "**" + good[strings.LastIndexByte(good, '*')+1:],
		"the JWT alone":            good[strings.LastIndexByte(good, '*')+1:],
		"padded":                   good + "=",
		"line break":               good + "\n",
		"line break in the text":   good[:200] + "\n" + good[200:],
		"line break in the MAC":    good[:len(good)-5] + "\r\n" + good[len(good)-3:],
		"twice":                    good + good,
		"empty":                    "",
		"the start alone":          good[:strings.LastIndexByte(good[:len(good)-len(sig)-1], '.')+1],
		"a megabyte of dots":       f.ext + strings.Repeat(".", 1<<20),
		"dots":                     good[:200] + strings.Repeat(".", 1000) + good[len(good)-44:],
	}
	for name, method := range map[string]jwt.SigningMethod{
		"RS256": jwt.SigningMethodRS256, "RS384": jwt.SigningMethodRS384, "RS512": jwt.SigningMethodRS512,
		"PS256": jwt.SigningMethodPS256, "PS384": jwt.SigningMethodPS384, "PS512": jwt.SigningMethodPS512,
	} {
		forged[name] = f.with(f.header(name, ""), f.payload, f.by(method, rsaKey))
	}
	for name, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		forged[name] = f.with(f.header(name, ""), f.payload, f.by(jwt.GetSigningMethod(name), key))
	}
	for name, bad := range forged {
		if got, _, err := r.OpenSession(bad); !errors.Is(err, token.ErrInvalid) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, _, err := r.OpenSession(good); err != nil {
		t.Errorf("the one that is ours: %v", err)
	}
}

// TestEveryBitOfASessionCounts: flip one anywhere and it is refused.
func TestEveryBitOfASessionCounts(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	good := sealSession(t, k, "plain")
	for i := range len(good) {
		for bit := range 8 {
			bad := []byte(good)
			bad[i] ^= 1 << bit
			if _, _, err := r.OpenSession(string(bad)); !errors.Is(err, token.ErrInvalid) {
				t.Fatalf("character %d may be %q for %q", i, bad[i], good[i])
			}
		}
	}
}

// A forged token is looked at for as long as it takes to see that its start
// is no key's, or its signature not ours; nothing is decoded.
func TestForgedSessionCostsLittle(t *testing.T) {
	r, k := oneRealm(t)
	good := sealSession(t, k, strings.Repeat("x", 1000))
	var before, after runtime.MemStats
	dots := good[:100] + strings.Repeat(".", 1<<20)
	runtime.ReadMemStats(&before)
	if _, _, err := r.OpenSession(dots); !errors.Is(err, token.ErrInvalid) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<10 {
		t.Errorf("a megabyte of dots cost %d bytes", n)
	}
	badly := good[:len(good)-2] + "AA"
	if n := testing.AllocsPerRun(100, func() { _, _, _ = r.OpenSession(badly) }); n > 10 {
		t.Errorf("a bad signature cost %v allocations", n)
	}
}

// sessionOnce is "plain", sealed by oneRealm.
const sessionOnce = "*AAJTSQACMDEABHR5cGUAA0pXVAACUzEAAAACS0kACDl5TlJ5Sjhj*eyJ0eXAiOiJKV1QiLCJjdHkiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6Ijl5TlJ5SjhjIn0." +
	"ZXlKaGJHY2lPaUprYVhJaUxDSmxibU1pT2lKQk1qVTJSME5OSWl3aWEybGtJam9pT1hsT1VubEtPR01pZlEuLlFHSnVOMjJ4bXVELVVIS1guSEVyT2JhTS5sc3JrSTdUTXVsTl9BX0Rncm1sUzFn." +
	"VTit1nnHIyoWiDdO6ko_TlXXZutBkBuwoErCntElLzA"

// FuzzOpenSession: whatever is accepted is, byte for byte, what its content
// encodes to.
func FuzzOpenSession(f *testing.F) {
	r, k := oneRealm(f)
	if plain, _, err := r.OpenSession(sessionOnce); err != nil || string(plain) != "plain" {
		f.Fatalf("sealed once, now %q, %v", plain, err)
	}
	f.Add(sealSession(f, k, "")) // of this process alone
	f.Add(sessionOnce)
	f.Add(sessionOnce[:len(sessionOnce)-1])
	f.Add(sessionOnce + "\n")
	f.Add("*" + sessionOnce)
	f.Fuzz(func(t *testing.T, tok string) {
		plain, realm, err := r.OpenSession(tok)
		switch {
		case err != nil && (!errors.Is(err, token.ErrInvalid) || plain != nil || realm != ""):
			t.Errorf("%q of %q, %v", plain, realm, err)
		case err == nil && token.Reencode(t, r, tok) != tok:
			t.Errorf("%q is accepted and not what %q encodes to", tok, plain)
		}
	})
}

func BenchmarkOpenSession(b *testing.B) {
	r, k := oneRealm(b)
	good := sealSession(b, k, strings.Repeat("x", 270))
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := r.OpenSession(good); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("forged", func(b *testing.B) {
		forged := good[:len(good)-2] + "AA"
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := r.OpenSession(forged); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}
