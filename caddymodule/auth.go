package caddymodule

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/amgate/amgate/gateway"
)

func init() { caddy.RegisterModule(Auth{}) }

// Auth lets only requests with a live session of its realm pass. Browsers on
// their way to a page are sent to log in, everything else is answered 401; a
// store that does not answer gives 503 and never a logout.
//
// It sets the placeholders {http.auth.user.id}, {http.auth.user.realm},
// {http.auth.user.roles}, {http.auth.user.level} and
// {http.auth.user.handle}, and for the app behind it the headers X-AM-User,
// X-AM-Realm, X-AM-Roles and X-AM-Auth-Level. Copies of these that a client
// sends never reach the app.
type Auth struct {
	// Realm is the realm's path, "/" by default.
	Realm string `json:"realm,omitempty"`
	// Login is the URL of the login page; by default the one of this site.
	Login string `json:"login,omitempty"`
	// ForwardCookie lets the app see the session cookie.
	ForwardCookie bool `json:"forward_cookie,omitempty"`

	gate *gateway.Gateway
}

// CaddyModule returns the Caddy module information.
func (Auth) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.am_auth", New: func() caddy.Module { return new(Auth) }}
}

// Provision binds the handler to its realm.
func (a *Auth) Provision(ctx caddy.Context) error {
	app, err := amApp(ctx)
	if err != nil {
		return err
	}
	if a.Realm == "" {
		a.Realm = "/"
	}
	r, ok := app.set.Realm(a.Realm)
	if !ok {
		return fmt.Errorf("am_auth: there is no realm %s", a.Realm)
	}
	cfg := gateway.Config{
		Realm: r, LoginURL: a.Login, Base: base, ForwardCookie: a.ForwardCookie, Secure: app.secure, Logger: app.log,
	}
	if err := cfg.Check(); err != nil {
		return fmt.Errorf("am_auth: %w", err)
	}
	a.gate = gateway.New(cfg)
	return nil
}

// ServeHTTP checks the request. Replacer values are set, never expanded: a
// session that contains "{env.X}" shows just that.
func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	id, err := a.gate.Check(r.Context(), r)
	if err != nil {
		a.gate.Refuse(w, asSent(r), err)
		return nil
	}
	a.gate.Prepare(r, id)
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Map(func(key string) (any, bool) {
		if field, ok := strings.CutPrefix(key, "http.auth.user."); ok {
			return id.Placeholder(field)
		}
		return nil, false
	})
	return next.ServeHTTP(w, r)
}

// asSent returns the request with the URL that the client sent, so that after
// the login it comes back there and not to where a rewrite led.
func asSent(r *http.Request) *http.Request {
	sent, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok {
		return r
	}
	again := *r
	again.URL, again.RequestURI = sent.URL, sent.RequestURI
	return &again
}

// parseAuth sets up am_auth from Caddyfile tokens. Syntax:
//
//	am_auth [<matcher>] {
//		realm <path>
//		login <url>
//		forward_cookie
//	}
func parseAuth(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	a := new(Auth)
	return a, a.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive's block.
func (a *Auth) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	if d.NextArg() {
		return d.Errf("am_auth takes no argument %q; name the realm in its block: am_auth { realm /alpha }", d.Val())
	}
	return parseBlock(d, "am_auth", authOptions, a)
}

var authOptions = []option[*Auth]{
	{
		name: "realm", args: "<path>", def: "/", doc: "The realm whose sessions may pass.",
		set: text(func(a *Auth) *string { return &a.Realm }),
	},
	{
		name: "login", args: "<url>", def: "this site's /am/XUI/", doc: "Where browsers are sent to log in.",
		set: text(func(a *Auth) *string { return &a.Login }),
	},
	{
		name: "forward_cookie", doc: "Let the app see the session cookie. By default it cannot, so that a broken app cannot act for its users elsewhere.",
		set: flag(func(a *Auth) *bool { return &a.ForwardCookie }),
	},
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Auth)(nil)
	_ caddyhttp.MiddlewareHandler = (*Auth)(nil)
	_ caddyfile.Unmarshaler       = (*Auth)(nil)
)
