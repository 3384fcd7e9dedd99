package token_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/amgate/amgate/token"
)

func seal(tb testing.TB, k *token.Keys, purpose, plain string) string {
	tb.Helper()
	s, err := k.Sealer(purpose).Seal([]byte(plain))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	for _, plain := range []string{"", "x", strings.Repeat("\x00é", 10_000)} {
		one, two := seal(t, k, "test", plain), seal(t, k, "test", plain)
		if one == two {
			t.Error("two texts with one nonce")
		}
		if got, err := k.Sealer("test").Open(one); err != nil || string(got) != plain {
			t.Errorf("%d bytes came back, want %d: %v", len(got), len(plain), err)
		}
	}
	s := seal(t, k, "test", "plain")
	parts := strings.Split(s, ".")
	if want := `{"alg":"dir","enc":"A256GCM","kid":"` + k.SealKeys()[0].ID + `"}`; decode(t, parts[0]) != want || parts[1] != "" {
		t.Errorf("the header is %s, the key %q; want %s", decode(t, parts[0]), parts[1], want)
	}
	if strings.Contains(decode(t, parts[3]), "plain") {
		t.Error("what was sealed can be read")
	}
}

func TestSealRefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	if _, err := k.Sealer("test").Seal(make([]byte, token.MaxSealed)); !errors.Is(err, token.ErrTooLarge) {
		t.Errorf("%d bytes: %v", token.MaxSealed, err)
	}
}

// TestSealedTextsAreOfOnePlace: a text is nothing for another purpose, realm
// or installation, even under the same secret; and a secret that was rotated
// out of the first place still opens.
func TestSealedTextsAreOfOnePlace(t *testing.T) {
	t.Parallel()
	old, newer := secret(t, 2), secret(t, 3)
	both := ring(t, here, 1, map[string][]token.Secret{"/alpha": {newer, old}, "/beta": {secret(t, 4)}})
	before := keys(t, ring(t, here, 1, map[string][]token.Secret{"/alpha": {old}}), "/alpha")
	s := seal(t, before, "test", "plain")

	if got, err := keys(t, both, "/alpha").Sealer("test").Open(s); err != nil || string(got) != "plain" {
		t.Errorf("after a rotation: %q, %v", got, err)
	}
	after := keys(t, ring(t, here, 1, map[string][]token.Secret{"/alpha": {newer}}), "/alpha")
	elsewhereKeys := keys(t, ring(t, elsewhere, 1, map[string][]token.Secret{"/alpha": {old}}), "/alpha")
	for what, open := range map[string]func() ([]byte, error){
		"another purpose":                        func() ([]byte, error) { return before.Sealer("tes").Open(s) },
		"another realm":                          func() ([]byte, error) { return keys(t, both, "/beta").Sealer("test").Open(s) },
		"another installation with the same key": func() ([]byte, error) { return elsewhereKeys.Sealer("test").Open(s) },
		"a key that was retired":                 func() ([]byte, error) { return after.Sealer("test").Open(s) },
	} {
		if got, err := open(); !errors.Is(err, token.ErrSignature) || got != nil {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

// jwe encrypts with go-jose as an attacker who has a key of their own would.
func jwe(tb testing.TB, alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, opts *jose.EncrypterOptions, kid string) string {
	tb.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: kid}, opts)
	if err != nil {
		tb.Fatal(err)
	}
	o, err := e.Encrypt(bytes.Repeat([]byte("a"), 1000))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := o.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestForgedSealedTextsAreRefused: nothing but direct encryption by
// AES-256-GCM under a key of ours is looked at (SECURITY row 28): no other
// algorithm, no key brought along or named by a path, no compression.
func TestForgedSealedTextsAreRefused(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	sealer, good := k.Sealer("test"), seal(t, k, "test", "plain")
	parts := strings.Split(good, ".")
	id := k.SealKeys()[0].ID
	enc := base64.RawURLEncoding.EncodeToString
	with := func(header string) string { return enc([]byte(header)) + "." + strings.Join(parts[1:], ".") }

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	theirs := make([]byte, 32)
	zip := &jose.EncrypterOptions{Compression: jose.DEFLATE}
	for name, bad := range map[string]string{
		"alg none":            with(`{"alg":"none","enc":"A256GCM","kid":"` + id + `"}`),
		"enc none":            with(`{"alg":"dir","enc":"none","kid":"` + id + `"}`),
		"no enc":              with(`{"alg":"dir","kid":"` + id + `"}`),
		"other case":          with(`{"alg":"DIR","enc":"A256GCM","kid":"` + id + `"}`),
		"other order":         with(`{"kid":"` + id + `","alg":"dir","enc":"A256GCM"}`),
		"white space":         with(`{"alg":"dir", "enc":"A256GCM","kid":"` + id + `"}`),
		"alg twice":           with(`{"alg":"none","alg":"dir","enc":"A256GCM","kid":"` + id + `"}`),
		"crit":                with(`{"alg":"dir","crit":["x"],"enc":"A256GCM","kid":"` + id + `","x":1}`),
		"zip":                 with(`{"alg":"dir","enc":"A256GCM","kid":"` + id + `","zip":"DEF"}`),
		"jwk":                 with(`{"alg":"dir","enc":"A256GCM","jwk":{"kty":"oct","k":""},"kid":"` + id + `"}`),
		"jku":                 with(`{"alg":"dir","enc":"A256GCM","jku":"https://evil.example/","kid":"` + id + `"}`),
		"kid a path":          with(`{"alg":"dir","enc":"A256GCM","kid":"../../dev/null"}`),
		"kid empty":           with(`{"alg":"dir","enc":"A256GCM","kid":""}`),
		"kid a number":        with(`{"alg":"dir","enc":"A256GCM","kid":7}`),
		"no kid":              with(`{"alg":"dir","enc":"A256GCM"}`),
		"RSA-OAEP":            jwe(t, jose.RSA_OAEP_256, jose.A256GCM, &rsaKey.PublicKey, nil, id),
		"RSA1_5":              jwe(t, jose.RSA1_5, jose.A128CBC_HS256, &rsaKey.PublicKey, nil, id),
		"key wrap":            jwe(t, jose.A256KW, jose.A256GCM, theirs, nil, id),
		"password":            jwe(t, jose.PBES2_HS256_A128KW, jose.A256GCM, theirs, nil, id),
		"A128GCM":             jwe(t, jose.DIRECT, jose.A128GCM, theirs[:16], nil, id),
		"CBC":                 jwe(t, jose.DIRECT, jose.A128CBC_HS256, theirs, nil, id),
		"a key of zeros":      jwe(t, jose.DIRECT, jose.A256GCM, theirs, nil, id),
		"compressed":          jwe(t, jose.DIRECT, jose.A256GCM, theirs, zip, id),
		"a key":               parts[0] + ".AAAA." + strings.Join(parts[2:], "."),
		"no nonce":            parts[0] + "..." + parts[3] + "." + parts[4],
		"no tag":              strings.Join(parts[:4], ".") + ".",
		"no text":             parts[0] + ".." + parts[2] + ".." + parts[4],
		"six parts":           good + ".",
		"four parts":          strings.Join(parts[:4], "."),
		"padded":              good + "=",
		"line break":          good + "\n",
		"line break within":   good[:len(good)-5] + "\r\n" + good[len(good)-5:],
		"JSON":                `{"protected":"` + parts[0] + `","iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
		"an authId":           sign(t, k, full),
		"empty":               "",
		"the header alone":    parts[0],
		"a megabyte of dots":  parts[0] + strings.Repeat(".", 1<<20),
		"over the cap":        good + strings.Repeat("A", token.MaxSealed),
		"another one's nonce": strings.Join(parts[:2], ".") + "." + strings.Split(seal(t, k, "test", "plain"), ".")[2] + "." + parts[3] + "." + parts[4],
	} {
		if got, err := sealer.Open(bad); !errors.Is(err, token.ErrSignature) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for i := range len(good) {
		for bit := range 8 {
			bad := []byte(good)
			bad[i] ^= 1 << bit
			if _, err := sealer.Open(string(bad)); err == nil {
				t.Fatalf("character %d may be %q for %q", i, bad[i], good[i])
			}
		}
	}
}

// sealedOnce is "plain", sealed by oneRealm for the purpose "test".
const sealedOnce = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiOXlOUnlKOGMifQ..ET-Xd2Ndc30PEXvR.WP78VQ8.nNo5w_Km0MTtHLk9KbtbxA"

func FuzzOpen(f *testing.F) {
	_, k := oneRealm(f)
	sealer := k.Sealer("test")
	if plain, err := sealer.Open(sealedOnce); err != nil || string(plain) != "plain" {
		f.Fatalf("sealed once, now %q, %v", plain, err)
	}
	f.Add(sealedOnce)
	f.Add(sealedOnce[:len(sealedOnce)-1])
	f.Add(sealedOnce + "\n")
	f.Add("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....")
	f.Fuzz(func(t *testing.T, s string) {
		plain, err := sealer.Open(s)
		switch {
		case err == nil && s != sealedOnce:
			t.Errorf("a forgery is accepted as %q", plain)
		case err != nil && !errors.Is(err, token.ErrSignature):
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	_, k := oneRealm(b)
	sealer, plain := k.Sealer("test"), bytes.Repeat([]byte("x"), 1024)
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := sealer.Seal(plain)
		if err == nil {
			_, err = sealer.Open(sealed)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
