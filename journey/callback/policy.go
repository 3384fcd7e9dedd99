package callback

import "slices"

// Policies are the rules that a value must meet, in the form of IDM's policy
// service, so that a client can show them and check ahead. Without a name the
// value is not checked, and the JSON is an empty object.
type Policies struct {
	// Name is the attribute that the rules are about.
	Name  string
	Rules []Policy
}

// Policy is one rule.
type Policy struct {
	// Requirements are the names under which its failures are reported, such
	// as "MIN_LENGTH".
	Requirements []string `json:"policyRequirements"`
	// ID is the rule's own name, such as "minimum-length".
	ID string `json:"policyId"`
	// Params are its arguments, such as "minLength". They are what JSON can
	// hold; numbers that were read back are json.Number.
	Params map[string]any `json:"params,omitempty"`
}

// wirePolicies is the JSON of Policies. What is null here are parts of IDM's
// service that amgate has not.
type wirePolicies struct {
	Requirements []string `json:"policyRequirements"`
	Fallback     []Policy `json:"fallbackPolicies"`
	Name         string   `json:"name"`
	Rules        []Policy `json:"policies"`
	Conditional  []Policy `json:"conditionalPolicies"`
}

// MarshalJSON adds the list of all requirements, each once.
func (p Policies) MarshalJSON() ([]byte, error) {
	if p.Name == "" {
		return []byte("{}"), nil
	}
	w := wirePolicies{Requirements: []string{}, Name: p.Name, Rules: []Policy{}}
	for _, rule := range p.Rules {
		if rule.Requirements == nil {
			rule.Requirements = []string{}
		}
		for _, r := range rule.Requirements {
			if !slices.Contains(w.Requirements, r) {
				w.Requirements = append(w.Requirements, r)
			}
		}
		w.Rules = append(w.Rules, rule)
	}
	return encode(w)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Policies) UnmarshalJSON(data []byte) error {
	var w wirePolicies
	if err := decode(data, &w); err != nil {
		return err
	}
	*p = Policies{Name: w.Name, Rules: w.Rules}
	return nil
}

// FailedPolicy says that a value broke a rule. As AM's clients want it, its
// JSON is a string that holds JSON.
type FailedPolicy struct {
	// Params are the rule's arguments, for the text of an error.
	Params map[string]any
	// Requirement is what the value did not meet, such as "UNIQUE".
	Requirement string
}

type wireFailure struct {
	Params      map[string]any `json:"params,omitempty"`
	Requirement string         `json:"policyRequirement"`
}

// MarshalText implements encoding.TextMarshaler.
func (p FailedPolicy) MarshalText() ([]byte, error) { return encode(wireFailure(p)) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *FailedPolicy) UnmarshalText(text []byte) error {
	return decode(text, (*wireFailure)(p))
}

// Validation is the part of a callback whose value is checked by policies.
type Validation struct {
	Policies Policies `out:"policies"`
	// FailedPolicies are the rules that the value sent last broke.
	FailedPolicies []FailedPolicy `out:"failedPolicies"`
	// Validating says that the question is asked again because the client
	// wished the value to be checked only: see ValidateOnly of the callbacks.
	Validating bool `out:"validateOnly"`
}

// Failed are the rules that the value sent last broke.
func (v Validation) Failed() []FailedPolicy { return v.FailedPolicies }
