package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/amgate/amgate/journey/callback"
)

// The kinds of fields: what the template makes of them.
const (
	fieldInput  = "input"
	fieldRadio  = "radio"
	fieldSelect = "select"
	fieldNote   = "note"
)

// field is one question, or one text, of a form.
type field struct {
	Kind  string
	Name  string
	Label phrase
	// Type, Value and Autocomplete are the attributes of an input.
	Type, Value, Autocomplete string
	Autofocus                 bool
	Options                   []option
	// Tone is how a note is meant.
	Tone tone
}

// option is one of the texts to choose from.
type option struct {
	Value    string
	Label    string
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

// sketch is a form being drawn from its callbacks.
type sketch struct {
	fields  []field
	hidden  []hidden
	buttons []button
	// optional says that no button needs to be pressed.
	optional bool
}

// draw makes fields of the callbacks. One that this page does not know is an
// error that names it.
func draw(list callback.List) (sketch, error) {
	var s sketch
	for i, item := range list {
		name := callback.InputName(i+1, "")
		switch c := item.Callback.(type) {
		case callback.Name:
			s.add(field{Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "text", Value: c.Value, Autocomplete: "username"})
		case callback.Password:
			s.add(field{Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "password", Autocomplete: "current-password"})
		case callback.TextInput:
			s.add(field{Kind: fieldInput, Name: name, Label: prompt(c.Prompt), Type: "text", Value: cmp.Or(c.Value, c.DefaultText)})
		case callback.TextOutput:
			s.addText(c)
		case callback.Choice:
			s.add(choose(c, name))
		case callback.Confirmation:
			s.addButtons(c, name)
		case callback.HiddenValue:
			for _, in := range c.Inputs() {
				s.hidden = append(s.hidden, hidden{name, fmt.Sprint(in.Value)})
			}
		case callback.Metadata: // for programs, not for people
		default:
			return sketch{}, refusal{status: http.StatusNotImplemented, what: "unknownCallback", arg: item.Callback.Type()}
		}
	}
	s.finish()
	return s, nil
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
		f.Options = append(f.Options, option{Value: strconv.Itoa(i), Label: label, Selected: i == c.Selected})
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

// finish gives the form its own button, unless the journey's buttons do, and
// the first empty input the focus.
func (s *sketch) finish() {
	typed := slices.ContainsFunc(s.fields, func(f field) bool { return f.Kind != fieldNote })
	if len(s.buttons) == 0 || s.optional && typed {
		label := say("continue")
		if slices.ContainsFunc(s.fields, func(f field) bool { return f.Type == "password" }) {
			label = say("signIn")
		}
		s.buttons = slices.Insert(s.buttons, 0, button{Label: label})
	}
	if !slices.ContainsFunc(s.buttons, func(b button) bool { return b.Primary }) {
		s.buttons[0].Primary = true
	}
	for i := range s.fields {
		if f := &s.fields[i]; f.Kind == fieldInput && f.Value == "" {
			f.Autofocus = true
			return
		}
	}
}
