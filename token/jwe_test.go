package token

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

// joseOf is go-jose with the key of a jwe, as which it writes and reads.
type joseOf struct {
	tb     failer
	secret []byte
	keyID  string
	zip    jose.CompressionAlgorithm
}

// failer is a testing.TB or a rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// forms are a key's jwe without and with compression, each with go-jose's.
func forms(tb failer) map[*jwe]joseOf {
	tb.Helper()
	secrets := []Secret{hide(bytes.Repeat([]byte{7}, 32))}
	ring, err := NewRing(bytes.Repeat([]byte{1}, minInstallation), secrets, map[string][]Secret{"/alpha": secrets})
	if err != nil {
		tb.Fatal(err)
	}
	key := ring.realms["/alpha"].keys[0]
	aead, secret := key.aeadFor("test"), key.expand("test", 32)
	plain, zipped := newJWE(key.sealedStart, aead), newJWE(key.zippedStart, aead)
	return map[*jwe]joseOf{&plain: {tb, secret, key.id, ""}, &zipped: {tb, secret, key.id, jose.DEFLATE}}
}

func (j joseOf) seal(plain []byte) string {
	j.tb.Helper()
	to := jose.Recipient{Algorithm: jose.DIRECT, Key: j.secret, KeyID: j.keyID}
	e, err := jose.NewEncrypter(jose.A256GCM, to, &jose.EncrypterOptions{Compression: j.zip})
	if err != nil {
		j.tb.Fatal(err)
	}
	object, err := e.Encrypt(plain)
	if err != nil {
		j.tb.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		j.tb.Fatal(err)
	}
	return text
}

func (j joseOf) open(text string) ([]byte, error) {
	object, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, err
	}
	return object.Decrypt(j.secret)
}

// TestJWEIsTheLibrarys: go-jose opens what we seal, and we open what go-jose
// seals with the same header, which has the same length.
func TestJWEIsTheLibrarys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "plain")
		for ours, theirs := range forms(t) {
			packed := plain
			if theirs.zip != "" {
				var err error
				if packed, err = deflate(plain); err != nil {
					t.Fatal(err)
				}
			}
			text, err := ours.seal(packed)
			if err != nil || len(text) != ours.size(len(packed)) {
				t.Fatalf("a text of %d bytes, %v; want %d", len(text), err, ours.size(len(packed)))
			}
			if got, err := theirs.open(text); err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("the library opens it to %q, %v; want %q", got, err, plain)
			}
			given := theirs.seal(plain)
			got, err := ours.open(given)
			if err == nil && theirs.zip != "" {
				got, err = inflate(got)
			}
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("the library's %s is opened to %q, %v; want %q", given, got, err, plain)
			}
			if theirs.zip == "" && len(given) != len(text) {
				t.Fatalf("the library's text has %d bytes, ours %d", len(given), len(text))
			}
		}
	})
}

// TestJWEHasOneEncoding: no character of a text can be another one, and none
// can stand between two of them. The library takes some of these.
func TestJWEHasOneEncoding(t *testing.T) {
	t.Parallel()
	const others = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.\r\n \x00"
	for ours := range forms(t) {
		for _, plain := range []string{"", "p", "pl", "pla"} {
			text, err := ours.seal([]byte(plain))
			if err != nil {
				t.Fatal(err)
			}
			for i := range text {
				refuses(t, ours, text[:i]+text[i+1:])
				for _, c := range others {
					refuses(t, ours, text[:i]+string(c)+text[i:])
					if rune(text[i]) != c {
						refuses(t, ours, text[:i]+string(c)+text[i+1:])
					}
				}
			}
			for _, c := range others {
				refuses(t, ours, text+string(c))
			}
			if got, err := ours.open(text); err != nil || string(got) != plain {
				t.Errorf("%q, %v; want %q", got, err, plain)
			}
		}
	}
}

func refuses(t *testing.T, j *jwe, text string) {
	t.Helper()
	if plain, err := j.open(text); !errors.Is(err, ErrSignature) || plain != nil {
		t.Fatalf("%q is opened to %q, %v", text, plain, err)
	}
}

// TestJWEIsBounded: what is longer than the longest is neither made nor looked
// at, even if it is well sealed.
func TestJWEIsBounded(t *testing.T) {
	t.Parallel()
	for ours, theirs := range forms(t) {
		if theirs.zip != "" {
			continue
		}
		most := 0
		for ours.size(most+1) <= MaxSealed {
			most++
		}
		text, err := ours.seal(make([]byte, most))
		if err != nil || len(text) > MaxSealed {
			t.Fatalf("the longest has %d bytes, %v", len(text), err)
		}
		if _, err := ours.open(text); err != nil {
			t.Errorf("the longest: %v", err)
		}
		if text, err := ours.seal(make([]byte, most+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("one of %d bytes, %v", len(text), err)
		}
		refuses(t, ours, theirs.seal(make([]byte, most+1)))
	}
}

// FuzzJWE puts something into the place of a part of a text. What is opened
// then is the text itself, and the library opens it too.
func FuzzJWE(f *testing.F) {
	f.Add([]byte("plain"), uint(0), uint(0), "")
	f.Add([]byte(""), uint(60), uint(0), "\n")
	f.Add([]byte("p"), uint(58), uint(1), ".A")
	f.Add([]byte("plain"), uint(0), uint(59), "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0")
	f.Add([]byte("plain"), uint(0), uint(1000), "eyJhbGciOiJub25lIn0....")
	f.Add([]byte("plain"), uint(100), uint(1), "=")
	f.Fuzz(func(t *testing.T, plain []byte, at, length uint, instead string) {
		for ours, theirs := range forms(t) {
			text, err := ours.seal(plain)
			if errors.Is(err, ErrTooLarge) {
				return
			}
			from := min(at, uint(len(text)))
			changed := text[:from] + instead + text[min(from+length, uint(len(text))):]
			got, err := ours.open(changed)
			switch {
			case err == nil && (changed != text || !bytes.Equal(got, plain)):
				t.Errorf("%q is opened to %q, but was sealed as %q", changed, got, text)
			case err != nil && (!errors.Is(err, ErrSignature) || got != nil || changed == text):
				t.Errorf("%q is opened to %q, %v", changed, got, err)
			}
			if library, failed := theirs.open(changed); err == nil && theirs.zip == "" && (failed != nil || !bytes.Equal(library, got)) {
				t.Errorf("the library opens %q to %q, %v", changed, library, failed)
			}
		}
	})
}
