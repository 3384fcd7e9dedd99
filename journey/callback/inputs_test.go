package callback_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey/callback"
)

// Callbacks with several inputs, and values other than texts and indexes.
func TestAnswerOfManyInputs(t *testing.T) {
	var (
		mail    = callback.StringAttributeInput{Attribute: callback.Attribute{Name: "mail", Prompt: "Mail"}}
		age     = callback.NumberAttributeInput{Preset: "30", Value: "30"}
		offers  = callback.BooleanAttributeInput{Preset: true, Value: true}
		kba     = callback.KbaCreate{PredefinedQuestions: []string{"Pet?", "Town?"}}
		terms   = callback.TermsAndConditions{Version: "1"}
		select1 = callback.SelectIDP{Providers: []callback.Provider{{Name: "google"}, {Name: callback.LocalAuthentication}}}
		bind    = callback.DeviceBinding{Challenge: "c"}
	)
	mailed := func(value string, only bool) callback.StringAttributeInput {
		c := mail
		c.Value, c.ValidateOnly = value, only
		return c
	}
	aged := func(value json.Number) callback.NumberAttributeInput {
		c := age
		c.Value = value
		return c
	}
	offered := offers
	offered.Value = false
	asked := func(question, answer string) callback.KbaCreate {
		c := kba
		c.Question, c.Answer = question, callback.Secret(answer)
		return c
	}
	bound := bind
	bound.JWS, bound.DeviceName, bound.ClientError = "a.b.c", "Pixel", ""
	accepted, chosen := terms, select1
	accepted.Accepted, chosen.Value = true, "google"
	for what, test := range map[string]struct {
		asked callback.Callback
		input string
		want  callback.Callback
	}{
		"a value and a wish":               {mail, `{"name":"IDToken2","value":"a@b.c"},{"name":"IDToken2validateOnly","value":true}`, mailed("a@b.c", true)},
		"in another order":                 {mail, `{"name":"IDToken2validateOnly","value":false},{"name":"IDToken2","value":"a@b.c"}`, mailed("a@b.c", false)},
		"only the value":                   {mail, `{"name":"IDToken2","value":"a@b.c"}`, mailed("a@b.c", false)},
		"a wish as a text":                 {mail, `{"name":"IDToken2","value":"x"},{"name":"IDToken2validateOnly","value":"true"}`, mailed("x", true)},
		"numbered without the first":       {mail, `{"name":"IDToken1","value":"x"},{"name":"IDToken1validateOnly","value":true}`, mailed("x", true)},
		"of two numbers the lower":         {mail, `{"name":"IDToken9","value":"9"},{"name":"IDToken7","value":"7"},{"name":"IDToken9validateOnly","value":true}`, mailed("7", false)},
		"a number":                         {age, `{"name":"IDToken2","value":31.50}`, aged("31.50")},
		"a number as a text":               {age, `{"name":"IDToken2","value":"31"}`, aged("31")},
		"a number beyond a float's":        {age, `{"name":"IDToken2","value":12345678901234567890}`, aged("12345678901234567890")},
		"no number":                        {age, `{"name":"IDToken2","value":null}`, aged("")},
		"no number as a text":              {age, `{"name":"IDToken2","value":""}`, aged("")},
		"false":                            {offers, `{"name":"IDToken2","value":false}`, offered},
		"false as a text":                  {offers, `{"name":"IDToken2","value":"false"}`, offered},
		"null keeps a flag":                {offers, `{"name":"IDToken2","value":null}`, offers},
		"question and answer":              {kba, `{"name":"IDToken2question","value":"Pet?"},{"name":"IDToken2answer","value":"Rex"}`, asked("Pet?", "Rex")},
		"an answer alone":                  {kba, `{"name":"IDToken2question","value":""},{"name":"IDToken2answer","value":"Rex"}`, asked("", "Rex")},
		"question and answer, renumbered":  {kba, `{"name":"IDToken1answer","value":"Rex"},{"name":"IDToken1question","value":"Pet?"}`, asked("Pet?", "Rex")},
		"terms":                            {terms, `{"name":"IDToken2","value":true}`, accepted},
		"a provider":                       {select1, `{"name":"IDToken2","value":"google"}`, chosen},
		"no provider":                      {select1, `{"name":"IDToken2","value":""}`, select1},
		"some of the inputs of a binding":  {bind, `{"name":"IDToken2jws","value":"a.b.c"},{"name":"IDToken2deviceName","value":"Pixel"}`, bound},
		"the inputs of a binding by order": {bind, `{"name":"IDToken5jws","value":"a.b.c"},{"name":"IDToken5deviceName","value":"Pixel"}`, bound},
	} {
		t.Run(what, func(t *testing.T) {
			raw := fmt.Sprintf(`[{"type":%q,"input":[%s]}]`, test.asked.Type(), test.input)
			got, err := list(hello, test.asked).Answer(json.RawMessage(raw))
			if err != nil || !reflect.DeepEqual(got, list(hello, test.want)) {
				t.Errorf("error %v\ngot  %#v\nwant %#v", err, got, test.want)
			}
		})
	}
}

func TestAnswerRefusesWhatWasNotOffered(t *testing.T) {
	for what, test := range map[string]struct {
		asked callback.Callback
		input string
		want  string
	}{
		"another question":     {callback.KbaCreate{PredefinedQuestions: []string{"Pet?"}}, `{"name":"IDToken1question","value":"1+1?"}`, "IDToken1question is not right: one of the predefined questions"},
		"another provider":     {callback.SelectIDP{Providers: []callback.Provider{{Name: "google"}}}, `{"name":"IDToken1","value":"evil"}`, "a provider that was offered"},
		"the local provider":   {callback.SelectIDP{Providers: []callback.Provider{{Name: "google"}}}, `{"name":"IDToken1","value":"localAuthentication"}`, "a provider that was offered"},
		"a flag of a number":   {callback.TermsAndConditions{}, `{"name":"IDToken1","value":1}`, "true or false is needed"},
		"a flag of a word":     {callback.TermsAndConditions{}, `{"name":"IDToken1","value":"yes"}`, "true or false is needed"},
		"a flag of an object":  {callback.TermsAndConditions{}, `{"name":"IDToken1","value":{}}`, "true or false is needed"},
		"a wish of an array":   {callback.StringAttributeInput{}, `{"name":"IDToken1validateOnly","value":[true]}`, "IDToken1validateOnly is not right: true or false is needed"},
		"a number of letters":  {callback.NumberAttributeInput{}, `{"name":"IDToken1","value":"abc"}`, "a number is needed"},
		"no number at all":     {callback.NumberAttributeInput{}, `{"name":"IDToken1","value":"NaN"}`, "a number is needed"},
		"an endless number":    {callback.NumberAttributeInput{}, `{"name":"IDToken1","value":1e999}`, "a number is needed"},
		"a number of C":        {callback.NumberAttributeInput{}, `{"name":"IDToken1","value":"0x10"}`, "a number is needed"},
		"a number with a tail": {callback.NumberAttributeInput{}, `{"name":"IDToken1","value":"1 "}`, "a number is needed"},
		"a true number":        {callback.NumberAttributeInput{}, `{"name":"IDToken1","value":true}`, "a number is needed"},
		"none of the inputs":   {callback.DeviceBinding{}, `{"name":"jws","value":"x"}`, "IDToken1jws is missing"},
	} {
		t.Run(what, func(t *testing.T) {
			raw := fmt.Sprintf(`[{"type":%q,"input":[%s]}]`, test.asked.Type(), test.input)
			got, err := list(test.asked).Answer(json.RawMessage(raw))
			if !errors.Is(err, callback.ErrAnswer) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, error %v; want one about %q", got, err, test.want)
			}
		})
	}
}

// What is typed in confidence must come out of a callback but by its field:
// not by printing, logging or encoding it, alone or as part of something.
func TestSecretsAreNotShown(t *testing.T) {
	const value = "correct-horse"
	for _, c := range []callback.Callback{
		callback.ValidatedCreatePassword{Prompt: "Password", Value: value},
		callback.KbaCreate{Answer: value},
		callback.IDP{Token: value},
	} {
		answered := list(c)
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "callback", c, "list", answered, "secret", callback.Secret(value))
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "callback", c, "list", answered, "secret", callback.Secret(value))
		encoded, err := json.Marshal([]any{c, answered, &c, callback.Secret(value)})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			fmt.Sprint(c), fmt.Sprintf("%+v %#v %q %s %d %x", c, c, c, c, c, c), fmt.Sprintf("%v %+v %#v", answered, answered, answered),
			fmt.Sprint(callback.Secret(value)), log.String(), string(encoded),
		} {
			if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) {
				t.Errorf("%s shows it: %s", c.Type(), text)
			}
		}
	}
}
