package token_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/token"
)

var full = token.AuthID{
	Realm: "/alpha", SessionID: "head.*ext*", IndexType: "service", IndexValue: `A & "B" <é>`,
	Allow: "5b0a0e5a-8b0e-4c2f-9d3c-0f0f0f0f0f0f", Affinity: "id.pin", Params: `{"goto":"/a?b=\u0026","noSession":true}`,
	Issued: time.Unix(1_700_000_000, 0), Expires: time.Unix(1_700_000_300, 0),
}

func sign(tb testing.TB, k *token.Keys, a token.AuthID) string {
	tb.Helper()
	s, err := k.SignAuthID(a)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func decode(tb testing.TB, part string) string {
	tb.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func TestAuthIDRoundTrip(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	least := token.AuthID{Realm: "/alpha", SessionID: "s", Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)}
	for _, a := range []token.AuthID{full, least} {
		got, err := k.ParseAuthID(sign(t, k, a))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.OTK) != 26 {
			t.Errorf("the one-time key is %q", got.OTK)
		}
		a.OTK = got.OTK
		if d := cmp.Diff(a, got); d != "" {
			t.Error(d)
		}
	}
}

// TestAuthIDIsAMs: order of members, no white space, what is absent is left
// out, as recorded of real servers. AM's own pages decode the payload, and an
// edge reads the claim affinity, both without a key.
func TestAuthIDIsAMs(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	parts := strings.Split(sign(t, k, full), ".")
	if want := fmt.Sprintf(`{"typ":"JWT","alg":"HS256","kid":"%s"}`, k.SealKeys()[0].ID); decode(t, parts[0]) != want {
		t.Errorf("header %s, want %s", decode(t, parts[0]), want)
	}
	payload := regexp.MustCompile(`"otk":"[0-9a-v]{26}"`).ReplaceAllString(decode(t, parts[1]), `"otk":"…"`)
	if want := `{"authIndexValue":"A & \"B\" <é>","whitelist-state":"5b0a0e5a-8b0e-4c2f-9d3c-0f0f0f0f0f0f","otk":"…",` +
		`"authIndexType":"service","realm":"/alpha","sessionId":"head.*ext*","affinity":"id.pin","params":{"goto":"/a?b=\u0026","noSession":true},"exp":1700000300,"iat":1700000000}`; payload != want {
		t.Errorf("payload\n%s, want\n%s", payload, want)
	}
	least := token.AuthID{Realm: "/alpha", SessionID: "s", Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)}
	one, two := sign(t, k, least), sign(t, k, least)
	payload = decode(t, strings.Split(one, ".")[1])
	if !regexp.MustCompile(`^{"otk":"[0-9a-v]{26}","realm":"/alpha","sessionId":"s","exp":2,"iat":1}$`).MatchString(payload) {
		t.Errorf("payload %s", payload)
	}
	if one == two {
		t.Error("two authIds with one one-time key")
	}
}

func TestSignAuthIDRefuses(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	foreign, huge, odd, more := full, full, full, full
	odd.Params, more.Params = `"goto"`, `{"goto":"/"},"realm":"/"`
	foreign.Realm = "/"
	huge.SessionID = strings.Repeat("x", token.MaxAuthID)
	for _, a := range []token.AuthID{foreign, huge, odd, more} {
		if s, err := k.SignAuthID(a); err == nil {
			t.Errorf("signed %d bytes", len(s))
		}
	}
	if _, err := k.SignAuthID(huge); !errors.Is(err, token.ErrTooLarge) {
		t.Errorf("a huge authId: %v", err)
	}
}

// TestForgedAuthIDsAreRefused walks through the known ways to make a JWT
// library accept what it should not (SECURITY row 28, CVE-2024-51744 and its
// kin): another algorithm, none, a key brought along or named by a path, and
// a deadline that hides a bad signature.
func TestForgedAuthIDsAreRefused(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	good := sign(t, k, full)
	parts := strings.Split(good, ".")
	id := k.SealKeys()[0].ID
	enc := base64.RawURLEncoding.EncodeToString

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs256 := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"realm": "/alpha"})
	rs256.Header["kid"] = id
	rs, err := rs256.SignedString(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	// with puts another header before the payload and signs with a key that an
	// attacker has.
	with := func(header string, key []byte) string {
		signed := enc([]byte(header)) + "." + parts[1]
		m := hmac.New(sha256.New, key)
		m.Write([]byte(signed))
		return signed + "." + enc(m.Sum(nil))
	}
	header := func(alg, more string) string {
		return `{"typ":"JWT","alg":"` + alg + `","kid":"` + id + `"` + more + `}`
	}
	session := sealSession(t, token.NewCarrier(r, nil), "plain")
	expired := full
	expired.Expires = time.Unix(1, 0)
	late := strings.Split(sign(t, k, expired), ".")

	for _, tc := range []struct {
		name, authID string
		want         error
	}{
		{"alg none", enc([]byte(header("none", ""))) + "." + parts[1] + ".", token.ErrSignature},
		{"alg None", enc([]byte(header("None", ""))) + "." + parts[1] + ".", token.ErrSignature},
		{"alg none with the signature", enc([]byte(header("none", ""))) + "." + parts[1] + "." + parts[2], token.ErrSignature},
		{"a session", session, token.ErrMalformed},
		{"a session's JWT", session[strings.LastIndexByte(session, '*')+1:], token.ErrMalformed}, // it holds no claims
		{"lower-case alg", with(header("hs256", ""), nil), token.ErrSignature},
		{"HS512", with(header("HS512", ""), nil), token.ErrSignature},
		{"RS256", rs, token.ErrSignature},
		{"signed with the public key", with(header("HS256", ""), rsaKey.N.Bytes()), token.ErrSignature},
		{"empty key", with(header("HS256", ""), nil), token.ErrSignature},
		{"kid as a path", with(`{"typ":"JWT","alg":"HS256","kid":"../../dev/null"}`, nil), token.ErrSignature},
		{"kid empty", with(`{"typ":"JWT","alg":"HS256","kid":""}`, nil), token.ErrSignature},
		{"kid a number", with(`{"typ":"JWT","alg":"HS256","kid":7}`, nil), token.ErrSignature},
		{"no kid", with(`{"typ":"JWT","alg":"HS256"}`, nil), token.ErrSignature},
		{"jwk", with(header("HS256", `,"jwk":{"kty":"oct","k":""}`), nil), token.ErrSignature},
		{"jku", with(header("HS256", `,"jku":"https://evil.example/keys"`), nil), token.ErrSignature},
		{"x5u", with(header("HS256", `,"x5u":"https://evil.example/cert"`), nil), token.ErrSignature},
		{"crit", with(header("HS256", `,"crit":["x"],"x":1`), nil), token.ErrSignature},
		{"header twice", with(header("none", `,"alg":"HS256"`), nil), token.ErrSignature},
		{"expired and badly signed", late[0] + "." + late[1] + "." + parts[2], token.ErrSignature},
		{"no signature", parts[0] + "." + parts[1] + ".", token.ErrSignature},
		{"padded", good + "=", token.ErrMalformed},
		{"line break", good + "\n", token.ErrMalformed},
		{"line break within", good[:50] + "\n" + good[50:], token.ErrMalformed},
		{"JWE", good + "..", token.ErrMalformed},
		{"two parts", parts[0] + "." + parts[1], token.ErrMalformed},
		{"empty", "", token.ErrMalformed},
		{"dots", "..", token.ErrMalformed},
		{"64 KiB of dots", strings.Repeat(".", token.MaxAuthID), token.ErrMalformed},
		{"over the cap", good + strings.Repeat("A", token.MaxAuthID), token.ErrMalformed},
		{"header no JSON", enc([]byte("x")) + "." + parts[1] + "." + parts[2], token.ErrMalformed},
		{"payload no JSON", parts[0] + "." + enc([]byte("x")) + "." + parts[2], token.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if a, err := k.ParseAuthID(tc.authID); !errors.Is(err, tc.want) || a != (token.AuthID{}) {
				t.Errorf("%+v, %v, want %v", a, err, tc.want)
			}
		})
	}
	if _, err := k.ParseAuthID(strings.Join(late, ".")); err != nil {
		t.Errorf("expired and well signed: %v; the caller judges the deadline", err)
	}
}

// TestAuthIDHasNoSpareBits: each of its characters counts, so the denylist of
// a used authId cannot be evaded by writing it otherwise.
func TestAuthIDHasNoSpareBits(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	good := sign(t, k, full)
	for i := range len(good) {
		for bit := range 8 {
			bad := []byte(good)
			bad[i] ^= 1 << bit
			if _, err := k.ParseAuthID(string(bad)); err == nil {
				t.Fatalf("character %d may be %q for %q", i, bad[i], good[i])
			}
		}
	}
}

// signedOnce is full without Params, signed by oneRealm: a fuzzing worker is another process
// and must know it too.
const signedOnce = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6Ijl5TlJ5SjhjIn0.eyJhdXRoSW5kZXhWYWx1ZSI6IkEgJiBcIkJcIiA8" +
	"w6k-Iiwid2hpdGVsaXN0LXN0YXRlIjoiNWIwYTBlNWEtOGIwZS00YzJmLTlkM2MtMGYwZjBmMGYwZjBmIiwib3RrIjoidXZhanYy" +
	"NGc4YXZ1OGYwM21xcDJqYTNhNmMiLCJhdXRoSW5kZXhUeXBlIjoic2VydmljZSIsInJlYWxtIjoiL2FscGhhIiwic2Vzc2lvbklk" +
	"IjoiaGVhZC4qZXh0KiIsImFmZmluaXR5IjoiaWQucGluIiwiZXhwIjoxNzAwMDAwMzAwLCJpYXQiOjE3MDAwMDAwMDB9.RTtwH3L" +
	"nDbqu6OfpZZV7AD5ZspT9p_h3oCYVJ02jQ3Q"

func FuzzParseAuthID(f *testing.F) {
	_, k := oneRealm(f)
	want := full
	want.Params = "" // as authIds were before there were any
	want.OTK = "uvajv24g8avu8f03mqp2ja3a6c"
	if a, err := k.ParseAuthID(signedOnce); err != nil || a != want {
		f.Fatalf("signed once, now %+v, %v", a, err)
	}
	f.Add(signedOnce)
	f.Add(signedOnce[:len(signedOnce)-1])
	f.Add("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := k.ParseAuthID(s)
		if err == nil && s != signedOnce {
			t.Errorf("a forgery is accepted as %+v", a)
		}
		if err != nil && !errors.Is(err, token.ErrMalformed) && !errors.Is(err, token.ErrSignature) {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

func BenchmarkParseAuthID(b *testing.B) {
	_, k := oneRealm(b)
	s := sign(b, k, full)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.ParseAuthID(s); err != nil {
			b.Fatal(err)
		}
	}
}
