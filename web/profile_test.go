package web

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/net/html"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// questioner asks one list first and another from then on, and tells each answer.
type questioner struct {
	first, then callback.List
	got         chan []callback.Callback
}

var _ journey.Node = (*questioner)(nil)

func (n *questioner) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if in.Answers == nil {
		return journey.AskList(n.first), nil
	}
	n.got <- in.Answers
	return journey.AskList(n.then), nil
}

func (*questioner) Outcomes() []string { return []string{"outcome"} }

// questioning adds a journey Ask of such a node to the realm /alpha.
func questioning(n *questioner) func(*realm.Settings) {
	n.got = make(chan []callback.Callback, 4)
	return func(s *realm.Settings) {
		s.Journeys["Ask"] = realmtest.Tree("Ask", realmtest.Place("ask", n, "outcome", journey.Failure))
	}
}

func listOf(callbacks ...callback.Callback) callback.List {
	list := make(callback.List, len(callbacks))
	for i, c := range callbacks {
		list[i].Callback = c
	}
	return list
}

func attributeOf(name, prompt string) callback.Attribute {
	return callback.Attribute{Name: name, Prompt: prompt, Required: true}
}

// labelOf is the text of the label of a control.
func (s *shown) labelOf(control *html.Node) string {
	for _, l := range s.all("label") {
		if attr(l, "for") != "" && attr(l, "for") == attr(control, "id") || control.Parent == l {
			return text(l)
		}
	}
	return ""
}

// TestProfile: what registration asks is drawn with labels, and what a person
// enters reaches the node with its type.
func TestProfile(t *testing.T) {
	questions := []string{"Pet?", "Town?"}
	asked := []callback.Callback{
		callback.ValidatedCreateUsername{Prompt: "Username"},
		callback.ValidatedCreatePassword{Prompt: "Password"},
		callback.StringAttributeInput{Attribute: attributeOf("mail", "Mail"), Preset: "a@b.c", Value: "a@b.c"},
		callback.NumberAttributeInput{Attribute: attributeOf("age", "Age")},
		callback.BooleanAttributeInput{Attribute: attributeOf("offers", "Offers")},
		callback.BooleanAttributeInput{Attribute: attributeOf("news", "News"), Preset: true, Value: true},
		callback.KbaCreate{Prompt: "First question", PredefinedQuestions: questions},
		callback.KbaCreate{Prompt: "Second question", PredefinedQuestions: questions, AllowUserDefinedQuestions: true},
		callback.KbaCreate{Prompt: "Third question", AllowUserDefinedQuestions: true},
		callback.TermsAndConditions{Terms: "Be kind."},
		callback.ConsentMapping{DisplayName: "Sharing", Message: "We share.", Fields: []string{"mail"}},
		callback.SelectIDP{Providers: []callback.Provider{{Name: "google", UI: map[string]string{"buttonDisplayName": "Google"}}, {Name: callback.LocalAuthentication}}},
		callback.Language{},
		callback.NameValueOutput{Name: "Key", Value: "42"},
	}
	n := &asking{}
	b := open(t, asks(n, asked...)).browser(t)
	page := b.get(loginAt + "&service=Ask")
	page.want(t, http.StatusOK, "Header")
	for name, want := range map[string][2]string{ // label and type
		"IDToken1": {"User name", "text"}, "IDToken2": {"Password", "password"}, "IDToken3": {"Mail", "text"}, "IDToken4": {"Age", "number"},
		"IDToken5": {"Offers", "checkbox"}, "IDToken6": {"News", "checkbox"},
		"IDToken7question": {"Question", ""}, "IDToken7answer": {"Answer", "text"}, "IDToken8own": {"Your own question", "text"},
		"IDToken9question": {"Your own question", "text"}, "IDToken10": {"I accept these terms.", "checkbox"}, "IDToken11": {"I agree.", "checkbox"},
	} {
		control := page.input(name)
		if control == nil || page.labelOf(control) != want[0] || attr(control, "type") != want[1] {
			t.Errorf("%s is not a %s labelled %q: %v", name, want[1], want[0], control)
		}
	}
	for name, want := range map[string]string{"IDToken1": "username", "IDToken2": "new-password", "IDToken3": "email", "IDToken7answer": "off"} {
		if got := attr(page.input(name), "autocomplete"); got != want {
			t.Errorf("%s: autocomplete %q, want %q", name, got, want)
		}
	}
	for _, words := range []string{"First question", "Second question", "Be kind.", "Sharing", "We share.", "mail", "Google", "With an account here", "Key: 42"} {
		if !page.says(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	if got := buttonsShown(page); !slices.Equal(got, []string{"Continue = primary"}) {
		t.Errorf("buttons %q", got)
	}
	page = page.submit("IDToken1", "bab", "IDToken2", "s3cret", "IDToken3", "b@b.c", "IDToken4", "41.5", "IDToken5", "true", "IDToken6", "false",
		"IDToken7question", "Town?", "IDToken7answer", "Bern", "IDToken8question", "Pet?", "IDToken8own", "Sea?", "IDToken8answer", "North",
		"IDToken9question", "Hill?", "IDToken9answer", "High", "IDToken10", "true", "IDToken12", "google")
	page.want(t, http.StatusUnauthorized, "Sign-in failed") // where the journey leads
	for i, got := range <-n.got {
		filled, err := asked[i].Fill([]map[string]any{
			{"": "bab"}, {"": "s3cret"}, {"": "b@b.c"}, {"": "41.5"}, {"": true}, {"": false},
			{"question": "Town?", "answer": "Bern"}, {"question": "Sea?", "answer": "North"}, {"question": "Hill?", "answer": "High"},
			{"": true}, {"": false}, {"": "google"}, nil, nil,
		}[i])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(filled, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("callback %d: %s", i+1, diff)
		}
	}
}

// TestBoxesAreSentAsTheyAre: a browser sends nothing for an empty box; the
// node is told all the same, and a full one stays full.
func TestBoxesAreSentAsTheyAre(t *testing.T) {
	n := &asking{}
	b := open(t, asks(n, callback.TermsAndConditions{Terms: "T"}, callback.BooleanAttributeInput{Value: true})).browser(t)
	b.get(loginAt + "&service=Ask").submit()
	got := <-n.got
	if got[0].(callback.TermsAndConditions).Accepted || !got[1].(callback.BooleanAttributeInput).Value {
		t.Errorf("boxes came as %v", got)
	}
}

// TestLongTerms: a form that carries long terms along can be sent.
func TestLongTerms(t *testing.T) {
	n := &asking{}
	b := open(t, asks(n, callback.TermsAndConditions{Terms: strings.Repeat("Be kind & patient. ", 5000)})).browser(t)
	b.get(loginAt+"&service=Ask").submit("IDToken1", "true").want(t, http.StatusUnauthorized, "Sign-in failed") // where the journey leads
	if !(<-n.got)[0].(callback.TermsAndConditions).Accepted {
		t.Error("the terms were not accepted")
	}
}

// TestFailedPolicies: the errors of a field are said at the field, what was
// typed is still there except secrets, and the page says it as a whole.
func TestFailedPolicies(t *testing.T) {
	broken := callback.Validation{FailedPolicies: []callback.FailedPolicy{
		{Requirement: "UNIQUE"}, {Requirement: "MIN_LENGTH", Params: map[string]any{"minLength": 8}},
	}}
	n := &questioner{
		first: listOf(callback.ValidatedCreateUsername{Prompt: "Username"}, callback.ValidatedCreatePassword{Prompt: "Password"}, callback.StringAttributeInput{}),
		then: listOf(callback.ValidatedCreateUsername{Prompt: "Username", Validation: broken},
			callback.ValidatedCreatePassword{Prompt: "Password", Validation: broken}, callback.StringAttributeInput{}),
	}
	b := open(t, questioning(n)).browser(t)
	page := b.get(loginAt + "&service=Ask")
	if attr(page.input("IDToken1"), "aria-invalid") != "" || len(page.alerts()) > 0 {
		t.Error("there are errors before anything was entered")
	}
	for range 2 {
		page = page.submit("IDToken1", "bab", "IDToken2", "correct-horse", "IDToken3", "kept")
		page.want(t, http.StatusOK, "Sign in")
		if got := page.alerts(); len(got) != 1 || !strings.HasPrefix(got[0], "That did not work") {
			t.Errorf("alerts %q", got)
		}
		for _, name := range []string{"IDToken1", "IDToken2"} {
			control := page.input(name)
			at := slices.IndexFunc(page.all("ul"), func(n *html.Node) bool { return attr(n, "id") == attr(control, "aria-describedby") })
			if attr(control, "aria-invalid") != "true" || at < 0 {
				t.Fatalf("%s is not marked: %v", name, control.Attr)
			}
			if got := text(page.all("ul")[at]); got != "This is already taken. This needs at least 8 characters." {
				t.Errorf("errors %q", got)
			}
		}
		if attr(page.input("IDToken1"), "value") != "bab" || attr(page.input("IDToken3"), "value") != "kept" || strings.Contains(page.body, "correct-horse") {
			t.Error("what was typed is gone, or a password is shown")
		}
		if attr(page.input("IDToken3"), "aria-invalid") != "" {
			t.Error("a field without an error is marked")
		}
	}
}

func TestFailureTexts(t *testing.T) {
	for _, tt := range []struct {
		failed callback.FailedPolicy
		want   string
	}{
		{callback.FailedPolicy{Requirement: "REQUIRED"}, "This is needed."},
		{callback.FailedPolicy{Requirement: "CANNOT_CONTAIN_OTHERS", Params: map[string]any{"disallowedFields": []any{"userName", "sn"}}}, "This must not contain what you entered for: userName, sn"},
		{callback.FailedPolicy{Requirement: "MIN_LENGTH"}, "This does not meet the rule MIN_LENGTH."},
		{callback.FailedPolicy{Requirement: "OF_THE_HOUSE"}, "This does not meet the rule OF_THE_HOUSE."},
	} {
		if got, err := textsFor(nil).Say(failure(tt.failed)); err != nil || got != tt.want {
			t.Errorf("%q, error %v; want %q", got, err, tt.want)
		}
	}
	verbs := regexp.MustCompile(`%s`)
	for _, requirement := range slices.Sorted(maps.Keys(policyTexts)) {
		text := policyTexts[requirement]
		words, err := textsFor(nil).T(text.id)
		if err != nil || len(verbs.FindAllString(words, -1)) != len(text.params) {
			t.Errorf("%s: %q, error %v", requirement, words, err)
		}
	}
}

// TestPolling: the page says how long to wait, can be sent on without script,
// and is no error when it comes back; nothing was pressed unless it was.
func TestPolling(t *testing.T) {
	exit := callback.Confirmation{
		Options: []string{"Exit"}, OptionType: callback.Unspecified, Selected: callback.NotPressed, DefaultOption: callback.NotPressed,
	}
	n := &questioner{}
	n.first = listOf(callback.PollingWait{WaitTime: 8 * time.Second, Message: "Waiting"}, exit)
	n.then = n.first
	b := open(t, questioning(n)).browser(t)
	page := b.get(loginAt + "&service=Ask")
	for range 3 {
		page.want(t, http.StatusOK, "Sign in")
		if got := attr(page.all("form")[0], "data-wait"); got != "8000" || !page.says("Waiting") {
			t.Errorf("wait %q", got)
		}
		if got := buttonsShown(page); !slices.Equal(got, []string{"Continue = primary", "Exit IDToken2=0 "}) {
			t.Errorf("buttons %q", got)
		}
		if got := page.alerts(); len(got) > 0 {
			t.Errorf("alerts %q", got)
		}
		page = page.submit()
		if got := (<-n.got)[1].(callback.Confirmation).Selected; got != callback.NotPressed {
			t.Errorf("button %d was pressed", got)
		}
	}
	if s, err := draw(listOf(callback.PollingWait{})); err != nil || s.wait != minWait {
		t.Errorf("without a time the page waits %v, error %v", s.wait, err)
	}
}

// TestSuspended: there is nothing to press while the journey goes on in a
// mail.
func TestSuspended(t *testing.T) {
	n := &asking{}
	b := open(t, asks(n, callback.SuspendedTextOutput{Message: "Check your mail"})).browser(t)
	page := b.get(loginAt + "&service=Ask")
	page.want(t, http.StatusOK, "Header")
	if !page.says("Check your mail") || len(page.all("button")) > 0 {
		t.Errorf("buttons %q", buttonsShown(page))
	}
}
