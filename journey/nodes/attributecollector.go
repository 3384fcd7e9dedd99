package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// AttributeCollector asks for attributes of the user and keeps them among the
// object attributes. A question begins with what the journey has collected
// already, or with the attribute of a user whom it has identified: not with that
// of somebody whose name was only collected, for anybody can type one. A journey
// that identifies by Identify Existing User has no proof yet, and should collect
// after it has one.
type AttributeCollector struct {
	Attributes []string `json:"attributesToCollect" option:"attributes_to_collect" doc:"The attributes, by IDM's names; preferences/marketing is a member of preferences. Required." example:"givenName mail preferences/marketing"`
	Required   bool     `json:"required" option:"required" doc:"No attribute may stay empty."`
	Validate   bool     `json:"validateInputs" option:"validate_inputs" doc:"Check the values by IDM's rules for them."`
	// Identity has no effect: see above.
	Identity string `json:"identityAttribute"`
}

var (
	_ journey.Node    = (*AttributeCollector)(nil)
	_ journey.Checker = (*AttributeCollector)(nil)
)

func newAttributeCollector() journey.Node {
	return &AttributeCollector{Identity: identity.AttributeUserName}
}

// entry is what a client gave for an attribute, or is to begin with.
type entry struct {
	// value is a string, bool or json.Number.
	value        any
	validateOnly bool
}

// text is the value as the rules look at it; a number or text that is missing
// is "".
func (e entry) text() string {
	switch v := e.value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// Process implements journey.Node.
func (n *AttributeCollector) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	given := entries(in.Answers)
	failed := make(map[string][]callback.FailedPolicy)
	again := false
	for _, name := range n.Attributes {
		e, ok := given[name]
		again = again || !ok || n.Required && strings.TrimSpace(e.text()) == "" || n.Validate && e.validateOnly
		if !ok || !n.Validate {
			continue
		}
		var err error
		if failed[name], err = broken(ctx, in, n.rules(name), e.text()); err != nil {
			return journey.Action{}, err
		}
		again = again || len(failed[name]) > 0
	}
	if again {
		return n.ask(ctx, in, given, failed)
	}
	for _, name := range n.Attributes {
		if value, ok := kept(given[name].value); ok {
			collect(in.State, name, value)
		}
	}
	return journey.Goto(outcomeOnly), nil
}

// entries are the answers by attribute.
func entries(answers []callback.Callback) map[string]entry {
	given := make(map[string]entry)
	for _, a := range answers {
		switch a := a.(type) {
		case callback.StringAttributeInput:
			given[a.Name] = entry{a.Value, a.ValidateOnly}
		case callback.NumberAttributeInput:
			given[a.Name] = entry{a.Value, a.ValidateOnly}
		case callback.BooleanAttributeInput:
			given[a.Name] = entry{a.Value, a.ValidateOnly}
		}
	}
	return given
}

// kept is a value as the state keeps it; a number that is missing is not kept.
func kept(value any) (any, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return value, true
	}
	f, err := number.Float64()
	return f, err == nil
}

func (n *AttributeCollector) rules(attribute string) []rule { return rules(attribute, n.Required) }

// ask asks for all attributes. given are the answers, if there are any.
func (n *AttributeCollector) ask(
	ctx context.Context, in *journey.Input, given map[string]entry, failed map[string][]callback.FailedPolicy,
) (journey.Action, error) {
	user := new(identity.User)
	if in.Subject != "" {
		known, err := in.Users.ByID(ctx, in.Subject)
		switch {
		case err == nil:
			user = known
		case !errors.Is(err, identity.ErrNotFound):
			return journey.Action{}, err
		}
	}
	callbacks := make([]callback.Callback, len(n.Attributes))
	for i, name := range n.Attributes {
		preset, ok := given[name]
		if !ok {
			preset.value = present(in.State, user, name)
		}
		about := callback.Attribute{Name: name, Prompt: promptOf(name), Required: n.Required}
		if n.Validate {
			about.Policies = policiesOf(name, n.rules(name))
			about.FailedPolicies, about.Validating = failed[name], preset.validateOnly
		}
		callbacks[i] = question(about, preset.text())
	}
	return journey.Ask(callbacks...), nil
}

// present is the value that an attribute has so far.
func present(state *journey.State, user *identity.User, attribute string) any {
	switch value := collectedValue(state, attribute).(type) {
	case string, bool:
		return value
	case float64:
		return json.Number(strconv.FormatFloat(value, 'f', -1, 64))
	}
	for _, value := range user.Values(attribute) {
		return value
	}
	return nil
}

// question is the callback for an attribute. A present value of another type
// is not shown.
func question(about callback.Attribute, preset string) callback.Callback {
	switch kindOfAttribute(about.Name) {
	case attributeBoolean:
		is := preset == "true"
		return callback.BooleanAttributeInput{Attribute: about, Preset: is, Value: is}
	case attributeNumber:
		number := json.Number(preset)
		if _, err := number.Float64(); err != nil || !json.Valid([]byte(preset)) {
			number = ""
		}
		return callback.NumberAttributeInput{Attribute: about, Preset: number, Value: number}
	}
	return callback.StringAttributeInput{Attribute: about, Preset: preset, Value: preset}
}

// Outcomes implements journey.Node.
func (*AttributeCollector) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *AttributeCollector) Check() error {
	if len(n.Attributes) == 0 {
		return errors.New("attributes_to_collect is missing; name at least one attribute, for example mail")
	}
	for i, name := range n.Attributes {
		if err := checkAttribute("attributes_to_collect", name); err != nil {
			return err
		}
		switch {
		case slices.Contains(n.Attributes[:i], name):
			return fmt.Errorf("attributes_to_collect: %s is there twice", name)
		case name == identity.AttributePassword:
			return errors.New("attributes_to_collect: a password would be shown; collect it with platform_password")
		case name == identity.AttributeID:
			return errors.New("attributes_to_collect: nobody chooses an _id")
		}
	}
	return nil
}
