package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// EmailSuspend mails a link and suspends the journey until somebody follows it.
// What the client sees is the same whether there is somebody to mail to or not.
// Whoever follows the link can read the mailbox that it was mailed to: that of
// a user, who is then identified, or one whose address was only typed. The
// latter says nothing about any user, so a journey that has one gets no such
// link, and does not go on by one.
type EmailSuspend struct {
	Template string `json:"emailTemplateName" option:"template" doc:"The mail template, in which resumeURI is the link." example:"registration"`
	Address  string `json:"emailAttribute" option:"email_attribute" doc:"The attribute with the address."`
	Message  Text   `json:"emailSuspendMessage" option:"message" doc:"What the client is shown, optionally after a language: message de \"Bitte prüfen Sie Ihre Post.\"" default:"An email has been sent to the address you entered. Click the link in that email to proceed."`
	// Lookup is off for people who have no account yet.
	Lookup   bool   `json:"objectLookup" option:"lookup" doc:"Mail to the address that the user's account has. When it is off, mail to the one that was collected in this journey, which proves nothing about any user." example:"on"`
	Identity string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified. It matters with lookup."`
	// Minutes is how long the link is good; 0 is the realm's bound.
	Minutes int `json:"suspendDuration,omitempty" option:"duration" doc:"How long the link is good, in minutes; 0 leaves that to the realm." example:"15"`
}

var (
	_ journey.Node     = (*EmailSuspend)(nil)
	_ journey.Declarer = (*EmailSuspend)(nil)
	_ journey.Requirer = (*EmailSuspend)(nil)
	_ journey.Checker  = (*EmailSuspend)(nil)
)

func newEmailSuspend() journey.Node {
	return &EmailSuspend{Template: "registration", Address: "mail", Identity: identity.AttributeUserName}
}

// defaultSuspendMessage is AM's.
const defaultSuspendMessage = "An email has been sent to the address you entered. Click the link in that email to proceed."

// keyMailedTo is the id of the user whom a link was mailed to. It is the node's
// own: the link of one node vouches for nothing at another.
func keyMailedTo(nodeID string) string { return nodeID + ".mailedTo" }

// Process implements journey.Node.
func (n *EmailSuspend) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	if in.Resumed {
		return resume(ctx, in)
	}
	to, err := n.recipient(ctx, in)
	if err != nil {
		return journey.Action{}, err
	}
	in.State.PutShared(keyMailedTo(in.NodeID), to.userID)
	var send journey.Send
	if to.address != "" {
		send = sendLink(in.Services.Mailer, to.mail(in, n.Template))
	}
	message := n.Message.or(in.Client.Languages, defaultSuspendMessage)
	return journey.Suspend(message, minutes(n.Minutes), send), nil
}

// recipient is to whom the link goes. An address that was typed is not that of
// the journey's user, unless the account has the same one: then the link goes
// there, as the account spells it.
func (n *EmailSuspend) recipient(ctx context.Context, in *journey.Input) (recipient, error) {
	if n.Lookup {
		return knownRecipient(ctx, in, n.Identity, n.Address)
	}
	typed := newRecipient(in.State, n.Address)
	if in.Subject == "" {
		return typed, nil
	}
	user, err := knownRecipient(ctx, in, n.Identity, n.Address)
	if err != nil || !strings.EqualFold(user.address, typed.address) {
		return recipient{}, err
	}
	return user, nil
}

// sendLink sends a mail with the link of a suspension.
func sendLink(mailer journey.Mailer, mail journey.Mail) journey.Send {
	return func(ctx context.Context, link string) error {
		linked := mail
		linked.Values = maps.Clone(mail.Values)
		linked.Values["resumeURI"] = link
		return mailer.Send(ctx, linked)
	}
}

// errNotTheirs ends a journey whose link was mailed to somebody else than the
// user whom it has identified.
var errNotTheirs = errors.New("the link was not mailed to the user whom the journey has identified; switch lookup on to mail it there")

// resume goes on after the link was followed.
func resume(ctx context.Context, in *journey.Input) (journey.Action, error) {
	key := keyMailedTo(in.NodeID)
	id := in.State.String(key)
	in.State.Remove(key)
	action := journey.Goto(outcomeOnly)
	switch {
	case in.Subject != "" && id != in.Subject:
		return journey.Action{}, errNotTheirs
	case id == "":
		return action, nil
	}
	user, err := in.Users.ByID(ctx, id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return journey.Action{}, errors.New("the user whom the link was mailed to is gone")
	case err != nil:
		return journey.Action{}, err
	}
	return action.WithSubject(user), nil
}

// Outcomes implements journey.Node.
func (*EmailSuspend) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (n *EmailSuspend) Reads() []string { return personKeys(n.Identity) }

// personKeys are the keys of the state that tell whom a node is about, if it
// finds the user by an attribute.
func personKeys(attribute string) []string {
	return []string{journey.KeyUsername, journey.KeyObjectAttributes, attribute}
}

// Writes implements journey.Declarer.
func (*EmailSuspend) Writes() []string { return nil }

// Needs implements journey.Requirer.
func (n *EmailSuspend) Needs() []journey.Need {
	return append(mailNeeds(n.Template), journey.Need{Kind: journey.NeedBaseURL})
}

// mailNeeds are what a node needs that mails what a template makes.
func mailNeeds(template string) []journey.Need {
	return []journey.Need{{Kind: journey.NeedMail}, {Kind: journey.NeedTemplate, Name: template}}
}

// Check implements journey.Checker.
func (n *EmailSuspend) Check() error {
	if n.Minutes < 0 {
		return fmt.Errorf("duration %d: minutes are needed, or 0 for the realm's bound", n.Minutes)
	}
	return checkMail(n.Template, n.Address, n.Identity)
}

func checkMail(template, address, identityAttribute string) error {
	if template == "" {
		return errors.New("template is missing; name a mail template of the realm")
	}
	if err := checkAttribute("email_attribute", address); err != nil {
		return err
	}
	return checkAttribute("identity_attribute", identityAttribute)
}
