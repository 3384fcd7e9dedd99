package callback

import "slices"

// LocalAuthentication is the name of the provider that stands for signing in
// here rather than elsewhere.
const LocalAuthentication = "localAuthentication"

// Provider is one that a person may sign in with.
type Provider struct {
	Name string `json:"provider"`
	// UI says how the provider's button looks, by AM's names, such as
	// "buttonDisplayName". The local one has none.
	UI map[string]string `json:"uiConfig,omitempty"`
}

// SelectIDP asks who the person signs in with.
type SelectIDP struct {
	Providers []Provider `out:"providers"`
	// Preset is the name of a provider that is chosen already.
	Preset string `out:"value"`
	// Value is the name of the provider that the client chose.
	Value string `in:""`
}

var _ Callback = SelectIDP{}

// Type implements Callback.
func (SelectIDP) Type() string { return "SelectIdPCallback" }

// Outputs implements Callback.
func (c SelectIDP) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c SelectIDP) Inputs() []Field { return inputs(c) }

// Fill implements Callback. The input must be the name of a provider that was
// offered; it may be empty, which is no choice yet.
func (c SelectIDP) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

func (c SelectIDP) check() error {
	offered := func(p Provider) bool { return p.Name == c.Value }
	if c.Value == "" || slices.ContainsFunc(c.Providers, offered) {
		return nil
	}
	return inputError{why: "the name of a provider that was offered is needed"}
}

// IDP asks an app on a device to sign in with a provider by its means, and for
// the token that comes of it.
type IDP struct {
	Provider    string   `out:"provider"`
	ClientID    string   `out:"clientId"`
	RedirectURI string   `out:"redirectUri"`
	Scopes      []string `out:"scopes"`
	Nonce       string   `out:"nonce"`
	ACRValues   []string `out:"acrValues"`
	Request     string   `out:"request"`
	RequestURI  string   `out:"requestUri"`
	// AcceptsJSON says that the token may be JSON with a profile beside it.
	AcceptsJSON bool `out:"acceptsJSON,optional"`
	// Token is what the provider gave the app.
	Token Secret `in:"token"`
	// TokenType is "id_token", "access_token" or "authorization_code".
	TokenType string `in:"token_type"`
}

var _ Callback = IDP{}

// Type implements Callback.
func (IDP) Type() string { return "IdPCallback" }

// Outputs implements Callback.
func (c IDP) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c IDP) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c IDP) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
