// Package callback has AM's callbacks as Go types, with their exact JSON.
//
// A callback is one question to the client: outputs to show and, unless it is
// read-only, inputs to fill in. On the wire the inputs of the n-th callback
// of a step are named IDTokenN, with a suffix where a callback has several.
package callback

// Callback is one question. Implementations are plain structs; a Callback in
// use is never changed.
type Callback interface {
	// Type is AM's name, such as "NameCallback".
	Type() string
	// Outputs are what the client shows, in AM's order.
	Outputs() []Field
	// Inputs are what the client fills in, with their present values. The
	// names are suffixes after IDTokenN; a single input has the name "".
	// A read-only callback has none.
	Inputs() []Field
	// Fill returns a copy with the inputs set. Values are as JSON decoded
	// them (string, float64, bool, nil, …), keyed by suffix; a missing one
	// keeps its value. An error says which input is wrong and why.
	Fill(inputs map[string]any) (Callback, error)
}

// Field is one named value of a callback.
type Field struct {
	Name  string
	Value any
}

// Item is a callback in a step. Those of a page carry an id, printed as _id.
type Item struct {
	Callback Callback
	ID       *int
}

// List is the callbacks of one step, in order. Its JSON is AM's.
type List []Item
