package token_test

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/token"
)

var kinds = []token.Kind{token.CTS, token.CTSAuth, token.MemAuth}

func oneRealm(tb testing.TB) (*token.Ring, *token.Keys) {
	tb.Helper()
	r := ring(tb, here, 1, map[string][]token.Secret{"/alpha": {secret(tb, 2)}})
	return r, keys(tb, r, "/alpha")
}

func TestMintOpen(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	for _, kind := range kinds {
		tok := k.Mint(kind, head)
		want := token.Reference{Head: head, Kind: kind, Realm: "/alpha", KeyID: k.SealKeys()[0].ID}
		if got, err := k.OpenReference(kind, tok); err != nil || got != want {
			t.Errorf("%s: Keys.OpenReference: %+v, %v", kind, got, err)
		}
		if got, err := r.OpenReference(tok); err != nil || got != want {
			t.Errorf("%s: Ring.OpenReference: %+v, %v", kind, got, err)
		}
		for _, other := range kinds {
			if _, err := k.OpenReference(other, tok); (err == nil) != (other == kind) {
				t.Errorf("a %s opened as %s: %v", kind, other, err)
			}
		}
	}
}

func TestMintOfAKindWithoutReferencesPanics(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	defer func() {
		if recover() == nil {
			t.Error("it made one")
		}
	}()
	k.Mint(token.JWTAuth, head)
}

// TestLayoutIsAMs compares with what was recorded of real servers, and
// computes the MAC by hand: cookies outlive an upgrade of the edges.
func TestLayoutIsAMs(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	tok := k.Mint(token.CTS, head)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{27}\.\*AAJTSQACMDEAAlNLAB[A-Za-z0-9_-]+\.{0,2}\*$`).MatchString(tok) {
		t.Errorf("%q is not in AM's form", tok)
	}
	plain := strings.NewReplacer("-", "+", "_", "/", ".", "=").Replace(tok)
	parts := strings.Split(plain, "*")
	if len(parts) != 3 || parts[2] != "" {
		t.Fatalf("%q has %d parts", tok, len(parts))
	}
	gotHead, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil || [20]byte(gotHead) != head {
		t.Errorf("the head is %x, %v", gotHead, err)
	}
	ext, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for len(ext) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(ext))
		pairs, ext = append(pairs, string(ext[2:n])), ext[n:]
	}
	field := func(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }
	derived := func(purpose string) []byte {
		info := field("amgate 1 realm") + field(purpose) + field("/alpha")
		b, err := hkdf.Key(sha256.New, secret(t, 2).Reveal(), []byte(here), info, 32)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	mac := hmac.New(sha256.New, derived("reference"))
	mac.Write([]byte(field("CTS") + field(string(head[:]))))
	want := []string{
		"SI", "01", "SK", base64.StdEncoding.EncodeToString(mac.Sum(nil)[:20]), "type", "CTS", "S1", "",
		"KI", base64.RawURLEncoding.EncodeToString(derived("key id")[:6]),
	}
	if strings.Join(pairs, "|") != strings.Join(want, "|") {
		t.Errorf("the pairs are %q, want %q", pairs, want)
	}
}

// TestForgedReferencesAreRefused: guessed, cut and altered tokens stop here
// and never reach the store (SECURITY row 5: fuzz every bit).
func TestForgedReferencesAreRefused(t *testing.T) {
	t.Parallel()
	r, k := oneRealm(t)
	for _, kind := range kinds {
		tok := k.Mint(kind, head)
		refuse := func(name, bad string) {
			if _, err := r.OpenReference(bad); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%s: OpenReference(%q): %v", name, bad, err)
			}
			if _, err := k.OpenReference(kind, bad); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%s: Open(%q): %v", name, bad, err)
			}
		}
		for i := range len(tok) {
			refuse("cut", tok[:i])
			refuse("left out", tok[:i]+tok[i+1:])
			refuse("line break", tok[:i]+"\n"+tok[i:])
			for bit := range 8 {
				bad := []byte(tok)
				bad[i] ^= 1 << bit
				refuse("bit flipped", string(bad))
			}
		}
		other := k.Mint(kind, [20]byte{9})
		refuse("the head of another", other[:28]+tok[28:])
		refuse("padding left out", strings.ReplaceAll(tok, ".", ""))
		refuse("in plain base64", strings.ReplaceAll(tok, ".", "="))
		refuse("long", tok+strings.Repeat("A", 300)+"*")
		refuse("with a tail", tok+"e30")
		refuse("twice", tok+tok)
	}
	if _, err := r.OpenReference("AQIC5wM2LY4Sfczw7Hl4jl8fyGWiA*AAJTSQACMDEAAlNLABw*"); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a token of old AM: %v", err)
	}
}

// TestAMegabyteOfDotsCostsNothing: golang-jwt before 5.2.2 split what it was
// given at each dot (CVE-2025-30204). Here the length is judged first
// (SECURITY row 28).
func TestAMegabyteOfDotsCostsNothing(t *testing.T) {
	r, k := oneRealm(t)
	dots, sealer := strings.Repeat(".", 1<<20), k.Sealer("test")
	for name, open := range map[string]func() error{
		"Ring.OpenReference": func() error { _, err := r.OpenReference(dots); return err },
		"Keys.OpenReference": func() error { _, err := k.OpenReference(token.CTS, dots); return err },
		"OpenLink":           func() error { _, err := k.OpenLink(dots); return err },
		"Open":               func() error { _, err := sealer.Open(dots); return err },
		"ParseAuthID":        func() error { _, err := k.ParseAuthID(dots); return err },
	} {
		if n := testing.AllocsPerRun(10, func() {
			if open() == nil {
				t.Errorf("%s accepts them", name)
			}
		}); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestDeriveHead(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		if (k.DeriveHead(a) == k.DeriveHead(b)) != (string(a) == string(b)) {
			t.Fatalf("%x and %x", a, b)
		}
	})
}

func FuzzOpenReference(f *testing.F) {
	r, k := oneRealm(f)
	for _, kind := range kinds {
		f.Add(k.Mint(kind, head))
	}
	f.Add("pQvEBlVtlKosCXrta1USewzkja4.*AAJTSQACMDEAAlNLABwAAAR0eXBlAANDVFMAAlMxAAA.*")
	f.Add("**")
	f.Fuzz(func(t *testing.T, tok string) {
		ref, err := r.OpenReference(tok)
		if err == nil && k.Mint(ref.Kind, ref.Head) != tok {
			t.Errorf("%q is accepted, but it is written %q", tok, k.Mint(ref.Kind, ref.Head))
		}
	})
}

func BenchmarkOpenReference(b *testing.B) {
	r, k := oneRealm(b)
	tok := k.Mint(token.CTS, head)
	forged := k.Mint(token.CTS, [20]byte{})[:28] + tok[28:]
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.OpenReference(tok); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("forged", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.OpenReference(forged); err == nil {
				b.Fatal("accepted")
			}
		}
	})
}

func BenchmarkMint(b *testing.B) {
	_, k := oneRealm(b)
	b.ReportAllocs()
	for b.Loop() {
		k.Mint(token.CTS, head)
	}
}
