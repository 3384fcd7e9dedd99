package nodes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

func TestUsernameAsksUntilThereIsOne(t *testing.T) {
	journeytest.Given(t, &nodes.Username{}).
		Arrive().WantAsked("NameCallback").
		Answer("").WantAsked("NameCallback").
		Answer("demo").WantOutcome("outcome").WantState("username", "demo")
}

func TestPasswordIsTransient(t *testing.T) {
	journeytest.Given(t, &nodes.Password{}).
		Arrive().WantAsked("PasswordCallback").
		Answer("").WantAsked("PasswordCallback").
		Answer("x").WantOutcome("outcome").WantState("password", "x")
}

func TestDataStore(t *testing.T) {
	users := journeytest.Demo("demo", "right")
	given := func(name, password any) *journeytest.NodeTest {
		nt := journeytest.Given(t, &nodes.DataStore{}).WithUsers(users)
		if name != nil {
			nt.WithShared("username", name)
		}
		if password != nil {
			nt.WithTransient("password", password)
		}
		return nt.Arrive()
	}
	if got := given("DEMO", "right").WantOutcome("true").Action().Subject(); got.ID != "demo" {
		t.Errorf("identified %+v", got)
	}
	for _, wrong := range [][2]any{{"demo", "wrong"}, {"demo", ""}, {"", "right"}, {"nobody", "right"}, {"demo", 1}} {
		if got := given(wrong[0], wrong[1]).WantOutcome("false").Action().Subject(); got != nil {
			t.Errorf("%v: identified %+v", wrong, got)
		}
	}
	for _, missing := range [][2]any{{nil, "right"}, {"demo", nil}, {nil, nil}} {
		if err := given(missing[0], missing[1]).WantError(); !strings.Contains(err.Error(), "collect both before") {
			t.Errorf("%v: %v", missing, err)
		}
	}
	for _, fault := range []error{identity.ErrBusy, identity.ErrUnavailable} {
		nt := journeytest.Given(t, &nodes.DataStore{}).WithUsers(broken{fault}).WithShared("username", "demo").WithTransient("password", "right")
		if err := nt.Arrive().WantError(); !errors.Is(err, fault) {
			t.Errorf("error %v; want %v", err, fault)
		}
	}
}

// broken are people who cannot be asked.
type broken struct{ err error }

func (b broken) ByName(context.Context, string) (*identity.User, error) { return nil, b.err }
func (b broken) ByID(context.Context, string) (*identity.User, error)   { return nil, b.err }
func (b broken) Authenticate(context.Context, string, string) (*identity.User, error) {
	return nil, fmt.Errorf("test: %w", b.err)
}

func TestRetryLimitCountsThenRejects(t *testing.T) {
	nt := journeytest.Given(t, &nodes.RetryLimit{Limit: 2})
	for range 2 { // rejected, it begins anew
		nt.Arrive().WantOutcome("Retry").WantState("node.retryCount", 1)
		nt.Arrive().WantOutcome("Retry").WantState("node.retryCount", 2)
		nt.Arrive().WantOutcome("Reject").WantState("node.retryCount", nil)
	}
	journeytest.Given(t, &nodes.RetryLimit{Limit: 2}).WithShared("node.retryCount", 2.0). // as JSON gives it back
												Arrive().WantOutcome("Reject")
}

func TestZeroPageLogin(t *testing.T) {
	spec, _ := nodes.ByName("zero_page_login")
	given := func(headers ...string) *journeytest.NodeTest {
		nt := journeytest.Given(t, spec.New())
		for i := 0; i < len(headers); i += 2 {
			nt.WithHeader(headers[i], headers[i+1])
		}
		return nt.Arrive()
	}
	const name, password = "X-OpenAM-Username", "X-OpenAM-Password"
	given().WantOutcome("false")
	given(name, "", password, "").WantOutcome("false")
	given(name, "demo", password, "x").WantOutcome("true").WantState("username", "demo").WantState("password", "x")
	given(name, "demo").WantOutcome("true").WantState("username", "demo").WantState("password", nil)
	given(password, "x").WantOutcome("true").WantState("password", "x")
	for encoded, want := range map[string]string{
		"=?UTF-8?B?ZMOpbW8=?=":              "démo",
		"=?utf-8?q?d=C3=A9mo?=":             "démo",
		"=?ISO-8859-1?Q?d=E9mo?=":           "démo",
		"=?UTF-8?B?ZMOp?= =?UTF-8?B?bW8=?=": "démo",
		"=?UTF-8?B?broken":                  "=?UTF-8?B?broken",
		"d\xe9mo":                           "démo",
		"démo":                              "démo",
		"plain =? text":                     "plain =? text",
	} {
		given(name, encoded).WantOutcome("true").WantState("username", want)
	}
	for _, headers := range [][]string{{name, "a", name, "b"}, {password, "secret", password, "secret"}, {password, "=?x-secret?q?secret?="}} {
		if err := given(headers...).WantError(); strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the header: %v", err)
		}
	}
}

// Headers are the first bytes of a stranger that reach a node. Whatever they
// are, the state gets text that JSON can hold, and errors do not repeat them.
func FuzzZeroPageLoginHeader(f *testing.F) {
	for _, seed := range []string{"", "demo", "=?UTF-8?B?ZMOpbW8=?=", "=?utf-8?q?=FF?=", "=?x?q?y?=", "=?UTF-8?B??=", "\xff\x00", "=?=?=?=?="} {
		f.Add(seed)
	}
	spec, _ := nodes.ByName("zero_page_login")
	f.Fuzz(func(t *testing.T, value string) {
		in := &journey.Input{
			Client: &journey.Client{Header: map[string][]string{"X-Openam-Username": {value}}}, State: journey.NewState(nil, nil),
		}
		action, err := spec.New().Process(t.Context(), in)
		if err != nil {
			if len(value) > 20 && strings.Contains(err.Error(), value) {
				t.Errorf("the error repeats the header: %v", err)
			}
			return
		}
		name := in.State.String("username")
		if want := fmt.Sprint(value != ""); action.Outcome() != want || !utf8.ValidString(name) {
			t.Errorf("%q: outcome %q, user name %q", value, action.Outcome(), name)
		}
	})
}

func TestZeroPageLoginReferrerRule(t *testing.T) {
	const page = "https://login.example.com/start"
	for referer, want := range map[string]string{
		page: "true", "": "false", page + "/": "false", "https://login.example.com": "false",
		"https://login.example.com.evil.org/start": "false", strings.ToUpper(page): "false",
	} {
		node := &nodes.ZeroPageLogin{UsernameHeader: "User", PasswordHeader: "Pass", Referrers: []string{page}}
		nt := journeytest.Given(t, node).WithHeader("User", "demo")
		if referer != "" {
			nt.WithHeader("Referer", referer)
		}
		nt.Arrive().WantOutcome(want)
	}
}

func TestMessage(t *testing.T) {
	node := &nodes.Message{Message: nodes.Text{"en": "News", "de": "Neues"}, Yes: nodes.Text{"de": "Ja"}, StateField: "pressed"}
	nt := journeytest.Given(t, node).WithLanguages("de-CH", "en").Arrive().WantAsked("TextOutputCallback", "ConfirmationCallback")
	got, err := json.Marshal(nt.Action().Callbacks())
	const want = `[{"type":"TextOutputCallback","output":[{"name":"message","value":"Neues"},{"name":"messageType","value":"0"}]},` +
		`{"type":"ConfirmationCallback","output":[{"name":"prompt","value":""},{"name":"messageType","value":0},{"name":"options","value":["Ja","No"]},{"name":"optionType","value":-1},{"name":"defaultOption","value":1}],"input":[{"name":"IDToken2","value":1}]}]`
	if err != nil || string(got) != want {
		t.Errorf("error %v\ngot  %s\nwant %s", err, got, want)
	}
	nt.Answer(0).WantOutcome("true").WantState("pressed", 0)
	nt.Arrive().Answer(1).WantOutcome("false").WantState("pressed", 1)
	nt.Arrive().Answer("0").WantOutcome("true")
}

func TestSetSuccessURL(t *testing.T) {
	journeytest.Given(t, &nodes.SetSuccessURL{URL: "/welcome"}).Arrive().WantOutcome("outcome").WantState("successUrl", "/welcome")
}

func page(children ...journey.Node) *nodes.Page {
	p := &nodes.Page{Header: nodes.Text{"en": "Sign in"}, Stage: "UsernamePassword"}
	for i, n := range children {
		p.Children = append(p.Children, nodes.Child{ID: fmt.Sprint("child", i), Node: n})
	}
	return p
}

func TestPageAsksAsOneStep(t *testing.T) {
	nt := journeytest.Given(t, page(&nodes.Username{}, &nodes.Password{})).Arrive().WantAsked("NameCallback", "PasswordCallback")
	got, err := json.Marshal(nt.Action().Callbacks())
	if err != nil || !strings.Contains(string(got), `"_id":0`) || !strings.Contains(string(got), `"_id":1`) {
		t.Errorf("error %v, %s", err, got)
	}
	nt.Answer("demo", "x").WantOutcome("outcome").
		WantState("username", "demo").WantState("password", "x").WantState("pageNodeCallbacks", nil)
}

func TestPageIsShownWholeAgain(t *testing.T) {
	journeytest.Given(t, page(&nodes.Username{}, &nodes.Password{})).
		Arrive().
		Answer("demo", "").WantAsked("NameCallback", "PasswordCallback").
		Answer("", "x").WantAsked("NameCallback", "PasswordCallback").
		Answer("other", "x").WantOutcome("outcome").WantState("username", "other").WantState("password", "x")
}

func TestPageLeavesByItsLastChild(t *testing.T) {
	journeytest.Given(t, page(&nodes.Username{}, &nodes.Message{})).
		Arrive().WantAsked("NameCallback", "TextOutputCallback", "ConfirmationCallback").
		Answer("demo", 0).WantOutcome("true")
	journeytest.Given(t, page(&nodes.SetSuccessURL{URL: "/x"}, &nodes.SetSuccessURL{URL: "/y"})).
		Arrive().WantOutcome("outcome").WantState("successUrl", "/y")
}

// metadata asks nothing but tells something.
type metadata struct{ nodes.Username }

func (*metadata) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Ask(callback.Metadata{}), nil
}

func TestPageOfMetadataAlone(t *testing.T) {
	if err := journeytest.Given(t, page(&metadata{})).Arrive().WantError(); !strings.Contains(err.Error(), "only metadata") {
		t.Error(err)
	}
	journeytest.Given(t, page(&metadata{}, &nodes.Username{})).Arrive().
		WantAsked("MetadataCallback", "NameCallback").Answer("demo").WantOutcome("outcome")
}

func TestPagePassesOnWhatChildrenFound(t *testing.T) {
	nt := journeytest.Given(t, page(&nodes.DataStore{})).WithUsers(journeytest.Demo("demo", "right")).
		WithShared("username", "demo").WithTransient("password", "right").Arrive().WantOutcome("true")
	if got := nt.Action().Subject(); got == nil || got.ID != "demo" {
		t.Errorf("identified %v", got)
	}
	err := journeytest.Given(t, page(&nodes.DataStore{})).Arrive().WantError()
	if !strings.HasPrefix(err.Error(), "child0: ") {
		t.Errorf("the error does not name the child: %v", err)
	}
}

// A success calls the child that asked for it, and not one whose id ends alike.
func TestPageCompletesTheChildThatAsked(t *testing.T) {
	var called []string
	hook := func(id string) nodes.Child { return nodes.Child{ID: id, Node: completer{&called}} }
	p := &nodes.Page{Children: []nodes.Child{hook("a"), {ID: "b", Node: &nodes.Username{}}, hook("ba")}}
	for _, id := range []string{"page/ba", "inner/a/a", "page/b", "page"} {
		if _, err := p.Complete(t.Context(), &journey.Input{NodeID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"page/ba", "inner/a/a"}; !slices.Equal(called, want) {
		t.Errorf("called %v, want %v", called, want)
	}
}

// completer notes under which id it was called at success.
type completer struct{ called *[]string }

var _ journey.Completer = completer{}

func (completer) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Goto("outcome").WithHook(), nil
}

func (completer) Outcomes() []string { return []string{"outcome"} }

func (c completer) Complete(_ context.Context, in *journey.Input) (journey.Action, error) {
	*c.called = append(*c.called, in.NodeID)
	return journey.Action{}, nil
}

// A page's map of callbacks lies in the state; one that does not fit what was
// asked must not deal answers to the wrong child, nor panic.
func TestPageRefusesStateThatDoesNotFit(t *testing.T) {
	for _, state := range []any{nil, "x", []any{}, []any{0.0}, []any{0.0, 7.0}, []any{0.0, -1.0}, []any{0.0, "x"}, []any{0.0, 1.0, 0.0}} {
		in := &journey.Input{
			Client: &journey.Client{}, State: journey.NewState(map[string]any{"pageNodeCallbacks": state}, nil),
			Answers: []callback.Callback{callback.Name{Value: "demo"}, callback.Password{Value: "x"}},
		}
		if _, err := page(&nodes.Username{}, &nodes.Password{}).Process(t.Context(), in); err == nil {
			t.Errorf("%v: the answers were dealt", state)
		}
	}
}

func TestCheckOfNodes(t *testing.T) {
	for name, test := range map[string]struct {
		node journey.Checker
		want string
	}{
		"a page":                     {page(&nodes.Username{}, &nodes.DataStore{}), ""},
		"an empty page":              {page(), "the page is empty"},
		"a page on a page":           {page(page(&nodes.Username{})), "cannot be on a page"},
		"a child without a node":     {&nodes.Page{Children: []nodes.Child{{ID: "a"}}}, "node a of the page: there is no node"},
		"a child twice":              {&nodes.Page{Children: []nodes.Child{{ID: "a", Node: &nodes.Username{}}, {ID: "a", Node: &nodes.Username{}}}}, "it is there twice"},
		"a child that looks deeper":  {&nodes.Page{Children: []nodes.Child{{ID: "x/a", Node: &nodes.Username{}}}}, "needs an id without"},
		"a child without an id":      {&nodes.Page{Children: []nodes.Child{{Node: &nodes.Username{}}}}, "needs an id without"},
		"a decision before the last": {page(&nodes.DataStore{}, &nodes.Username{}), "node child0 of the page: it decides between true, false"},
		"a child that is wrong":      {page(&nodes.SetSuccessURL{}), "node child0 of the page: url is missing"},
		"a count on a page":          {page(&nodes.RetryLimit{Limit: 1}), "cannot be on a page"},
		"a limit":                    {&nodes.RetryLimit{Limit: 1}, ""},
		"no limit":                   {&nodes.RetryLimit{}, "limit 0: at least 1"},
		"headers":                    {&nodes.ZeroPageLogin{UsernameHeader: "a", PasswordHeader: "b", AllowWithoutReferer: true}, ""},
		"one header for both":        {&nodes.ZeroPageLogin{UsernameHeader: "x-a", PasswordHeader: "X-A", AllowWithoutReferer: true}, "must differ"},
		"no header":                  {&nodes.ZeroPageLogin{UsernameHeader: "a", AllowWithoutReferer: true}, "must both name a header"},
		"no referrer":                {&nodes.ZeroPageLogin{UsernameHeader: "a", PasswordHeader: "b"}, "no referrer is listed"},
		"an absolute URL":            {&nodes.SetSuccessURL{URL: "https://app.example.com/x?y=z"}, ""},
		"a path":                     {&nodes.SetSuccessURL{URL: "/enduser/?realm=/alpha"}, ""},
		"no URL":                     {&nodes.SetSuccessURL{}, "url is missing"},
		"a script":                   {&nodes.SetSuccessURL{URL: "javascript:alert(1)"}, "http or https URL is needed"},
		"another host's path":        {&nodes.SetSuccessURL{URL: "//evil.example"}, "http or https URL is needed"},
		"a backslash":                {&nodes.SetSuccessURL{URL: `/\evil.example`}, "http or https URL is needed"},
		"a line break":               {&nodes.SetSuccessURL{URL: "/a\r\nb"}, "http or https URL is needed"},
		"a relative path":            {&nodes.SetSuccessURL{URL: "welcome"}, "http or https URL is needed"},
	} {
		err := test.node.Check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v; want %q", name, err, test.want)
		}
	}
}

func TestPageAdd(t *testing.T) {
	p := &nodes.Page{Children: []nodes.Child{{ID: "a", Type: "UsernameCollectorNode"}}}
	add := func(id string, n journey.Node) error { return p.Add(nodes.Child{ID: id, Type: "T", Node: n}) }
	if err := errors.Join(add("a", &nodes.Username{}), add("b", &nodes.Password{})); err != nil {
		t.Fatal(err)
	}
	if len(p.Children) != 2 || p.Children[0].Node == nil || p.Children[0].Type != "UsernameCollectorNode" || p.Children[1].ID != "b" {
		t.Errorf("%+v", p.Children)
	}
	for id, n := range map[string]journey.Node{"a": &nodes.Username{}, "c": &nodes.Page{}, "x/a": &nodes.Username{}} {
		if err := add(id, n); err == nil || !strings.Contains(err.Error(), "node "+id) {
			t.Errorf("%s: error %v", id, err)
		}
	}
}

// The journey that amgate has built in, walked as a person and as a program
// do. The wrong password that was typed must not outlive its step.
func TestLoginJourney(t *testing.T) {
	tree := nodes.Login()
	if err := tree.Check(); err != nil {
		t.Fatal(err)
	}
	engine := journey.NewEngine(journey.EngineConfig{Users: journeytest.Demo("demo", "right"), Logger: slog.New(slog.DiscardHandler)})
	walk := func(s *journey.Snapshot, c *journey.Client, inputs ...any) journey.Result {
		t.Helper()
		result, err := engine.Advance(t.Context(), tree, s, journey.Turn{Client: c, Answers: journeytest.Answers(s.Asked, inputs...)})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := json.Marshal(s)
		if err != nil || strings.Contains(string(kept), "wrong") || strings.Contains(string(kept), "right") {
			t.Fatalf("error %v; a password is kept: %s", err, kept)
		}
		back := new(journey.Snapshot)
		if err := json.Unmarshal(kept, back); err != nil {
			t.Fatal(err)
		}
		*s = *back
		return result
	}

	s := newSnapshot(nil)
	if result := walk(s, nil); !result.Asked || s.Header != "Sign in" {
		t.Fatalf("%+v: %+v", result, s)
	}
	walk(s, nil, "demo", "wrong")
	if result := walk(s, nil, "demo", "right"); result.Succeeded == nil || result.Succeeded.Subject.ID != "demo" || result.Succeeded.AuthTypes[0] != "DataStore" {
		t.Errorf("after one wrong password: %+v", result)
	}

	s = newSnapshot(nil)
	walk(s, nil)
	walk(s, nil, "demo", "wrong")
	walk(s, nil, "demo", "wrong")
	if result := walk(s, nil, "demo", "wrong"); result.Failed == nil {
		t.Errorf("after three wrong passwords: %+v", result)
	}

	program := &journey.Client{Header: map[string][]string{"X-Openam-Username": {"demo"}, "X-Openam-Password": {"right"}}}
	if result := walk(newSnapshot(nil), program); result.Succeeded == nil {
		t.Errorf("zero page: %+v", result)
	}
}
