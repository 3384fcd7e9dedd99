package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Canonical is the one form in which names are compared: wherever a user is
// looked up, counted, locked or audited by name, this form is the key. Two
// spellings that a person would take for one name have one form:
//
//   - bytes that are not UTF-8 count as U+FFFD, a run of them as one;
//   - white space of every kind, line ends included, is trimmed at both ends,
//     and inside each run of it becomes a single space;
//   - control and format characters, and the others that Unicode calls default
//     ignorable (zero-width joiners, variation selectors, soft hyphens,
//     direction marks), are dropped: they cannot be seen;
//   - compatibility forms are unified (NFKC: full-width letters, ligatures,
//     combined and separate accents);
//   - case is folded fully ("STRASSE", "Straße" and "straße" are one).
//
// Look-alikes of other scripts stay different: Cyrillic "а" is not Latin "a".
// So does everything that would need a locale: Turkish dotless "ı" is not "i".
//
// The result is stable: Canonical(Canonical(s)) == Canonical(s). It may be "",
// which is nobody's name. The cost is linear in the length of name; callers
// bound that.
//
// Source: Unicode 3.13, toNFKC_Casefold and definitions D145 to D147.
func Canonical(name string) string {
	s := strings.ToValidUTF8(name, "\uFFFD")
	s = strings.Map(visible, s)
	// Case folding may undo a normal form and the normal form may bring new
	// upper case, so D146 asks for both twice, beginning with a decomposition.
	fold := cases.Fold()
	s = norm.NFKC.String(fold.String(norm.NFD.String(s)))
	s = norm.NFKC.String(fold.String(s))
	// The normal form made spaces out of other characters, and a combining
	// grapheme joiner where it met a great many accents on one letter.
	s = strings.Map(visible, s)
	return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
}

// visible drops the characters that nobody sees and keeps all white space.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
		return -1
	}
	return r
}
