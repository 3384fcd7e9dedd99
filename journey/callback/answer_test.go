package callback_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey/callback"
)

var (
	name     = callback.Name{Prompt: "User Name"}
	password = callback.Password{Prompt: "Password"}
	hello    = callback.TextOutput{Message: "hello"}
	buttons  = callback.NewConfirmation([]string{"yes", "no"}, 1)
)

func list(callbacks ...callback.Callback) callback.List {
	l := make(callback.List, len(callbacks))
	for i, c := range callbacks {
		l[i].Callback = c
	}
	return l
}

func named(value string) callback.Name { return callback.Name{Prompt: "User Name", Value: value} }

func secret(value string) callback.Password {
	return callback.Password{Prompt: "Password", Value: value}
}

func pressed(i int) callback.Confirmation {
	c := buttons
	c.Selected = i
	return c
}

// Real clients send all of these: am-protocol, section 1.6.
func TestAnswerTakesWhatClientsSend(t *testing.T) {
	for what, test := range map[string]struct {
		asked callback.List
		raw   string
		want  callback.List
	}{
		"the whole step": {
			list(name, password),
			`[{"type":"NameCallback","output":[{"name":"prompt","value":"User Name"}],"input":[{"name":"IDToken1","value":"demo"}],"_id":0},` +
				`{"type":"PasswordCallback","output":[],"input":[{"name":"IDToken2","value":"x"}],"_id":1}]`,
			list(named("demo"), secret("x")),
		},
		"only types and inputs, in another order": {
			list(name, password),
			`[{"type":"PasswordCallback","input":[{"name":"IDToken2","value":"x"}]},{"type":"NameCallback","input":[{"name":"IDToken1","value":"demo"}]}]`,
			list(named("demo"), secret("x")),
		},
		"without the types": {
			list(name), `[{"input":[{"name":"IDToken1","value":"demo"}]}]`, list(named("demo")),
		},
		"without the read-only callback": {
			list(hello, name), `[{"type":"NameCallback","input":[{"name":"IDToken2","value":"demo"}]}]`, list(hello, named("demo")),
		},
		"numbered without the read-only callback": {
			list(hello, name), `[{"type":"NameCallback","input":[{"name":"IDToken1","value":"demo"}]}]`, list(hello, named("demo")),
		},
		"two of a type, by order": {
			list(name, name),
			`[{"type":"NameCallback","input":[{"name":"a","value":"first"}]},{"type":"NameCallback","input":[{"name":"b","value":"second"}]}]`,
			list(named("first"), named("second")),
		},
		"two of a type, one by name": {
			list(name, name),
			`[{"type":"NameCallback","input":[{"name":"IDToken2","value":"second"}]},{"type":"NameCallback","input":[{"name":"?","value":"first"}]}]`,
			list(named("first"), named("second")),
		},
		"outputs that lie": {
			list(buttons),
			`[{"type":"ConfirmationCallback","output":[{"name":"options","value":["a","b","c","d"]}],"input":[{"name":"IDToken1","value":0}]}]`,
			list(pressed(0)),
		},
		"unknown members and callbacks": {
			list(name),
			`[{"type":"X","input":[{"name":"IDToken9","value":{}}]},{"type":"NameCallback","x":1,"input":[{"name":"IDToken1","value":"demo","y":2}]}]`,
			list(named("demo")),
		},
		"a numeric string for a number": {
			list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":"0"}]}]`, list(pressed(0)),
		},
		"a number like Java's": {
			list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":0.0}]}]`, list(pressed(0)),
		},
		"a number for a string, exactly": {
			list(name), `[{"type":"NameCallback","input":[{"name":"IDToken1","value":12345678901234567890}]}]`, list(named("12345678901234567890")),
		},
		"the first of two answers": {
			list(name),
			`[{"type":"NameCallback","input":[{"name":"IDToken1","value":"first"}]},{"type":"NameCallback","input":[{"name":"IDToken1","value":"second"}]}]`,
			list(named("first")),
		},
		"null keeps what was there": {
			list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":null}]}]`, list(pressed(1)),
		},
		"nothing, where nothing was asked":    {list(hello), ``, list(hello)},
		"null, where nothing was asked":       {list(hello), `null`, list(hello)},
		"no elements, where nothing is asked": {list(hello), `[]`, list(hello)},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := test.asked.Answer(json.RawMessage(test.raw))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("error %v\ngot  %#v\nwant %#v", err, got, test.want)
			}
		})
	}
}

// SECURITY 1: a client that skips, retypes or adds a callback must not get
// past the step; that is how a stage was passed with an empty POST.
func TestAnswerRefusesWhatWasNotAsked(t *testing.T) {
	for what, test := range map[string]struct {
		asked callback.List
		raw   string
		want  string // a part of the message
	}{
		"nothing":             {list(name), ``, "IDToken1 is missing"},
		"null":                {list(name), `null`, "IDToken1 is missing"},
		"no elements":         {list(name), `[]`, "IDToken1 is missing"},
		"an object":           {list(name), `{}`, "must be an array"},
		"a text":              {list(name), `"NameCallback"`, "must be an array"},
		"broken JSON":         {list(name), `[{"type":`, "must be an array"},
		"elements of no kind": {list(name), `[null,{}]`, "IDToken1 is missing"},
		"one of two":          {list(name, password), `[{"type":"NameCallback","input":[{"name":"IDToken1","value":"x"}]}]`, "IDToken2 is missing"},
		"no input":            {list(name), `[{"type":"NameCallback"}]`, "IDToken1 is missing"},
		"an empty input":      {list(name), `[{"type":"NameCallback","input":[]}]`, "IDToken1 is missing"},
		"another type":        {list(password), `[{"type":"NameCallback","input":[{"name":"IDToken1","value":"x"}]}]`, "IDToken1 belongs to a PasswordCallback"},
		"another step":        {list(password), `[{"type":"NameCallback","input":[{"name":"IDToken7","value":"x"}]}]`, "IDToken1 is missing"},
		"an object as value":  {list(name), `[{"type":"NameCallback","input":[{"name":"IDToken1","value":{"a":1}}]}]`, "IDToken1 is not right: a string is needed"},
		"a truth as value":    {list(name), `[{"type":"NameCallback","input":[{"name":"IDToken1","value":true}]}]`, "a string is needed"},
		"no such button":      {list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":2}]}]`, "an index from 0 to 1 is needed"},
		"a button below":      {list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":-1}]}]`, "an index from 0 to 1 is needed"},
		"half a button":       {list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":0.5}]}]`, "a whole number is needed"},
		"a huge number":       {list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":1e300}]}]`, "a whole number is needed"},
		"not pressed":         {list(buttons), `[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":100}]}]`, "an index from 0 to 1 is needed"},
		"too deep":            {list(name), strings.Repeat("[", 40), "nested deeper"},
		"too many":            {list(name), "[" + strings.Repeat("{},", callback.MaxAnswerCallbacks) + "{}]", "more than 256"},
		"too large":           {list(name), `[{"type":"` + strings.Repeat("x", callback.MaxAnswerBytes) + `"}]`, "larger than"},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := test.asked.Answer(json.RawMessage(test.raw))
			if !errors.Is(err, callback.ErrAnswer) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, error %v; want one about %q", got, err, test.want)
			}
		})
	}
}

// NotPressed is taken where it was preset: a client returns it untouched.
func TestConfirmationReturnsItsPreset(t *testing.T) {
	asked := buttons
	asked.Selected = callback.NotPressed
	got, err := list(asked).Answer(json.RawMessage(`[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":100}]}]`))
	if err != nil || got[0].Callback.(callback.Confirmation).Selected != callback.NotPressed {
		t.Errorf("%v, error %v", got, err)
	}
	platform := callback.Confirmation{OptionType: callback.OKCancel}
	got, err = list(platform).Answer(json.RawMessage(`[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":3}]}]`))
	if err != nil || got[0].Callback.(callback.Confirmation).Selected != callback.ButtonOK {
		t.Errorf("OK of the platform: %v, error %v", got, err)
	}
}

func TestHiddenValueGiven(t *testing.T) {
	asked := callback.HiddenValue{ID: "jwt", Value: "nonce"}
	for value, want := range map[string]bool{"jwt": false, "": false, "a.b.c": true} {
		filled, err := asked.Fill(map[string]any{"": value})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := filled.(callback.HiddenValue).Given(); ok != want || ok && got != value {
			t.Errorf("%q: %q, %t", value, got, ok)
		}
	}
}

// A password must not come out of a callback but through its Value: not by
// printing, logging or encoding it, alone or as part of a list.
func TestPasswordIsNotShown(t *testing.T) {
	const value = "correct-horse"
	c := secret(value)
	answered := list(c)
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "callback", c, "list", answered, "item", answered[0])
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "callback", c, "list", answered)
	encoded, err := json.Marshal([]any{c, answered, &c})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%+v %#v %q %s", c, c, c, c), fmt.Sprintf("%v %+v %#v", answered, answered, answered),
		log.String(), string(encoded),
	} {
		if strings.Contains(text, value) {
			t.Errorf("the password is shown: %s", text)
		}
	}
	if !strings.Contains(log.String(), "PasswordCallback") {
		t.Errorf("the log has nothing about the callback: %s", log.String())
	}
}

func TestErrorsDoNotRepeatTheClient(t *testing.T) {
	const value = "correct-horse"
	for _, raw := range []string{
		`[{"type":"ConfirmationCallback","input":[{"name":"IDToken1","value":"correct-horse"}]}]`,
		`[{"type":"correct-horse","input":[{"name":"IDToken1","value":0}]}]`,
		`[{"type":"ConfirmationCallback","input":[{"name":"correct-horse","value":["correct-horse"]}]}]`,
		`"correct-horse"`,
	} {
		if _, err := list(buttons).Answer(json.RawMessage(raw)); err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// checkAnswer holds for any answer to anything: an error wraps ErrAnswer, and
// without one the callbacks are those that were asked, only their inputs may
// differ.
func checkAnswer(asked callback.List, raw []byte) error {
	got, err := asked.Answer(raw)
	if err != nil {
		if !errors.Is(err, callback.ErrAnswer) {
			return fmt.Errorf("the error does not wrap ErrAnswer: %w", err)
		}
		return nil
	}
	if len(got) != len(asked) {
		return fmt.Errorf("%d callbacks became %d", len(asked), len(got))
	}
	for i := range asked {
		before, after := asked[i].Callback, got[i].Callback
		switch {
		case reflect.TypeOf(before) != reflect.TypeOf(after):
			return fmt.Errorf("callback %d: a %T became a %T", i+1, before, after)
		case !reflect.DeepEqual(before.Outputs(), after.Outputs()):
			return fmt.Errorf("callback %d: outputs changed", i+1)
		case len(before.Inputs()) == 0 && !reflect.DeepEqual(before, after):
			return fmt.Errorf("callback %d is read-only and changed", i+1)
		}
	}
	return nil
}

// An honest client that returns the step as it is, or by JSON of its own, is
// understood, and gets back what it was asked.
func TestAnswerOfTheStepItself(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var asked callback.List
		for _, item := range anyList(rt) {
			asked = append(asked, callback.Item{Callback: item.Callback})
		}
		raw, err := json.Marshal(asked)
		if err != nil {
			rt.Fatal(err)
		}
		if err := checkAnswer(asked, raw); err != nil {
			rt.Fatal(err)
		}
	})
}

// everything asks one callback of each type.
func everything() callback.List {
	return list(callback.Types()...)
}

func FuzzAnswer(f *testing.F) {
	all, err := json.Marshal(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(all)
	f.Add([]byte(strings.ReplaceAll(string(all), "false", "true")))
	f.Add([]byte(strings.ReplaceAll(string(all), `"value":""`, `"value":"7"`)))
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `[{}]`, `[null]`, `"x"`, `[[[]]]`, `[{"type":1}]`, `[{"input":{}}]`,
		`[{"type":"NameCallback","input":[{"name":"IDToken1","value":"demo"}]}]`,
		`[{"type":"NameCallback","input":[{"name":"IDToken1","value":"a"}]},{"type":"PasswordCallback","input":[{"name":"IDToken2","value":"b"}]},{"type":"ConfirmationCallback","input":[{"name":"IDToken4","value":"0"}]},{"type":"HiddenValueCallback","input":[{"name":"IDToken5","value":"x"}]}]`,
		`[{"input":[{"name":"IDToken1","value":1}]},{"input":[{"name":"IDToken2","value":1}]},{"input":[{"name":"IDToken4","value":1}]},{"input":[{"name":"IDToken5","value":1e1}]}]`,
	} {
		f.Add([]byte(seed))
	}
	asked := list(name, password, hello, buttons, callback.HiddenValue{ID: "id"}, callback.Metadata{Data: map[string]any{"a": 1}})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := checkAnswer(asked, raw); err != nil {
			t.Error(err)
		}
		if err := checkAnswer(list(buttons), raw); err != nil {
			t.Error(err)
		}
		if err := checkAnswer(everything(), raw); err != nil {
			t.Error(err)
		}
		for _, c := range callback.Types() {
			if err := checkAnswer(list(c), raw); err != nil {
				t.Errorf("%s: %v", c.Type(), err)
			}
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	asked := list(name, password)
	raw := json.RawMessage(`[{"type":"NameCallback","input":[{"name":"IDToken1","value":"demo"}]},{"type":"PasswordCallback","input":[{"name":"IDToken2","value":"x"}]}]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := asked.Answer(raw); err != nil {
			b.Fatal(err)
		}
	}
}
