package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/queryfilter"
	"github.com/amgate/amgate/journey"
)

// AttributePresent decides whether the user has an attribute. The attribute
// password is there if the user can sign in with one.
type AttributePresent struct {
	Attribute string `json:"presentAttribute" option:"present_attribute" doc:"The attribute to look for."`
	Identity  string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified."`
}

// AttributeValue decides whether an attribute of the user has a value, or is
// there.
type AttributeValue struct {
	Attribute string `json:"comparisonAttribute" option:"comparison_attribute" doc:"The attribute to compare. Required." example:"accountStatus"`
	Operation string `json:"comparisonOperation" option:"comparison_operation" values:"EQUALS,PRESENT" doc:"EQUALS compares without regard to case; PRESENT asks whether there is a value."`
	Value     string `json:"comparisonValue,omitempty" option:"comparison_value" doc:"The value to compare with. Required for EQUALS." example:"active"`
	Identity  string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified."`
}

// QueryFilter decides whether a query filter is true of the user.
type QueryFilter struct {
	Filter   string `json:"queryFilter" option:"query_filter" doc:"The filter, as CREST has it: pointers compared by eq, co, sw, lt, le, gt, ge, or pr; joined by and, or, ! and parentheses. Required." example:"!(/preferences pr) or /preferences/marketing eq false"`
	Identity string `json:"identityAttribute" option:"identity_attribute" doc:"The attribute whose collected value means the user, as long as nobody is identified."`
}

var (
	_ journey.Node    = (*AttributePresent)(nil)
	_ journey.Checker = (*AttributePresent)(nil)
	_ journey.Node    = (*AttributeValue)(nil)
	_ journey.Checker = (*AttributeValue)(nil)
	_ journey.Node    = (*QueryFilter)(nil)
	_ journey.Checker = (*QueryFilter)(nil)
)

const (
	operationEquals  = "EQUALS"
	operationPresent = "PRESENT"
)

func newAttributePresent() journey.Node {
	return &AttributePresent{Attribute: identity.AttributePassword, Identity: identity.AttributeUserName}
}

func newAttributeValue() journey.Node {
	return &AttributeValue{Operation: operationEquals, Identity: identity.AttributeUserName}
}

func newQueryFilter() journey.Node { return &QueryFilter{Identity: identity.AttributeUserName} }

// Process implements journey.Node.
func (n *AttributePresent) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	return decide(ctx, in, n.Identity, func(u *identity.User) (bool, error) { return u.Has(n.Attribute), nil })
}

// Process implements journey.Node.
func (n *AttributeValue) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	return decide(ctx, in, n.Identity, func(u *identity.User) (bool, error) {
		if n.Operation == operationPresent {
			return u.Has(n.Attribute), nil
		}
		return slices.ContainsFunc(u.Values(n.Attribute), func(v string) bool { return strings.EqualFold(v, n.Value) }), nil
	})
}

// Process implements journey.Node.
func (n *QueryFilter) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	filter, err := queryfilter.Parse(n.Filter)
	if err != nil {
		return journey.Action{}, err
	}
	return decide(ctx, in, n.Identity, func(u *identity.User) (bool, error) { return filter.Matches(u), nil })
}

// Outcomes implements journey.Node.
func (*AttributePresent) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Outcomes implements journey.Node.
func (*AttributeValue) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Outcomes implements journey.Node.
func (*QueryFilter) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Check implements journey.Checker.
func (n *AttributePresent) Check() error {
	return errors.Join(checkAttribute("present_attribute", n.Attribute), checkAttribute("identity_attribute", n.Identity))
}

// Check implements journey.Checker.
func (n *AttributeValue) Check() error {
	if n.Operation == operationEquals && n.Value == "" {
		return errors.New("comparison_value is missing; give the value that the attribute must have")
	}
	return errors.Join(checkAttribute("comparison_attribute", n.Attribute), checkAttribute("identity_attribute", n.Identity))
}

// Check implements journey.Checker.
func (n *QueryFilter) Check() error {
	if n.Filter == "" {
		return errors.New("query_filter is missing; write for example: /mail pr")
	}
	if _, err := queryfilter.Parse(n.Filter); err != nil {
		return fmt.Errorf("query_filter: %w", err)
	}
	return checkAttribute("identity_attribute", n.Identity)
}
