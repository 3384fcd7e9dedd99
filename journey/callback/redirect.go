package callback

// Redirect sends the browser elsewhere; it comes back with parameters that
// answer the step. It is read-only.
type Redirect struct {
	URL string `out:"redirectUrl"`
	// Method is GET or POST.
	Method string `out:"redirectMethod"`
	// TrackingCookie asks the client to keep the authId meanwhile, because
	// nothing in the URL that it comes back to says where the journey was.
	TrackingCookie bool `out:"trackingCookie"`
	// Data are the fields of the form of a POST.
	Data map[string]string `out:"redirectData,optional"`
}

var _ Callback = Redirect{}

// Type implements Callback.
func (Redirect) Type() string { return "RedirectCallback" }

// Outputs implements Callback.
func (c Redirect) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (Redirect) Inputs() []Field { return nil }

// Fill implements Callback.
func (c Redirect) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
