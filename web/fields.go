package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/amgate/amgate/journey/callback"
)

// The kinds of fields: what the template makes of them.
const (
	fieldInput  = "input"
	fieldCheck  = "check"
	fieldRadio  = "radio"
	fieldSelect = "select"
	fieldGroup  = "group"
	fieldNote   = "note"
	fieldTerms  = "terms"
	fieldDevice = "device"
)

// field is one question, or one text, of a form.
type field struct {
	Kind  string
	Name  string
	Label phrase
	// Type, Value and Autocomplete are the attributes of an input.
	Type, Value, Autocomplete string
	Autofocus                 bool
	// Required tells that an answer is needed. The server judges it, so that
	// a button that leads away from the question can always be pressed.
	Required bool
	// Checked is the state of a box to check.
	Checked bool
	Options []option
	// Fields are the questions of a group.
	Fields []field
	// Errors say what was not right about the last answer.
	Errors []phrase
	// Tone is how a note is meant.
	Tone tone
	// Location says that a device is to tell where it is.
	Location bool
}

// isText reports whether a field asks a person nothing.
func (f field) isText() bool {
	return f.Kind == fieldNote || f.Kind == fieldTerms || f.Kind == fieldDevice
}

// option is one of the texts to choose from.
type option struct {
	Value    string
	Label    phrase
	Selected bool
}

// button submits the form; with a name it also answers a question.
type button struct {
	Name, Value string
	Label       phrase
	Primary     bool
}

// hidden is a field that a person does not see.
type hidden struct{ Name, Value string }

// maxRadios is how many choices are shown at once; more are a list to open.
const maxRadios = 6

// minWait keeps a page that polls from doing so without a pause.
const minWait = time.Second

const currentPassword = "current-password"

// sketch is a form being drawn from its callbacks.
type sketch struct {
	fields  []field
	hidden  []hidden
	buttons []button
	// optional says that no button needs to be pressed.
	optional bool
	// suspended says that the journey goes on elsewhere.
	suspended bool
	// wait is how long until the form is to be sent by itself; 0 is never.
	wait time.Duration
}

// draw makes fields of the callbacks. One that this page does not know is an
// error that names it.
func draw(list callback.List) (sketch, error) {
	var s sketch
	for i, item := range list {
		if c := item.Callback; !s.ask(c, i+1) && !s.askProfile(c, i+1) && !s.tell(c) {
			return sketch{}, refusal{status: http.StatusNotImplemented, what: "unknownCallback", arg: c.Type()}
		}
	}
	s.finish()
	return s, nil
}

// ask draws the n-th callback if it is one of the plain questions.
func (s *sketch) ask(c callback.Callback, n int) bool {
	name := callback.InputName(n, "")
	switch c := c.(type) {
	case callback.Name:
		s.add(field{Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "text", Value: c.Value, Autocomplete: "username"})
	case callback.Password:
		s.add(field{Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "password", Autocomplete: currentPassword})
	case callback.TextInput:
		s.add(field{Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "text", Value: cmp.Or(c.Value, c.DefaultText)})
	case callback.Choice:
		s.add(choose(c, name))
	case callback.SelectIDP:
		s.add(chooseProvider(c, name))
	case callback.Confirmation:
		s.addButtons(c, name)
	case callback.HiddenValue:
		for _, in := range c.Inputs() {
			s.hidden = append(s.hidden, hidden{name, fmt.Sprint(in.Value)})
		}
	case callback.DeviceProfile:
		s.addText(callback.TextOutput{Message: c.Message})
		s.add(field{Kind: fieldDevice, Name: name, Location: c.Location})
	case callback.Language: // for programs; the node knows what the browser wishes
	default:
		return false
	}
	return true
}

// tell draws a callback if it is one that asks nothing.
func (s *sketch) tell(c callback.Callback) bool {
	switch c := c.(type) {
	case callback.TextOutput:
		s.addText(c)
	case callback.SuspendedTextOutput:
		s.addText(callback.TextOutput(c))
		s.suspended = true
	case callback.PollingWait:
		s.addText(callback.TextOutput{Message: c.Message})
		s.wait = max(c.WaitTime, minWait)
	case callback.NameValueOutput:
		s.addText(callback.TextOutput{Message: c.Name + ": " + c.Value})
	case callback.Metadata: // for programs, not for people
	default:
		return false
	}
	return true
}

func (s *sketch) add(f field) { s.fields = append(s.fields, f) }

// addText shows a text. A script is left out: AM sends some to its own user
// interface, and what a page of ours runs is ours.
func (s *sketch) addText(c callback.TextOutput) {
	tones := map[callback.MessageType]tone{
		callback.Information: toneInfo, callback.Warning: toneWarning, callback.Error: toneError,
	}
	if t, ok := tones[c.MessageType]; ok && c.Message != "" {
		s.add(field{Kind: fieldNote, Label: phrase{literal: c.Message}, Tone: t})
	}
}

func choose(c callback.Choice, name string) field {
	f := field{Kind: fieldRadio, Name: name, Label: prompt(c.Prompt)}
	if len(c.Choices) > maxRadios {
		f.Kind = fieldSelect
	}
	for i, label := range c.Choices {
		f.Options = append(f.Options, option{Value: strconv.Itoa(i), Label: phrase{literal: label}, Selected: i == c.Selected})
	}
	return f
}

func chooseProvider(c callback.SelectIDP, name string) field {
	f := field{Kind: fieldRadio, Name: name, Label: say("chooseProvider")}
	for _, p := range c.Providers {
		label := phrase{literal: cmp.Or(p.UI["buttonDisplayName"], p.Name)}
		if p.Name == callback.LocalAuthentication {
			label = say("signInHere")
		}
		f.Options = append(f.Options, option{Value: p.Name, Label: label, Selected: p.Name == cmp.Or(c.Value, c.Preset)})
	}
	return f
}

// addButtons makes a button of each option. The default comes first, because
// Enter presses the first one.
func (s *sketch) addButtons(c callback.Confirmation, name string) {
	if c.Prompt != "" {
		s.add(field{Kind: fieldNote, Label: phrase{literal: c.Prompt}, Tone: toneInfo})
	}
	labels, values := buttonsOf(c)
	var made []button
	for i, label := range labels {
		b := button{Name: name, Value: strconv.Itoa(values[i]), Label: label, Primary: values[i] == c.DefaultOption}
		if b.Primary {
			made = slices.Insert(made, 0, b)
		} else {
			made = append(made, b)
		}
	}
	s.buttons = append(s.buttons, made...)
	s.optional = s.optional || c.Selected == callback.NotPressed
}

// buttonsOf are the texts and the answers of a confirmation's buttons.
func buttonsOf(c callback.Confirmation) (labels []phrase, values []int) {
	own := map[int]phrase{
		callback.ButtonYes: say("yes"), callback.ButtonNo: say("no"),
		callback.ButtonCancel: say("cancel"), callback.ButtonOK: say("ok"),
	}
	switch c.OptionType {
	case callback.YesNo:
		values = []int{callback.ButtonYes, callback.ButtonNo}
	case callback.YesNoCancel:
		values = []int{callback.ButtonYes, callback.ButtonNo, callback.ButtonCancel}
	case callback.OKCancel:
		values = []int{callback.ButtonOK, callback.ButtonCancel}
	default:
		for i, text := range c.Options {
			labels, values = append(labels, prompt(text)), append(values, i)
		}
		return labels, values
	}
	for _, v := range values {
		labels = append(labels, own[v])
	}
	return labels, values
}

// finish gives the form its own button, unless the journey's buttons do or it
// goes on elsewhere, and the first empty input the focus.
func (s *sketch) finish() {
	typed := slices.ContainsFunc(s.fields, func(f field) bool { return !f.isText() })
	if len(s.buttons) == 0 && !s.suspended || s.optional && (typed || s.wait > 0) {
		label := say("continue")
		if slices.ContainsFunc(s.fields, func(f field) bool { return f.Autocomplete == currentPassword }) {
			label = say("signIn")
		}
		s.buttons = slices.Insert(s.buttons, 0, button{Label: label})
	}
	if len(s.buttons) > 0 && !slices.ContainsFunc(s.buttons, func(b button) bool { return b.Primary }) {
		s.buttons[0].Primary = true
	}
	for i := range s.fields {
		if f := &s.fields[i]; f.Kind == fieldInput && (f.Value == "" || f.Errors != nil) {
			f.Autofocus = true
			return
		}
	}
}
