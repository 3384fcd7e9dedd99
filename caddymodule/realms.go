package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
)

type caddyDuration = caddy.Duration

// Realm is a body of users with its own journeys and session rules.
type Realm struct {
	// Path is "/", "/alpha" or "/alpha/beta".
	Path string `json:"path"`
	// Aliases are other names in URLs; Hosts are host names that select the
	// realm when a URL names none.
	Aliases []string `json:"aliases,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`
	// IdentitiesRaw are the realm's people: a module am.identities.*.
	IdentitiesRaw json.RawMessage `json:"identities,omitempty" caddy:"namespace=am.identities inline_key=source"`
	// JourneySessions is "server" or "in_memory"; AuthenticatedSessions is
	// "server".
	JourneySessions       string         `json:"journey_sessions,omitempty"`
	AuthenticatedSessions string         `json:"authenticated_sessions,omitempty"`
	JourneyTimeout        caddy.Duration `json:"journey_timeout,omitempty"`
	MaxTime               caddy.Duration `json:"max_time,omitempty"`
	IdleTimeout           caddy.Duration `json:"idle_timeout,omitempty"`
	Cookie                Cookie         `json:"cookie,omitzero"`
	SuccessURL            string         `json:"success_url,omitempty"`
	FailureURL            string         `json:"failure_url,omitempty"`
	// GotoAllow are origins to which goto may lead; CORS are origins whose
	// pages may call the REST API.
	GotoAllow []string `json:"goto_allow,omitempty"`
	CORS      []string `json:"cors,omitempty"`
	// SigningKeys, newest first, replace the realm's generated secret.
	SigningKeys    []string   `json:"signing_keys,omitempty"`
	DefaultJourney string     `json:"default_journey,omitempty"`
	Journeys       []*Journey `json:"journeys,omitempty"`
}

// Cookie says how the SSO token travels in browsers.
type Cookie struct {
	// Name is iPlanetDirectoryPro by default.
	Name string `json:"name,omitempty"`
	// Domain shares the cookie with the hosts of a domain; by default it is
	// kept to one host.
	Domain string `json:"domain,omitempty"`
	// SameSite is lax (the default), strict or none.
	SameSite string `json:"same_site,omitempty"`
}

// provision makes the realm's settings.
func (r *Realm) provision(ctx caddy.Context) (realm.Settings, error) {
	fail := func(err error) error { return at("realm "+r.Path, err) }
	users, err := r.users(ctx)
	if err != nil {
		return realm.Settings{}, fail(err)
	}
	keys, err := parseSecrets(r.SigningKeys)
	if err != nil {
		return realm.Settings{}, fail(fmt.Errorf("signing_key: %w", err))
	}
	trees, err := r.trees(ctx)
	return realm.Settings{
		Path: r.Path, Aliases: r.Aliases, Hosts: r.Hosts,
		Users:                 users,
		Journeys:              trees,
		DefaultJourney:        r.DefaultJourney,
		JourneySessions:       realm.JourneyScheme(r.JourneySessions),
		AuthenticatedSessions: realm.SessionScheme(r.AuthenticatedSessions),
		JourneyTimeout:        time.Duration(r.JourneyTimeout),
		MaxTime:               time.Duration(r.MaxTime),
		IdleTimeout:           time.Duration(r.IdleTimeout),
		Cookie:                realm.Cookie{Name: r.Cookie.Name, Domain: r.Cookie.Domain, SameSite: r.Cookie.SameSite},
		SuccessURL:            r.SuccessURL, FailureURL: r.FailureURL,
		GotoAllow: r.GotoAllow, CORS: r.CORS,
		SigningKeys: keys,
	}.WithDefaults(base), fail(err)
}

// users loads the realm's people. The root realm may have none: it is there
// even where all users belong to other realms.
func (r *Realm) users(ctx caddy.Context) (identity.Store, error) {
	if r.IdentitiesRaw == nil {
		if r.Path == "/" {
			return nobody{}, nil
		}
		return nil, nil
	}
	mod, err := ctx.LoadModule(r, "IdentitiesRaw")
	if err != nil {
		return nil, fmt.Errorf("identities: %w", err)
	}
	users, ok := mod.(identity.Store)
	if !ok {
		return nil, fmt.Errorf("identities: module %T is no identity store", mod)
	}
	return users, nil
}

// trees builds the realm's journeys, the built-in one among them unless the
// realm has its own of that name.
func (r *Realm) trees(ctx caddy.Context) (map[string]*journey.Tree, error) {
	trees := map[string]*journey.Tree{realm.DefaultJourney: nodes.Login()}
	var errs []error
	for _, j := range r.Journeys {
		tree, err := j.tree(ctx)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		trees[j.Name] = tree
	}
	return trees, errors.Join(errs...)
}

// nobody is the identity store of a realm without users.
type nobody struct{}

func (nobody) ByName(context.Context, string) (*identity.User, error) {
	return nil, identity.ErrNotFound
}
func (nobody) ByID(context.Context, string) (*identity.User, error) { return nil, identity.ErrNotFound }
func (nobody) Authenticate(context.Context, string, string) (*identity.User, error) {
	return nil, identity.ErrCredentials
}

// unmarshal reads a realm's block from Caddyfile tokens. Syntax:
//
//	realm <path> {
//		<option>...
//	}
func (r *Realm) unmarshal(d *caddyfile.Dispenser) error {
	if err := realm.CheckPath(r.Path); err != nil {
		return d.WrapErr(err)
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	return parseBlock(d, "realm "+r.Path, realmOptions, r)
}

var realmOptions = []option[*Realm]{
	{
		name: "identities", args: "file <path> | …", doc: "The realm's people. Required for every realm but the root one.",
		set: func(d *caddyfile.Dispenser, r *Realm) (err error) {
			r.IdentitiesRaw, err = unmarshalGuest(d, "am.identities.", "source")
			return err
		},
	},
	{
		name: "journey_sessions", args: "server | in_memory", def: "server",
		doc: "Where unfinished journeys live: in the store, or in this process (then edges must route by am_proxy). AM's words CTS and In-Memory are understood.",
		set: scheme(func(r *Realm) *string { return &r.JourneySessions }, journeySchemes),
	},
	{
		name: "authenticated_sessions", args: "server", def: "server",
		doc: "Where the state of sessions lives. AM's word CTS is understood.",
		set: scheme(func(r *Realm) *string { return &r.AuthenticatedSessions }, sessionSchemes),
	},
	{
		name: "journey_timeout", args: "<duration>", def: "5m", doc: "How long a journey may take.",
		set: duration(func(r *Realm) *caddyDuration { return &r.JourneyTimeout }),
	},
	{
		name: "max_time", args: "<duration>", def: "2h", doc: "How long a session lasts at most.",
		set: duration(func(r *Realm) *caddyDuration { return &r.MaxTime }),
	},
	{
		name: "idle_timeout", args: "<duration>", def: "30m", doc: "How long a session lasts without being used.",
		set: duration(func(r *Realm) *caddyDuration { return &r.IdleTimeout }),
	},
	{
		name: "cookie", args: "<name> { domain <domain>; same_site lax|strict|none }", def: "iPlanetDirectoryPro, host-only, lax",
		doc: "The cookie that carries the SSO token. It is HttpOnly, and Secure on TLS.",
		set: func(d *caddyfile.Dispenser, r *Realm) error {
			if d.NextArg() {
				r.Cookie.Name = d.Val()
			}
			if d.NextArg() {
				return d.ArgErr()
			}
			return parseBlock(d, "cookie", cookieOptions, &r.Cookie)
		},
	},
	{
		name: "success_url", args: "<url>", def: "the signed-in page", doc: "Where clients go after success when neither goto nor the journey says.",
		set: text(func(r *Realm) *string { return &r.SuccessURL }),
	},
	{
		name: "failure_url", args: "<url>", doc: "Where clients go after failure when nothing else says.",
		set: text(func(r *Realm) *string { return &r.FailureURL }),
	},
	{
		name: "goto_allow", args: "<origin...>", def: "the login page's own origin", many: true,
		doc: "Further origins to which goto may lead, compared exactly.",
		set: list(func(r *Realm) *[]string { return &r.GotoAllow }),
	},
	{
		name: "cors", args: "<origin...>", many: true, doc: "Origins whose pages may call the REST API with credentials.",
		set: list(func(r *Realm) *[]string { return &r.CORS }),
	},
	{
		name: "signing_key", args: "<base64...>", def: "generated",
		doc: "The realm's own secrets, at least 128 bits, newest first, instead of a generated one.",
		set: list(func(r *Realm) *[]string { return &r.SigningKeys }),
	},
	{
		name: "alias", args: "<name...>", many: true, doc: "Other names of the realm in URLs.",
		set: list(func(r *Realm) *[]string { return &r.Aliases }),
	},
	{
		name: "host", args: "<name...>", many: true, doc: "Host names that select the realm when the URL names none.",
		set: list(func(r *Realm) *[]string { return &r.Hosts }),
	},
	{
		name: "default_journey", args: "<name>", def: "Login", doc: "The journey that runs when a client asks for none.",
		set: text(func(r *Realm) *string { return &r.DefaultJourney }),
	},
	{
		name: "journey", args: "<name> { … }", many: true, doc: "A journey: its nodes, then its wires. Login is built in.",
		set: parseJourney,
	},
}

var cookieOptions = []option[*Cookie]{
	{
		name: "domain", args: "<domain>", doc: "Share the cookie with all hosts of a domain.",
		set: text(func(c *Cookie) *string { return &c.Domain }),
	},
	{
		name: "same_site", args: "lax | strict | none", def: "lax", doc: "The cookie's SameSite attribute.",
		set: text(func(c *Cookie) *string { return &c.SameSite }),
	},
}

// AM's words for the session schemes, beside our own.
var (
	journeySchemes = map[string]string{
		"server": "server", "CTS": "server", "in_memory": "in_memory", "In-Memory": "in_memory",
		"client": "", "JWT": "",
	}
	sessionSchemes = map[string]string{"server": "server", "CTS": "server", "client": "", "JWT": ""}
)

// scheme takes the name of a session scheme. Those that map to "" exist in
// AM but not in this version.
func scheme(field func(*Realm) *string, known map[string]string) func(*caddyfile.Dispenser, *Realm) error {
	return func(d *caddyfile.Dispenser, r *Realm) error {
		name := d.Val()
		var arg string
		if !d.AllArgs(&arg) {
			return d.ArgErr()
		}
		value, ok := known[arg]
		switch {
		case !ok && name == "authenticated_sessions" && (arg == "in_memory" || arg == "In-Memory"):
			return d.Errf("authenticated_sessions %s: not supported for authenticated sessions; use server", arg)
		case !ok:
			return d.Errf("%s: there is no scheme %q; use server%s", name, arg, map[bool]string{true: " or in_memory"}[name == "journey_sessions"])
		case value == "":
			return d.Errf("%s %s is not supported by this version; use server", name, arg)
		}
		*field(r) = value
		return nil
	}
}
