package nodes

import (
	"context"
	"errors"

	"github.com/amgate/amgate/journey"
)

// RegisterLogoutWebhook makes a webhook of the realm be called when the session
// that the journey makes ends.
type RegisterLogoutWebhook struct {
	Name string `json:"webhookName" option:"webhook" doc:"The name of a webhook of the realm. Required." example:"audit"`
}

var (
	_ journey.Node     = (*RegisterLogoutWebhook)(nil)
	_ journey.Requirer = (*RegisterLogoutWebhook)(nil)
	_ journey.Checker  = (*RegisterLogoutWebhook)(nil)
)

// Process implements journey.Node.
func (n *RegisterLogoutWebhook) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Goto(outcomeOnly).WithWebhook(n.Name), nil
}

// Outcomes implements journey.Node.
func (*RegisterLogoutWebhook) Outcomes() []string { return []string{outcomeOnly} }

// Needs implements journey.Requirer.
func (n *RegisterLogoutWebhook) Needs() []journey.Need {
	return []journey.Need{{Kind: journey.NeedWebhook, Name: n.Name}}
}

// Check implements journey.Checker.
func (n *RegisterLogoutWebhook) Check() error {
	if n.Name == "" {
		return errors.New("webhook is missing; name a webhook of the realm")
	}
	return nil
}
