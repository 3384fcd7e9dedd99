package callback

// ReCaptcha asks for the token of a captcha, be it reCAPTCHA or hCaptcha.
type ReCaptcha struct {
	SiteKey string `out:"recaptchaSiteKey"`
	// APIURI is where the captcha's script comes from.
	APIURI   string `out:"captchaApiUri,optional"`
	DivClass string `out:"captchaDivClass,optional"`
	// V3 says that the captcha asks the person nothing.
	V3 bool `out:"reCaptchaV3,optional"`
	// DisableSubmission keeps the form from being sent before it is solved.
	DisableSubmission bool `out:"disableSubmission,optional"`
	// Token is what the captcha gave the client.
	Token string `in:""`
}

var _ Callback = ReCaptcha{}

// Type implements Callback.
func (ReCaptcha) Type() string { return "ReCaptchaCallback" }

// Outputs implements Callback.
func (c ReCaptcha) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c ReCaptcha) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c ReCaptcha) Fill(in map[string]any) (Callback, error) { return fill(c, in) }

// ReCaptchaEnterprise asks for the token of a reCAPTCHA Enterprise.
type ReCaptchaEnterprise struct {
	SiteKey string `out:"recaptchaSiteKey"`
	// APIURI is where the captcha's script comes from.
	APIURI   string `out:"captchaApiUri,optional"`
	DivClass string `out:"captchaDivClass,optional"`
	// Token is what the captcha gave the client for Action.
	Token  string `in:"token"`
	Action string `in:"action"`
	// ClientError says why the client has no token.
	ClientError string `in:"clientError"`
	// Payload is JSON to be added to the assessment.
	Payload string `in:"payload"`
}

var _ Callback = ReCaptchaEnterprise{}

// Type implements Callback.
func (ReCaptchaEnterprise) Type() string { return "ReCaptchaEnterpriseCallback" }

// Outputs implements Callback.
func (c ReCaptchaEnterprise) Outputs() []Field { return outputs(c) }

// Inputs implements Callback.
func (c ReCaptchaEnterprise) Inputs() []Field { return inputs(c) }

// Fill implements Callback.
func (c ReCaptchaEnterprise) Fill(in map[string]any) (Callback, error) { return fill(c, in) }
