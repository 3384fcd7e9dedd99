package nodes

import (
	"context"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// EmailTemplate mails what a template makes to the journey's user.
type EmailTemplate struct {
	Template string `json:"emailTemplateName" option:"template" doc:"The mail template." example:"welcome"`
	Address  string `json:"emailAttribute" option:"email_attribute" doc:"The attribute with the address."`
	Identity string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified."`
}

var (
	_ journey.Node     = (*EmailTemplate)(nil)
	_ journey.Declarer = (*EmailTemplate)(nil)
	_ journey.Requirer = (*EmailTemplate)(nil)
	_ journey.Checker  = (*EmailTemplate)(nil)
)

// The outcomes of EmailTemplate.
const (
	outcomeSent    = "EMAIL_SENT"
	outcomeNotSent = "EMAIL_NOT_SENT"
)

func newEmailTemplate() journey.Node {
	return &EmailTemplate{Template: "welcome", Address: "mail", Identity: identity.AttributeUserName}
}

// Process implements journey.Node. A mail server that does not answer decides
// nothing; one that refuses the mail for good leads to EMAIL_NOT_SENT.
func (n *EmailTemplate) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	to, err := knownRecipient(ctx, in, n.Identity, n.Address)
	switch {
	case err != nil:
		return journey.Action{}, err
	case to.address == "":
		return journey.Goto(outcomeNotSent), nil
	}
	err = in.Services.Mailer.Send(ctx, to.mail(in, n.Template))
	if journey.IsFault(err) {
		return journey.Action{}, err
	}
	if err != nil {
		return journey.Goto(outcomeNotSent), nil //nolint:nilerr // it is what the outcome says
	}
	return journey.Goto(outcomeSent), nil
}

// Outcomes implements journey.Node.
func (*EmailTemplate) Outcomes() []string { return []string{outcomeSent, outcomeNotSent} }

// Reads implements journey.Declarer.
func (n *EmailTemplate) Reads() []string { return personKeys(n.Identity) }

// Writes implements journey.Declarer.
func (*EmailTemplate) Writes() []string { return nil }

// Needs implements journey.Requirer.
func (n *EmailTemplate) Needs() []journey.Need { return mailNeeds(n.Template) }

// Check implements journey.Checker.
func (n *EmailTemplate) Check() error { return checkMail(n.Template, n.Address, n.Identity) }
