package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/amgate/amgate/token"
)

func TestParseSecret(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb, 0xef, 0xbe}, 6) // "++++" in one alphabet, "----" in the other
	raw = append(raw, 1)
	for _, tc := range []struct {
		name, text string
		wantErr    string
	}{
		{"standard, padded", base64.StdEncoding.EncodeToString(raw), ""},
		{"standard, bare", base64.RawStdEncoding.EncodeToString(raw), ""},
		{"url, padded", base64.URLEncoding.EncodeToString(raw), ""},
		{"url, bare", base64.RawURLEncoding.EncodeToString(raw), ""},
		{"empty", "", "empty"},
		{"120 bits", base64.StdEncoding.EncodeToString(raw[:15]), "120 bits, at least 128"},
		{"not base64", "correct horse battery staple", "not valid base64"},
		{"both alphabets", "++++----++++----++++----", "not valid base64"},
		{"wrong padding", base64.RawStdEncoding.EncodeToString(raw) + "=", "wrong padding"},
		{"too much padding", base64.RawStdEncoding.EncodeToString(raw[:18]) + "====", "wrong padding"},
		{"two lines", base64.StdEncoding.EncodeToString(raw) + "\nQUFB", "more than one line"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := token.ParseSecret(tc.text)
			if tc.wantErr == "" {
				if err != nil || !bytes.Equal(s.Reveal(), raw) {
					t.Fatalf("got %x, %v", s.Reveal(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
				t.Fatalf("error %v, want one that says %q", err, tc.wantErr)
			}
			if tc.text != "" && strings.Contains(err.Error(), tc.text) {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
}

func TestGeneratedSecretsComeBackAndDiffer(t *testing.T) {
	t.Parallel()
	a, b := token.GenerateSecret(), token.GenerateSecret()
	if len(a.Reveal()) != 32 || bytes.Equal(a.Reveal(), b.Reveal()) || a.ID() == b.ID() || len(a.ID()) != 8 {
		t.Fatalf("%s and %s", a, b)
	}
	again, err := token.ParseSecret(a.Base64())
	if err != nil || !bytes.Equal(again.Reveal(), a.Reveal()) || again.ID() != a.ID() {
		t.Fatalf("%s came back as %s, %v", a, again, err)
	}
}

func TestSecretIsACopy(t *testing.T) {
	t.Parallel()
	b := bytes.Repeat([]byte{7}, 16)
	s, err := token.NewSecret(b)
	if err != nil {
		t.Fatal(err)
	}
	b[0] = 8
	s.Reveal()[1] = 9
	if !bytes.Equal(s.Reveal(), bytes.Repeat([]byte{7}, 16)) {
		t.Errorf("the secret changed to %x", s.Reveal())
	}
}

// TestSecretNeverShowsItself: a secret in a log line, an error, a panic's
// dump or a JSON config is a leaked key. None of the ways in which Go prints
// values may show its bytes, also not from inside another struct.
func TestSecretNeverShowsItself(t *testing.T) {
	t.Parallel()
	raw := []byte("0123456789abcdefSECRET")
	s, err := token.NewSecret(raw)
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct{ s token.Secret }
	type shown struct{ S []token.Secret }
	var out strings.Builder
	for _, v := range []any{s, &s, hidden{s}, &hidden{s}, shown{[]token.Secret{s}}, map[string]token.Secret{"k": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	j, err := json.Marshal(shown{[]token.Secret{s}})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s, "in", hidden{s})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "in", shown{[]token.Secret{s}})

	if !strings.Contains(string(j), s.ID()) {
		t.Errorf("JSON does not show the fingerprint: %s", j)
	}
	for _, leak := range []string{"SECRET", s.Base64(), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), "48 49 50"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q is in the output:\n%s", leak, out.String())
		}
	}
}

func TestZeroSecret(t *testing.T) {
	t.Parallel()
	var s token.Secret
	if s.Reveal() != nil || s.ID() != "" || s.String() != "secret(none)" {
		t.Errorf("%v %q %s", s.Reveal(), s.ID(), s)
	}
}
