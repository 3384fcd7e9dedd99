package web

import (
	"fmt"
	"strings"

	"github.com/amgate/amgate/journey/callback"
)

// policyText is what to say of a requirement that was not met: a text and the
// parameters of the policy that go into it.
type policyText struct {
	id     string
	params []string
}

// policyTexts are by the names that IDM's policies report.
var policyTexts = map[string]policyText{
	"REQUIRED":                   {"policy.required", nil},
	"UNIQUE":                     {"policy.unique", nil},
	"VALID_TYPE":                 {"policy.form", nil},
	"VALID_USERNAME":             {"policy.form", nil},
	"VALID_NAME_FORMAT":          {"policy.form", nil},
	"VALID_DATE":                 {"policy.date", nil},
	"VALID_NUMBER":               {"policy.number", nil},
	"VALID_EMAIL_ADDRESS_FORMAT": {"policy.mail", nil},
	"VALID_PHONE_FORMAT":         {"policy.phone", nil},
	"MATCH_REGEXP":               {"policy.form", nil},
	"MIN_LENGTH":                 {"policy.minLength", []string{"minLength"}},
	"MAX_LENGTH":                 {"policy.maxLength", []string{"maxLength"}},
	"MINIMUM_NUMBER_VALUE":       {"policy.minimum", []string{"minimum"}},
	"MAXIMUM_NUMBER_VALUE":       {"policy.maximum", []string{"maximum"}},
	"AT_LEAST_X_CAPITAL_LETTERS": {"policy.capitals", []string{"numCaps"}},
	"AT_LEAST_X_NUMBERS":         {"policy.digits", []string{"numNums"}},
	"CANNOT_CONTAIN_CHARACTERS":  {"policy.characters", []string{"forbiddenChars"}},
	"CANNOT_CONTAIN_DUPLICATES":  {"policy.duplicates", []string{"duplicateValue"}},
	"CANNOT_CONTAIN_OTHERS":      {"policy.others", []string{"disallowedFields"}},
}

// failures are the texts of the policies that the last answer broke. One that
// is not known is named.
func failures(v callback.Validation) []phrase {
	var all []phrase
	for _, failed := range v.Failed() {
		all = append(all, failure(failed))
	}
	return all
}

func failure(p callback.FailedPolicy) phrase {
	text, ok := policyTexts[p.Requirement]
	if !ok {
		return say("policy.other", p.Requirement)
	}
	args := make([]any, len(text.params))
	for i, name := range text.params {
		value, ok := p.Params[name]
		if !ok {
			return say("policy.other", p.Requirement)
		}
		args[i] = listed(value)
	}
	return say(text.id, args...)
}

// listed is a parameter as people read it.
func listed(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}
