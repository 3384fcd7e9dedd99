package callback

// HiddenValue asks the client's program, not the person, for a text. AM marks
// the input with the callback's id until the client overwrites it.
type HiddenValue struct {
	Value string `out:"value"`
	ID    string `out:"id"`
	// Answer is what the client sent: see Given.
	Answer string `in:""`
}

var _ Callback = HiddenValue{}

// Type implements Callback.
func (HiddenValue) Type() string { return "HiddenValueCallback" }

// Outputs implements Callback.
func (c HiddenValue) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c HiddenValue) Inputs() []Field {
	if c.Answer == "" {
		c.Answer = c.ID
	}
	return inputs(c)
}

// Fill implements Callback.
func (c HiddenValue) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// Given returns what the client sent, and false if it left the input as it
// was or emptied it.
func (c HiddenValue) Given() (string, bool) {
	return c.Answer, c.Answer != "" && c.Answer != c.ID
}

// Metadata tells the client's program something. It is read-only.
type Metadata struct {
	// Data is what JSON can hold. Numbers in a Metadata that was read back
	// from JSON are json.Number.
	Data map[string]any `out:"data"`
}

var _ Callback = Metadata{}

// Type implements Callback.
func (Metadata) Type() string { return "MetadataCallback" }

// Outputs implements Callback.
func (c Metadata) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (Metadata) Inputs() []Field { return nil }

// Fill implements Callback.
func (c Metadata) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
