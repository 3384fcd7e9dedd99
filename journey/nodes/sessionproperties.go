package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/amgate/amgate/journey"
)

// SetSessionProperties sets properties of the session that the journey makes,
// and bounds its times. Of several such nodes the last one counts.
type SetSessionProperties struct {
	Properties map[string]string `json:"properties" option:"property" doc:"The name of a session property and its value." example:"department sales"`
	// MaxTime and IdleTime are in minutes; 0 is not set.
	MaxTime  int `json:"maxSessionTime,omitempty" option:"max_time" doc:"How long the session may live, in minutes; 0 leaves that to the journey or the realm." example:"60"`
	IdleTime int `json:"maxIdleTime,omitempty" option:"idle_time" doc:"How long the session may be idle, in minutes; 0 leaves that to the journey or the realm." example:"10"`
}

var (
	_ journey.Node    = (*SetSessionProperties)(nil)
	_ journey.Checker = (*SetSessionProperties)(nil)
)

// reserved are the session properties that tell what the session is: the
// server sets them (AM's InternalSession.protectedProperties). Those that
// begin with "am.protected." are not among them: they are protected from
// clients, not from journeys.
var reserved = []string{
	"AMCtxId", "AMMaxIdleTime", "AMMaxSessionTime", "AuthLevel", "AuthType", "FullLoginURL", "Host", "HostName",
	"Organization", "Principal", "Principals", "Role", "Service", "SessionHandle", "SessionTimedOut",
	"TokenRestriction", "UserId", "UserToken", "authInstant", "cookieSupport", "loginURL", "sun.am.UniversalIdentifier",
}

// Process implements journey.Node.
func (n *SetSessionProperties) Process(context.Context, *journey.Input) (journey.Action, error) {
	action := journey.Goto(outcomeOnly).WithSessionTimes(minutes(n.MaxTime), minutes(n.IdleTime))
	for name, value := range n.Properties {
		action = action.WithProperty(name, value)
	}
	return action, nil
}

// Outcomes implements journey.Node.
func (*SetSessionProperties) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *SetSessionProperties) Check() error {
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		switch {
		case name == "":
			return errors.New("a property has no name")
		case slices.Contains(reserved, name):
			return fmt.Errorf("property %s: the server itself sets this session property; choose another name", name)
		}
	}
	if n.MaxTime < 0 || n.IdleTime < 0 {
		return fmt.Errorf("max_time %d, idle_time %d: minutes are needed, or 0 for those of the realm", n.MaxTime, n.IdleTime)
	}
	return nil
}

// RemoveSessionProperties drops properties that earlier nodes set for the
// session that the journey makes.
type RemoveSessionProperties struct {
	Names []string `json:"propertyNames" option:"property" doc:"The names of session properties. Required." example:"department"`
}

var (
	_ journey.Node    = (*RemoveSessionProperties)(nil)
	_ journey.Checker = (*RemoveSessionProperties)(nil)
)

// Process implements journey.Node.
func (n *RemoveSessionProperties) Process(context.Context, *journey.Input) (journey.Action, error) {
	action := journey.Goto(outcomeOnly)
	for _, name := range n.Names {
		action = action.WithoutProperty(name)
	}
	return action, nil
}

// Outcomes implements journey.Node.
func (*RemoveSessionProperties) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *RemoveSessionProperties) Check() error {
	if len(n.Names) == 0 {
		return errors.New("property is missing; name the session properties to remove")
	}
	return nil
}
