package nodes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
)

// PersistentCookie knows a user by the cookie that a Set Persistent Cookie node
// of the same name and key has set: true if the cookie is of this realm, not
// over, and of a user who may sign in and has the same password since. After success the cookie has its whole
// idle time again; its whole life stays as it is.
type PersistentCookie struct {
	// Idle is in hours.
	Idle int `json:"idleTimeout" option:"idle_timeout" doc:"How long the cookie is good after it was used, in hours."`
	// EnforceClientIP compares with the address that the cookie was set for.
	EnforceClientIP bool   `json:"enforceClientIp" option:"enforce_client_ip" doc:"Only the address that the cookie was set for may use it."`
	Secure          bool   `json:"useSecureCookie" option:"secure" doc:"Browsers send the cookie over https alone."`
	HTTPOnly        bool   `json:"useHttpOnlyCookie" option:"http_only" doc:"Scripts cannot read the cookie."`
	Key             string `json:"hmacSigningKey,omitempty" option:"signing_key" doc:"The key that the cookie was set with, if any: at least 32 bytes in base64."`
	KeyLabel        string `json:"signingKeyPurpose,omitempty"` // see SetPersistentCookie
	Cookie          string `json:"persistentCookieName" option:"cookie" doc:"The cookie's name."`
}

var (
	_ journey.Node       = (*PersistentCookie)(nil)
	_ journey.Declarer   = (*PersistentCookie)(nil)
	_ journey.Completer  = (*PersistentCookie)(nil)
	_ journey.Requirer   = (*PersistentCookie)(nil)
	_ journey.Checker    = (*PersistentCookie)(nil)
	_ journey.Rememberer = (*PersistentCookie)(nil)
)

func newPersistentCookie() journey.Node {
	return &PersistentCookie{Idle: 5, Secure: true, HTTPOnly: true, Cookie: defaultPersistentCookie}
}

func (n *PersistentCookie) cookie() persistentCookie {
	return persistentCookie{name: n.Cookie, key: n.Key, keyLabel: n.KeyLabel, secure: n.Secure, httpOnly: n.HTTPOnly}
}

// Process implements journey.Node.
func (n *PersistentCookie) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	claims, ok, err := n.cookie().find(in)
	switch {
	case err != nil:
		return journey.Action{}, err
	case !ok, n.EnforceClientIP && (claims.Context.ClientIP == "" || claims.Context.ClientIP != clientIP(in)):
		return journey.Goto(outcomeFalse), nil
	}
	user, err := in.Users.ByID(ctx, claims.Context.User)
	switch {
	case errors.Is(err, identity.ErrNotFound), err == nil && !user.Active:
		return journey.Goto(outcomeFalse), nil
	case err != nil:
		return journey.Action{}, err
	}
	in.State.PutShared(journey.KeyUsername, user.Username)
	return journey.Goto(outcomeTrue).WithSubject(user).WithHook(), nil
}

// Complete implements journey.Completer: it sets the cookie anew, unless the
// journey has found somebody else since, or the cookie is gone.
func (n *PersistentCookie) Complete(_ context.Context, in *journey.Input) (journey.Action, error) {
	action := journey.Goto(outcomeTrue)
	claims, ok, err := n.cookie().find(in)
	if err != nil {
		return journey.Action{}, err
	}
	if !ok || claims.Context.User != in.Subject {
		return action, nil
	}
	claims.Idle = time.Now().Add(hours(n.Idle)).Unix()
	cookie, err := n.cookie().seal(in.Services.Sealer, claims)
	if err != nil {
		return journey.Action{}, err
	}
	return action.WithCookie(cookie), nil
}

// Outcomes implements journey.Node.
func (*PersistentCookie) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Reads implements journey.Declarer.
func (*PersistentCookie) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*PersistentCookie) Writes() []string { return []string{journey.KeyUsername} }

// Needs implements journey.Requirer.
func (n *PersistentCookie) Needs() []journey.Need { return n.cookie().needs() }

// RememberedBy implements journey.Rememberer.
func (n *PersistentCookie) RememberedBy() string { return n.Cookie }

// Check implements journey.Checker.
func (n *PersistentCookie) Check() error {
	if n.Idle < 1 {
		return fmt.Errorf("idle_timeout %d: at least 1 hour is needed", n.Idle)
	}
	return n.cookie().check()
}
