package callback

// TermsAndConditions asks to accept terms.
type TermsAndConditions struct {
	Version string `out:"version"`
	Terms   string `out:"terms"`
	// CreateDate is when this version was made, in ISO 8601:
	// "2022-10-28T04:20:11.320Z".
	CreateDate string `out:"createDate"`
	// Accepted is the client's answer.
	Accepted bool `in:""`
}

var _ Callback = TermsAndConditions{}

// Type implements Callback.
func (TermsAndConditions) Type() string { return "TermsAndConditionsCallback" }

// Outputs implements Callback.
func (c TermsAndConditions) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c TermsAndConditions) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c TermsAndConditions) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// ConsentMapping asks whether attributes may be shared with another system:
// all of them, or none.
type ConsentMapping struct {
	// Name is the mapping's; DisplayName is for people.
	Name        string `out:"name"`
	DisplayName string `out:"displayName"`
	Icon        string `out:"icon"`
	AccessLevel string `out:"accessLevel"`
	// Required says that the journey does not go on without consent.
	Required bool   `out:"isRequired"`
	Message  string `out:"message"`
	// Fields are the names of the attributes.
	Fields []string `out:"fields"`
	// Accepted is the client's answer.
	Accepted bool `in:""`
}

var _ Callback = ConsentMapping{}

// Type implements Callback.
func (ConsentMapping) Type() string { return "ConsentMappingCallback" }

// Outputs implements Callback.
func (c ConsentMapping) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c ConsentMapping) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c ConsentMapping) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
