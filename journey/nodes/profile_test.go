package nodes_test

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

// call calls a node as a journey does, with a state of its own.
func call(t *testing.T, node journey.Node, in *journey.Input, answers ...callback.Callback) journey.Action {
	t.Helper()
	if in.Client == nil {
		in.Client = &journey.Client{}
	}
	if in.Services == nil {
		in.Services = new(journeytest.Realm).Services()
	}
	if in.Users == nil {
		in.Users = demo()
	}
	in.Answers = answers
	action, err := node.Process(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return action
}

// asked are the callbacks of a type that an action asks.
func asked[C callback.Callback](a journey.Action) []C {
	var all []C
	for _, item := range a.Callbacks() {
		if c, ok := item.Callback.(C); ok {
			all = append(all, c)
		}
	}
	return all
}

// requirements are the rules that a value broke.
func requirements(failed []callback.FailedPolicy) []string {
	var names []string
	for _, f := range failed {
		names = append(names, f.Requirement)
	}
	return names
}

func TestPlatformUsername(t *testing.T) {
	nt := journeytest.Given(t, byDefault("platform_username")).
		Arrive().WantAsked("NameCallback").
		Answer("").WantAsked("NameCallback").
		Answer("demo").WantOutcome("outcome").WantState("username", "demo")
	if got := nt.State().Object(journey.KeyObjectAttributes); !reflect.DeepEqual(got, map[string]any{"userName": "demo"}) {
		t.Errorf("collected %v", got)
	}
	if got := nt.Action().Subject(); got != nil {
		t.Errorf("identified %+v", got)
	}
}

func TestPlatformUsernameThatIsNew(t *testing.T) {
	node := &nodes.PlatformUsername{Validate: true, Attribute: "userName"}
	for name, want := range map[string][]string{
		"": {"REQUIRED"}, " ": {"REQUIRED"}, "a/b": {"CANNOT_CONTAIN_CHARACTERS"}, "DEMO": {"UNIQUE"}, "new": nil,
	} {
		in := &journey.Input{State: journey.NewState(nil, nil)}
		first := asked[callback.ValidatedCreateUsername](call(t, node, in))[0]
		if first.Prompt != "Username" || first.Policies.Name != "userName" || len(first.Policies.Rules) != 3 {
			t.Fatalf("asked %+v", first)
		}
		first.Value = name
		action := call(t, node, in, first)
		if want == nil {
			if action.Outcome() != "outcome" || in.State.String("username") != name {
				t.Errorf("%q: outcome %q", name, action.Outcome())
			}
			continue
		}
		again := asked[callback.ValidatedCreateUsername](action)[0]
		if got := requirements(again.FailedPolicies); !slices.Equal(got, want) || again.Preset != name || again.Validating {
			t.Errorf("%q: broken %v, asked %+v; want %v", name, got, again, want)
		}
		if _, kept := in.State.Get("username"); kept {
			t.Errorf("%q was kept", name)
		}
	}
	// The name may stay the own one, and a client may ask for the check alone.
	in := &journey.Input{State: journey.NewState(nil, nil), Subject: username}
	if action := call(t, node, in, callback.ValidatedCreateUsername{Value: username}); action.Outcome() != "outcome" {
		t.Errorf("the own name: asked %+v", action.Callbacks())
	}
	only := asked[callback.ValidatedCreateUsername](call(t, node, in, callback.ValidatedCreateUsername{Value: "new", ValidateOnly: true}))
	if len(only) != 1 || !only[0].Validating || len(only[0].FailedPolicies) > 0 {
		t.Errorf("validateOnly: asked %+v", only)
	}
	in.Users, in.Answers = broken{identity.ErrUnavailable}, []callback.Callback{callback.ValidatedCreateUsername{Value: "new"}}
	if _, err := node.Process(t.Context(), in); !journey.IsFault(err) {
		t.Errorf("%v is no fault", err)
	}
}

func TestPlatformPassword(t *testing.T) {
	nt := journeytest.Given(t, byDefault("platform_password")).WithShared(attributes(map[string]any{"mail": mail})).
		Arrive().WantAsked("PasswordCallback").
		Answer("").WantAsked("PasswordCallback").
		Answer("x").WantOutcome("outcome").WantState("password", "x")
	if got := nt.State().Object(journey.KeyObjectAttributes); !reflect.DeepEqual(got, map[string]any{"mail": mail, "password": "x"}) {
		t.Errorf("collected %v", got)
	}
}

func TestPlatformPasswordThatIsNew(t *testing.T) {
	node := &nodes.PlatformPassword{Validate: true, Attribute: "password"}
	for word, want := range map[string][]string{
		"": {"REQUIRED"}, "x": {"MIN_LENGTH", "AT_LEAST_X_CAPITAL_LETTERS", "AT_LEAST_X_NUMBERS"}, "passwort1": {"AT_LEAST_X_CAPITAL_LETTERS"},
		"Passwort": {"AT_LEAST_X_NUMBERS"}, "XbJensenX1": {"CANNOT_CONTAIN_OTHERS"}, "Pässwör1": nil,
	} {
		in := &journey.Input{State: journey.NewState(map[string]any{"username": "BJENSEN"}, nil)}
		first := asked[callback.ValidatedCreatePassword](call(t, node, in))[0]
		first.Value = callback.Secret(word)
		action := call(t, node, in, first)
		if want == nil {
			if action.Outcome() != "outcome" || in.State.String("password") != word {
				t.Errorf("%q: outcome %q", word, action.Outcome())
			}
			continue
		}
		again := asked[callback.ValidatedCreatePassword](action)[0]
		if got := requirements(again.FailedPolicies); !slices.Equal(got, want) || again.Value != "" {
			t.Errorf("%q: broken %v; want %v", word, got, want)
		}
	}
	in := &journey.Input{State: journey.NewState(nil, nil)}
	only := asked[callback.ValidatedCreatePassword](call(t, node, in, callback.ValidatedCreatePassword{Value: "Passwort1", ValidateOnly: true}))
	if len(only) != 1 || !only[0].Validating || only[0].Value != "" {
		t.Errorf("validateOnly: asked %+v", only)
	}
	if _, kept := in.State.Get("password"); kept {
		t.Error("a password that was only to be checked was kept")
	}
}

// What was typed wrongly does not outlive its step, whatever the journey
// collected beside it.
func TestPlatformPasswordIsForgotten(t *testing.T) {
	tree := &journey.Tree{Name: "Platform", Entry: "page", Nodes: map[string]*journey.Placed{
		"page":  {ID: "page", Node: page(byDefault("platform_username"), byDefault("platform_password")), Next: map[string]string{"outcome": "check"}},
		"check": {ID: "check", Node: &nodes.DataStore{}, Next: map[string]string{"true": "about", "false": "page"}},
		"about": {ID: "about", Node: &nodes.AttributeCollector{Attributes: []string{"mail"}}, Next: map[string]string{"outcome": "whose"}},
		"whose": {ID: "whose", Node: byDefault("identify_existing_user"), Next: map[string]string{"true": journey.Success, "false": journey.Failure}},
	}}
	engine := journey.NewEngine(journey.EngineConfig{Users: demo(), Logger: slog.New(slog.DiscardHandler)})
	s := newSnapshot(nil)
	walk := func(inputs ...any) journey.Result {
		t.Helper()
		result, err := engine.Advance(t.Context(), tree, s, journey.Turn{Answers: journeytest.Answers(s.Asked, inputs...)})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(s)
		if err != nil || strings.Contains(string(text), "wrong") || strings.Contains(string(text), password) {
			t.Fatalf("error %v; a password is kept: %s", err, text)
		}
		return result
	}
	walk()
	walk("demo", "wrong")
	walk("demo", password)
	if result := walk(mail); result.Succeeded == nil || result.Succeeded.Subject.ID != username {
		t.Errorf("%+v", result)
	}
}

func TestAttributeCollectorAsksByType(t *testing.T) {
	node := &nodes.AttributeCollector{Attributes: []string{"givenName", "age", "preferences/marketing", "custom_color"}}
	nt := journeytest.Given(t, node).
		Arrive().WantAsked("StringAttributeInputCallback", "NumberAttributeInputCallback", "BooleanAttributeInputCallback", "StringAttributeInputCallback")
	var prompts []string
	for _, item := range nt.Action().Callbacks() {
		prompts = append(prompts, item.Callback.Outputs()[1].Value.(string))
	}
	if want := []string{"First Name", "Age", "Send me special offers and services", "custom_color"}; !slices.Equal(prompts, want) {
		t.Errorf("prompts %q; want %q", prompts, want)
	}
	nt.Answer("Babs", "42", true, "red").WantOutcome("outcome")
	want := map[string]any{"givenName": "Babs", "age": 42.0, "preferences": map[string]any{"marketing": true}, "custom_color": "red"}
	if got := nt.State().Object(journey.KeyObjectAttributes); !reflect.DeepEqual(got, want) {
		t.Errorf("collected %v; want %v", got, want)
	}
	// What may stay empty does; a number then is not there.
	nt = journeytest.Given(t, node).Arrive().Answer("", nil, false, "").WantOutcome("outcome")
	want = map[string]any{"givenName": "", "preferences": map[string]any{"marketing": false}, "custom_color": ""}
	if got := nt.State().Object(journey.KeyObjectAttributes); !reflect.DeepEqual(got, want) {
		t.Errorf("collected %v; want %v", got, want)
	}
}

func TestAttributeCollectorRequires(t *testing.T) {
	node := &nodes.AttributeCollector{Attributes: []string{"givenName", "age", "preferences/marketing"}, Required: true}
	nt := journeytest.Given(t, node).Arrive().
		Answer("", "42", false).WantAsked().
		Answer(" ", "42", false).WantAsked().
		Answer("Babs", nil, false).WantAsked()
	// What was given is there when it is asked again.
	if got := asked[callback.StringAttributeInput](nt.Action()); got[0].Preset != "Babs" || !got[0].Required {
		t.Errorf("asked %+v", got)
	}
	nt.Answer("Babs", 42.0, false).WantOutcome("outcome")
}

func TestAttributeCollectorValidates(t *testing.T) {
	node := &nodes.AttributeCollector{Attributes: []string{"mail", "telephoneNumber", "city"}, Validate: true}
	for _, test := range []struct {
		mail, phone string
		want        [2][]string
	}{
		{"demo", "+41 44 (668)-18", [2][]string{{"VALID_EMAIL_ADDRESS_FORMAT"}, nil}},
		{"Demo <demo@example.com>", "", [2][]string{{"VALID_EMAIL_ADDRESS_FORMAT"}, nil}},
		{mail, "call me", [2][]string{nil, {"VALID_PHONE_FORMAT"}}},
	} {
		nt := journeytest.Given(t, node).Arrive().Answer(test.mail, test.phone, "").WantAsked()
		for i, c := range asked[callback.StringAttributeInput](nt.Action())[:2] {
			if got := requirements(c.FailedPolicies); !slices.Equal(got, test.want[i]) {
				t.Errorf("%s %q: broken %v; want %v", c.Name, c.Preset, got, test.want[i])
			}
		}
		nt.Answer(mail, "", "").WantOutcome("outcome")
	}
	nt := journeytest.Given(t, node).Arrive()
	first := asked[callback.StringAttributeInput](nt.Action())
	if first[0].Policies.Name != "mail" || first[2].Policies.Name != "" {
		t.Errorf("rules of mail %+v, of a city %+v", first[0].Policies, first[2].Policies)
	}
	in := &journey.Input{State: journey.NewState(nil, nil)}
	first[1].ValidateOnly = true
	again := asked[callback.StringAttributeInput](call(t, node, in, first[0], first[1], first[2]))
	if len(again) != 3 || again[0].Validating || !again[1].Validating {
		t.Errorf("validateOnly: asked %+v", again)
	}
}

// A question does not begin with an attribute of somebody whose name was only
// collected.
func TestAttributeCollectorBeginsWithWhatIsKnown(t *testing.T) {
	node := &nodes.AttributeCollector{Attributes: []string{"mail", "age", "preferences/marketing"}, Identity: "userName"}
	begins := func(nt *journeytest.NodeTest) []any {
		action := nt.WithUsers(demo()).Arrive().Action()
		return []any{
			asked[callback.StringAttributeInput](action)[0].Preset, asked[callback.NumberAttributeInput](action)[0].Preset.String(),
			asked[callback.BooleanAttributeInput](action)[0].Preset,
		}
	}
	known := map[string]any{"mail": "other@example.com", "age": 7.0, "preferences": map[string]any{"marketing": false}}
	for name, test := range map[string]struct {
		given *journeytest.NodeTest
		want  []any
	}{
		"nobody":           {journeytest.Given(t, node), []any{"", "", false}},
		"who is named":     {journeytest.Given(t, node).WithShared("username", "demo"), []any{"", "", false}},
		"who is known":     {journeytest.Given(t, node).WithSubject(username), []any{mail, "42", true}},
		"who is gone":      {journeytest.Given(t, node).WithSubject("gone"), []any{"", "", false}},
		"what is known":    {journeytest.Given(t, node).WithSubject(username).WithShared(attributes(known)), []any{"other@example.com", "7", false}},
		"what does not do": {journeytest.Given(t, node).WithShared(attributes(map[string]any{"mail": 1.5, "age": "x", "preferences": "y"})), []any{"1.5", "", false}},
	} {
		if got := begins(test.given); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v; want %v", name, got, test.want)
		}
	}
	wantFault(t, journeytest.Given(t, node).WithSubject(username).WithUsers(broken{identity.ErrUnavailable}))
}

func terms(version string) *journey.Services {
	s := new(journeytest.Realm).Services()
	s.Terms = &journey.Terms{Version: version, Created: time.Date(2022, 10, 28, 4, 20, 11, 320e6, time.UTC), Text: map[string]string{"en": "Be kind.", "de": "Sei nett."}}
	return s
}

func TestAcceptTerms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nt := journeytest.Given(t, &nodes.AcceptTerms{}).WithServices(terms("1.0")).WithLanguages("de-CH").
			Arrive().WantAsked("TermsAndConditionsCallback")
		want := callback.TermsAndConditions{Version: "1.0", Terms: "Sei nett.", CreateDate: "2022-10-28T04:20:11.320Z"}
		if got := asked[callback.TermsAndConditions](nt.Action()); got[0] != want {
			t.Errorf("asked %+v; want %+v", got, want)
		}
		nt.Answer(false).WantAsked()
		// Other terms came into force meanwhile: nobody has seen those.
		nt.WithServices(terms("2.0")).Answer(true).WantAsked()
		nt.Answer(true).WantOutcome("outcome")
		accepted := map[string]any{"termsAccepted": map[string]any{"termsVersion": "2.0", "acceptDate": "2000-01-01T00:00:00.000Z"}}
		if got := nt.State().Object(journey.KeyObjectAttributes); !reflect.DeepEqual(got, accepted) {
			t.Errorf("collected %v; want %v", got, accepted)
		}
	})
	err := journeytest.Given(t, &nodes.AcceptTerms{}).Arrive().WantError()
	if !strings.Contains(err.Error(), "no terms and conditions") {
		t.Error(err)
	}
}

func TestTerms(t *testing.T) {
	users := demo()
	users[0].Attributes["termsAccepted/termsVersion"] = []string{"1.0"}
	given := func(services *journey.Services) *journeytest.NodeTest {
		return journeytest.Given(t, byDefault("terms_and_conditions")).WithUsers(users).WithServices(services)
	}
	given(terms("1.0")).WithSubject(username).Arrive().WantOutcome("true")
	given(terms("2.0")).WithSubject(username).Arrive().WantOutcome("false")
	given(terms("1.0")).WithSubject(username).WithUsers(demo()).Arrive().WantOutcome("false")
	given(terms("1.0")).WithShared("username", "nobody").Arrive().WantOutcome("false")
	given(new(journeytest.Realm).Services()).WithShared("username", "nobody").Arrive().WantOutcome("true")
	wantNobody(t, given(terms("1.0")))
}

func TestKbaCreate(t *testing.T) {
	services := new(journeytest.Realm).Services()
	services.Questions = []journey.Question{
		{ID: "1", Text: map[string]string{"en": "Favourite colour?", "de": "Lieblingsfarbe?"}},
		{ID: "2", Text: map[string]string{"en": "First employer?"}},
	}
	kba := func(question, answer string) callback.Callback {
		return callback.KbaCreate{Question: question, Answer: callback.Secret(answer), AllowUserDefinedQuestions: true}
	}
	for name, test := range map[string]struct {
		answers []callback.Callback
		own     bool
		want    []any
	}{
		"the realm's": {
			[]callback.Callback{kba("Lieblingsfarbe?", " red "), kba("First employer?", "ACME")}, false,
			[]any{map[string]any{"questionId": "1", "answer": "red"}, map[string]any{"questionId": "2", "answer": "ACME"}},
		},
		"one's own": {
			[]callback.Callback{kba("Lieblingsfarbe?", "red"), kba(" Why? ", "because")}, true,
			[]any{map[string]any{"questionId": "1", "answer": "red"}, map[string]any{"customQuestion": "Why?", "answer": "because"}},
		},
		"one's own, but not allowed": {[]callback.Callback{kba("First employer?", "x"), kba("Why?", "because")}, false, nil},
		"nothing":                    {nil, true, nil},
		"one too few":                {[]callback.Callback{kba("Why?", "because")}, true, nil},
		"no answer":                  {[]callback.Callback{kba("Why?", "because"), kba("Who?", " ")}, true, nil},
		"no question":                {[]callback.Callback{kba("Why?", "because"), kba("?!", "x")}, true, nil},
		"one question twice":         {[]callback.Callback{kba("Why?", "because"), kba("why ?", "x")}, true, nil},
		"another callback":           {[]callback.Callback{kba("Why?", "because"), callback.Name{Value: "x"}}, true, nil},
	} {
		in := &journey.Input{Services: services, Client: &journey.Client{Languages: []string{"de"}}, State: journey.NewState(nil, nil)}
		action := call(t, &nodes.KbaCreate{OwnAllowed: test.own}, in, test.answers...)
		if test.want == nil {
			again := asked[callback.KbaCreate](action)
			if len(again) != 2 || !slices.Equal(again[0].PredefinedQuestions, []string{"Lieblingsfarbe?", "First employer?"}) || again[0].Answer != "" {
				t.Errorf("%s: asked %+v", name, again)
			}
			continue
		}
		if got := in.State.Object(journey.KeyObjectAttributes)["kbaInfo"]; !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: collected %v; want %v", name, got, test.want)
		}
		if _, shared := in.State.Shared(journey.KeyObjectAttributes); shared {
			t.Errorf("%s: the answers are shared", name)
		}
	}
	if needs := (&nodes.KbaCreate{OwnAllowed: true}).Needs(); len(needs) > 0 {
		t.Errorf("it needs %v", needs)
	}
	if needs := (&nodes.KbaCreate{}).Needs(); len(needs) != 1 || services.Check(needs[0]) != nil {
		t.Errorf("it needs %v", needs)
	}
}
