package nodes

import (
	"context"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// PlatformUsername asks for the user name, and keeps it also among the object
// attributes. It can check whether the name may be a new user's. An empty
// answer is asked again.
type PlatformUsername struct {
	Validate  bool   `json:"validateInput" option:"validate_input" doc:"Take only a name that a new user may have."`
	Attribute string `json:"usernameAttribute" option:"username_attribute" doc:"The attribute that the name is kept as."`
}

// PlatformPassword asks for the password, and keeps it also among the object
// attributes, in the transient state. It can check whether the password may be
// a new one. An empty answer is asked again.
type PlatformPassword struct {
	Validate  bool   `json:"validateInput" option:"validate_input" doc:"Take only a password that a user may choose."`
	Attribute string `json:"passwordAttribute" option:"password_attribute" doc:"The attribute that the password is kept as."`
}

var (
	_ journey.Node     = (*PlatformUsername)(nil)
	_ journey.Declarer = (*PlatformUsername)(nil)
	_ journey.Checker  = (*PlatformUsername)(nil)
	_ journey.Node     = (*PlatformPassword)(nil)
	_ journey.Declarer = (*PlatformPassword)(nil)
	_ journey.Checker  = (*PlatformPassword)(nil)
)

func newPlatformUsername() journey.Node {
	return &PlatformUsername{Attribute: identity.AttributeUserName}
}

func newPlatformPassword() journey.Node {
	return &PlatformPassword{Attribute: identity.AttributePassword}
}

// Process implements journey.Node.
func (n *PlatformUsername) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	if n.Validate {
		return n.validate(ctx, in)
	}
	answer, _ := callback.First[callback.Name](in.Answers)
	if answer.Value == "" {
		return journey.Ask(callback.Name{Prompt: "User Name"}), nil
	}
	return n.keep(in, answer.Value), nil
}

func (n *PlatformUsername) validate(ctx context.Context, in *journey.Input) (journey.Action, error) {
	policies := rules(n.Attribute, true)
	question := callback.ValidatedCreateUsername{Prompt: "Username"}
	question.Policies = policiesOf(n.Attribute, policies)
	answer, ok := callback.First[callback.ValidatedCreateUsername](in.Answers)
	if ok {
		failed, err := broken(ctx, in, policies, answer.Value)
		if err != nil {
			return journey.Action{}, err
		}
		if len(failed) == 0 && !answer.ValidateOnly {
			return n.keep(in, answer.Value), nil
		}
		question.Preset, question.Value = answer.Value, answer.Value
		question.FailedPolicies, question.Validating = failed, answer.ValidateOnly
	}
	return journey.Ask(question), nil
}

func (n *PlatformUsername) keep(in *journey.Input, name string) journey.Action {
	in.State.PutShared(journey.KeyUsername, name)
	collect(in.State, n.Attribute, name)
	return journey.Goto(outcomeOnly)
}

// Process implements journey.Node.
func (n *PlatformPassword) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	if n.Validate {
		return n.validate(ctx, in)
	}
	answer, _ := callback.First[callback.Password](in.Answers)
	if answer.Value == "" {
		return journey.Ask(callback.Password{Prompt: "Password"}), nil
	}
	return n.keep(in, answer.Value), nil
}

func (n *PlatformPassword) validate(ctx context.Context, in *journey.Input) (journey.Action, error) {
	policies := rules(n.Attribute, true)
	question := callback.ValidatedCreatePassword{Prompt: "Password"}
	question.Policies = policiesOf(n.Attribute, policies)
	answer, ok := callback.First[callback.ValidatedCreatePassword](in.Answers)
	if ok {
		failed, err := broken(ctx, in, policies, string(answer.Value))
		if err != nil {
			return journey.Action{}, err
		}
		if len(failed) == 0 && !answer.ValidateOnly {
			return n.keep(in, string(answer.Value)), nil
		}
		question.FailedPolicies, question.Validating = failed, answer.ValidateOnly
	}
	return journey.Ask(question), nil
}

func (n *PlatformPassword) keep(in *journey.Input, password string) journey.Action {
	in.State.PutTransient(journey.KeyPassword, password)
	in.State.PutTransientMember(password, journey.KeyObjectAttributes, pathOf(n.Attribute)...)
	return journey.Goto(outcomeOnly)
}

// Outcomes implements journey.Node.
func (*PlatformUsername) Outcomes() []string { return []string{outcomeOnly} }

// Outcomes implements journey.Node.
func (*PlatformPassword) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*PlatformUsername) Reads() []string { return nil }

// Reads implements journey.Declarer.
func (*PlatformPassword) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*PlatformUsername) Writes() []string { return []string{journey.KeyUsername} }

// Writes implements journey.Declarer. The object attributes are not among them:
// it sets one of many.
func (*PlatformPassword) Writes() []string { return []string{journey.KeyPassword} }

// Check implements journey.Checker.
func (n *PlatformUsername) Check() error { return checkAttribute("username_attribute", n.Attribute) }

// Check implements journey.Checker.
func (n *PlatformPassword) Check() error { return checkAttribute("password_attribute", n.Attribute) }
