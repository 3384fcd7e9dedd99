package journey

import "github.com/amgate/amgate/identity"

// Result is where a step led to: exactly one of its fields is set.
type Result struct {
	// Asked says that the journey waits for the client. What it asks is in
	// the snapshot: Asked, Stage, Header and Description.
	Asked     bool
	Succeeded *Succeeded
	Failed    *Failed
}

// Succeeded is a journey that reached Success with an active user.
type Succeeded struct {
	Subject *identity.User
	// Properties, AuthTypes and AuthLevel are for the session. AuthTypes has
	// no name twice.
	Properties map[string]string
	AuthTypes  []string
	AuthLevel  int
	// SuccessURL is where a node sends the client, or empty.
	SuccessURL string
}

// Failed is a journey that reached Failure, or that reached Success without
// what it takes.
type Failed struct {
	// Message is for the client, in AM's words; empty for the usual one.
	Message string
	// FailureURL is where a node sends the client, or empty.
	FailureURL string
}

// MessageLockedOut is AM's message for a user who is not active.
const MessageLockedOut = "User Locked Out."
