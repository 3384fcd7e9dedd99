package callback

import "log/slog"

// Name asks for a user name.
type Name struct {
	Prompt string `out:"prompt"`
	// Value is what the client typed.
	Value string `in:""`
}

var _ Callback = Name{}

// Type implements Callback.
func (Name) Type() string { return "NameCallback" }

// Outputs implements Callback.
func (c Name) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c Name) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c Name) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// Password asks for a password. What was typed is in Value and in nothing
// else: it is not printed, not logged, and not encoded, so that a password
// that is asked for again is never echoed.
type Password struct {
	Prompt string `out:"prompt"`
	// Value is what the client typed.
	Value string `in:""`
}

var (
	_ Callback       = Password{}
	_ slog.LogValuer = Password{}
)

// Type implements Callback.
func (Password) Type() string { return "PasswordCallback" }

// Outputs implements Callback.
func (c Password) Outputs() []Field { return outputs(c) }

// Inputs implements Callback. The value is always empty.
func (Password) Inputs() []Field { return []Field{{Name: "", Value: ""}} }

// Fill implements Callback.
func (c Password) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// kept is the callback without its value.
func (c Password) kept() (Callback, int) { return Password{Prompt: c.Prompt}, len(c.Prompt) }

// String names the callback without its value.
func (c Password) String() string { return "PasswordCallback(" + c.Prompt + ")" }

// GoString is String, for %#v.
func (c Password) GoString() string { return c.String() }

// LogValue implements slog.LogValuer.
func (c Password) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON keeps the value out of logs that encode what they are given.
func (c Password) MarshalJSON() ([]byte, error) { return encode(c.String()) }
