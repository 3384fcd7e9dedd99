package realm

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// Errors of Authenticate that a client caused, beside those of the journey
// and callback packages. Faults of stores come as store.ErrUnavailable,
// identity.ErrUnavailable or identity.ErrBusy.
var (
	// ErrNoConfiguration says that there is no such journey to start.
	ErrNoConfiguration = errors.New("No Configuration found") //nolint:staticcheck // ST1005: AM's own words, sent to clients
	// ErrIndexType says that authIndexType is not one that AM knows.
	ErrIndexType = errors.New("Unknown Authentication Index Type") //nolint:staticcheck // ST1005: as above
	// ErrAdvice says that a composite advice cannot be read.
	ErrAdvice = errors.New("realm: the composite advice is malformed")
	// ErrUpgradeToken says that Request.UpgradeToken is no live session of the
	// realm.
	ErrUpgradeToken = errors.New("realm: the token to upgrade is no session")
)

// Request is one call of authenticate: an answer if there is an AuthID, else
// a link being followed if there is a SuspendedID, else a start.
type Request struct {
	AuthID string
	// SuspendedID is what the link of a suspended journey carries.
	SuspendedID string
	// Callbacks is the array of answered callbacks, as sent; nil if none.
	Callbacks json.RawMessage
	// IndexType and IndexValue are authIndexType and authIndexValue.
	IndexType, IndexValue string
	NoSession, ForceAuth  bool
	// NewSession asks for a session of its own, whatever session the client
	// has; AM's arg=newsession.
	NewSession       bool
	Goto, GotoOnFail string
	// Tokens are the SSO tokens that the client presented, see Cookie.Tokens.
	Tokens []string
	// UpgradeToken is one that the client names as the session to upgrade, or
	// "". It then counts instead of Tokens.
	UpgradeToken string
	// Browser is what the request tells of a browser that sent it.
	Browser Browser
	// Affinity is what the client or the edge sent, unverified.
	Affinity string
	// Locale is the client's explicit wish, it goes before Client.Languages.
	Locale string
	// Origin is the scheme and host of the page or endpoint that the client
	// speaks to, "https://login.example.com": where goto may always lead.
	Origin string
	Client *journey.Client
}

// Reply is the answer to a Request: exactly one of Step, Success and Failure
// is set.
type Reply struct {
	// Affinity is the value for the cookie amlbcookie; always set.
	Affinity string
	// BrowserSecret is to be handed to the browser, see Cookie.SetSecret, or
	// "".
	BrowserSecret string
	// Cookies are those that the journey's nodes set.
	Cookies []*http.Cookie
	Step    *Step
	Success *Success
	Failure *Failure
}

// Step asks the client something.
type Step struct {
	AuthID                     string
	Callbacks                  callback.List
	Stage, Header, Description string
	// Restarted says that the journey began anew, because its state was lost
	// with the node that held it: what the client answered was not used.
	Restarted bool
}

// Success ends a journey well.
type Success struct {
	// Token is the new session's SSO token. It is empty without a session
	// (NoSession) and when a session that the client already had satisfies
	// the request (Existing).
	Token               string
	NoSession, Existing bool
	// SuccessURL is where the client should go; never empty.
	SuccessURL string
	Realm      string
	// Details are further members of the reply.
	Details map[string]any
}

// Failure ends a journey badly.
type Failure struct {
	// Message is for the client, in AM's words.
	Message string
	// ErrorCode is AM's code as text ("110" for a journey that timed out),
	// or empty.
	ErrorCode string
	// FailureURL is where the client should go, or empty.
	FailureURL string
	// Details are further members of the reply's detail.
	Details map[string]any
}
