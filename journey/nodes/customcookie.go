package nodes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/amgate/amgate/journey"
)

// SetCustomCookie sets a cookie with the reply to this step, whatever becomes
// of the journey.
type SetCustomCookie struct {
	Name  string `json:"name" option:"name" doc:"The name of the cookie, none of amgate's own. Required." example:"theme"`
	Value string `json:"value" option:"value" doc:"The value of the cookie. Required." example:"dark"`
	// MaxAge is in seconds; nil for a cookie that ends with the browser's
	// session. 0 or less makes the browser forget the cookie.
	MaxAge   *int   `json:"maxAge,omitempty" option:"max_age" doc:"How long the browser keeps the cookie, in seconds; 0 makes it forget the cookie. Without it the cookie ends with the browser's session."`
	Domain   string `json:"domain,omitempty" option:"domain" doc:"The domain whose hosts get the cookie; without it the host alone."`
	Path     string `json:"path,omitempty" option:"path" doc:"The path below which the cookie is sent; without it the one of the request." example:"/"`
	Secure   bool   `json:"useSecureCookie" option:"secure" doc:"Send the cookie over TLS alone."`
	HTTPOnly bool   `json:"useHttpOnlyCookie" option:"http_only" doc:"Keep the cookie from scripts."`
	SameSite string `json:"sameSite" option:"same_site" doc:"Whether other sites may send the cookie along." values:"LAX,STRICT,NONE"`
}

var (
	_ journey.Node     = (*SetCustomCookie)(nil)
	_ journey.Checker  = (*SetCustomCookie)(nil)
	_ journey.Requirer = (*SetCustomCookie)(nil)
)

func newSetCustomCookie() journey.Node { return &SetCustomCookie{SameSite: "LAX"} }

// Process implements journey.Node.
func (n *SetCustomCookie) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Goto(outcomeOnly).WithCookie(n.cookie(time.Now())), nil
}

// cookie is the cookie as it is set at a time.
func (n *SetCustomCookie) cookie(now time.Time) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // G124: the operator decides, with AM's defaults.
		Name: n.Name, Value: n.Value, Domain: n.Domain, Path: n.Path, Secure: n.Secure, HttpOnly: n.HTTPOnly,
	}
	switch n.SameSite {
	case "LAX":
		c.SameSite = http.SameSiteLaxMode
	case "STRICT":
		c.SameSite = http.SameSiteStrictMode
	case "NONE":
		c.SameSite = http.SameSiteNoneMode
	}
	if n.MaxAge == nil {
		return c
	}
	c.Expires = now.Add(time.Duration(*n.MaxAge) * time.Second)
	if c.MaxAge = *n.MaxAge; c.MaxAge == 0 {
		c.MaxAge = -1 // what net/http writes as Max-Age=0
	}
	return c
}

// Outcomes implements journey.Node.
func (*SetCustomCookie) Outcomes() []string { return []string{outcomeOnly} }

// Check implements journey.Checker.
func (n *SetCustomCookie) Check() error {
	switch {
	case n.Name == "":
		return errors.New("name is missing; name the cookie")
	case n.Value == "":
		return errors.New("value is missing; give the cookie a value")
	case n.MaxAge != nil && (*n.MaxAge < 0 || *n.MaxAge > maxCookieAge):
		return fmt.Errorf("max_age %d: from 0 to %d seconds are possible", *n.MaxAge, maxCookieAge)
	case n.SameSite != "LAX" && n.SameSite != "STRICT" && n.SameSite != "NONE":
		return fmt.Errorf("same_site %q is not one of: LAX, STRICT, NONE", n.SameSite)
	}
	if err := n.cookie(time.Now()).Valid(); err != nil {
		return fmt.Errorf("a browser would not take this cookie: %w", err)
	}
	return nil
}

// maxCookieAge bounds a MaxAge, as AM does. Browsers keep no cookie for that
// long.
const maxCookieAge = math.MaxInt32

// Needs implements journey.Requirer.
func (n *SetCustomCookie) Needs() []journey.Need {
	return []journey.Need{{Kind: journey.NeedCookie, Name: n.Name}}
}
