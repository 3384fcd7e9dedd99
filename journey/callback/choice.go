package callback

import "fmt"

// Choice asks to pick one of several texts. Make one with NewChoice.
type Choice struct {
	Prompt        string   `out:"prompt"`
	Choices       []string `out:"choices"`
	DefaultChoice int      `out:"defaultChoice"`
	// Selected is an index into Choices: DefaultChoice until the client picks.
	Selected int `in:""`
}

var _ Callback = Choice{}

// NewChoice offers choices, of which the one at index preset is picked
// already.
func NewChoice(prompt string, choices []string, preset int) Choice {
	return Choice{Prompt: prompt, Choices: choices, DefaultChoice: preset, Selected: preset}
}

// Type implements Callback.
func (Choice) Type() string { return "ChoiceCallback" }

// Outputs implements Callback.
func (c Choice) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c Choice) Inputs() []Field { return inputs(c) }

// Fill implements Callback. The input must be an index of Choices.
func (c Choice) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

func (c Choice) check() error { return checkIndex(c.Selected, len(c.Choices)) }

// OptionType says which buttons a Confirmation has.
type OptionType int

// The option types of AM. With Unspecified the buttons are the Options; with
// the others they are the platform's own and answered by a Button.
const (
	Unspecified OptionType = -1
	YesNo       OptionType = 0
	YesNoCancel OptionType = 1
	OKCancel    OptionType = 2
)

// The platform's own buttons, as a Confirmation's answer names them.
const (
	ButtonYes = iota
	ButtonNo
	ButtonCancel
	ButtonOK
)

// NotPressed is a preset of Confirmation.Selected, beside Options, which says
// that no button was pressed: the client returns it untouched.
const NotPressed = 100

// Confirmation asks to press one of several buttons. Make one with
// NewConfirmation.
type Confirmation struct {
	Prompt        string      `out:"prompt"`
	MessageType   MessageType `out:"messageType"`
	Options       []string    `out:"options"`
	OptionType    OptionType  `out:"optionType"`
	DefaultOption int         `out:"defaultOption"`
	// Selected is an index into Options, a Button, or NotPressed. Until the
	// client answers it is the preset.
	Selected int `in:""`
}

var _ Callback = Confirmation{}

// NewConfirmation offers buttons, of which the one at index preset counts as
// pressed until the client says otherwise.
func NewConfirmation(options []string, preset int) Confirmation {
	return Confirmation{Options: options, OptionType: Unspecified, DefaultOption: preset, Selected: preset}
}

// Type implements Callback.
func (Confirmation) Type() string { return "ConfirmationCallback" }

// Outputs implements Callback.
func (c Confirmation) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c Confirmation) Inputs() []Field { return inputs(c) }

// Fill implements Callback. The input must be an index of Options (a Button
// if the option type is not Unspecified), or what it was preset to.
func (c Confirmation) Fill(in map[string]any) (Callback, error) {
	filled, err := fill(c, in)
	if err != nil {
		return nil, err
	}
	selected := filled.(Confirmation).Selected
	if selected == c.Selected {
		return filled, nil
	}
	buttons := len(c.Options)
	if c.OptionType != Unspecified {
		buttons = ButtonOK + 1
	}
	return filled, checkIndex(selected, buttons)
}

func checkIndex(i, n int) error {
	if i < 0 || i >= n {
		return inputError{why: fmt.Sprintf("an index from 0 to %d is needed", n-1)}
	}
	return nil
}
