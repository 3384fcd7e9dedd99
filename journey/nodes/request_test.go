package nodes_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
)

// byDefault is a node with AM's defaults.
func byDefault(name string) journey.Node {
	spec, _ := nodes.ByName(name)
	return spec.New()
}

func TestInnerTreeIsOnlyAPlace(t *testing.T) {
	node := &nodes.InnerTree{Tree: "Login"}
	if err := journeytest.Given(t, node).Arrive().WantError(); !strings.Contains(err.Error(), "Login was not put in the place") {
		t.Error(err)
	}
	if got := node.Outcomes(); !slices.Equal(got, []string{"true", "false"}) {
		t.Errorf("outcomes %v", got)
	}
	node.ErrorOutcome = true
	if got := node.Outcomes(); !slices.Equal(got, []string{"true", "false", "error"}) || node.InnerTree() != "Login" {
		t.Errorf("outcomes %v, journey %q", got, node.InnerTree())
	}
}

// step walks a journey of linked trees one step, at first to its beginning.
func step(t *testing.T, trees map[string]*journey.Tree, s *journey.Snapshot, inputs ...any) journey.Result {
	t.Helper()
	linked, broken := journey.Link(trees)
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	result, err := arenaEngine(new(journeytest.Realm)).Advance(t.Context(), linked["Arena"], s, journey.Turn{Answers: journeytest.Answers(s.Asked, inputs...)})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestInnerTreeRunsAnotherJourney(t *testing.T) {
	ends := map[string]string{"true": journey.Success, "false": journey.Failure, "error": "told"}
	trees := map[string]*journey.Tree{
		"Arena": {Name: "Arena", Entry: "inner", Nodes: map[string]*journey.Placed{
			"inner": {ID: "inner", Node: &nodes.InnerTree{Tree: "Inner", ErrorOutcome: true}, Next: ends},
			"told":  {ID: "told", Node: &nodes.Username{}, Next: map[string]string{"outcome": journey.Failure}},
		}},
		"Inner": {Name: "Inner", Entry: "name", Nodes: map[string]*journey.Placed{
			"name":  {ID: "name", Node: &nodes.Username{}, Next: map[string]string{"outcome": "pass"}},
			"pass":  {ID: "pass", Node: &nodes.Password{}, Next: map[string]string{"outcome": "check"}},
			"check": {ID: "check", Node: &nodes.DataStore{}, Next: map[string]string{"true": journey.Success, "false": journey.Failure}},
		}},
	}
	for given, succeeds := range map[string]bool{password: true, "wrong": false} {
		s := newSnapshot(nil)
		step(t, trees, s)
		step(t, trees, s, username)
		if result := step(t, trees, s, given); (result.Succeeded != nil) != succeeds || (result.Failed != nil) == succeeds {
			t.Errorf("%s: %+v", given, result)
		}
	}
	trees["Inner"].Entry = "check" // nothing was collected: the node cannot decide
	s := newSnapshot(nil)
	if result := step(t, trees, s); !result.Asked || s.Node != "told" || s.Shared[journey.KeyErrorMessage] == nil {
		t.Errorf("%+v at %s, state %v", result, s.Node, s.Shared)
	}
}

func TestChoice(t *testing.T) {
	node := &nodes.Choice{Choices: []string{"one", "two", "three"}, Default: "two", Prompt: "Choice?"}
	nt := journeytest.Given(t, node).Arrive().WantAsked("ChoiceCallback")
	want := callback.NewChoice("Choice?", []string{"one", "two", "three"}, 1)
	if got := nt.Action().Callbacks()[0].Callback; !reflect.DeepEqual(got, want) {
		t.Errorf("asked %+v; want %+v", got, want)
	}
	nt.Answer(2).WantOutcome("three")
	nt.Arrive().Answer(1).WantOutcome("two")

	for name, preset := range map[string]int{"": 0, "four": 0, "three": 2} {
		node.Default = name
		got, _ := journeytest.Given(t, node).Arrive().Action().Callbacks()[0].Callback.(callback.Choice)
		if got.DefaultChoice != preset {
			t.Errorf("default %q: %d is picked; want %d", name, got.DefaultChoice, preset)
		}
	}
	journeytest.Given(t, &nodes.Choice{Choices: []string{"alone"}}).Arrive().WantOutcome("alone")
}

// A choice that cannot lead to the level that the journey must reach is not
// offered, and an answer counts among those that were.
func TestChoiceLeadsToTheTargetLevel(t *testing.T) {
	trees := map[string]*journey.Tree{"Arena": {Name: "Arena", Entry: "choose", Nodes: map[string]*journey.Placed{
		"choose": {ID: "choose", Node: &nodes.Choice{Choices: []string{"weak", "five", "ten"}}, Next: map[string]string{
			"weak": "name", "five": "five", "ten": "ten",
		}},
		"five": {ID: "five", Node: &nodes.ModifyAuthLevel{Increment: 5}, Next: map[string]string{"outcome": "name"}},
		"ten":  {ID: "ten", Node: &nodes.ModifyAuthLevel{Increment: 10}, Next: map[string]string{"outcome": "name"}},
		"name": {ID: "name", Node: &nodes.Username{}, Next: map[string]string{"outcome": journey.Success}},
	}}}
	for target, want := range map[int]struct {
		offered []string
		level   int
	}{
		0:  {[]string{"weak", "five", "ten"}, 10},
		3:  {[]string{"five", "ten"}, 10},
		10: {nil, 10}, // nothing is asked
	} {
		s := newSnapshot(nil)
		s.Params.TargetLevel = target
		step(t, trees, s)
		if want.offered != nil {
			choice, _ := s.Asked[0].Callback.(callback.Choice)
			if !slices.Equal(choice.Choices, want.offered) {
				t.Errorf("level %d: %v was offered; want %v", target, choice.Choices, want.offered)
			}
			step(t, trees, s, len(want.offered)-1)
		}
		if got := s.Shared[journey.KeyAuthLevel]; s.Node != "name" || got != want.level {
			t.Errorf("level %d: at %s with level %v; want %d", target, s.Node, got, want.level)
		}
	}
	linked, _ := journey.Link(trees)
	s := newSnapshot(nil)
	s.Params.TargetLevel = 11
	if _, err := arenaEngine(new(journeytest.Realm)).Advance(t.Context(), linked["Arena"], s, journey.Turn{}); err == nil || !strings.Contains(err.Error(), "no choice leads to the authentication level 11") {
		t.Errorf("error %v", err)
	}
}

func TestPollingWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nt := journeytest.Given(t, byDefault("polling_wait")).Arrive().WantAsked("PollingWaitCallback")
		want := callback.PollingWait{WaitTime: 8 * time.Second, Message: "Waiting for response..."}
		if got := nt.Action().Callbacks()[0].Callback; got != want {
			t.Errorf("asked %+v; want %+v", got, want)
		}
		for range 10 { // without spam detection nobody counts
			time.Sleep(799 * time.Millisecond)
			nt.Answer().WantAsked("PollingWaitCallback")
		}
		time.Sleep(10 * time.Millisecond)
		nt.Answer().WantOutcome("DONE").WantState("node.end_time", nil).WantState("node.spam_count", nil)
		// Another time it waits anew.
		nt.Arrive().Answer().WantAsked("PollingWaitCallback")
	})
}

func TestPollingWaitCanBeLeft(t *testing.T) {
	node := &nodes.PollingWait{
		Seconds: 5, Exitable: true, Exit: nodes.Text{"de": "Abbrechen"}, Waiting: nodes.Text{"de": "{{time}} s, wirklich {{time}}"},
	}
	nt := journeytest.Given(t, node).WithLanguages("de").Arrive().WantAsked("PollingWaitCallback", "ConfirmationCallback")
	got, err := json.Marshal(nt.Action().Callbacks())
	const want = `[{"type":"PollingWaitCallback","output":[{"name":"waitTime","value":"5000"},{"name":"message","value":"5 s, wirklich 5"}]},` +
		`{"type":"ConfirmationCallback","output":[{"name":"prompt","value":""},{"name":"messageType","value":0},{"name":"options","value":["Abbrechen"]},{"name":"optionType","value":-1},{"name":"defaultOption","value":0}],"input":[{"name":"IDToken2","value":100}]}]`
	if err != nil || string(got) != want {
		t.Errorf("error %v\ngot  %s\nwant %s", err, got, want)
	}
	nt.Answer(100).WantAsked("PollingWaitCallback", "ConfirmationCallback").
		Answer(0).WantOutcome("EXITED").WantState("node.end_time", nil)
}

// AM counts what it asks again: after as many early answers as are let pass,
// and one that finds the count above that, the next is spam, early or not.
func TestPollingWaitDetectsSpam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &nodes.PollingWait{Seconds: 8, SpamDetection: true, SpamTolerance: 3}
		early := func() *journeytest.NodeTest {
			nt := journeytest.Given(t, node).Arrive()
			for range 4 {
				nt.Answer().WantAsked("PollingWaitCallback")
			}
			return nt
		}
		early().Answer().WantOutcome("SPAM").WantState("node.spam_count", nil)
		nt := early()
		time.Sleep(9 * time.Second)
		nt.Answer().WantOutcome("SPAM")

		patient := journeytest.Given(t, node).Arrive().Answer().WantAsked()
		time.Sleep(9 * time.Second)
		patient.Answer().WantOutcome("DONE")
	})
}

func TestCookiePresence(t *testing.T) {
	node := &nodes.CookiePresence{Name: "theme"}
	journeytest.Given(t, node).WithCookie("theme", "").Arrive().WantOutcome("true")
	journeytest.Given(t, node).WithCookie("Theme", "dark").WithCookie("x", "theme").Arrive().WantOutcome("false")
	journeytest.Given(t, node).Arrive().WantOutcome("false")
}

func TestSetCustomCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		day, zero := 24*60*60, 0
		for want, node := range map[string]*nodes.SetCustomCookie{
			"theme=dark; SameSite=Lax": {Name: "theme", Value: "dark", SameSite: "LAX"},
			"theme=dark; Path=/x; Domain=example.com; Expires=Sun, 02 Jan 2000 00:00:00 GMT; Max-Age=86400; HttpOnly; Secure; SameSite=Strict": {
				Name: "theme", Value: "dark", Path: "/x", Domain: "example.com", MaxAge: &day, HTTPOnly: true, Secure: true, SameSite: "STRICT",
			},
			"theme=x; Expires=Sat, 01 Jan 2000 00:00:00 GMT; Max-Age=0; Secure; SameSite=None": {
				Name: "theme", Value: "x", MaxAge: &zero, Secure: true, SameSite: "NONE",
			},
		} {
			if err := node.Check(); err != nil {
				t.Errorf("%s: %v", want, err)
			}
			cookies := journeytest.Given(t, node).Arrive().WantOutcome("outcome").Action().Cookies()
			if len(cookies) != 1 || cookies[0].String() != want {
				t.Errorf("cookies %v; want %s", cookies, want)
			}
		}
	})
}

func TestOwnCookiesCannotBeSet(t *testing.T) {
	tree := &journey.Tree{Name: "Arena", Entry: "node", Nodes: map[string]*journey.Placed{
		"node": {ID: "node", Type: "set_custom_cookie", Node: &nodes.SetCustomCookie{Name: "iPlanetDirectoryPro"}, Next: map[string]string{"outcome": journey.Success}},
	}}
	if err := tree.Unmet(&journey.Services{OwnCookies: []string{"other"}}); err != nil {
		t.Error(err)
	}
	err := tree.Unmet(&journey.Services{OwnCookies: []string{"amlbcookie", "iPlanetDirectoryPro"}})
	const want = "journey Arena: node node (set_custom_cookie): it sets the cookie iPlanetDirectoryPro, which is amgate's own; choose another name"
	if err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
}

// wantList fails the test unless the state has a list of these texts.
func wantList(t *testing.T, in *journey.State, key string, want ...any) {
	t.Helper()
	got, _ := in.Get(key)
	if list, ok := got.([]any); !ok || !slices.Equal(list, want) {
		t.Errorf("%s is %#v; want %q", key, got, want)
	}
}

// request is the input of a node for a request alone.
func request(header http.Header, query map[string][]string) *journey.Input {
	return &journey.Input{Client: &journey.Client{Header: header, Query: query}, State: journey.NewState(nil, nil)}
}

func process(t *testing.T, node journey.Node, in *journey.Input) {
	t.Helper()
	if action, err := node.Process(t.Context(), in); err != nil || action.Outcome() != "outcome" {
		t.Errorf("outcome %q, error %v", action.Outcome(), err)
	}
}

func TestRequestHeader(t *testing.T) {
	node := &nodes.RequestHeader{
		Allowed:   map[string]string{"x-one": "one", "X-Many": "many", "X-Split": "split", "X-None": "none", "X-Raw": "raw"},
		Delimited: []string{"X-Many", "X-Split"},
	}
	in := request(http.Header{"X-One": {"a,b"}, "X-Many": {"a,b", "c"}, "X-Split": {"a,b,"}, "X-Raw": {"d\xe9"}, "X-Other": {"x"}}, nil)
	process(t, node, in)
	wantList(t, in.State, "one", "a,b")
	wantList(t, in.State, "many", "a,b", "c")
	wantList(t, in.State, "split", "a", "b", "")
	wantList(t, in.State, "none")
	wantList(t, in.State, "raw", "dé")
	if got := in.State.Keys(); !slices.Equal(got, node.Writes()) {
		t.Errorf("it wrote %v; it announces %v", got, node.Writes())
	}
}

func TestQueryParameter(t *testing.T) {
	node := &nodes.QueryParameter{Allowed: map[string]string{"a": "one", "b": "split"}, Delimited: []string{"b"}}
	in := request(nil, map[string][]string{"a": {"x", "y"}, "A": {"z"}, "b": {"1,2"}})
	process(t, node, in)
	wantList(t, in.State, "one", "x", "y")
	wantList(t, in.State, "split", "1", "2")
}

func TestSetStateReplaces(t *testing.T) {
	journeytest.Given(t, &nodes.SetState{Attributes: map[string]string{"x": "6", "y": ""}}).WithTransient("x", "old").
		Arrive().WantOutcome("outcome").WantState("x", "6").WantState("y", "")
}

func TestMetadataShowsSharedValuesAlone(t *testing.T) {
	node := &nodes.Metadata{Attributes: []string{"username", "password", "nothing"}}
	nt := journeytest.Given(t, node).WithShared("username", "demo").WithTransient("password", "secret").
		WithShared("other", "x").Arrive().WantAsked("MetadataCallback")
	want := callback.Metadata{Data: map[string]any{"username": "demo"}}
	if got := nt.Action().Callbacks()[0].Callback; !reflect.DeepEqual(got, want) {
		t.Errorf("asked %+v; want %+v", got, want)
	}
	nt.Answer().WantOutcome("outcome")

	journeytest.Given(t, page(node, &nodes.Choice{Choices: []string{"Yes", "No"}})).WithShared("username", "demo").
		Arrive().WantAsked("MetadataCallback", "ChoiceCallback").Answer(1).WantOutcome("No")
}

func TestDeviceProfile(t *testing.T) {
	node := &nodes.DeviceProfile{MaximumSize: "0.0625", Location: true, Message: nodes.Text{"en": "Collecting"}} // 64 bytes
	nt := journeytest.Given(t, node).Arrive().WantAsked("DeviceProfileCallback")
	want := callback.DeviceProfile{Location: true, Message: "Collecting"}
	if got := nt.Action().Callbacks()[0].Callback; got != want {
		t.Errorf("asked %+v; want %+v", got, want)
	}
	const profile = `{"identifier":"d1","metadata":{"platform":{"version":33}}}`
	in := &journey.Input{State: journey.NewState(nil, nil), Answers: []callback.Callback{callback.DeviceProfile{Value: profile}}}
	process(t, node, in)
	got, _ := in.State.Get("forgeRock.device.profile")
	if back, err := json.Marshal(got); err != nil || string(back) != profile {
		t.Errorf("error %v, kept %s", err, back)
	}

	nt.Answer("").WantAsked("DeviceProfileCallback")
	for wrong, text := range map[string]string{
		`{"alias":"secret"}`:                "has no identifier",
		`["secret"]`:                        "is not a JSON object",
		`secret`:                            "is not a JSON object",
		`null`:                              "has no identifier",
		`{"identifier":"secret","x":1e999}`: "is not a JSON object",
		`{"identifier":"` + strings.Repeat("secret", 9) + `"}`: "is larger than 0.0625 kB",
	} {
		err := journeytest.Given(t, node).Arrive().Answer(wrong).WantState("forgeRock.device.profile", nil).WantError()
		if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "999") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// What the client's program sends is taken or refused, never half of it, and
// no error repeats it.
func FuzzDeviceProfile(f *testing.F) {
	for _, seed := range []string{`{"identifier":"x"}`, `{"identifier":"x","metadata":{"a":[1,null,"\u0000"]}}`, `{}`, `[]`, `{"identifier":1e400}`, "\xff", `{"identifier":"\ud800"}`} {
		f.Add(seed)
	}
	node := byDefault("device_profile")
	f.Fuzz(func(t *testing.T, text string) {
		in := &journey.Input{Client: new(journey.Client), State: journey.NewState(nil, nil), Answers: []callback.Callback{callback.DeviceProfile{Value: text}}}
		action, err := node.Process(t.Context(), in)
		profile, kept := in.State.Get("forgeRock.device.profile")
		switch {
		case err != nil && (kept || len(text) > 40 && strings.Contains(err.Error(), text)):
			t.Errorf("kept %v, error %v", profile, err)
		case kept != (action.Outcome() == "outcome") && err == nil:
			t.Errorf("outcome %q, kept %v", action.Outcome(), profile)
		case kept:
			if _, err := json.Marshal(profile); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var realm journeytest.Realm
		start, stop := byDefault("timer_start"), &nodes.TimerStop{Property: "TimerNodeStartTime", Metric: "login"}
		began := int(time.Now().UnixMilli())
		journeytest.Given(t, start).Arrive().WantOutcome("outcome").WantState("TimerNodeStartTime", began)
		time.Sleep(1500 * time.Millisecond)
		given := func() *journeytest.NodeTest { return journeytest.Given(t, stop).WithServices(realm.Services()) }
		given().WithShared("TimerNodeStartTime", began).Arrive().WantOutcome("outcome")
		given().WithShared("TimerNodeStartTime", float64(began)).Arrive().WantOutcome("outcome") // as JSON gives it back
		given().WithShared("TimerNodeStartTime", began+60_000).Arrive().WantOutcome("outcome")   // by another clock
		given().Arrive().WantOutcome("outcome")
		given().WithShared("TimerNodeStartTime", "x").Arrive().WantOutcome("outcome")
		if got := realm.Timed("login"); !slices.Equal(got, []time.Duration{1500 * time.Millisecond, 1500 * time.Millisecond, 0}) {
			t.Errorf("reported %v", got)
		}
	})
}

func TestMeter(t *testing.T) {
	var realm journeytest.Realm
	nt := journeytest.Given(t, &nodes.Meter{Metric: "started"}).WithServices(realm.Services())
	nt.Arrive().WantOutcome("outcome")
	nt.Arrive().WantOutcome("outcome")
	if got := realm.Counted("started"); got != 2 {
		t.Errorf("counted %d", got)
	}
}

func TestAuthLevels(t *testing.T) {
	nt := journeytest.Given(t, &nodes.ModifyAuthLevel{Increment: 5}).WithShared("authLevel", 2.0)
	nt.Arrive().WantOutcome("outcome").WantState("authLevel", 7).Arrive().WantState("authLevel", 12)
	journeytest.Given(t, &nodes.ModifyAuthLevel{Increment: -3}).Arrive().WantState("authLevel", -3)

	for level, want := range map[any]string{nil: "false", 0: "false", 4.0: "false", 5: "true", 6.0: "true"} {
		nt := journeytest.Given(t, &nodes.AuthLevel{Requirement: 5})
		if level != nil {
			nt.WithShared("authLevel", level)
		}
		nt.Arrive().WantOutcome(want)
	}
	journeytest.Given(t, &nodes.AuthLevel{}).Arrive().WantOutcome("false") // no level is less than 0
}

func TestFlowControl(t *testing.T) {
	taken := map[string]int{}
	for range 1000 {
		action, err := byDefault("flow_control").Process(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		taken[action.Outcome()]++
	}
	// Chance leaves this range less than once in 10^40 runs.
	if taken["A"] < 290 || taken["A"] > 710 || taken["A"]+taken["B"] != 1000 {
		t.Errorf("taken %v", taken)
	}
	for range 100 {
		journeytest.Given(t, &nodes.FlowControl{Percentage: 0}).Arrive().WantOutcome("B")
		journeytest.Given(t, &nodes.FlowControl{Percentage: 100}).Arrive().WantOutcome("A")
	}
}

func TestDebugShowsNoSecret(t *testing.T) {
	nt := journeytest.Given(t, byDefault("debug")).WithSubject("demo-id").
		WithShared("username", "demo").WithTransient("password", "hidden").WithTransient("code", "hidden").
		WithShared("objectAttributes", map[string]any{"mail": "d@example.com", "userPassword": "hidden", "list": []any{map[string]any{"SECRET": "hidden"}}}).
		WithShared("kbaAnswers", []any{"hidden"})
	nt.Arrive().WantAsked("TextOutputCallback")
	shown, _ := nt.Action().Callbacks()[0].Callback.(callback.TextOutput)
	const want = `{
  "code": "[redacted]",
  "kbaAnswers": "[redacted]",
  "objectAttributes": {
    "list": [
      {
        "SECRET": "[redacted]"
      }
    ],
    "mail": "d@example.com",
    "userPassword": "[redacted]"
  },
  "password": "[redacted]",
  "universalId": "demo-id",
  "username": "demo"
}`
	if shown.Message != want || shown.MessageType != callback.Information {
		t.Errorf("shown %+v", shown)
	}
	nt.Answer().WantOutcome("outcome")
	journeytest.Given(t, &nodes.Debug{}).Arrive().WantOutcome("outcome")
}

// A value that waits in the secure drawer is no less secret than a transient
// one.
func TestSecureValuesAreNotShown(t *testing.T) {
	for _, node := range []journey.Node{byDefault("debug"), &nodes.Metadata{Attributes: []string{"token"}}} {
		in := &journey.Input{Client: new(journey.Client), State: journey.NewState(map[string]any{"token": "old"}, map[string]any{"token": "hidden"})}
		action, err := node.Process(context.Background(), in)
		shown, _ := json.Marshal(action.Callbacks())
		if err != nil || len(shown) < 20 || strings.Contains(string(shown), "hidden") || strings.Contains(string(shown), "old") {
			t.Errorf("error %v, shown %s", err, shown)
		}
	}
}

func TestCheckOfRequestNodes(t *testing.T) {
	ten, less, more := 10, -1, 1<<31
	cookie := func(change func(*nodes.SetCustomCookie)) *nodes.SetCustomCookie {
		c := &nodes.SetCustomCookie{Name: "theme", Value: "dark", SameSite: "LAX", MaxAge: &ten}
		change(c)
		return c
	}
	for name, test := range map[string]struct {
		node journey.Checker
		want string
	}{
		"no journey":         {&nodes.InnerTree{}, "tree is missing"},
		"no choices":         {&nodes.Choice{}, "choices is missing"},
		"an empty choice":    {&nodes.Choice{Choices: []string{"a", ""}}, "a choice is empty"},
		"a negative wait":    {&nodes.PollingWait{Seconds: -1}, "seconds_to_wait -1"},
		"a long wait":        {&nodes.PollingWait{Seconds: 1 << 31}, "seconds_to_wait 2147483648"},
		"no wait":            {&nodes.PollingWait{}, ""},
		"no tolerance":       {&nodes.PollingWait{SpamTolerance: -1}, "spam_detection_tolerance -1"},
		"no cookie":          {&nodes.CookiePresence{}, "cookie_name is missing"},
		"a cookie":           {cookie(func(*nodes.SetCustomCookie) {}), ""},
		"no name":            {cookie(func(c *nodes.SetCustomCookie) { c.Name = "" }), "name is missing"},
		"no value":           {cookie(func(c *nodes.SetCustomCookie) { c.Value = "" }), "value is missing"},
		"a name of two":      {cookie(func(c *nodes.SetCustomCookie) { c.Name = "a b" }), "a browser would not take"},
		"a value of two":     {cookie(func(c *nodes.SetCustomCookie) { c.Value = "a; Domain=evil" }), "a browser would not take"},
		"a line break":       {cookie(func(c *nodes.SetCustomCookie) { c.Value = "a\r\nX: y" }), "a browser would not take"},
		"a path of two":      {cookie(func(c *nodes.SetCustomCookie) { c.Path = "/; Domain=evil" }), "a browser would not take"},
		"a domain of none":   {cookie(func(c *nodes.SetCustomCookie) { c.Domain = "evil;" }), "a browser would not take"},
		"a negative age":     {cookie(func(c *nodes.SetCustomCookie) { c.MaxAge = &less }), "max_age -1"},
		"a long age":         {cookie(func(c *nodes.SetCustomCookie) { c.MaxAge = &more }), "max_age 2147483648"},
		"another site":       {cookie(func(c *nodes.SetCustomCookie) { c.SameSite = "lax" }), `same_site "lax" is not one of`},
		"no header":          {&nodes.RequestHeader{}, "allowed_header is missing"},
		"a header":           {&nodes.RequestHeader{Allowed: map[string]string{"a": "b"}, Delimited: []string{"a"}}, ""},
		"another header":     {&nodes.RequestHeader{Allowed: map[string]string{"a": "b"}, Delimited: []string{"b"}}, "delimited_header b: there is no allowed_header"},
		"a level of headers": {&nodes.RequestHeader{Allowed: map[string]string{"a": "authLevel"}}, "allowed_header a: the key authLevel of the state is the journey's own"},
		"no parameter":       {&nodes.QueryParameter{}, "allowed_query_parameter is missing"},
		"an empty key":       {&nodes.QueryParameter{Allowed: map[string]string{"a": ""}}, "the key of the state is empty"},
		"no state":           {&nodes.SetState{}, "attribute is missing"},
		"a set realm":        {&nodes.SetState{Attributes: map[string]string{"realm": "/"}}, "the key realm of the state is the journey's own"},
		"no size":            {&nodes.DeviceProfile{}, `maximum_size ""`},
		"a size of none":     {&nodes.DeviceProfile{MaximumSize: "NaN"}, `maximum_size "NaN"`},
		"a size of all":      {&nodes.DeviceProfile{MaximumSize: "Inf"}, `maximum_size "Inf"`},
		"a size":             {&nodes.DeviceProfile{MaximumSize: "2.5"}, ""},
		"no metric":          {&nodes.Meter{}, "metric_key is missing"},
		"no time":            {&nodes.TimerStart{}, "start_time_property is empty"},
		"no metric of time":  {&nodes.TimerStop{Property: "x"}, "metric_key is missing"},
		"a timer of levels":  {&nodes.TimerStart{Property: "authLevel"}, "the journey's own"},
		"more than all":      {&nodes.FlowControl{Percentage: 101}, "percentage_a 101"},
		"less than none":     {&nodes.FlowControl{Percentage: -1}, "percentage_a -1"},
		"a page of journeys": {page(&nodes.InnerTree{Tree: "x"}), "cannot be on a page"},
		"a page of levels":   {page(&nodes.ModifyAuthLevel{}), "cannot be on a page"},
	} {
		err := test.node.Check()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v; want %q", name, err, test.want)
		}
	}
}
