package callback

import "slices"

// KbaCreate asks for a security question, and the answer by which the person
// will be known later.
type KbaCreate struct {
	Prompt              string   `out:"prompt"`
	PredefinedQuestions []string `out:"predefinedQuestions"`
	// AllowUserDefinedQuestions says that the question may be another than
	// the predefined ones.
	AllowUserDefinedQuestions bool `out:"allowUserDefinedQuestions"`
	// Question is what the client chose or wrote.
	Question string `in:"question"`
	// Answer is what the client typed.
	Answer Secret `in:"answer"`
}

var _ Callback = KbaCreate{}

// Type implements Callback.
func (KbaCreate) Type() string { return "KbaCreateCallback" }

// Outputs implements Callback.
func (c KbaCreate) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c KbaCreate) Inputs() []Field { return inputs(c) }

// Fill implements Callback. The question must be a predefined one, unless others
// are allowed; it may be empty, which is no question yet.
func (c KbaCreate) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

func (c KbaCreate) check() error {
	if c.Question == "" || c.AllowUserDefinedQuestions || slices.Contains(c.PredefinedQuestions, c.Question) {
		return nil
	}
	return inputError{suffix: "question", why: "one of the predefined questions is needed"}
}
