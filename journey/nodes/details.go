package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/amgate/amgate/journey"
)

// SetSuccessDetails adds members to the reply that reports success.
type SetSuccessDetails struct {
	Details    map[string]string `json:"successDetails" option:"detail" doc:"The name of a member and its value. A value that is JSON becomes that, any other a text." example:"method password"`
	Properties map[string]string `json:"sessionProperties" option:"property" doc:"The name of a member and that of the session property that it shows." example:"level AuthLevel"`
}

var (
	_ journey.Node    = (*SetSuccessDetails)(nil)
	_ journey.Checker = (*SetSuccessDetails)(nil)
)

// taken are the members that the reply has already.
var taken = []string{"tokenId", "successUrl", "realm"}

// Process implements journey.Node.
func (n *SetSuccessDetails) Process(context.Context, *journey.Input) (journey.Action, error) {
	action := journey.Goto(outcomeOnly).WithSuccessDetails(members(n.Details))
	for member, property := range n.Properties {
		action = action.WithSuccessProperty(member, property)
	}
	return action, nil
}

// Outcomes implements journey.Node.
func (*SetSuccessDetails) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *SetSuccessDetails) Check() error {
	if err := checkMembers(n.Details); err != nil {
		return err
	}
	if err := checkMembers(n.Properties); err != nil {
		return err
	}
	for _, member := range taken {
		_, detail := n.Details[member]
		_, property := n.Properties[member]
		if detail || property {
			return fmt.Errorf("%s: the reply has this member already; choose another name", member)
		}
	}
	return nil
}

// SetFailureDetails says what the client is told if the journey fails.
type SetFailureDetails struct {
	Message Text              `json:"failureMessage" option:"message" doc:"The message instead of the usual one, optionally after a language: message de \"Gesperrt\"." example:"Your account is locked."`
	Details map[string]string `json:"failureDetails" option:"detail" doc:"The name of a further member and its value. A value that is JSON becomes that, any other a text." example:"reason retries"`
}

var (
	_ journey.Node    = (*SetFailureDetails)(nil)
	_ journey.Checker = (*SetFailureDetails)(nil)
)

// Process implements journey.Node.
func (n *SetFailureDetails) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	return journey.Goto(outcomeOnly).WithFailureDetails(n.Message.For(in.Client.Languages), members(n.Details)), nil
}

// Outcomes implements journey.Node.
func (*SetFailureDetails) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *SetFailureDetails) Check() error { return checkMembers(n.Details) }

// SetErrorDetails says what the client is told if the journey ends with an
// error: if a node cannot decide.
type SetErrorDetails struct {
	Message Text              `json:"errorMessage" option:"message" doc:"The message instead of the usual one, optionally after a language: message de \"Bitte später\"." example:"Please try again later."`
	Details map[string]string `json:"errorDetails" option:"detail" doc:"The name of a further member and its value. A value that is JSON becomes that, any other a text." example:"phone 0800-123"`
}

var (
	_ journey.Node    = (*SetErrorDetails)(nil)
	_ journey.Checker = (*SetErrorDetails)(nil)
)

// Process implements journey.Node.
func (n *SetErrorDetails) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	return journey.Goto(outcomeOnly).WithErrorDetails(n.Message.For(in.Client.Languages), members(n.Details)), nil
}

// Outcomes implements journey.Node.
func (*SetErrorDetails) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *SetErrorDetails) Check() error { return checkMembers(n.Details) }

// members are details as the reply has them: what is JSON is sent as that, as
// AM does, so that true is no text.
func members(details map[string]string) map[string]any {
	reply := make(map[string]any, len(details))
	for member, text := range details {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			value = text
		}
		reply[member] = value
	}
	return reply
}

func checkMembers(details map[string]string) error {
	if _, ok := details[""]; ok {
		return errors.New("a member of the reply has no name")
	}
	return nil
}
