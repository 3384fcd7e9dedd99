package journey

import (
	"net/http"
	"time"

	"github.com/amgate/amgate/identity"
)

// Result is where a step led to: exactly one of Asked, Suspended, Succeeded and
// Failed is set.
type Result struct {
	// Asked says that the journey waits for the client. What it asks is in
	// the snapshot: Asked, Stage, Header and Description.
	Asked bool
	// Suspended says that the journey waits for its link to be followed. What
	// the client is shown is in the snapshot, as for Asked.
	Suspended *Suspended
	Succeeded *Succeeded
	Failed    *Failed
	// Cookies go with the reply to this step.
	Cookies []*http.Cookie
}

// Suspended is a journey that waits for its link to be followed.
type Suspended struct {
	// Duration is for how long; 0 is the realm's bound. Whoever keeps the
	// journey sets Snapshot.Suspended by it.
	Duration time.Duration
	// Send tells the user the link; nil if nobody is told.
	Send Send
}

// Succeeded is a journey that reached Success with an active user.
type Succeeded struct {
	// Subject is nil only for a journey that makes no session.
	Subject   *identity.User
	AuthLevel int
	// Findings are what the nodes found out for the session and the reply.
	Findings
	// SuccessURL is where a node sends the client, or empty.
	SuccessURL string
}

// Failed is a journey that reached Failure, or that reached Success without
// what it takes.
type Failed struct {
	// Message is for the client, in AM's words or the journey's; empty for
	// the usual one.
	Message string
	// Details are further members of the reply.
	Details map[string]any
	// FailureURL is where a node sends the client, or empty.
	FailureURL string
}

// StoppedError is an error that ended a journey.
type StoppedError struct {
	Err error
	// Message and Details are for the client, as those of Failed.
	Message string
	Details map[string]any
}

func (e *StoppedError) Error() string { return e.Err.Error() }

// Unwrap returns the error that ended the journey.
func (e *StoppedError) Unwrap() error { return e.Err }

// MessageLockedOut is AM's message for a user who is not active.
const MessageLockedOut = "User Locked Out."
