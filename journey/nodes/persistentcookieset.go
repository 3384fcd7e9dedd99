package nodes

import (
	"context"
	"fmt"
	"time"

	"github.com/amgate/amgate/journey"
)

// SetPersistentCookie gives the client a cookie, once the journey has
// succeeded, by which a Persistent Cookie Decision knows the user again.
type SetPersistentCookie struct {
	// Idle and MaxLife are in hours.
	Idle     int    `json:"idleTimeout" option:"idle_timeout" doc:"How long the cookie is good without being used, in hours."`
	MaxLife  int    `json:"maxLife" option:"max_life" doc:"How long the cookie is good at all, in hours."`
	Secure   bool   `json:"useSecureCookie" option:"secure" doc:"Browsers send the cookie over https alone."`
	HTTPOnly bool   `json:"useHttpOnlyCookie" option:"http_only" doc:"Scripts cannot read the cookie."`
	Key      string `json:"hmacSigningKey,omitempty" option:"signing_key" doc:"At least 32 bytes in base64 that the decision must have too. Without it the realm's own secret alone seals the cookie."`
	// KeyLabel names a secret in AM's secret stores. Here it only tells cookies
	// apart, as the key does.
	KeyLabel string `json:"signingKeyPurpose,omitempty"`
	Cookie   string `json:"persistentCookieName" option:"cookie" doc:"The cookie's name, which the decision must have too."`
}

var (
	_ journey.Node       = (*SetPersistentCookie)(nil)
	_ journey.Completer  = (*SetPersistentCookie)(nil)
	_ journey.Requirer   = (*SetPersistentCookie)(nil)
	_ journey.Checker    = (*SetPersistentCookie)(nil)
	_ journey.Rememberer = (*SetPersistentCookie)(nil)
)

func newSetPersistentCookie() journey.Node {
	return &SetPersistentCookie{Idle: 5, MaxLife: 5, Secure: true, HTTPOnly: true, Cookie: defaultPersistentCookie}
}

func (n *SetPersistentCookie) cookie() persistentCookie {
	return persistentCookie{name: n.Cookie, key: n.Key, keyLabel: n.KeyLabel, secure: n.Secure, httpOnly: n.HTTPOnly}
}

// Process implements journey.Node.
func (*SetPersistentCookie) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Goto(outcomeOnly).WithHook(), nil
}

// Complete implements journey.Completer: it sets the cookie, if the journey
// has a user.
func (n *SetPersistentCookie) Complete(_ context.Context, in *journey.Input) (journey.Action, error) {
	action := journey.Goto(outcomeOnly)
	if in.Subject == "" {
		return action, nil
	}
	stamp, _ := stampOf(in.Users, in.Subject)
	now := time.Now()
	cookie, err := n.cookie().seal(in.Services.Sealer, cookieClaims{
		Context: cookieContext{Realm: in.Realm, User: in.Subject, Journey: in.Journey, ClientIP: clientIP(in)},
		Issued:  now.Unix(),
		Idle:    now.Add(hours(n.Idle)).Unix(),
		Expires: now.Add(hours(n.MaxLife)).Unix(),
		Stamp:   stamp,
	})
	if err != nil {
		return journey.Action{}, err
	}
	return action.WithCookie(cookie), nil
}

// Outcomes implements journey.Node.
func (*SetPersistentCookie) Outcomes() []string { return []string{outcomeOnly} }

// Needs implements journey.Requirer.
func (n *SetPersistentCookie) Needs() []journey.Need { return n.cookie().needs() }

// RememberedBy implements journey.Rememberer.
func (n *SetPersistentCookie) RememberedBy() string { return n.Cookie }

// Check implements journey.Checker.
func (n *SetPersistentCookie) Check() error {
	if n.Idle < 1 || n.MaxLife < 1 {
		return fmt.Errorf("idle_timeout %d, max_life %d: at least 1 hour is needed", n.Idle, n.MaxLife)
	}
	return n.cookie().check()
}
