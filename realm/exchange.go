package realm

import (
	"encoding/json"
	"errors"

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
)

// Request is one call of authenticate: a start when AuthID is empty, else an
// answer.
type Request struct {
	AuthID string
	// Callbacks is the array of answered callbacks, as sent; nil if none.
	Callbacks json.RawMessage
	// IndexType and IndexValue are authIndexType and authIndexValue.
	IndexType, IndexValue string
	NoSession, ForceAuth  bool
	Goto, GotoOnFail      string
	// Tokens are the SSO tokens that the client presented, see Cookie.Tokens.
	Tokens []string
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
	Step     *Step
	Success  *Success
	Failure  *Failure
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
}
