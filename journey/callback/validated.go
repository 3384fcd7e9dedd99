package callback

// ValidatedCreateUsername asks for a user name that policies check, most often
// one that is to be new.
type ValidatedCreateUsername struct {
	Validation
	Prompt string `out:"prompt"`
	// Preset is the present user name, left out if there is none.
	Preset string `out:"value,optional"`
	// Value is what the client typed.
	Value string `in:""`
	// ValidateOnly is as in BooleanAttributeInput.
	ValidateOnly bool `in:"validateOnly"`
}

var _ Callback = ValidatedCreateUsername{}

// Type implements Callback.
func (ValidatedCreateUsername) Type() string { return "ValidatedCreateUsernameCallback" }

// Outputs implements Callback.
func (c ValidatedCreateUsername) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c ValidatedCreateUsername) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c ValidatedCreateUsername) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// ValidatedCreatePassword asks for a password that policies check, most often
// one that is to be new.
type ValidatedCreatePassword struct {
	// EchoOn says that the password may be seen while it is typed.
	EchoOn bool `out:"echoOn"`
	Validation
	Prompt string `out:"prompt"`
	// Value is what the client typed.
	Value Secret `in:""`
	// ValidateOnly is as in BooleanAttributeInput.
	ValidateOnly bool `in:"validateOnly"`
}

var _ Callback = ValidatedCreatePassword{}

// Type implements Callback.
func (ValidatedCreatePassword) Type() string { return "ValidatedCreatePasswordCallback" }

// Outputs implements Callback.
func (c ValidatedCreatePassword) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c ValidatedCreatePassword) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c ValidatedCreatePassword) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
