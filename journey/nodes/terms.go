package nodes

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// AcceptTerms shows the realm's terms and conditions until they are accepted.
// What was accepted is kept among the object attributes.
type AcceptTerms struct{}

// Terms decides whether the user has accepted the terms that are in force, as
// the user's attribute says. Without any terms there is nothing to accept.
type Terms struct {
	Identity string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified."`
}

var (
	_ journey.Node     = (*AcceptTerms)(nil)
	_ journey.Requirer = (*AcceptTerms)(nil)
	_ journey.Node     = (*Terms)(nil)
	_ journey.Checker  = (*Terms)(nil)
)

// IDM's attribute for accepted terms, and its members.
const (
	attributeTerms = "termsAccepted"
	termsVersion   = "termsVersion"
	termsDate      = "acceptDate"
)

// isoTime is ISO 8601 to the millisecond, as IDM writes times.
const isoTime = "2006-01-02T15:04:05.000Z07:00"

func newTerms() journey.Node { return &Terms{Identity: identity.AttributeUserName} }

// Process implements journey.Node. Only the terms that were shown can be
// accepted: if others are in force by now they are shown.
func (*AcceptTerms) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	terms := in.Services.Terms
	if terms == nil {
		return journey.Action{}, errors.New("the realm has no terms and conditions")
	}
	answer, ok := callback.First[callback.TermsAndConditions](in.Answers)
	if !ok || !answer.Accepted || answer.Version != terms.Version {
		return journey.Ask(callback.TermsAndConditions{
			Version: terms.Version, Terms: Text(terms.Text).For(in.Client.Languages),
			CreateDate: terms.Created.UTC().Format(isoTime),
		}), nil
	}
	collect(in.State, attributeTerms, map[string]any{
		termsDate: time.Now().UTC().Format(isoTime), termsVersion: answer.Version,
	})
	return journey.Goto(outcomeOnly), nil
}

// Process implements journey.Node.
func (n *Terms) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	terms := in.Services.Terms
	if terms == nil {
		return journey.Goto(outcomeTrue), nil
	}
	return decide(ctx, in, n.Identity, func(u *identity.User) (bool, error) {
		return slices.Contains(u.Values(attributeTerms+"/"+termsVersion), terms.Version), nil
	})
}

// Outcomes implements journey.Node.
func (*AcceptTerms) Outcomes() []string { return []string{outcomeOnly} }

// Outcomes implements journey.Node.
func (*Terms) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Needs implements journey.Requirer.
func (*AcceptTerms) Needs() []journey.Need { return []journey.Need{{Kind: journey.NeedTerms}} }

// Check implements journey.Checker.
func (n *Terms) Check() error { return checkAttribute("identity_attribute", n.Identity) }
