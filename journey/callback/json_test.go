package callback_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey/callback"
)

// The forms are AM's: am-protocol, section 2, and recorded steps.
func TestListIsAMsJSON(t *testing.T) {
	zero, one := 0, 1
	for name, test := range map[string]struct {
		list callback.List
		want string
	}{
		"a page": {
			callback.List{
				{Callback: callback.Name{Prompt: "User Name"}, ID: &zero},
				{Callback: callback.Password{Prompt: "Password"}, ID: &one},
			},
			`[{"type":"NameCallback","output":[{"name":"prompt","value":"User Name"}],"input":[{"name":"IDToken1","value":""}],"_id":0},` +
				`{"type":"PasswordCallback","output":[{"name":"prompt","value":"Password"}],"input":[{"name":"IDToken2","value":""}],"_id":1}]`,
		},
		"a read-only callback takes a number too": {
			callback.List{
				{Callback: callback.TextOutput{Message: "<b>Hi & bye</b>", MessageType: callback.Warning}},
				{Callback: callback.NewConfirmation([]string{"Set up"}, 0)},
			},
			`[{"type":"TextOutputCallback","output":[{"name":"message","value":"<b>Hi & bye</b>"},{"name":"messageType","value":"1"}]},` +
				`{"type":"ConfirmationCallback","output":[{"name":"prompt","value":""},{"name":"messageType","value":0},{"name":"options","value":["Set up"]},{"name":"optionType","value":-1},{"name":"defaultOption","value":0}],"input":[{"name":"IDToken2","value":0}]}]`,
		},
		"a choice starts at its default": {
			callback.List{{Callback: callback.NewChoice("Which?", []string{"a", "b"}, 1)}},
			`[{"type":"ChoiceCallback","output":[{"name":"prompt","value":"Which?"},{"name":"choices","value":["a","b"]},{"name":"defaultChoice","value":1}],"input":[{"name":"IDToken1","value":1}]}]`,
		},
		"a hidden value starts at its id": {
			callback.List{{Callback: callback.HiddenValue{Value: "nonce", ID: "jwt"}}},
			`[{"type":"HiddenValueCallback","output":[{"name":"value","value":"nonce"},{"name":"id","value":"jwt"}],"input":[{"name":"IDToken1","value":"jwt"}]}]`,
		},
		"text input": {
			callback.List{{Callback: callback.TextInput{Prompt: "City", DefaultText: "Bern", Value: "Bern"}}},
			`[{"type":"TextInputCallback","output":[{"name":"prompt","value":"City"},{"name":"defaultText","value":"Bern"}],"input":[{"name":"IDToken1","value":"Bern"}]}]`,
		},
		"metadata": {
			callback.List{{Callback: callback.Metadata{Data: map[string]any{"stage": "x"}}}},
			`[{"type":"MetadataCallback","output":[{"name":"data","value":{"stage":"x"}}]}]`,
		},
		"nothing is null": {
			callback.List{{Callback: callback.Choice{}}, {Callback: callback.Metadata{}}},
			`[{"type":"ChoiceCallback","output":[{"name":"prompt","value":""},{"name":"choices","value":[]},{"name":"defaultChoice","value":0}],"input":[{"name":"IDToken1","value":0}]},` +
				`{"type":"MetadataCallback","output":[{"name":"data","value":{}}]}]`,
		},
		"no callbacks": {nil, `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.list.MarshalJSON()
			if err != nil || string(got) != test.want {
				t.Errorf("error %v\ngot  %s\nwant %s", err, got, test.want)
			}
		})
	}
}

func TestListReadsBackOnlyWhatItKnows(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown type": `[{"type":"RemoteShellCallback"}]`,
		"a wrong output":  `[{"type":"NameCallback","output":[{"name":"prompt","value":[1]}]}]`,
		"a wrong input":   `[{"type":"ChoiceCallback","input":[{"name":"IDToken1","value":"x"}]}]`,
		"no array":        `{}`,
	} {
		var list callback.List
		if err := json.Unmarshal([]byte(text), &list); err == nil {
			t.Errorf("%s was read as %v", name, list)
		}
	}
	var list callback.List
	if err := json.Unmarshal([]byte("null"), &list); err != nil || list != nil {
		t.Errorf("null was read as %v, error %v", list, err)
	}
}

// anyCallback draws a callback of any type of the package, so that a new type
// is covered by being listed.
func anyCallback(rt *rapid.T) callback.Callback {
	empty := rapid.SampledFrom(callback.Types()).Draw(rt, "type")
	v := reflect.New(reflect.TypeOf(empty)).Elem()
	fillAny(rt, v)
	return v.Interface().(callback.Callback)
}

// fillAny draws a value of any type that a callback's field may have.
func fillAny(rt *rapid.T, v reflect.Value) {
	switch to := v.Addr().Interface().(type) {
	case *json.Number:
		*to = json.Number(rapid.SampledFrom([]string{"", "0", "-1", "1.5", "1e3", "12345678901234567890.5"}).Draw(rt, "number"))
		return
	case *time.Duration:
		*to = time.Duration(rapid.IntRange(0, math.MaxInt32).Draw(rt, "time")) * time.Millisecond
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(rt, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(rt, "flag"))
	case reflect.Int:
		v.SetInt(rapid.Int64Range(math.MinInt32+1, math.MaxInt32).Draw(rt, "number"))
	case reflect.Struct:
		for _, field := range v.Fields() {
			fillAny(rt, field)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 3).Draw(rt, "length"), 3))
		for i := range v.Len() {
			fillAny(rt, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for key, value := range rapid.MapOf(rapid.String(), rapid.String()).Draw(rt, "data") {
			member := reflect.ValueOf(value)
			if v.Type().Elem().Kind() == reflect.Interface {
				member = reflect.ValueOf([]any{value, true, nil, map[string]any{"deep": value}})
			}
			v.SetMapIndex(reflect.ValueOf(key), member)
		}
	default:
		rt.Fatalf("no values for a field of kind %s: teach this test", v.Kind())
	}
}

func anyList(rt *rapid.T) callback.List {
	list := make(callback.List, rapid.IntRange(0, 6).Draw(rt, "length"))
	for i := range list {
		list[i].Callback = anyCallback(rt)
		if rapid.Bool().Draw(rt, "with id") {
			list[i].ID = &i
		}
	}
	return list
}

// What a keeper keeps comes back: the same types, and the same JSON again.
func TestListSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := anyList(rt)
		first, err := json.Marshal(list)
		if err != nil {
			rt.Fatal(err)
		}
		var back callback.List
		if err := json.Unmarshal(first, &back); err != nil {
			rt.Fatalf("%v: %s", err, first)
		}
		second, err := json.Marshal(back)
		if err != nil || string(first) != string(second) {
			rt.Fatalf("error %v\nfirst  %s\nsecond %s", err, first, second)
		}
		for i := range list {
			if !callback.Known(list[i].Callback) || reflect.TypeOf(list[i].Callback) != reflect.TypeOf(back[i].Callback) {
				rt.Fatalf("a %T came back as a %T", list[i].Callback, back[i].Callback)
			}
		}
	})
}

// FuzzList: what can be read back is written the same from then on, and
// nothing makes reading panic.
func FuzzList(f *testing.F) {
	for _, c := range callback.Types() {
		raw, err := json.Marshal(callback.List{{Callback: c}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, s := range samples {
		f.Add([]byte("[" + s.want + "]"))
	}
	f.Add([]byte(`[{"type":"NumberAttributeInputCallback","input":[{"name":"IDToken1","value":1e999}]}]`))
	f.Add([]byte(`[{"type":"NameValueOutputCallback","output":[{"name":"a","value":"b"},{"name":"c","value":"d"}]}]`))
	f.Add([]byte(`[{"type":"StringAttributeInputCallback","output":[{"name":"failedPolicies","value":[{"policyRequirement":"UNIQUE"}]}]}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var first, second callback.List
		if err := json.Unmarshal(raw, &first); err != nil {
			return
		}
		once, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("%s was read, but cannot be written: %v", raw, err)
		}
		if err := json.Unmarshal(once, &second); err != nil {
			t.Fatalf("%s was written, but cannot be read: %v", once, err)
		}
		if twice, err := json.Marshal(second); err != nil || string(twice) != string(once) {
			t.Errorf("error %v\n%s became\n%s", err, once, twice)
		}
	})
}
