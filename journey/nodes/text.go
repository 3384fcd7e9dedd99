package nodes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Text is a text in several languages, as AM keeps it: {"en": "Sign in"}. The
// keys are language tags such as "en" or "de-CH".
//
//nolint:recvcheck // a map is read by its value; Add makes one where there is none
type Text map[string]string

// DefaultLanguage is the one that is shown when none of the client's is there.
const DefaultLanguage = "en"

// For returns the text in the first of the languages that it has, with a
// longer tag giving way to a shorter one ("de-CH" to "de"; RFC 4647, section
// 3.4). Else it is the text in DefaultLanguage, or in the first language by
// name, or "" if there is none at all.
func (t Text) For(languages []string) string {
	for _, wish := range languages {
		for tag := wish; tag != ""; tag = shorter(tag) {
			if text, ok := t.exactly(tag); ok {
				return text
			}
		}
	}
	if text, ok := t.exactly(DefaultLanguage); ok {
		return text
	}
	for _, tag := range slices.Sorted(maps.Keys(t)) {
		return t[tag]
	}
	return ""
}

// or is For with a text of last resort.
func (t Text) or(languages []string, otherwise string) string {
	if text := t.For(languages); text != "" {
		return text
	}
	return otherwise
}

// exactly compares tags without regard to case, and takes "_" for "-" as AM's
// exports have it.
func (t Text) exactly(tag string) (string, bool) {
	if text, ok := t[tag]; ok {
		return text, true
	}
	for own, text := range t {
		if strings.EqualFold(strings.ReplaceAll(own, "_", "-"), strings.ReplaceAll(tag, "_", "-")) {
			return text, true
		}
	}
	return "", false
}

// shorter is a language tag without its last part; "" if it has only one.
func shorter(tag string) string {
	return tag[:max(0, strings.LastIndexAny(tag, "-_"))]
}

// Add takes over a text as a Caddyfile gives it, [<language>] <text>. Without
// a language it is in DefaultLanguage.
func (t *Text) Add(args []string) error {
	var language, text string
	switch len(args) {
	case 1:
		language, text = DefaultLanguage, args[0]
	case 2:
		language, text = args[0], args[1]
	default:
		return errors.New("a text is needed, optionally after a language: de \"Hallo\"")
	}
	if !isTag(language) {
		return fmt.Errorf("%q is not a language; write for example en or de-CH", language)
	}
	if _, twice := (*t)[language]; twice {
		return fmt.Errorf("the text in language %s is there twice", language)
	}
	if *t == nil {
		*t = Text{}
	}
	(*t)[language] = text
	return nil
}

// isTag accepts what looks like a language tag: letters and digits, in parts
// of at most eight that "-" or "_" divides.
func isTag(s string) bool {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '-' || r == '_' }) {
		if len(part) > 8 || strings.ContainsFunc(part, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		}) {
			return false
		}
	}
	return s != ""
}
