package identity_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/amgate/amgate/identity"
)

func TestCanonical(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "bjensen", "bjensen"},
		{"case", "BJensen", "bjensen"},
		{"trimmed", " \t bjensen\r\n", "bjensen"},
		{"inner space", "barbara \u00a0\u2003 jensen", "barbara jensen"},
		{"line separator", "barbara\u2028jensen", "barbara jensen"},
		{"full width", "ｂｊｅｎｓｅｎ", "bjensen"},
		{"ligature", "oﬃce", "office"},
		{"sharp s", "STRASSE straße STRAẞE", "strasse strasse strasse"},
		{"accent", "Ame\u0301lie Amélie", "amélie amélie"},
		{"final sigma", "ΟΔΥΣΣΕΥΣ οδυσσευς", "οδυσσευσ οδυσσευσ"},
		{"kelvin", "\u212Aelvin", "kelvin"},
		{"control", "bj\x00en\x1bsen\x7f", "bjensen"},
		{"zero width", "bj\u200ben\u200dsen\ufeff", "bjensen"},
		{"direction", "\u202ebjensen\u202c", "bjensen"},
		{"soft hyphen and selector", "bj\u00aden\ufe0fsen\U000e0100", "bjensen"},
		{"hangul filler", "bjensen\u3164\u115f", "bjensen"},
		{"joiner between letter and accent", "e\u200d\u0301", "é"},
		{"space from a spacing accent", "a\u00a8", "a \u0308"},
		{"not UTF-8", "a\xff\xfeb", "a\uFFFDb"},
		{"nothing", "", ""},
		{"nothing to see", " \u200b\x00 ", ""},
		{"dotless i stays", "ı", "ı"},
		{"cyrillic stays", "а", "а"},
		{"domain and dots stay", "Bjensen@Example.COM.", "bjensen@example.com."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := identity.Canonical(tc.in); got != tc.want {
				t.Errorf("Canonical(%+q) = %+q, want %+q", tc.in, got, tc.want)
			}
		})
	}
}

// Every single code point, beside letters, so that none can be the one that
// makes two forms of a form. Most of them are left as they are and are looked
// at by the thousand.
func TestCanonicalIsStableForEveryRune(t *testing.T) {
	var inert strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		switch s := string(r); {
		case !utf8.ValidRune(r):
		case isInert(r):
			inert.WriteString("x" + s)
		default:
			checkCanonical(t, "x"+s+"y")
		}
		if inert.Len() > 1000 || r == unicode.MaxRune {
			if s := inert.String(); identity.Canonical(s) != s {
				t.Errorf("up to %U: one of these is not left as it is", r)
			}
			inert.Reset()
		}
	}
}

// isInert finds what neither normal form nor case nor our own rules concern.
func isInert(r rune) bool {
	if r >= '가' && r <= '힣' {
		return true // taken apart and put together again
	}
	p := norm.NFKD.PropertiesString(string(r))
	return p.Decomposition() == nil && p.CCC() == 0 && unicode.SimpleFold(r) == r && !unicode.IsSpace(r) &&
		!unicode.In(r, unicode.Hangul, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// What happened: a ban was evaded by another spelling of the user name
// (Authelia CVE-2026-47203). Whatever is counted per name is counted under
// Canonical, so every respelling of a name must have its form. SECURITY 14.
func TestRespelledNameHasOneForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.RuneFrom(nil, unicode.L, unicode.Mn, unicode.Nd, unicode.P, unicode.Zs)).Draw(t, "name")
		want := identity.Canonical(name)
		for _, respell := range respellings {
			if got := identity.Canonical(respell(name)); got != want {
				t.Fatalf("%+q respelled as %+q: %+q, want %+q", name, respell(name), got, want)
			}
		}
	})
}

// respellings change a name in ways that a person would not call another one.
var respellings = []func(string) string{
	norm.NFC.String,
	norm.NFD.String,
	norm.NFKC.String,
	norm.NFKD.String,
	func(s string) string { return "\t " + s + "\u00a0\n" },
	func(s string) string { return strings.ReplaceAll(s, " ", " \u2003\r\n") },
	func(s string) string { return interleave(s, "\u200b") },
	func(s string) string { return interleave(s, "\x00") },
	func(s string) string { return interleave(s, "\u202e\u202c") },
	func(s string) string { return mapASCII(s, unicode.ToUpper) },
	func(s string) string { return mapASCII(s, unicode.ToLower) },
	func(s string) string { return mapASCII(s, fullWidth) },
}

func interleave(s, between string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(between)
		b.WriteRune(r)
	}
	return b.String() + between
}

func mapASCII(s string, f func(rune) rune) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return f(r)
		}
		return r
	}, s)
}

func fullWidth(r rune) rune {
	if r > ' ' && r < 0x7f {
		return r - '!' + '！'
	}
	return r
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"bjensen", " Ａ\u0345\u0301 ", "\xff\u200b\xff", "ΐ\u0345", strings.Repeat("\u0301", 40), "ẞ\u00a8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkCanonical(t, s) })
}

// checkCanonical holds a name's form against the promises of Canonical.
func checkCanonical(t *testing.T, name string) {
	t.Helper()
	form := identity.Canonical(name)
	if again := identity.Canonical(form); again != form {
		t.Errorf("%+q: the form %+q has the form %+q", name, form, again)
	}
	if !utf8.ValidString(form) || strings.Contains(form, "  ") || strings.TrimSpace(form) != form {
		t.Errorf("%+q: the form %+q is not trimmed UTF-8", name, form)
	}
	for _, r := range form {
		if unicode.In(r, unicode.Cc, unicode.Cf) {
			t.Errorf("%+q: the form %+q holds a character that nobody sees", name, form)
		}
	}
	if padded := identity.Canonical(" \u200b" + name + "\t"); padded != form && utf8.ValidString(name) {
		t.Errorf("%+q: padded it becomes %+q, want %+q", name, padded, form)
	}
}
