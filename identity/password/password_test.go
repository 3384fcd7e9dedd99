package password_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/amgate/amgate/identity/password"
)

// argon makes an argon2id hash by the library alone, cheap enough for tests.
func argon(pw string, m, t uint32, p uint8) string {
	salt := []byte("sixteen bytes...")
	key := argon2.IDKey([]byte(pw), salt, t, m, p, 32)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", m, t, p, enc.EncodeToString(salt), enc.EncodeToString(key))
}

func crypt(t testing.TB, pw, prefix string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(pw), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return prefix + string(b[4:])
}

func TestVerify(t *testing.T) {
	for name, encoded := range map[string]string{
		"argon2id":          argon("changeit", 64, 1, 1),
		"argon2id, threads": argon("changeit", 64, 2, 4),
		"argon2id, of Hash": password.Hash("changeit"),
		"2a":                crypt(t, "changeit", "$2a$"),
		"2b":                crypt(t, "changeit", "$2b$"),
		"2y":                crypt(t, "changeit", "$2y$"),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := password.Parse(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if !d.Verify("changeit") {
				t.Error("the right password is refused")
			}
			for _, wrong := range []string{"", "changeIt", "changeit ", "changei"} {
				if d.Verify(wrong) {
					t.Errorf("the wrong password %q is accepted", wrong)
				}
			}
		})
	}
}

// Vectors made by the reference implementations (argon2's command line tool,
// htpasswd), so that a mistake shared by our two sides is seen.
func TestVerifyForeignHashes(t *testing.T) {
	for _, tc := range []struct{ encoded, pw string }{
		// The vector of the argon2 reference's test.c, in PHC form.
		{"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
		// OpenBSD's crypt_blowfish test vector.
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
	} {
		d, err := password.Parse(tc.encoded)
		if err != nil {
			t.Fatalf("%s: %v", tc.encoded, err)
		}
		if !d.Verify(tc.pw) {
			t.Errorf("%s: refused", tc.encoded)
		}
	}
}

func TestHashIsSaltedAndOfTheDefaultProfile(t *testing.T) {
	a, b := password.Hash("changeit"), password.Hash("changeit")
	if a == b {
		t.Error("two hashes of one password are equal")
	}
	d, err := password.Parse(a)
	if err != nil {
		t.Fatal(err)
	}
	if d.Profile() != password.Default {
		t.Errorf("profile %v, want %v", d.Profile(), password.Default)
	}
	if !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("not OWASP's parameters: %s", a)
	}
}

func TestZeroDigestMatchesNothing(t *testing.T) {
	if (password.Digest{}).Verify("") {
		t.Error("a digest of nothing matches the empty password")
	}
}

func TestDecoyHasTheProfileAndMatchesNothing(t *testing.T) {
	for _, encoded := range []string{argon("x", 64, 1, 1), crypt(t, "x", "$2b$")} {
		d, err := password.Parse(encoded)
		if err != nil {
			t.Fatal(err)
		}
		decoy := d.Profile().Decoy()
		if decoy.Profile() != d.Profile() {
			t.Errorf("decoy of %v has %v", d.Profile(), decoy.Profile())
		}
		if decoy.Verify("") || decoy.Verify("x") {
			t.Errorf("the decoy of %v matches", d.Profile())
		}
	}
}

// A users file decides what a check costs. One line of it must not demand
// gigabytes or minutes. SECURITY 60.
func TestHostileCostIsRefused(t *testing.T) {
	rest := "$c29tZXNhbHRzb21lc2FsdA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	for _, cost := range []string{
		"m=4194304,t=1,p=1", "m=262145,t=1,p=1", "m=262144,t=5,p=1", "m=4294967295,t=1,p=1", "m=4294967296,t=1,p=1",
		"m=64,t=65,p=1", "m=64,t=4294967295,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0", "m=255,t=1,p=32",
		"m=7,t=1,p=1", "m=31,t=1,p=4", "m=-1,t=1,p=1", "m=064,t=1,p=1", "m=64,t=1", "t=1,m=64,p=1", "m=64,t=1,p=1,x=1", "",
	} {
		if _, err := password.Parse("$argon2id$v=19$" + cost + rest); !errors.Is(err, password.ErrFormat) {
			t.Errorf("%s: error %v", cost, err)
		}
	}
	tail := strings.Repeat("C", 53)
	for _, cost := range []string{"03", "15", "31", "99", "-1", "+9", " 9", "4."} {
		if _, err := password.Parse("$2b$" + cost + "$" + tail); !errors.Is(err, password.ErrFormat) {
			t.Errorf("bcrypt cost %q: error %v", cost, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := argon("x", 64, 1, 1)
	salt, key := "c2l4dGVlbiBieXRlcy4uLg", strings.Repeat("k", 43)
	head := "$argon2id$v=19$m=64,t=1,p=1$"
	for name, encoded := range map[string]string{
		"nothing":           "",
		"plain text":        "changeit",
		"argon2i":           strings.Replace(good, "argon2id", "argon2i", 1),
		"argon2d":           strings.Replace(good, "argon2id", "argon2d", 1),
		"no version":        strings.Replace(good, "v=19$", "", 1),
		"old version":       strings.Replace(good, "v=19", "v=16", 1),
		"no key":            head + salt,
		"more":              good + "$x",
		"short salt":        head + "c2hvcnQ$" + key,
		"long salt":         head + strings.Repeat("c", 88) + "$" + key,
		"short key":         head + salt + "$a2V5",
		"long key":          head + salt + "$" + strings.Repeat("k", 88),
		"padding":           head + salt + "==$" + key,
		"line end in key":   head + salt + "$" + key[:40] + "\n" + key[40:],
		"spare bits":        head + salt[:21] + "h$" + key,
		"url alphabet":      head + salt + "$" + key[:42] + "_",
		"space before":      " " + good,
		"bcrypt short":      "$2b$04$" + strings.Repeat("C", 52),
		"bcrypt long":       "$2b$04$" + strings.Repeat("C", 54),
		"bcrypt variant x":  "$2x$04$" + strings.Repeat("C", 53),
		"bcrypt no dollar":  "$2b$04." + strings.Repeat("C", 53),
		"bcrypt characters": "$2b$04$" + strings.Repeat("C", 52) + "+",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := password.Parse(encoded)
			if !errors.Is(err, password.ErrFormat) {
				t.Fatalf("error %v", err)
			}
			for part := range strings.SplitSeq(encoded, "$") {
				if len(part) >= 12 && strings.Contains(err.Error(), part) {
					t.Errorf("the error repeats a part of the hash: %v", err)
				}
			}
		})
	}
}

// Whoever logs a user with its digest must not put the hash into a log.
func TestDigestDoesNotPrintItself(t *testing.T) {
	for _, encoded := range []string{argon("x", 64, 1, 1), crypt(t, "x", "$2b$")} {
		d, err := password.Parse(encoded)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			fmt.Fprintf(&out, format+"\n", d)
			fmt.Fprintf(&out, format+"\n", struct{ D password.Digest }{d})
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("user", "digest", d)
		slog.New(slog.NewTextHandler(&out, nil)).Info("user", "digest", d)
		tail := encoded[len(encoded)-12:]
		for _, leak := range []string{tail, fmt.Sprintf("%x", tail)} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%q in:\n%s", leak, out.String())
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(argon("x", 64, 1, 1))
	f.Add("$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHR\n$nf65EOgLrQMR/uIPnA4rEs")
	f.Add("$2y$10$")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := password.Parse(text)
		if err != nil {
			if !errors.Is(err, password.ErrFormat) {
				t.Errorf("%q: %v does not wrap ErrFormat", text, err)
			}
			return
		}
		if again := password.Encode(d); again != text {
			t.Errorf("%q is accepted and written as %q", text, again)
		}
	})
}
