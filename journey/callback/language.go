package callback

// Language asks the client's program for the language that its user reads.
type Language struct {
	// Language is an ISO 639 code such as "de".
	Language string `in:"Language"`
	// Country is an ISO 3166 code such as "CH", or empty.
	Country string `in:"Country"`
}

var _ Callback = Language{}

// Type implements Callback.
func (Language) Type() string { return "LanguageCallback" }

// Outputs implements Callback.
func (c Language) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c Language) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c Language) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
