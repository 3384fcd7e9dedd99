package nodes

import (
	"context"
	"errors"
	"strconv"

	"github.com/amgate/amgate/journey"
)

// SessionData copies a property of the session that the client has already
// into the journey's state. Without a session, or without the property, it
// does nothing.
type SessionData struct {
	SessionKey string `json:"sessionDataKey" option:"property" doc:"The name of a session property, for example UserToken, the user's name. Required." example:"UserToken"`
	StateKey   string `json:"sharedStateKey" option:"state" doc:"The key of the journey's state that receives its value. Required." example:"userName"`
}

var (
	_ journey.Node     = (*SessionData)(nil)
	_ journey.Declarer = (*SessionData)(nil)
	_ journey.Checker  = (*SessionData)(nil)
)

// Process implements journey.Node.
func (n *SessionData) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if value, ok := sessionProperty(in.Session, n.SessionKey); ok {
		in.State.PutShared(n.StateKey, value)
	}
	return journey.Goto(outcomeOnly), nil
}

// sessionProperty is a property of a session: one of those that every session
// of AM has, or one that its journey set.
func sessionProperty(s *journey.Session, name string) (value string, ok bool) {
	if s == nil {
		return "", false
	}
	switch name {
	case "UserToken", "UserId":
		return s.Username, true
	case "AuthLevel":
		return strconv.Itoa(s.AuthLevel), true
	case "Service":
		return s.Journey, true
	}
	value, ok = s.Properties[name]
	return value, ok
}

// Outcomes implements journey.Node.
func (*SessionData) Outcomes() []string { return []string{outcomeOnly} }

// Reads implements journey.Declarer.
func (*SessionData) Reads() []string { return nil }

// Writes implements journey.Declarer. It may leave the key as it is.
func (*SessionData) Writes() []string { return nil }

// Check implements journey.Checker.
func (n *SessionData) Check() error {
	switch {
	case n.SessionKey == "":
		return errors.New("property is missing; name a session property")
	case n.StateKey == "":
		return errors.New("state is missing; name a key of the journey's state")
	}
	return checkKey(n.StateKey)
}
