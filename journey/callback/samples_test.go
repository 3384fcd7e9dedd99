package callback_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/amgate/amgate/journey/callback"
)

var (
	userNamePolicies = callback.Policies{Name: "userName", Rules: []callback.Policy{
		{Requirements: []string{"REQUIRED"}, ID: "required"},
		{Requirements: []string{"VALID_TYPE"}, ID: "valid-type", Params: map[string]any{"types": []any{"string"}}},
		{Requirements: []string{"REQUIRED", "MIN_LENGTH"}, ID: "minimum-length", Params: map[string]any{"minLength": 1}},
	}}
	tooShort = callback.FailedPolicy{Requirement: "MIN_LENGTH", Params: map[string]any{"minLength": 8}}
)

const userNamePoliciesJSON = `{"policyRequirements":["REQUIRED","VALID_TYPE","MIN_LENGTH"],"fallbackPolicies":null,"name":"userName","policies":[` +
	`{"policyRequirements":["REQUIRED"],"policyId":"required"},` +
	`{"policyRequirements":["VALID_TYPE"],"policyId":"valid-type","params":{"types":["string"]}},` +
	`{"policyRequirements":["REQUIRED","MIN_LENGTH"],"policyId":"minimum-length","params":{"minLength":1}}],"conditionalPolicies":null}`

// samples are the callbacks of am-protocol, section 2, with the names, types
// and order that Ping documents or its SDKs' own tests have.
var samples = []struct {
	callback callback.Callback
	want     string
}{
	{
		callback.BooleanAttributeInput{
			Attribute: callback.Attribute{Name: "preferences/marketing", Prompt: "Send me special offers", Required: true},
		},
		`{"type":"BooleanAttributeInputCallback","output":[{"name":"name","value":"preferences/marketing"},{"name":"prompt","value":"Send me special offers"},{"name":"required","value":true},{"name":"policies","value":{}},{"name":"failedPolicies","value":[]},{"name":"validateOnly","value":false},{"name":"value","value":false}],"input":[{"name":"IDToken1","value":false},{"name":"IDToken1validateOnly","value":false}]}`,
	},
	{
		callback.NumberAttributeInput{Attribute: callback.Attribute{Name: "age", Prompt: "Age"}},
		`{"type":"NumberAttributeInputCallback","output":[{"name":"name","value":"age"},{"name":"prompt","value":"Age"},{"name":"required","value":false},{"name":"policies","value":{}},{"name":"failedPolicies","value":[]},{"name":"validateOnly","value":false},{"name":"value","value":null}],"input":[{"name":"IDToken1","value":null},{"name":"IDToken1validateOnly","value":false}]}`,
	},
	{
		callback.NumberAttributeInput{Attribute: callback.Attribute{Name: "age", Prompt: "Age"}, Preset: "30.0", Value: "30.0"},
		`{"type":"NumberAttributeInputCallback","output":[{"name":"name","value":"age"},{"name":"prompt","value":"Age"},{"name":"required","value":false},{"name":"policies","value":{}},{"name":"failedPolicies","value":[]},{"name":"validateOnly","value":false},{"name":"value","value":30.0}],"input":[{"name":"IDToken1","value":30.0},{"name":"IDToken1validateOnly","value":false}]}`,
	},
	{
		callback.StringAttributeInput{Attribute: callback.Attribute{
			Name: "givenName", Prompt: "First Name", Required: true,
			Validation: callback.Validation{Policies: userNamePolicies, FailedPolicies: []callback.FailedPolicy{{Requirement: "UNIQUE"}, tooShort}},
		}, Preset: "a", Value: "a"},
		`{"type":"StringAttributeInputCallback","output":[{"name":"name","value":"givenName"},{"name":"prompt","value":"First Name"},{"name":"required","value":true},{"name":"policies","value":` + userNamePoliciesJSON + `},{"name":"failedPolicies","value":["{\"policyRequirement\":\"UNIQUE\"}","{\"params\":{\"minLength\":8},\"policyRequirement\":\"MIN_LENGTH\"}"]},{"name":"validateOnly","value":false},{"name":"value","value":"a"}],"input":[{"name":"IDToken1","value":"a"},{"name":"IDToken1validateOnly","value":false}]}`,
	},
	{
		callback.ValidatedCreateUsername{Validation: callback.Validation{Policies: userNamePolicies}, Prompt: "Username"},
		`{"type":"ValidatedCreateUsernameCallback","output":[{"name":"policies","value":` + userNamePoliciesJSON + `},{"name":"failedPolicies","value":[]},{"name":"validateOnly","value":false},{"name":"prompt","value":"Username"}],"input":[{"name":"IDToken1","value":""},{"name":"IDToken1validateOnly","value":false}]}`,
	},
	{
		callback.ValidatedCreatePassword{Prompt: "Password", Value: "correct-horse"},
		`{"type":"ValidatedCreatePasswordCallback","output":[{"name":"echoOn","value":false},{"name":"policies","value":{}},{"name":"failedPolicies","value":[]},{"name":"validateOnly","value":false},{"name":"prompt","value":"Password"}],"input":[{"name":"IDToken1","value":""},{"name":"IDToken1validateOnly","value":false}]}`,
	},
	{
		callback.KbaCreate{Prompt: "Select a security question", PredefinedQuestions: []string{"What's your favorite color?"}, AllowUserDefinedQuestions: true},
		`{"type":"KbaCreateCallback","output":[{"name":"prompt","value":"Select a security question"},{"name":"predefinedQuestions","value":["What's your favorite color?"]},{"name":"allowUserDefinedQuestions","value":true}],"input":[{"name":"IDToken1question","value":""},{"name":"IDToken1answer","value":""}]}`,
	},
	{
		callback.TermsAndConditions{Version: "0.0", Terms: "You must agree.", CreateDate: "2022-10-28T04:20:11.320Z"},
		`{"type":"TermsAndConditionsCallback","output":[{"name":"version","value":"0.0"},{"name":"terms","value":"You must agree."},{"name":"createDate","value":"2022-10-28T04:20:11.320Z"}],"input":[{"name":"IDToken1","value":false}]}`,
	},
	{
		callback.ConsentMapping{Name: "managedUser_managedUser", DisplayName: "Test Mapping", AccessLevel: "Actual Profile", Required: true, Message: "You consent."},
		`{"type":"ConsentMappingCallback","output":[{"name":"name","value":"managedUser_managedUser"},{"name":"displayName","value":"Test Mapping"},{"name":"icon","value":""},{"name":"accessLevel","value":"Actual Profile"},{"name":"isRequired","value":true},{"name":"message","value":"You consent."},{"name":"fields","value":[]}],"input":[{"name":"IDToken1","value":false}]}`,
	},
	{
		callback.SelectIDP{Providers: []callback.Provider{
			{Name: "google", UI: map[string]string{"buttonClass": "", "buttonDisplayName": "Google"}}, {Name: callback.LocalAuthentication},
		}},
		`{"type":"SelectIdPCallback","output":[{"name":"providers","value":[{"provider":"google","uiConfig":{"buttonClass":"","buttonDisplayName":"Google"}},{"provider":"localAuthentication"}]},{"name":"value","value":""}],"input":[{"name":"IDToken1","value":""}]}`,
	},
	{
		callback.IDP{Provider: "amazon", ClientID: "amzn1", RedirectURI: "https://localhost:8443/am", Scopes: []string{"profile"}, Token: "a.b.c"},
		`{"type":"IdPCallback","output":[{"name":"provider","value":"amazon"},{"name":"clientId","value":"amzn1"},{"name":"redirectUri","value":"https://localhost:8443/am"},{"name":"scopes","value":["profile"]},{"name":"nonce","value":""},{"name":"acrValues","value":[]},{"name":"request","value":""},{"name":"requestUri","value":""}],"input":[{"name":"IDToken1token","value":""},{"name":"IDToken1token_type","value":""}]}`,
	},
	{
		callback.DeviceProfile{Metadata: true, Location: true, Message: "Collecting....."},
		`{"type":"DeviceProfileCallback","output":[{"name":"metadata","value":true},{"name":"location","value":true},{"name":"message","value":"Collecting....."}],"input":[{"name":"IDToken1","value":""}]}`,
	},
	{
		callback.DeviceBinding{
			UserID: "id=demo,ou=user", Username: "demo", Authentication: callback.NoAuthentication, Challenge: "CS3+g40=",
			Title: "Authentication required", Subtitle: "Cryptography device binding", Description: "Please complete", Timeout: time.Minute,
		},
		`{"type":"DeviceBindingCallback","output":[{"name":"userId","value":"id=demo,ou=user"},{"name":"username","value":"demo"},{"name":"authenticationType","value":"NONE"},{"name":"challenge","value":"CS3+g40="},{"name":"title","value":"Authentication required"},{"name":"subtitle","value":"Cryptography device binding"},{"name":"description","value":"Please complete"},{"name":"timeout","value":60},{"name":"attestation","value":false}],"input":[{"name":"IDToken1jws","value":""},{"name":"IDToken1deviceName","value":""},{"name":"IDToken1deviceId","value":""},{"name":"IDToken1clientError","value":""}]}`,
	},
	{
		callback.DeviceSigningVerifier{Challenge: "Kc4d=", Title: "T", Subtitle: "S", Description: "D", Timeout: time.Minute},
		`{"type":"DeviceSigningVerifierCallback","output":[{"name":"userId","value":""},{"name":"challenge","value":"Kc4d="},{"name":"title","value":"T"},{"name":"subtitle","value":"S"},{"name":"description","value":"D"},{"name":"timeout","value":60}],"input":[{"name":"IDToken1jws","value":""},{"name":"IDToken1clientError","value":""}]}`,
	},
	{
		callback.AppIntegrity{Challenge: "c"},
		`{"type":"AppIntegrityCallback","output":[{"name":"challenge","value":"c"},{"name":"attestToken","value":""}],"input":[{"name":"IDToken1clientError","value":""},{"name":"IDToken1attestToken","value":""},{"name":"IDToken1token","value":""},{"name":"IDToken1clientData","value":""},{"name":"IDToken1keyId","value":""}]}`,
	},
	{
		callback.ReCaptcha{SiteKey: "6Lf28rYU"},
		`{"type":"ReCaptchaCallback","output":[{"name":"recaptchaSiteKey","value":"6Lf28rYU"}],"input":[{"name":"IDToken1","value":""}]}`,
	},
	{
		callback.ReCaptcha{SiteKey: "k", APIURI: "https://captcha.example/api.js", DivClass: "h-captcha", V3: true, DisableSubmission: true},
		`{"type":"ReCaptchaCallback","output":[{"name":"recaptchaSiteKey","value":"k"},{"name":"captchaApiUri","value":"https://captcha.example/api.js"},{"name":"captchaDivClass","value":"h-captcha"},{"name":"reCaptchaV3","value":true},{"name":"disableSubmission","value":true}],"input":[{"name":"IDToken1","value":""}]}`,
	},
	{
		callback.ReCaptchaEnterprise{SiteKey: "6Lf3tbYU"},
		`{"type":"ReCaptchaEnterpriseCallback","output":[{"name":"recaptchaSiteKey","value":"6Lf3tbYU"}],"input":[{"name":"IDToken1token","value":""},{"name":"IDToken1action","value":""},{"name":"IDToken1clientError","value":""},{"name":"IDToken1payload","value":""}]}`,
	},
	{
		callback.PingOneProtectInitialize{EnvID: "3072206d", DeviceAttributesToIgnore: []string{"field1"}, BehavioralDataCollection: true, DeviceKeyRsyncIntervals: 14},
		`{"type":"PingOneProtectInitializeCallback","output":[{"name":"envId","value":"3072206d"},{"name":"consoleLogEnabled","value":false},{"name":"deviceAttributesToIgnore","value":["field1"]},{"name":"customHost","value":""},{"name":"lazyMetadata","value":false},{"name":"behavioralDataCollection","value":true},{"name":"deviceKeyRsyncIntervals","value":14},{"name":"enableTrust","value":false},{"name":"disableTags","value":false},{"name":"disableHub","value":false}],"input":[{"name":"IDToken1clientError","value":""}]}`,
	},
	{
		callback.PingOneProtectEvaluation{PauseBehavioralData: true},
		`{"type":"PingOneProtectEvaluationCallback","output":[{"name":"pauseBehavioralData","value":true}],"input":[{"name":"IDToken1signals","value":""},{"name":"IDToken1clientError","value":""}]}`,
	},
	{
		callback.SuspendedTextOutput{Message: "An email has been sent to your inbox."},
		`{"type":"SuspendedTextOutputCallback","output":[{"name":"message","value":"An email has been sent to your inbox."},{"name":"messageType","value":"0"}]}`,
	},
	{
		callback.PollingWait{WaitTime: 8 * time.Second, Message: "Waiting for response..."},
		`{"type":"PollingWaitCallback","output":[{"name":"waitTime","value":"8000"},{"name":"message","value":"Waiting for response..."}]}`,
	},
	{
		callback.Redirect{URL: "https://idp.example/auth?nonce=1&x=2", Method: "GET", TrackingCookie: true},
		`{"type":"RedirectCallback","output":[{"name":"redirectUrl","value":"https://idp.example/auth?nonce=1&x=2"},{"name":"redirectMethod","value":"GET"},{"name":"trackingCookie","value":true}]}`,
	},
	{
		callback.Redirect{URL: "https://idp.example/", Method: "POST", Data: map[string]string{"SAMLRequest": "x"}},
		`{"type":"RedirectCallback","output":[{"name":"redirectUrl","value":"https://idp.example/"},{"name":"redirectMethod","value":"POST"},{"name":"trackingCookie","value":false},{"name":"redirectData","value":{"SAMLRequest":"x"}}]}`,
	},
	{
		callback.NameValueOutput{Name: "key", Value: "v"},
		`{"type":"NameValueOutputCallback","output":[{"name":"key","value":"v"}]}`,
	},
	{
		callback.Language{},
		`{"type":"LanguageCallback","input":[{"name":"IDToken1Language","value":""},{"name":"IDToken1Country","value":""}]}`,
	},
}

func TestSamples(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range samples {
		t.Run(fmt.Sprint(i, " ", s.callback.Type()), func(t *testing.T) {
			seen[s.callback.Type()] = true
			got, err := callback.List{{Callback: s.callback}}.MarshalJSON()
			if want := "[" + s.want + "]"; err != nil || string(got) != want {
				t.Fatalf("error %v\ngot  %s\nwant %s", err, got, want)
			}
			var back callback.List
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if again, err := back.MarshalJSON(); err != nil || string(again) != string(got) {
				t.Errorf("error %v\ncame back as %s\nfrom         %s", err, again, got)
			}
		})
	}
	// The types that are not here are in TestListIsAMsJSON.
	if len(seen)+8 != len(callback.Types()) {
		t.Errorf("%d types have a sample, of %d", len(seen), len(callback.Types()))
	}
}

func TestPoliciesComeBack(t *testing.T) {
	asked := callback.StringAttributeInput{Attribute: callback.Attribute{Validation: callback.Validation{
		Policies: userNamePolicies, FailedPolicies: []callback.FailedPolicy{tooShort},
	}}}
	raw, err := json.Marshal(callback.List{{Callback: asked}})
	if err != nil {
		t.Fatal(err)
	}
	var list callback.List
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	back := list[0].Callback.(callback.StringAttributeInput)
	if back.Policies.Name != "userName" || len(back.Policies.Rules) != 3 || back.Policies.Rules[2].ID != "minimum-length" {
		t.Errorf("policies %+v", back.Policies)
	}
	if failed := back.Failed(); len(failed) != 1 || failed[0].Requirement != "MIN_LENGTH" || fmt.Sprint(failed[0].Params["minLength"]) != "8" {
		t.Errorf("failed policies %+v", failed)
	}
}
