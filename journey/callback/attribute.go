package callback

import "encoding/json"

// Attribute is what the callbacks that ask for an attribute of a profile have
// in common.
type Attribute struct {
	// Name is the attribute's, such as "givenName".
	Name   string `out:"name"`
	Prompt string `out:"prompt"`
	// Required says that the attribute must not stay empty.
	Required bool `out:"required"`
	Validation
}

// BooleanAttributeInput asks for an attribute that is true or false.
type BooleanAttributeInput struct {
	Attribute
	// Preset is the attribute's present value; Value should begin with it.
	Preset bool `out:"value"`
	// Value is what the client chose.
	Value bool `in:""`
	// ValidateOnly is the client's wish to have the value checked and to be
	// asked again, whether it is right or not.
	ValidateOnly bool `in:"validateOnly"`
}

var _ Callback = BooleanAttributeInput{}

// Type implements Callback.
func (BooleanAttributeInput) Type() string { return "BooleanAttributeInputCallback" }

// Outputs implements Callback.
func (c BooleanAttributeInput) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c BooleanAttributeInput) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c BooleanAttributeInput) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// NumberAttributeInput asks for an attribute that is a number.
type NumberAttributeInput struct {
	Attribute
	// Preset is the attribute's present value, empty if it has none; Value
	// should begin with it.
	Preset json.Number `out:"value"`
	// Value is what the client typed, as it was written, or empty.
	Value json.Number `in:""`
	// ValidateOnly is as in BooleanAttributeInput.
	ValidateOnly bool `in:"validateOnly"`
}

var _ Callback = NumberAttributeInput{}

// Type implements Callback.
func (NumberAttributeInput) Type() string { return "NumberAttributeInputCallback" }

// Outputs implements Callback.
func (c NumberAttributeInput) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c NumberAttributeInput) Inputs() []Field { return inputs(c) }

// Fill implements Callback. The input must be a number, or null.
func (c NumberAttributeInput) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// StringAttributeInput asks for an attribute that is a text.
type StringAttributeInput struct {
	Attribute
	// Preset is the attribute's present value; Value should begin with it.
	Preset string `out:"value"`
	// Value is what the client typed.
	Value string `in:""`
	// ValidateOnly is as in BooleanAttributeInput.
	ValidateOnly bool `in:"validateOnly"`
}

var _ Callback = StringAttributeInput{}

// Type implements Callback.
func (StringAttributeInput) Type() string { return "StringAttributeInputCallback" }

// Outputs implements Callback.
func (c StringAttributeInput) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c StringAttributeInput) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c StringAttributeInput) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
