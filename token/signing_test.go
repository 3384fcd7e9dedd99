package token_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/amgate/amgate/token"
)

func keyFile(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "keys", name))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// signingKey is the key of testdata/keys for an algorithm, none if it has
// derived ones.
func signingKey(tb testing.TB, by token.Algorithm) []token.SigningKey {
	tb.Helper()
	if strings.HasPrefix(string(by), "HS") {
		return nil
	}
	name := strings.ToLower(string(by)) + ".pem"
	key, err := token.ParseSigningKey(name, keyFile(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	return []token.SigningKey{key}
}

func signingKeys(tb testing.TB) (keys []token.SigningKey) {
	tb.Helper()
	for _, by := range token.Algorithms {
		keys = append(keys, signingKey(tb, by)...)
	}
	return keys
}

func signingBy(tb testing.TB, by token.Algorithm) token.Signing {
	tb.Helper()
	s, err := token.NewSigning([]token.Algorithm{by}, signingKey(tb, by))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// privateKey is what is in the file of an algorithm, nil for HMAC.
func privateKey(tb testing.TB, by token.Algorithm) any {
	tb.Helper()
	if strings.HasPrefix(string(by), "HS") {
		return nil
	}
	block, _ := pem.Decode(keyFile(tb, strings.ToLower(string(by))+".pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// kidOf is the kid of what an algorithm signs: the key's own, or the beginning
// of the thumbprint (RFC 7638) of the public key.
func kidOf(tb testing.TB, by token.Algorithm, k *token.Keys) string {
	tb.Helper()
	private, ok := privateKey(tb, by).(crypto.Signer)
	if !ok {
		return k.SealKeys()[0].ID
	}
	sum, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]token.Algorithm{
		"rs256.pem": token.RS256, "es256.pem": token.ES256, "es384.pem": token.ES384, "es512.pem": token.ES512, "eddsa.pem": token.EdDSA,
		"ec-sec1.pem": token.ES256, "rsa-pkcs1.pem": token.RS256,
	} {
		key, err := token.ParseSigningKey(name, keyFile(t, name))
		if err != nil || !key.Private() {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := token.NewSigning([]token.Algorithm{by}, []token.SigningKey{key}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	public, err := token.ParseSigningKey("x", keyFile(t, "es256-public.pem"))
	if err != nil || public.Private() {
		t.Errorf("a public key: %v", err)
	}
}

// TestSigningKeysThatAreRefused: each error names the file and what would be
// right, and quotes nothing of it.
func TestSigningKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	cut := keyFile(t, "es256.pem")
	block, _ := pem.Decode(cut)
	for name, tc := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":         {nil, "no key in PEM"},
		"no PEM":          {[]byte("c2VjcmV0c2VjcmV0"), "no key in PEM"},
		"a small RSA key": {keyFile(t, "rsa-1024.pem"), "an RSA key of 1024 bits; it must have 2048 to 4096"},
		"another curve":   {keyFile(t, "ec-p224.pem"), "P-224; use P-256, P-384 or P-521"},
		"no key to sign":  {keyFile(t, "x25519.pem"), "use an RSA key, an EC key"},
		"encrypted":       {keyFile(t, "encrypted.pem"), "it is encrypted; decrypt it with openssl pkey"},
		"encrypted PKCS1": {keyFile(t, "encrypted-pkcs1.pem"), "it is encrypted"},
		"a certificate":   {keyFile(t, "certificate.pem"), `it holds "CERTIFICATE", which is no key that signs`},
		"two keys":        {append(bytes.Clone(cut), cut...), "more in it than one key"},
		"damaged":         {pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes[:len(block.Bytes)-9]}), `its "PRIVATE KEY" cannot be read`},
		"wrongly named":   {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: block.Bytes}), `its "RSA PRIVATE KEY" cannot be read`},
	} {
		_, err := token.ParseSigningKey("keys/a.pem", tc.text)
		if err == nil || !strings.Contains(err.Error(), "key keys/a.pem: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestSigningsThatAreRefused(t *testing.T) {
	t.Parallel()
	es256, es384 := signingKey(t, token.ES256)[0], signingKey(t, token.ES384)[0]
	public, err := token.ParseSigningKey("public.pem", keyFile(t, "es256-public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		algorithms []token.Algorithm
		keys       []token.SigningKey
		want       string
	}{
		"an unknown algorithm":   {[]token.Algorithm{"none"}, nil, `there is no algorithm "none"; use one of HS256, HS384`},
		"one that JWT has":       {[]token.Algorithm{"PS256"}, nil, `there is no algorithm "PS256"`},
		"other case":             {[]token.Algorithm{"es256"}, nil, `there is no algorithm "es256"`},
		"named twice":            {[]token.Algorithm{token.HS256, token.HS256}, nil, "algorithm HS256 is named twice"},
		"no key":                 {[]token.Algorithm{token.ES256}, nil, "algorithm ES256 needs a key: name the PEM file of an EC key on P-256"},
		"another curve":          {[]token.Algorithm{token.ES256}, []token.SigningKey{es256, es384}, "key es384.pem: it is an EC key on P-384, which signs by ES384; the algorithm here is ES256"},
		"a key for HMAC":         {[]token.Algorithm{token.HS256}, []token.SigningKey{es256}, "which signs by ES256; the algorithm here is HS256"},
		"a key for the default":  {nil, []token.SigningKey{es256}, "the algorithm here is HS256"},
		"public only":            {[]token.Algorithm{token.ES256}, []token.SigningKey{public}, "key public.pem: it is a public key, which cannot sign"},
		"the first is public":    {[]token.Algorithm{token.ES256}, []token.SigningKey{public, es256}, "which cannot sign"},
		"a key of the older one": {[]token.Algorithm{token.HS256, token.ES384}, nil, "algorithm ES384 needs a key"},
	} {
		if _, err := token.NewSigning(tc.algorithms, tc.keys); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// TestSigningKeysRotate: the first signs, all verify, also one of which only
// the public half is left, and those of another algorithm; what is not listed
// any more opens nothing.
func TestSigningKeysRotate(t *testing.T) {
	t.Parallel()
	r, _ := oneRealm(t)
	of := func(algorithms []token.Algorithm, keys ...token.SigningKey) *token.Carrier {
		s, err := token.NewSigning(algorithms, keys)
		if err != nil {
			t.Fatal(err)
		}
		return token.NewCarrier(r, map[string]token.Signing{"/alpha": s})
	}
	es := []token.Algorithm{token.ES256}
	old := signingKey(t, token.ES256)[0]
	newer, err := token.ParseSigningKey("newer.pem", keyFile(t, "ec-sec1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := token.ParseSigningKey("public.pem", keyFile(t, "es256-public.pem"))
	if err != nil {
		t.Fatal(err)
	}
	tok := sealSession(t, of(es, old), "plain")
	for name, c := range map[string]*token.Carrier{
		"the old one second":        of(es, newer, old),
		"its public half":           of(es, newer, public),
		"named twice":               of(es, old, public),
		"another algorithm first":   of([]token.Algorithm{token.HS512, token.ES256}, old),
		"with EdDSA first and HMAC": of([]token.Algorithm{token.EdDSA, token.HS256, token.ES256}, old, signingKey(t, token.EdDSA)[0]),
	} {
		if plain, _, err := c.Open(tok); err != nil || string(plain) != "plain" {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
		if plain, _, err := c.Open(sealSession(t, c, "new")); err != nil || string(plain) != "new" {
			t.Errorf("%s, a new one: %q, %v", name, plain, err)
		}
	}
	for name, c := range map[string]*token.Carrier{
		"another key":       of(es, newer),
		"another algorithm": of([]token.Algorithm{token.EdDSA}, signingKey(t, token.EdDSA)[0]),
		"the default":       token.NewCarrier(r, nil),
	} {
		if plain, _, err := c.Open(tok); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
	// A realm of ES256 alone takes none of HMAC, though the keys are derived
	// from what it has.
	if plain, _, err := of(es, old).Open(sealSession(t, token.NewCarrier(r, nil), "plain")); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("signed by HS256: %q, %v", plain, err)
	}
}

// TestOtherSignatureIsRefused: for each signature of ECDSA there is another one
// that verifies, which who has a token can compute.
func TestOtherSignatureIsRefused(t *testing.T) {
	t.Parallel()
	r, _ := oneRealm(t)
	for _, by := range []token.Algorithm{token.ES256, token.ES384, token.ES512} {
		c := carrier(t, r, by)
		private, ok := privateKey(t, by).(*ecdsa.PrivateKey)
		if !ok {
			t.Fatal(by)
		}
		for range 20 { // half of what the library signs is the higher one
			good := sealSession(t, c, "plain")
			at := strings.LastIndexByte(good, '.') + 1
			sig := []byte(decode(t, good[at:]))
			s := sig[len(sig)/2:]
			new(big.Int).Sub(private.Params().N, new(big.Int).SetBytes(s)).FillBytes(s)
			other := good[:at] + base64.RawURLEncoding.EncodeToString(sig)
			if libraryMethods[by].Verify(good[strings.LastIndexByte(good, '*')+1:at-1], sig, &private.PublicKey) != nil {
				t.Fatalf("%s: the other signature does not verify", by)
			}
			if _, _, err := c.Open(good); err != nil {
				t.Errorf("%s: ours: %v", by, err)
			}
			if _, _, err := c.Open(other); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%s: the other one: %v", by, err)
			}
		}
	}
}

func TestSigningShowsNoKey(t *testing.T) {
	t.Parallel()
	key := signingKey(t, token.EdDSA)[0]
	s := signingBy(t, token.EdDSA)
	private := fmt.Sprint(privateKey(t, token.EdDSA))
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		for _, what := range []any{key, &key, s, &s, []token.SigningKey{key}} {
			if text := fmt.Sprintf(verb, what); strings.Contains(text, private[1:40]) {
				t.Errorf("%s of a %T: %s", verb, what, text)
			}
		}
	}
}

func compressing(tb testing.TB, r *token.Ring, by token.Algorithm) *token.Carrier {
	tb.Helper()
	s := signingBy(tb, by)
	s.Compress = true
	return token.NewCarrier(r, map[string]token.Signing{"/alpha": s})
}

// TestCompressedSessions: compression can be turned on and off, and nobody is
// signed out.
func TestCompressedSessions(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	zip, not := compressing(t, r, token.ES256), carrier(t, r, token.ES256)
	text := strings.Repeat("id=bjensen,ou=user,ou=am-config;", 50)
	small, large := sealSession(t, zip, text), sealSession(t, not, text)
	if len(small) > len(large)/3 {
		t.Errorf("%d bytes instead of %d", len(small), len(large))
	}
	for _, c := range []*token.Carrier{zip, not} {
		for _, tok := range []string{small, large} {
			if plain, _, err := c.Open(tok); err != nil || string(plain) != text {
				t.Errorf("%d bytes, %v", len(plain), err)
			}
		}
	}
	// What does not become shorter stays as it is.
	short := sealSession(t, zip, "plain")
	if len(short) != len(sealSession(t, not, "plain")) {
		t.Errorf("a short one takes %d bytes", len(short))
	}
	// It is for sessions alone.
	jwe := decode(t, strings.Split(small[strings.LastIndexByte(small, '*')+1:], ".")[1])
	if plain, err := k.Sealer("session").Open(jwe); !errors.Is(err, token.ErrSignature) {
		t.Errorf("elsewhere: %d bytes, %v", len(plain), err)
	}
}

// TestBombIsRefused: what a session may grow to is bounded, whoever made it.
// SECURITY 32.
func TestBombIsRefused(t *testing.T) {
	r, _ := oneRealm(t)
	c := compressing(t, r, token.HS256)
	if tok, err := c.Seal("/alpha", make([]byte, token.MaxInflated+1)); !errors.Is(err, token.ErrTooLarge) {
		t.Errorf("sealed to %d bytes, %v", len(tok), err)
	}
	largest := sealSession(t, c, strings.Repeat("x", token.MaxInflated))
	if plain, _, err := c.Open(largest); err != nil || len(plain) != token.MaxInflated {
		t.Errorf("the largest: %d bytes, %v", len(plain), err)
	}
	for _, size := range []int{token.MaxInflated + 1, 200_000, 1 << 20} {
		bomb := token.Bomb(t, c, size)
		if len(bomb) > token.MaxSession {
			t.Fatalf("%d bytes take %d", size, len(bomb))
		}
		if n := memoryOf(func() {
			if plain, _, err := c.Open(bomb); !errors.Is(err, token.ErrInvalid) || plain != nil {
				t.Errorf("%d bytes are accepted as %d, %v", size, len(plain), err)
			}
		}); n > 256<<10 {
			t.Errorf("%d bytes cost %d", size, n)
		}
	}
}
