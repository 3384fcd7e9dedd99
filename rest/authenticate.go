package rest

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/realm"
)

// answered is what counts of a posted step. Clients post the whole step back
// with members of their own; all but these two are ignored.
type answered struct {
	AuthID    *string        `json:"authId"`
	Callbacks jsontext.Value `json:"callbacks"`
}

// authenticate starts a journey, or continues the one that the authId in the
// body names, or else the suspendedId in the query. A page that a link opened
// goes on sending the latter.
func (a *API) authenticate(w http.ResponseWriter, c *call) (reply, error) {
	var body answered
	if _, err := readBody(w, c.Request, &body); err != nil {
		return reply{}, err
	}
	req := a.request(c)
	switch {
	case body.AuthID != nil && *body.AuthID == "":
		return reply{}, journey.ErrMalformed
	case body.AuthID != nil:
		req.AuthID, req.Callbacks = *body.AuthID, json.RawMessage(body.Callbacks)
	default:
		req.SuspendedID = c.query.Get("suspendedId")
	}
	answer, err := c.realm.Authenticate(c.Context(), req)
	if err != nil {
		return reply{}, err
	}
	return a.present(c, answer), nil
}

// request gathers what a call of authenticate says beside its body. Of an
// answer the realm uses little of it: how a journey was started lies in its
// authId.
func (a *API) request(c *call) realm.Request {
	return realm.Request{
		IndexType:    c.query.Get("authIndexType"),
		IndexValue:   c.query.Get("authIndexValue"),
		NoSession:    isTrue(c.query.Get("noSession")),
		ForceAuth:    isTrue(c.query.Get("ForceAuth")),
		NewSession:   strings.EqualFold(c.query.Get("arg"), "newsession"),
		Goto:         c.query.Get("goto"),
		GotoOnFail:   c.query.Get("gotoOnFail"),
		Locale:       c.query.Get("locale"),
		Tokens:       c.realm.Cookie.Tokens(c.Header),
		UpgradeToken: c.query.Get("sessionUpgradeSSOTokenId"),
		Affinity:     realm.SentAffinity(c.Header),
		Origin:       a.front.Origin(c.Request),
		Browser:      a.front.Browser(c.realm, c.Request),
		Client:       c.realm.Client(c.Request, a.front.ClientIP(c.Request)),
	}
}

// isTrue reads a flag. New SDKs always send noSession=false.
func isTrue(value string) bool { return strings.EqualFold(value, "true") }

// The bodies of AM's replies, with their members in AM's order.
type (
	stepBody    struct{ *realm.Step }
	successBody struct {
		// TokenID is nil without a session, and empty when the client has a
		// session already: a user interface takes the member's presence for
		// being signed in.
		TokenID    *string `json:"tokenId,omitempty"`
		SuccessURL string  `json:"successUrl"`
		Realm      string  `json:"realm"`
	}
)

// AppendJSON implements appender.
func (b stepBody) AppendJSON(text []byte) ([]byte, error) {
	text = callback.AppendText(append(text, `{"authId":`...), b.AuthID)
	text, err := b.Callbacks.AppendJSON(append(text, `,"callbacks":`...))
	if err != nil {
		return nil, err
	}
	for _, m := range []struct{ name, value string }{
		{`,"stage":`, b.Stage}, {`,"header":`, b.Header}, {`,"description":`, b.Description},
	} {
		if m.value != "" {
			text = callback.AppendText(append(text, m.name...), m.value)
		}
	}
	return append(text, '}'), nil
}

// present is a realm's answer as AM sends it: the session's cookie before
// those of the journey's nodes, and the affinity's on every one.
func (a *API) present(c *call, answer realm.Reply) reply {
	var (
		header = http.Header{}
		secure = a.front.Secure(c.Request)
		rep    reply
	)
	switch {
	case answer.Step != nil:
		rep = ok(stepBody{answer.Step})
	case answer.Success != nil:
		s := answer.Success
		body := successBody{SuccessURL: s.SuccessURL, Realm: s.Realm}
		if !s.NoSession {
			body.TokenID = &s.Token
		}
		if s.Token != "" {
			c.realm.Cookie.Set(header, s.Token, secure)
		}
		rep = ok(detailed(body, s.Details, "tokenId", "successUrl", "realm"))
	default:
		rep = failed(c, answer.Failure)
	}
	for _, cookie := range answer.Cookies {
		header.Add("Set-Cookie", cookie.String())
	}
	c.realm.Cookie.SetAffinity(header, answer.Affinity, secure)
	if answer.BrowserSecret != "" {
		c.realm.Cookie.SetSecret(header, answer.BrowserSecret, secure)
	}
	rep.header = header
	return rep
}

// failed is a failed journey: 401 but for an upgrade by another user (OpenAM's
// AMAuthErrorCodeResponseStatusMapping), and a detail only if there is one to
// tell, or if the user is locked out: AM then tells of an empty failureUrl
// (auth-node-ref, "Success node").
func failed(c *call, f *realm.Failure) reply {
	status := http.StatusUnauthorized
	if f.ErrorCode == realm.ErrorCodeOtherUser {
		status = http.StatusBadRequest
	}
	detail := &failureDetail{ErrorCode: f.ErrorCode, more: f.Details}
	switch {
	case f.FailureURL != "", f.Message == journey.MessageLockedOut:
		detail.FailureURL = &f.FailureURL
	case f.ErrorCode == "" && len(f.Details) == 0:
		detail = nil
	}
	return reply{
		status: status,
		body:   failureBody(c, status, f.Message, detail),
	}
}
