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
	// AgentsRaw are the realm's agents, which are no people: a module
	// am.identities.*.
	AgentsRaw json.RawMessage `json:"agents,omitempty" caddy:"namespace=am.identities inline_key=source"`
	// JourneySessions is "client", "server" or "in_memory";
	// AuthenticatedSessions is "client" or "server".
	JourneySessions string `json:"journey_sessions,omitempty"`
	// SurviveNodeLoss lets other nodes take over the in-memory journeys of a node
	// that is gone.
	SurviveNodeLoss       bool   `json:"survive_node_loss,omitempty"`
	AuthenticatedSessions string `json:"authenticated_sessions,omitempty"`
	// ClientSessions says how clients carry their sessions.
	ClientSessions *ClientSessions `json:"client_sessions,omitempty"`
	JourneyTimeout caddy.Duration  `json:"journey_timeout,omitempty"`
	// JourneyTimeouts are those of single journeys, before what the journeys
	// say themselves.
	JourneyTimeouts []*JourneyTimeout `json:"journey_timeouts,omitempty"`
	// SuspendTimeout bounds how long a journey waits for its link.
	SuspendTimeout caddy.Duration `json:"suspend_timeout,omitempty"`
	// NoAllowlisting lets a step of a journey be answered more than once. It
	// is a risk.
	NoAllowlisting bool `json:"no_allowlisting,omitempty"`
	// Lockout locks accounts after failed logins; by default none is.
	Lockout     *Lockout       `json:"lockout,omitempty"`
	MaxTime     caddy.Duration `json:"max_time,omitempty"`
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`
	// SessionQuota bounds how many sessions a user may have at once.
	SessionQuota *SessionQuota `json:"session_quota,omitempty"`
	// SessionProperties are those that clients may read and change.
	SessionProperties []string `json:"session_properties,omitempty"`
	// Outage says what becomes of sessions while the store does not answer.
	Outage     *Outage `json:"outage,omitempty"`
	Cookie     Cookie  `json:"cookie,omitzero"`
	SuccessURL string  `json:"success_url,omitempty"`
	FailureURL string  `json:"failure_url,omitempty"`
	// GotoAllow are origins to which goto may lead; CORS are origins whose
	// pages may call the REST API.
	GotoAllow []string `json:"goto_allow,omitempty"`
	CORS      []string `json:"cors,omitempty"`
	// SigningKeys, newest first, replace the realm's generated secret.
	SigningKeys    []string   `json:"signing_keys,omitempty"`
	DefaultJourney string     `json:"default_journey,omitempty"`
	Journeys       []*Journey `json:"journeys,omitempty"`
	// JourneyFiles are further journeys, in AM's format.
	JourneyFiles *JourneyFiles `json:"journey_files,omitempty"`
	// The rest is what nodes may use.
	Terms             *Terms              `json:"terms,omitempty"`
	SecurityQuestions []*SecurityQuestion `json:"security_questions,omitempty"`
	Webhooks          []*Webhook          `json:"webhooks,omitempty"`
	Mail
}

// JourneyTimeout is how long one journey may take.
type JourneyTimeout struct {
	Journey string         `json:"journey"`
	Timeout caddy.Duration `json:"timeout"`
	Source  string         `json:"source,omitempty"`
}

// Lockout says when failed logins lock an account.
type Lockout struct {
	// Count failures within Interval lock it for Duration; 0 is until
	// somebody unlocks it.
	Count    int            `json:"count"`
	Interval caddy.Duration `json:"interval"`
	Duration caddy.Duration `json:"duration,omitempty"`
}

// SessionQuota says how many sessions a user may have, and what becomes of a
// login beyond that: deny, destroy_next_expiring (the default), destroy_oldest
// or destroy_all.
type SessionQuota struct {
	Max    int    `json:"max"`
	Action string `json:"action,omitempty"`
	Source string `json:"source,omitempty"`
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

// provision makes the realm's settings; app and cfg are what holds for
// all realms.
func (r *Realm) provision(ctx caddy.Context, app *App, cfg realm.Config) (realm.Settings, error) {
	s, journeys, err := r.settings(ctx, app, cfg)
	if err != nil {
		return s, err
	}
	if r.NoAllowlisting {
		cfg.Logger.Warn("allowlisting is off: whoever gets hold of an answered step of a journey can answer it again until the journey ends",
			"realm", r.Path)
	}
	return s, at("realm "+r.Path, r.judge(&s, journeys, cfg.Logger))
}

// settings makes the realm's settings, and journeys that are not judged yet.
func (r *Realm) settings(ctx caddy.Context, app *App, cfg realm.Config) (s realm.Settings, journeys Journeys, err error) {
	defer func() { err = at("realm "+r.Path, err) }()
	s = realm.Settings{
		Path: r.Path, Aliases: r.Aliases, Hosts: r.Hosts,
		DefaultJourney:        r.DefaultJourney,
		JourneySessions:       realm.JourneyScheme(r.JourneySessions),
		SurviveNodeLoss:       r.SurviveNodeLoss,
		AuthenticatedSessions: realm.SessionScheme(r.AuthenticatedSessions),
		JourneyTimeout:        time.Duration(r.JourneyTimeout),
		SuspendTimeout:        time.Duration(r.SuspendTimeout),
		NoAllowlisting:        r.NoAllowlisting,
		MaxTime:               time.Duration(r.MaxTime),
		IdleTimeout:           time.Duration(r.IdleTimeout),
		SessionProperties:     r.SessionProperties,
		Cookie:                realm.Cookie{Name: r.Cookie.Name, Domain: r.Cookie.Domain, SameSite: r.Cookie.SameSite},
		SuccessURL:            r.SuccessURL, FailureURL: r.FailureURL,
		GotoAllow: r.GotoAllow, CORS: r.CORS,
	}.WithDefaults(base)
	if l := r.Lockout; l != nil {
		s.Lockout = &realm.Lockout{
			Count: l.Count, Interval: time.Duration(l.Interval), Duration: time.Duration(l.Duration),
		}
	}
	if s.Quota, err = r.SessionQuota.quota(); err != nil {
		return s, journeys, err
	}
	if s.Outage, err = r.Outage.freshness(); err != nil {
		return s, journeys, err
	}
	if s.Users, err = r.users(ctx); err != nil {
		return s, journeys, err
	}
	if err := r.clientSessions(&s); err != nil {
		return s, journeys, fmt.Errorf("authenticated_sessions: %w", err)
	}
	if s.SigningKeys, err = parseSecrets(r.SigningKeys); err != nil {
		return s, journeys, fmt.Errorf("signing_key: %w", err)
	}
	if err := r.lend(ctx, &s); err != nil {
		return s, journeys, err
	}
	files, err := r.JourneyFiles.load(ctx)
	if err != nil {
		return s, journeys, err
	}
	if s.Mailer, err = r.mailer(&app.taken, app.Mail, files, cfg.Logger); err != nil {
		return s, journeys, err
	}
	journeys, err = r.journeys(ctx, files, cfg.Services(s))
	journeys.Default = s.DefaultJourney
	return s, journeys, err
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

// inline builds the journeys that stand in the configuration.
func (r *Realm) inline(ctx caddy.Context) (map[string]*journey.Tree, error) {
	trees := make(map[string]*journey.Tree, len(r.Journeys))
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
