package web

import (
	"strconv"

	"github.com/amgate/amgate/journey/callback"
)

// ownQuestion is, as a suffix, the field for a security question that is not
// in the list. The callback has one input for both.
const ownQuestion = "own"

// autocomplete tells browsers what an attribute is, so that they can fill it
// in (WCAG 2.2, 1.3.5).
var autocomplete = map[string]string{
	"userName": "username", "givenName": "given-name", "sn": "family-name", "cn": "name", "mail": "email",
	"telephoneNumber": "tel", "postalAddress": "street-address", "city": "address-level2",
	"stateProvince": "address-level1", "postalCode": "postal-code", "country": "country-name",
}

// askProfile draws the n-th callback if it asks what becomes part of a
// profile.
func (s *sketch) askProfile(c callback.Callback, n int) bool {
	name := callback.InputName(n, "")
	switch c := c.(type) {
	case callback.StringAttributeInput:
		s.add(attributeField(c.Attribute, field{Kind: fieldInput, Name: name, Type: "text", Value: c.Value}))
	case callback.NumberAttributeInput:
		s.add(attributeField(c.Attribute, field{Kind: fieldInput, Name: name, Type: "number", Value: c.Value.String()}))
	case callback.BooleanAttributeInput:
		s.add(attributeField(c.Attribute, field{Kind: fieldCheck, Name: name, Checked: c.Value}))
	case callback.ValidatedCreateUsername:
		s.add(field{
			Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "text", Value: c.Value,
			Autocomplete: "username", Required: true, Errors: failures(c.Validation),
		})
	case callback.ValidatedCreatePassword:
		f := field{
			Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "password",
			Autocomplete: "new-password", Required: true, Errors: failures(c.Validation),
		}
		if c.EchoOn {
			f.Type = "text"
		}
		s.add(f)
	case callback.KbaCreate:
		s.add(securityQuestion(c, n))
	case callback.TermsAndConditions:
		s.add(field{Kind: fieldTerms, Name: name, Label: phrase{literal: c.Terms}})
		s.add(field{Kind: fieldCheck, Name: name, Label: say("acceptTerms"), Checked: c.Accepted})
	case callback.ConsentMapping:
		s.add(consent(c, name))
	default:
		return false
	}
	return true
}

func attributeField(a callback.Attribute, f field) field {
	f.Label, f.Required, f.Autocomplete, f.Errors = prompt(a.Prompt), a.Required, autocomplete[a.Name], failures(a.Validation)
	return f
}

// securityQuestion asks for one of the predefined questions, or for one of
// the person's own if that is allowed, and for its answer.
func securityQuestion(c callback.KbaCreate, n int) field {
	question := callback.InputName(n, "question")
	group := field{Kind: fieldGroup, Name: callback.InputName(n, ""), Label: prompt(c.Prompt)}
	list := field{Kind: fieldSelect, Name: question, Label: say("question")}
	own := field{Kind: fieldInput, Name: callback.InputName(n, ownQuestion), Label: say("ownQuestion"), Type: "text"}
	chosen := false
	for _, q := range c.PredefinedQuestions {
		list.Options = append(list.Options, option{Value: q, Label: phrase{literal: q}, Selected: q == c.Question})
		chosen = chosen || q == c.Question
	}
	if !chosen {
		own.Value = c.Question
	}
	switch {
	case len(list.Options) == 0:
		own.Name = question
		group.Fields = append(group.Fields, own)
	case c.AllowUserDefinedQuestions:
		list.Options = append(list.Options, option{Label: say("anotherQuestion"), Selected: own.Value != ""})
		group.Fields = append(group.Fields, list, own)
	default:
		group.Fields = append(group.Fields, list)
	}
	group.Fields = append(group.Fields, field{
		Kind: fieldInput, Name: callback.InputName(n, "answer"), Label: say("answer"), Type: "text", Autocomplete: "off",
	})
	return group
}

// consent shows what is to be shared, and asks for all of it at once.
func consent(c callback.ConsentMapping, name string) field {
	group := field{Kind: fieldGroup, Name: name, Label: phrase{literal: c.DisplayName}}
	for i, words := range append([]string{c.Message, c.AccessLevel}, c.Fields...) {
		if words != "" {
			group.Fields = append(group.Fields, field{
				Kind: fieldNote, Name: name + "-" + strconv.Itoa(i), Label: phrase{literal: words}, Tone: toneInfo,
			})
		}
	}
	group.Fields = append(group.Fields, field{Kind: fieldCheck, Name: name, Label: say("agree"), Checked: c.Accepted, Required: c.Required})
	return group
}
