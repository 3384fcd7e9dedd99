package callback

// MessageType says how a text is meant.
type MessageType int

// AM's message types. A Script is JavaScript for browsers; amgate's own nodes
// never send one.
const (
	Information MessageType = 0
	Warning     MessageType = 1
	Error       MessageType = 2
	Script      MessageType = 4
)

// TextInput asks for a line of text.
type TextInput struct {
	Prompt      string `out:"prompt"`
	DefaultText string `out:"defaultText"`
	// Value is what the client typed.
	Value string `in:""`
}

var _ Callback = TextInput{}

// Type implements Callback.
func (TextInput) Type() string { return "TextInputCallback" }

// Outputs implements Callback.
func (c TextInput) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c TextInput) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c TextInput) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// TextOutput shows a text. It is read-only. AM prints the message type as a
// string.
type TextOutput struct {
	Message     string      `out:"message"`
	MessageType MessageType `out:"messageType,text"`
}

var _ Callback = TextOutput{}

// Type implements Callback.
func (TextOutput) Type() string { return "TextOutputCallback" }

// Outputs implements Callback.
func (c TextOutput) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (TextOutput) Inputs() []Field { return nil }

// Fill implements Callback.
func (c TextOutput) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
