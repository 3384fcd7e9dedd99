package nodes

import (
	"context"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Message shows a text with two buttons. The first leads to the outcome
// "true", the second, which is the default, to "false".
type Message struct {
	Message Text `json:"message" option:"message" doc:"The text, optionally after a language: message de \"Hallo\"." default:"Default message" example:"We have news for you."`
	Yes     Text `json:"messageYes" option:"yes" doc:"The first button." default:"Yes"`
	No      Text `json:"messageNo" option:"no" doc:"The second button." default:"No"`
	// StateField receives the index of the button, 0 or 1; empty for none.
	StateField string `json:"stateField,omitempty" option:"state" doc:"A key of the journey's state that receives the index of the button, 0 or 1."`
}

var (
	_ journey.Node     = (*Message)(nil)
	_ journey.Declarer = (*Message)(nil)
	_ journey.Checker  = (*Message)(nil)
)

// The buttons of Message, by index.
const (
	buttonYes = iota
	buttonNo
)

// Process implements journey.Node.
func (n *Message) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	answer, ok := callback.First[callback.Confirmation](in.Answers)
	if !ok {
		languages := in.Client.Languages
		buttons := []string{n.Yes.or(languages, "Yes"), n.No.or(languages, "No")}
		return journey.Ask(
			callback.TextOutput{Message: n.Message.or(languages, "Default message"), MessageType: callback.Information},
			callback.NewConfirmation(buttons, buttonNo),
		), nil
	}
	if n.StateField != "" {
		in.State.PutShared(n.StateField, answer.Selected)
	}
	return journey.Goto(outcomeOf(answer.Selected == buttonYes)), nil
}

// Outcomes implements journey.Node.
func (*Message) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Reads implements journey.Declarer.
func (*Message) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (n *Message) Writes() []string {
	if n.StateField == "" {
		return nil
	}
	return []string{n.StateField}
}

// Check implements journey.Checker.
func (n *Message) Check() error {
	if n.StateField == "" {
		return nil
	}
	return checkKey(n.StateField)
}
