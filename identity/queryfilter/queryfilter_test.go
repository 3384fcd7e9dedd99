package queryfilter_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/queryfilter"
)

// A user is what filters are asked about.
var _ queryfilter.Object = (*identity.User)(nil)

var bjensen = &identity.User{
	ID: "4711", Username: "bjensen", Active: true, HasPassword: true,
	Attributes: map[string][]string{
		"mail": {"Babs@example.com", "bjensen@example.org"}, "age": {"42"}, "level": {"many"}, "quote": {`a "b" ü`},
		"preferences/marketing": {"true"}, "preferences/updates": {"false"}, "a~b": {"x"},
	},
}

func TestMatches(t *testing.T) {
	for filter, want := range map[string]bool{
		"true":                                 true,
		"false":                                false,
		"!false":                               true,
		"!(true)":                              false,
		"!!true":                               true,
		`userName eq "bjensen"`:                true,
		`/userName EQ "BJENSEN"`:               true,
		`userName eq "bjense"`:                 false,
		`mail co "EXAMPLE.org"`:                true,
		`mail sw "babs"`:                       true,
		`mail sw "example"`:                    false,
		`mail co ""`:                           true,
		`sn eq "jensen"`:                       false,
		`sn pr`:                                false,
		`mail pr`:                              true,
		`password pr`:                          true,
		`password eq "secret"`:                 false,
		`/preferences pr`:                      true,
		`/preferences eq true`:                 false,
		`/preferences/marketing eq true`:       true,
		`/preferences/marketing eq "TRUE"`:     true,
		`/preferences/marketing gt false`:      true,
		`/preferences/updates ge true`:         false,
		`age eq 42`:                            true,
		`age eq 42.0`:                          true,
		`age eq "42"`:                          true,
		`age co 4`:                             false,
		`age gt 41 and age lt 43`:              true,
		`age ge 42 and age le 42`:              true,
		`age lt 42 or age gt 42`:               false,
		`level gt 1`:                           false,
		`level eq true`:                        false,
		`userName lt "c"`:                      true,
		`quote eq "a \"b\" \u00fc"`:            true,
		`/a~0b eq "x"`:                         true,
		`accountStatus eq "active"`:            true,
		"true or false and false":              true,
		"(true or false) and false":            false,
		"true and(false)or true":               true,
		`!(age pr) or preferences/x eq false`:  false,
		"\t(\r\n true )  ":                     true,
		`!age eq 1`:                            true,
		`mail eq "x" or mail sw "bjensen@exa"`: true,
		`!(/preferences pr) or /preferences/marketing eq false or /preferences/updates eq false`: true,
	} {
		f, err := queryfilter.Parse(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := f.Matches(bjensen); got != want {
			t.Errorf("%s is %v", filter, got)
		}
	}
	if (queryfilter.Filter{}).Matches(bjensen) {
		t.Error("a filter that was not parsed matches")
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	deep := strings.Repeat("(", queryfilter.MaxDepth+1) + "true" + strings.Repeat(")", queryfilter.MaxDepth+1)
	for filter, want := range map[string]string{
		"":                               "at byte 1: a condition is needed, for example: /mail pr",
		"  ":                             "at byte 3: a condition",
		"mail":                           "at byte 5: one of eq, co, sw, lt, le, gt, ge or pr is needed",
		"mail is 1":                      "at byte 6: one of eq, co",
		`"mail" pr`:                      "at byte 1: a condition",
		"mail eq":                        "at byte 8: a text in double quotes, a number, true or false is needed",
		"mail eq 'x'":                    "at byte 9: a text in double quotes",
		"mail eq null":                   "at byte 9: a text in double quotes",
		"mail eq 01":                     "at byte 9: a text in double quotes",
		"mail eq 1e999":                  "at byte 9: a text in double quotes",
		"mail eq {}":                     "at byte 9: a text in double quotes",
		`mail eq "x`:                     "at byte 9: the text that begins here has no closing quote",
		`mail eq "x\"`:                   "at byte 9: the text that begins here has no closing quote",
		`mail eq "\x"`:                   "at byte 9: a text is needed as JSON has it",
		"mail pr and":                    "at byte 12: a condition",
		"mail pr or or":                  "at byte 12: a condition",
		"and":                            "at byte 1: a condition",
		"(mail pr":                       "at byte 9: a closing parenthesis is needed",
		"mail pr)":                       "at byte 8: and, or, or the end of the filter is needed",
		"mail pr sn pr":                  "at byte 9: and, or, or the end",
		"!":                              "at byte 2: a condition",
		"/ pr":                           "at byte 1: a name is needed",
		"//mail pr":                      "at byte 1: a name is needed",
		"a//b pr":                        "at byte 1: a name is needed",
		"a~1b pr":                        "at byte 1: a name is needed",
		"a~ pr":                          "at byte 1: a name is needed",
		"mail eq \"\xff\"":               "at byte 10: UTF-8 is needed",
		deep:                             "at byte 34: the filter is nested more than 32 deep",
		strings.Repeat("!", 40) + "true": "at byte 34: the filter is nested",
		strings.Repeat(" ", queryfilter.MaxLength+1): "at byte 1: the filter is longer than 4096 bytes",
	} {
		_, err := queryfilter.Parse(filter)
		if _, ok := errors.AsType[*queryfilter.SyntaxError](err); !ok || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: error %v; want %s", filter, err, want)
		}
	}
}

// model is a filter and what it is of bjensen, worked out apart from the
// package.
type model struct {
	text string
	is   bool
}

// conditions are leaves, each with what it is.
var conditions = map[string]bool{
	"true": true, "false": false, "mail pr": true, "sn pr": false, "age gt 7": true, "age le 7": false,
	`userName eq "bjensen"`: true, `mail co "nowhere"`: false, "/preferences/updates eq false": true,
}

func filters(depth int) *rapid.Generator[model] {
	leaf := rapid.Custom(func(t *rapid.T) model {
		text := rapid.SampledFrom(slices.Sorted(maps.Keys(conditions))).Draw(t, "condition")
		return model{text, conditions[text]}
	})
	if depth == 0 {
		return leaf
	}
	part := filters(depth - 1)
	return rapid.OneOf(leaf, rapid.Custom(func(t *rapid.T) model {
		a, b := part.Draw(t, "a"), part.Draw(t, "b")
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			return model{"!(" + a.text + ")", !a.is}
		case 1:
			return model{"(" + a.text + ") AND(" + b.text + ")", a.is && b.is}
		default:
			return model{"(" + a.text + ")\n or (" + b.text + ")", a.is || b.is}
		}
	}))
}

func TestFiltersMeanWhatTheyAreMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := filters(4).Draw(t, "filter")
		f, err := queryfilter.Parse(m.text)
		if err != nil {
			t.Fatalf("%s: %v", m.text, err)
		}
		if f.Matches(bjensen) != m.is {
			t.Fatalf("%s is %v", m.text, !m.is)
		}
		if len(f.String()) <= queryfilter.MaxLength {
			back, err := queryfilter.Parse(f.String())
			if err != nil || back.Matches(bjensen) != m.is {
				t.Fatalf("%s written as %s: error %v", m.text, f, err)
			}
		}
	})
}

// FuzzParse reads anything. What is taken is the same when it is written and
// read again, and asking it does not panic; an error points into the filter.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "true", `!(/preferences pr) or /preferences/marketing eq false`, `a eq "\"" and (b lt -1.5e3 or !c pr)`,
		"((((", `x co "`, "a~0b pr", "a~1b pr", `/a ge "\ud800"`, "!!!!x pr", "mail eq \xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := queryfilter.Parse(s)
		if err != nil {
			syntax, ok := errors.AsType[*queryfilter.SyntaxError](err)
			if !ok || syntax.Offset < 0 || syntax.Offset > len(s) || syntax.Want == "" {
				t.Errorf("%q: error %#v", s, err)
			}
			return
		}
		is := filter.Matches(bjensen)
		text := filter.String()
		back, err := queryfilter.Parse(text)
		if _, nested := errors.AsType[*queryfilter.SyntaxError](err); nested && len(text) > len(s) {
			return // parentheses made it too long or too deep
		}
		if err != nil || back.String() != text && len(back.String()) == len(text) || back.Matches(bjensen) != is {
			t.Errorf("%q is written as %q and read as %q, error %v", s, text, back, err)
		}
	})
}

func TestEqualities(t *testing.T) {
	for filter, want := range map[string]map[string]string{
		`username eq "a"`:                       {"username": "a"},
		`username eq "a" and /realm eq "/x"`:    {"username": "a", "realm": "/x"},
		`(username eq "a") and (realm eq "/x")`: {"username": "a", "realm": "/x"},
		`username eq "a" or realm eq "/x"`:      nil,
		`username eq "a" and username eq "b"`:   nil,
		`username co "a"`:                       nil,
		`username eq 5`:                         nil,
		`!(username eq "a")`:                    nil,
		`username pr`:                           nil,
		`true`:                                  nil,
	} {
		f, err := queryfilter.Parse(filter)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := f.Equalities()
		if ok != (want != nil) || ok && !maps.Equal(got, want) {
			t.Errorf("%s: %v, %v", filter, got, ok)
		}
	}
	if got, ok := (queryfilter.Filter{}).Equalities(); ok {
		t.Errorf("the zero filter: %v", got)
	}
}
