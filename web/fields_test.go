package web

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
)

// forPrograms are the callbacks that a page cannot ask: they are for apps, or
// need a vendor's script.
var forPrograms = []string{
	"RedirectCallback", // a page of its own
	"AppIntegrityCallback", "DeviceBindingCallback", "DeviceSigningVerifierCallback", "IdPCallback",
	"PingOneProtectEvaluationCallback", "PingOneProtectInitializeCallback", "ReCaptchaCallback", "ReCaptchaEnterpriseCallback",
}

// TestEveryCallback: all types that a journey can ask of a person are drawn,
// and what they enter reaches the node.
func TestEveryCallback(t *testing.T) {
	for _, c := range callback.Types() {
		_, err := draw(callback.List{{Callback: c}})
		if (err != nil) != slices.Contains(forPrograms, c.Type()) {
			t.Errorf("%s: %v", c.Type(), err)
		}
	}
	n := &asking{}
	b := open(t, asks(n,
		callback.Name{Prompt: "Who?"},
		callback.Password{Prompt: "PIN"},
		callback.TextInput{Prompt: "Nickname", DefaultText: "Babs"},
		callback.TextOutput{Message: "Be careful", MessageType: callback.Warning},
		callback.NewChoice("Colour", []string{"red", "green"}, 1),
		callback.NewChoice("Number", []string{"0", "1", "2", "3", "4", "5", "6"}, 6),
		callback.HiddenValue{ID: "device", Value: "x"},
		callback.Metadata{Data: map[string]any{"unseen": "unseen"}},
		callback.NewConfirmation([]string{"Yes", "No"}, 1),
	)).browser(t)
	page := b.get(loginAt + "&service=Ask")
	page.want(t, http.StatusOK, "Header")
	for _, words := range []string{"Description", "Who?", "PIN", "Nickname", "Be careful", "Colour", "red", "Number"} {
		if !page.says(words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	if strings.Contains(page.body, "unseen") {
		t.Error("the page has metadata")
	}
	if got := attr(page.input("IDToken3"), "value"); got != "Babs" {
		t.Errorf("preset %q", got)
	}
	if got := buttonsShown(page); !slices.Equal(got, []string{"No IDToken9=1 primary", "Yes IDToken9=0 "}) {
		t.Errorf("buttons %q", got)
	}
	page = page.submit("IDToken1", "bab", "IDToken2", "1234", "IDToken3", "", "IDToken5", "0", "IDToken9", "0")
	page.want(t, http.StatusUnauthorized, "Sign-in failed") // where the journey leads
	got := <-n.got
	for i, want := range []callback.Callback{
		callback.Name{Prompt: "Who?", Value: "bab"},
		callback.Password{Prompt: "PIN", Value: "1234"},
		callback.TextInput{Prompt: "Nickname", DefaultText: "Babs"},
		nil,
		callback.Choice{Prompt: "Colour", Choices: []string{"red", "green"}, DefaultChoice: 1, Selected: 0},
		callback.Choice{Prompt: "Number", Choices: []string{"0", "1", "2", "3", "4", "5", "6"}, DefaultChoice: 6, Selected: 6},
	} {
		if want != nil && !reflect.DeepEqual(got[i], want) {
			t.Errorf("callback %d is %#v, want %#v", i+1, got[i], want)
		}
	}
	if h := got[6].(callback.HiddenValue); h.Answer != "device" {
		t.Errorf("an untouched hidden value is %q", h.Answer)
	}
	if c := got[8].(callback.Confirmation); c.Selected != 0 {
		t.Errorf("the button pressed is %d", c.Selected)
	}
}

// buttonsShown are the form's buttons, as "Label name=value class".
func buttonsShown(page *shown) []string {
	var list []string
	for _, n := range page.all("button") {
		list = append(list, text(n)+" "+attr(n, "name")+"="+attr(n, "value")+" "+attr(n, "class"))
	}
	return list
}

// TestButtons: the journey's own buttons replace the form's, the default
// first, unless none of them needs to be pressed.
func TestButtons(t *testing.T) {
	confirm := func(options callback.OptionType, preset int) callback.Confirmation {
		return callback.Confirmation{OptionType: options, DefaultOption: preset, Selected: preset}
	}
	exit := callback.Confirmation{
		Options: []string{"Exit"}, OptionType: callback.Unspecified, Selected: callback.NotPressed, DefaultOption: callback.NotPressed,
	}
	for _, tt := range []struct {
		name string
		list []callback.Callback
		want []string
	}{
		{"a password", []callback.Callback{callback.Password{}}, []string{"signIn =  primary"}},
		{"a text", []callback.Callback{callback.TextOutput{Message: "Hello"}}, []string{"continue =  primary"}},
		{"yes or no", []callback.Callback{confirm(callback.YesNo, callback.ButtonNo)}, []string{"no IDToken1=1 primary", "yes IDToken1=0"}},
		{"with cancel", []callback.Callback{confirm(callback.YesNoCancel, callback.ButtonYes)}, []string{"yes IDToken1=0 primary", "no IDToken1=1", "cancel IDToken1=2"}},
		{"ok or cancel", []callback.Callback{confirm(callback.OKCancel, callback.ButtonOK)}, []string{"ok IDToken1=3 primary", "cancel IDToken1=2"}},
		{"only a way out", []callback.Callback{exit}, []string{"Exit IDToken1=0 primary"}},
		{"fields and a way out", []callback.Callback{callback.Name{}, exit}, []string{"continue =  primary", "Exit IDToken2=0"}},
		{"nothing", nil, []string{"continue =  primary"}},
	} {
		var list callback.List
		for _, c := range tt.list {
			list = append(list, callback.Item{Callback: c})
		}
		s, err := draw(list)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range s.buttons {
			line := b.Label.literal + b.Label.id + " " + b.Name + "=" + b.Value
			if b.Name == "" {
				line += " "
			}
			if b.Primary {
				line += " primary"
			}
			got = append(got, line)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// strange is a callback that this page does not know.
type strange struct{ callback.Metadata }

func (strange) Type() string { return "RetinaScanCallback" }

// TestUnknownCallback: a page that cannot ask something says so and names it.
func TestUnknownCallback(t *testing.T) {
	w := open(t)
	b := w.browser(t)
	_, err := draw(callback.List{{Callback: callback.Name{}}, {Callback: strange{}}})
	v := w.visit(b.request(loginAt))
	rep := w.refuse(v, err)
	body, err := w.render(v, rep)
	if err != nil {
		t.Fatal(err)
	}
	page := parse(b, loginAt, rep.status, rep.header, string(body))
	page.want(t, http.StatusNotImplemented, "This page cannot ask that")
	if !page.says("RetinaScanCallback") {
		t.Error("the callback is not named")
	}
}

// TestLabels: each control has a name for those who cannot see it, and each
// page says what it is in which language.
func TestLabels(t *testing.T) {
	n := &asking{}
	b := open(t, asks(n, callback.Name{Prompt: "Name"}, callback.NewChoice("One", []string{"a", "b"}, 0),
		callback.NewChoice("Many", []string{"0", "1", "2", "3", "4", "5", "6"}, 0))).browser(t)
	page := b.get(loginAt + "&service=Ask")
	labelled := map[string]bool{}
	for _, l := range page.all("label") {
		labelled[attr(l, "for")] = text(l) != ""
	}
	for _, name := range []string{"IDToken1", "IDToken3"} {
		if control := page.input(name); control == nil || !labelled[attr(control, "id")] {
			t.Errorf("%s has no label", name)
		}
	}
	sets := page.all("fieldset")
	if len(sets) != 1 || !strings.HasPrefix(text(sets[0]), "One") {
		t.Error("the radio buttons have no legend")
	}
	for _, radio := range page.all("input") {
		if attr(radio, "type") == "radio" && (radio.Parent.Data != "label" || text(radio.Parent) == "") {
			t.Error("a radio button has no label")
		}
	}
	root := page.all("html")[0]
	if attr(root, "lang") != "en" || page.viewport() == "" || len(page.all("main")) != 1 {
		t.Error("no language, viewport or main part")
	}
}

func (s *shown) viewport() string {
	i := slices.IndexFunc(s.all("meta"), func(n *html.Node) bool { return attr(n, "name") == "viewport" })
	if i < 0 {
		return ""
	}
	return attr(s.all("meta")[i], "content")
}

// TestErrorText: a step that says itself what was wrong is not contradicted.
func TestErrorText(t *testing.T) {
	n := &asking{}
	b := open(t, asks(n, callback.TextOutput{Message: "The code is too old", MessageType: callback.Error}, callback.TextInput{Prompt: "Code"}),
		func(s *realm.Settings) { s.Journeys["Ask"].Nodes["ask"].Next["outcome"] = "ask" }).browser(t)
	page := b.get(loginAt + "&service=Ask")
	if got := page.alerts(); !slices.Equal(got, []string{"The code is too old"}) {
		t.Fatalf("alerts %q", got)
	}
	page = page.submit("IDToken2", "1")
	if got := page.alerts(); !slices.Equal(got, []string{"The code is too old"}) || page.status != http.StatusOK {
		t.Errorf("%d, alerts %q", page.status, got)
	}
}

// TestDeviceProfile: the page asks the script what the device is like, and
// tells who runs none.
func TestDeviceProfile(t *testing.T) {
	n := &asking{}
	b := open(t, asks(n, callback.DeviceProfile{Metadata: true, Location: true, Message: "Looking at your device"})).browser(t)
	page := b.get(loginAt + "&service=Ask")
	if !page.says("Looking at your device") || !strings.Contains(page.body, "<noscript>") {
		t.Errorf("the page says\n%s", page.body)
	}
	if got := attr(page.input("IDToken1"), "data-device"); got != "location" {
		t.Errorf("the script is told %q", got)
	}
	if got := page.header.Get("Permissions-Policy"); !strings.Contains(got, "geolocation=(self)") {
		t.Errorf("the page may %q", got)
	}
	page.submit("IDToken1", `{"identifier":"4711"}`)
	if got := (<-n.got)[0].(callback.DeviceProfile); got.Value != `{"identifier":"4711"}` {
		t.Errorf("the node got %+v", got)
	}
}
