package callback

import "fmt"

// NameValueOutput shows a value under a name: its only output has the name
// that the node chose. It is read-only, and known to OpenAM alone.
type NameValueOutput struct{ Name, Value string }

var _ Callback = NameValueOutput{}

// Type implements Callback.
func (NameValueOutput) Type() string { return "NameValueOutputCallback" }

// Outputs implements Callback.
func (c NameValueOutput) Outputs() []Field { return []Field{{Name: c.Name, Value: c.Value}} }

// Inputs implements Callback.
func (NameValueOutput) Inputs() []Field { return nil }

// Fill implements Callback.
func (c NameValueOutput) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// rebuild is for a callback whose output has no name of its own.
func (NameValueOutput) rebuild(outputs []wireField) (Callback, error) {
	if len(outputs) != 1 {
		return nil, fmt.Errorf("there are %d outputs; one is needed", len(outputs))
	}
	text, ok := outputs[0].Value.any.(string)
	if !ok {
		return nil, inputError{suffix: outputs[0].Name, why: "a string is needed"}
	}
	return NameValueOutput{Name: outputs[0].Name, Value: text}, nil
}
