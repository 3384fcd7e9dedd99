package nodes

import (
	"maps"
	"slices"
	"strings"
)

// Text is a text in several languages, as AM keeps it: {"en": "Sign in"}. The
// keys are language tags such as "en" or "de-CH".
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
