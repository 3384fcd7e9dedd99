package nodes

import (
	"context"
	"errors"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// rule is a rule of IDM's policy service: what clients see of it, and whether
// a value meets it.
type rule struct {
	callback.Policy
	met func(ctx context.Context, in *journey.Input, value string) (bool, error)
}

// rules are those that a value of the attribute must meet: of IDM's managed
// users, as they are without further configuration. A value that need not be
// there may be empty.
func rules(attribute string, required bool) []rule {
	var list []rule
	if required {
		list = append(list, ruleRequired)
	}
	switch attribute {
	case identity.AttributeUserName:
		list = append(list, ruleUnique, ruleNoSlash)
	case identity.AttributeMail:
		list = append(list, ruleMail)
	case "telephoneNumber":
		list = append(list, rulePhone)
	case identity.AttributePassword:
		list = append(list, ruleLength, ruleCapitals, ruleDigits, ruleOthers)
	}
	return list
}

// policiesOf is what clients see of rules; empty if there are none.
func policiesOf(attribute string, list []rule) callback.Policies {
	if len(list) == 0 {
		return callback.Policies{}
	}
	policies := callback.Policies{Name: attribute}
	for _, r := range list {
		policies.Rules = append(policies.Rules, r.Policy)
	}
	return policies
}

// broken are the rules that a value does not meet. An empty value is only
// asked whether it may be.
func broken(ctx context.Context, in *journey.Input, list []rule, value string) ([]callback.FailedPolicy, error) {
	var failed []callback.FailedPolicy
	for _, r := range list {
		if value == "" && r.ID != ruleRequired.ID {
			continue
		}
		met, err := r.met(ctx, in, value)
		if err != nil {
			return nil, err
		}
		if !met {
			failed = append(failed, callback.FailedPolicy{Requirement: r.Requirements[0], Params: r.Params})
		}
	}
	return failed, nil
}

func newRule(id, requirement string, params map[string]any, met func(value string) bool) rule {
	return rule{
		Policy: callback.Policy{ID: id, Requirements: []string{requirement}, Params: params},
		met:    func(_ context.Context, _ *journey.Input, value string) (bool, error) { return met(value), nil },
	}
}

// phone is what IDM takes for a telephone number.
var phone = regexp.MustCompile(`^\+?([0-9\- ()])*$`)

var (
	ruleRequired = newRule("required", "REQUIRED", nil, func(value string) bool { return strings.TrimSpace(value) != "" })
	ruleMail     = newRule("valid-email-address-format", "VALID_EMAIL_ADDRESS_FORMAT", nil, isMail)
	rulePhone    = newRule("valid-phone-format", "VALID_PHONE_FORMAT", nil, phone.MatchString)
	ruleNoSlash  = newRule("cannot-contain-characters", "CANNOT_CONTAIN_CHARACTERS", map[string]any{"forbiddenChars": []any{"/"}},
		func(value string) bool { return !strings.Contains(value, "/") })
	ruleLength = newRule("minimum-length", "MIN_LENGTH", map[string]any{"minLength": minPassword},
		func(value string) bool { return utf8.RuneCountInString(value) >= minPassword })
	ruleCapitals = newRule("at-least-X-capitals", "AT_LEAST_X_CAPITAL_LETTERS", map[string]any{"numCaps": 1},
		func(value string) bool { return strings.ContainsFunc(value, unicode.IsUpper) })
	ruleDigits = newRule("at-least-X-numbers", "AT_LEAST_X_NUMBERS", map[string]any{"numNums": 1},
		func(value string) bool { return strings.ContainsFunc(value, unicode.IsDigit) })
	ruleUnique = rule{
		Policy: callback.Policy{ID: "unique", Requirements: []string{"UNIQUE"}}, met: isFree,
	}
	ruleOthers = rule{
		Policy: callback.Policy{
			ID: "cannot-contain-others", Requirements: []string{"CANNOT_CONTAIN_OTHERS"},
			Params: map[string]any{"disallowedFields": []any{"userName", "givenName", "sn"}},
		},
		met: containsNoOther,
	}
)

// minPassword is how many characters a new password has at least.
const minPassword = 8

// isMail accepts one plain address.
func isMail(value string) bool {
	a, err := mail.ParseAddress(value)
	return err == nil && a.Address == value
}

// isFree reports whether a user name is nobody's, or the journey's own user's.
func isFree(ctx context.Context, in *journey.Input, name string) (bool, error) {
	u, err := in.Users.ByName(ctx, name)
	if errors.Is(err, identity.ErrNotFound) {
		return true, nil
	}
	return err == nil && in.Subject != "" && u.ID == in.Subject, err
}

// containsNoOther reports whether a password has none of the names in it that
// were collected beside it.
func containsNoOther(_ context.Context, in *journey.Input, value string) (bool, error) {
	for _, attribute := range []string{identity.AttributeUserName, "givenName", "sn"} {
		other := collected(in.State, attribute)
		if other != "" && strings.Contains(strings.ToLower(value), strings.ToLower(other)) {
			return false, nil
		}
	}
	return true, nil
}
