// Package callback has AM's callbacks as Go types, with their exact JSON.
//
// A callback is one question to the client: outputs to show and, unless it is
// read-only, inputs to fill in. On the wire the inputs of the n-th callback
// of a step are named IDTokenN, with a suffix where a callback has several.
//
// A type of this package is a struct whose fields carry tags: `out:"prompt"`
// is an output of that name, `in:""` the input IDTokenN, `in:"question"` the
// input IDTokenNquestion. The option ",text" prints a number as a string, as
// AM does in some places; ",ms" and ",s" say what the number of a
// time.Duration counts; ",optional" leaves an output out that has its zero
// value, as versions of AM do that do not know it. A json.Number is null if it
// is empty, and a Secret is taken in but never given out. The order of the
// fields, those of an embedded struct in its place, is the order on the wire.
// To add a type, write the struct and its four methods and list it in types.
//
// AM's HttpCallback and X509CertificateCallback are no types here: they read
// the request and are never part of a step.
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
	// them (string, float64 or json.Number, bool, nil, …), keyed by suffix; a
	// missing one keeps its value, and so does a null one unless null is one
	// of its values. An error says which input is wrong
	// and what would be right; it does not repeat what the client sent.
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

// List is the callbacks of one step, in order. Its JSON is AM's. It can be
// read back only if all its callbacks are Known.
type List []Item

// types are the callbacks that can be rebuilt from their JSON.
var types = describe(
	Name{}, Password{}, TextInput{}, TextOutput{}, Choice{}, Confirmation{}, HiddenValue{}, Metadata{},
	BooleanAttributeInput{}, NumberAttributeInput{}, StringAttributeInput{},
	ValidatedCreateUsername{}, ValidatedCreatePassword{},
	KbaCreate{}, TermsAndConditions{}, ConsentMapping{}, SelectIDP{}, IDP{},
	DeviceProfile{}, DeviceBinding{}, DeviceSigningVerifier{}, AppIntegrity{},
	ReCaptcha{}, ReCaptchaEnterprise{}, PingOneProtectInitialize{}, PingOneProtectEvaluation{},
	SuspendedTextOutput{}, PollingWait{}, Redirect{}, NameValueOutput{}, Language{},
)

// Known reports whether c is a type of this package. Only those survive in a
// journey that is kept between two steps.
func Known(c Callback) bool {
	if c == nil {
		return false
	}
	l, ok := types.byName[c.Type()]
	return ok && l == layoutOf(c)
}

// Types lists the types of this package, each as an empty value, in the order
// of their names.
func Types() []Callback { return types.empty() }

// First returns the first callback of type C, such as the Name among a node's
// answers, and whether there is one.
func First[C Callback](callbacks []Callback) (C, bool) {
	for _, c := range callbacks {
		if found, ok := c.(C); ok {
			return found, true
		}
	}
	var none C
	return none, false
}
