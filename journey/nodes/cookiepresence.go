package nodes

import (
	"context"
	"errors"

	"github.com/amgate/amgate/journey"
)

// CookiePresence decides whether the client sent a cookie of a name, whatever
// its value. It never sees amgate's own cookies.
type CookiePresence struct {
	Name string `json:"cookieName" option:"cookie_name" doc:"The name of the cookie. Required." example:"theme"`
}

var (
	_ journey.Node    = (*CookiePresence)(nil)
	_ journey.Checker = (*CookiePresence)(nil)
)

// Process implements journey.Node.
func (n *CookiePresence) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	_, present := in.Client.Cookie(n.Name)
	return journey.Goto(outcomeOf(present)), nil
}

// Outcomes implements journey.Node.
func (*CookiePresence) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Check implements journey.Checker.
func (n *CookiePresence) Check() error {
	if n.Name == "" {
		return errors.New("cookie_name is missing; name a cookie")
	}
	return nil
}
