package callback

import "time"

// DeviceProfile asks the client's program to describe its device.
type DeviceProfile struct {
	// Metadata and Location say what is wanted.
	Metadata bool `out:"metadata"`
	Location bool `out:"location"`
	// Message is shown meanwhile.
	Message string `out:"message"`
	// Value is a JSON document with identifier, alias, metadata and location,
	// none of which is sure to be there.
	Value string `in:""`
}

var _ Callback = DeviceProfile{}

// Type implements Callback.
func (DeviceProfile) Type() string { return "DeviceProfileCallback" }

// Outputs implements Callback.
func (c DeviceProfile) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c DeviceProfile) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c DeviceProfile) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// DeviceAuthentication says how an app must guard the key that it binds.
type DeviceAuthentication string

// AM's ways to guard a key.
const (
	BiometricOnly          DeviceAuthentication = "BIOMETRIC_ONLY"
	BiometricAllowFallback DeviceAuthentication = "BIOMETRIC_ALLOW_FALLBACK"
	ApplicationPIN         DeviceAuthentication = "APPLICATION_PIN"
	NoAuthentication       DeviceAuthentication = "NONE"
)

// DeviceBinding asks an app to make a key pair and to prove that it has it.
type DeviceBinding struct {
	UserID         string               `out:"userId"`
	Username       string               `out:"username"`
	Authentication DeviceAuthentication `out:"authenticationType"`
	// Challenge is what the key must sign, in base64.
	Challenge   string `out:"challenge"`
	Title       string `out:"title"`
	Subtitle    string `out:"subtitle"`
	Description string `out:"description"`
	// Timeout is how long the app may take, in whole seconds.
	Timeout time.Duration `out:"timeout,s"`
	// Attestation asks for the platform's word on where the key lives.
	Attestation bool `out:"attestation"`
	// JWS has the user's id as its subject and the challenge as a claim.
	JWS        string `in:"jws"`
	DeviceName string `in:"deviceName"`
	DeviceID   string `in:"deviceId"`
	// ClientError says why the app could not, such as "Unsupported".
	ClientError string `in:"clientError"`
}

var _ Callback = DeviceBinding{}

// Type implements Callback.
func (DeviceBinding) Type() string { return "DeviceBindingCallback" }

// Outputs implements Callback.
func (c DeviceBinding) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c DeviceBinding) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c DeviceBinding) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// DeviceSigningVerifier asks an app to sign a challenge with a key that was
// bound before.
type DeviceSigningVerifier struct {
	// UserID is empty if the journey does not know the user yet.
	UserID string `out:"userId"`
	// Challenge is what the key must sign, in base64.
	Challenge   string `out:"challenge"`
	Title       string `out:"title"`
	Subtitle    string `out:"subtitle"`
	Description string `out:"description"`
	// Timeout is how long the app may take, in whole seconds.
	Timeout time.Duration `out:"timeout,s"`
	// JWS has the user's id as its subject and the challenge as a claim.
	JWS string `in:"jws"`
	// ClientError says why the app could not.
	ClientError string `in:"clientError"`
}

var _ Callback = DeviceSigningVerifier{}

// Type implements Callback.
func (DeviceSigningVerifier) Type() string { return "DeviceSigningVerifierCallback" }

// Outputs implements Callback.
func (c DeviceSigningVerifier) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c DeviceSigningVerifier) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c DeviceSigningVerifier) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// AppIntegrity asks an app to have its platform vouch for it.
type AppIntegrity struct {
	Challenge string `out:"challenge"`
	// AttestToken is what the app sent earlier.
	AttestToken string `out:"attestToken"`
	// ClientError says why the app could not.
	ClientError string `in:"clientError"`
	// Attestation, Token, ClientData and KeyID are what the platform said.
	Attestation string `in:"attestToken"`
	Token       string `in:"token"`
	ClientData  string `in:"clientData"`
	KeyID       string `in:"keyId"`
}

var _ Callback = AppIntegrity{}

// Type implements Callback.
func (AppIntegrity) Type() string { return "AppIntegrityCallback" }

// Outputs implements Callback.
func (c AppIntegrity) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c AppIntegrity) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c AppIntegrity) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
