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
// X-AM-Realm, X-AM-Roles and X-AM-Auth-Level; and of each of its properties
// {http.auth.user.property.<name>} and X-AM-Property-<name>. Copies of these
// that a client sends never reach the app.
//
// A request may meet several of them. Each judges what the client sent, and
// the last one says who the user is.
type Auth struct {
	// Realm is the realm's path, "/" by default.
	Realm string `json:"realm,omitempty"`
	// Login is the URL of the login page; by default the one of this site.
	Login string `json:"login,omitempty"`
	// ForwardCookie lets the app see the session cookie.
	ForwardCookie bool `json:"forward_cookie,omitempty"`
	// Properties are the session properties that the app is told.
	Properties []string `json:"properties,omitempty"`
	// Outage says what becomes of sessions while the store does not answer,
	// instead of what their realm says.
	Outage *Outage `json:"outage,omitempty"`
	// Public lets every request pass that no other am_auth has let pass, as
	// nobody: without the headers and cookies above, which the app behind
	// would believe or could use. The Caddyfile puts one behind an am_auth
	// with a matcher, for the requests that the matcher leaves out.
	Public bool `json:"public,omitempty"`

	app  *App
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
		Realm: r, LoginURL: a.Login, ForwardCookie: a.ForwardCookie, Properties: a.Properties, Outage: r.Outage, Front: app.front(),
	}
	if a.Outage != nil {
		if cfg.Outage, err = a.Outage.freshness(); err != nil {
			return fmt.Errorf("am_auth: %w", err)
		}
	}
	if err := cfg.Check(); err != nil {
		return fmt.Errorf("am_auth: %w", err)
	}
	a.app, a.gate = app, gateway.New(cfg)
	return nil
}

// ServeHTTP checks the request. Replacer values are set, never expanded: a
// session that contains "{env.X}" shows just that.
func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	v, first := passageOf(r, a.gate)
	if a.Public {
		if first {
			a.gate.Prepare(r, gateway.Identity{})
		}
		return next.ServeHTTP(w, r)
	}
	a.app.awaitStart(r.Context())
	sent := r
	if !first {
		again := *r
		again.Header = v.sent
		sent = &again
	}
	id, err := a.gate.Check(r.Context(), sent)
	if err != nil {
		a.gate.Refuse(w, asSent(r), err)
		return nil
	}
	a.gate.Prepare(r, id)
	v.identify(r, id)
	return next.ServeHTTP(w, r)
}

// passage is what the am_auth handlers of one request share.
type passage struct {
	// sent holds the credentials as the client sent them: the first handler
	// removes them from the request, the next one judges them, too.
	sent http.Header
	id   gateway.Identity
}

const passageVar = "am.passage"

// passageOf returns the request's passage, and whether this is its first
// handler.
func passageOf(r *http.Request, g *gateway.Gateway) (v *passage, first bool) {
	if v, ok := caddyhttp.GetVar(r.Context(), passageVar).(*passage); ok {
		return v, false
	}
	v = &passage{sent: g.Credentials(r.Header)}
	caddyhttp.SetVar(r.Context(), passageVar, v)
	return v, true
}

// identify makes id the user of the request, whoever was it before: another
// am_auth, or a handler of Caddy's own such as basic_auth.
func (v *passage) identify(r *http.Request, id gateway.Identity) {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	for _, name := range gateway.PlaceholderNames {
		repl.Delete(placeholderPrefix + name)
	}
	if !v.id.Known() {
		repl.Map(v.placeholder)
	}
	v.id = id
}

const placeholderPrefix = "http.auth.user."

func (v *passage) placeholder(key string) (any, bool) {
	if name, ok := strings.CutPrefix(key, placeholderPrefix); ok {
		return v.id.Placeholder(name)
	}
	return nil, false
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
//		properties <name...>
//		outage strict|freshness|grace [<duration>]
//	}
//
// With a matcher it makes two routes: the check, and behind it, for all
// requests, the handler that lets the others pass as nobody. Caddy sorts
// routes without a matcher behind those of the same directive that have one.
func parseAuth(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	a := new(Auth)
	if err := a.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	routes := h.NewRoute(matcher, a)
	if matcher != nil {
		routes = append(routes, h.NewRoute(nil, &Auth{Realm: a.Realm, ForwardCookie: a.ForwardCookie, Public: true})...)
	}
	return routes, nil
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
	{
		name: "properties", args: "<name...>", doc: "Session properties that the app is told: each in the header `X-AM-Property-<name>` and as `{http.auth.user.property.<name>}`.",
		set: list(func(a *Auth) *[]string { return &a.Properties }),
	},
	outageOption("the realm's", "What becomes of sessions here while the store does not answer, as in a realm.",
		func(a *Auth) **Outage { return &a.Outage }),
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Auth)(nil)
	_ caddyhttp.MiddlewareHandler = (*Auth)(nil)
	_ caddyfile.Unmarshaler       = (*Auth)(nil)
)
