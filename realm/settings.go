package realm

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// JourneyScheme says where unfinished journeys live.
type JourneyScheme string

// The journey-session schemes.
const (
	JourneysClient   JourneyScheme = "client"
	JourneysServer   JourneyScheme = "server"
	JourneysInMemory JourneyScheme = "in_memory"
)

// SessionScheme says where authenticated sessions live.
type SessionScheme string

// The session schemes: the state of sessions is in the CTS, or its client
// carries it, signed and sealed.
const (
	SessionsServer SessionScheme = "server"
	SessionsClient SessionScheme = "client"
)

// Defaults of Settings, as AM has them.
const (
	DefaultJourneyTimeout = 5 * time.Minute
	DefaultSuspendTimeout = 5 * time.Minute
	DefaultMaxTime        = 120 * time.Minute
	DefaultIdleTimeout    = 30 * time.Minute
	DefaultCookie         = "iPlanetDirectoryPro"
	DefaultJourney        = "Login"
)

// Settings are the configuration of one realm. They are complete: whoever
// makes them fills in the defaults with WithDefaults.
type Settings struct {
	// Path is "/" or "/alpha" or "/alpha/beta".
	Path string
	// Aliases are other names for the realm in URLs; Hosts are host names
	// that select it when nothing else does.
	Aliases, Hosts []string
	// Journeys are the realm's journeys by name; DefaultJourney names the
	// one that runs when a client asks for none.
	Journeys       map[string]*journey.Tree
	DefaultJourney string
	// Users are the realm's people.
	Users identity.Store

	JourneySessions JourneyScheme
	// SurviveNodeLoss lets other nodes take over the in-memory journeys of a node
	// that is gone.
	SurviveNodeLoss       bool
	AuthenticatedSessions SessionScheme
	// Signing is how sessions are signed that their clients carry.
	Signing token.Signing
	// Track has the store keep small records of sessions that their clients
	// carry. Without them they are not listed, counted or idle.
	Track          bool
	JourneyTimeout time.Duration
	// SuspendTimeout bounds how long a journey stays suspended whose node does
	// not say; AM's suspendedAuthenticationTimeout.
	SuspendTimeout time.Duration
	// NoAllowlisting lets a step be answered more than once; AM's
	// authenticationSessionsWhitelist turned off. It is a risk.
	NoAllowlisting bool
	// Lockout locks accounts after failed logins; nil for never.
	Lockout              *Lockout
	MaxTime, IdleTimeout time.Duration
	// Quota bounds how many sessions a user may have at once.
	Quota Quota
	// SessionProperties are the properties of sessions that clients may read
	// and, unless they are the server's own, change; AM's session property
	// allow-list. AMCtxId is always among them.
	SessionProperties []string
	// Outage is what is asked of sessions' records, and so decides which
	// sessions work while the store does not answer: store.Any, store.Strict
	// or a store.Grace.
	Outage store.Freshness

	Cookie Cookie
	// SuccessURL and FailureURL are where a client should go when nothing
	// else decided; AM's loginSuccessUrl and loginFailureUrl.
	SuccessURL, FailureURL string
	// GotoAllow are the origins, besides the request's own, to which goto
	// may lead. CORS are the origins whose pages may call the REST API with
	// credentials.
	GotoAllow, CORS []string
	// SigningKeys, newest first, replace the realm's generated secret.
	SigningKeys []token.Secret

	// The rest is what the realm's nodes may use, see journey.Services.
	Mailer    journey.Mailer
	Agents    identity.Store
	Terms     *journey.Terms
	Questions []journey.Question
	Webhooks  []Webhook
}

// Lockout says when failed logins lock an account (AM's accountlockout).
type Lockout struct {
	// Count failures within Interval lock the account for Duration; 0 is
	// until an administrator, or an Account Lockout node, unlocks it.
	Count              int
	Interval, Duration time.Duration
}

// Quota is a session.Quota, and where it was written, "" if that is not known.
type Quota struct {
	session.Quota
	Source string
}

// Webhook is an HTTP request that is made when a session ends (AM 8.1,
// "Configure logout webhooks").
type Webhook struct {
	Name   string
	URL    string
	Method string
	Header map[string]string
	// Body may have session properties in it, as ${name}.
	Body string
}

// WithDefaults returns the settings with every empty one filled in. base is
// the path under which AM is served, "/am".
func (s Settings) WithDefaults(base string) Settings {
	setDefault(&s.JourneySessions, JourneysServer)
	setDefault(&s.AuthenticatedSessions, SessionsServer)
	setDefault(&s.JourneyTimeout, DefaultJourneyTimeout)
	setDefault(&s.SuspendTimeout, DefaultSuspendTimeout)
	setDefault(&s.MaxTime, DefaultMaxTime)
	setDefault(&s.IdleTimeout, DefaultIdleTimeout)
	setDefault(&s.DefaultJourney, DefaultJourney)
	setDefault(&s.Cookie.Name, DefaultCookie)
	setDefault(&s.Cookie.SameSite, SameSiteLax)
	home := base + "/XUI/"
	if s.Path != "/" {
		home += "?realm=" + s.Path
	}
	setDefault(&s.SuccessURL, home)
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Check tells what is wrong with the settings, naming the realm.
func (s Settings) Check() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("realm %s: %s", s.Path, fmt.Sprintf(format, args...))
	}
	if err := CheckPath(s.Path); err != nil {
		return err
	}
	if s.Users == nil {
		return fail("no identities; name a source of users, for example: identities file users.json")
	}
	switch s.JourneySessions {
	case JourneysClient, JourneysServer, JourneysInMemory:
	default:
		return fail("journey_sessions %q is not known; use client, server or in_memory", s.JourneySessions)
	}
	if s.SurviveNodeLoss && s.JourneySessions != JourneysInMemory {
		return fail("survive_node_loss is for journey_sessions in_memory; %s ones do not depend on a node", s.JourneySessions)
	}
	switch s.AuthenticatedSessions {
	case SessionsServer:
	case SessionsClient:
		if s.Cookie.Room() < minTokenRoom {
			return fail("cookie: with its name and domain there are %d bytes left for a session that its client carries, at least %d are needed",
				s.Cookie.Room(), minTokenRoom)
		}
		if s.MaxTime > session.MaxCarried {
			return fail("max_time is %v; a session that its client carries lasts at most %v", s.MaxTime, session.MaxCarried)
		}
	default:
		return fail("authenticated_sessions %q is not known; use client or server", s.AuthenticatedSessions)
	}
	for name, d := range map[string]time.Duration{
		"journey_timeout": s.JourneyTimeout, "suspend_timeout": s.SuspendTimeout,
		"max_time": s.MaxTime, "idle_timeout": s.IdleTimeout,
	} {
		if d < time.Second {
			return fail("%s is %v; it must be at least one second, and sessions that never end are not supported", name, d)
		}
	}
	if s.Outage == store.Fresh {
		return fail("sessions would be read from the store at every request; use strict, freshness, or grace with a duration")
	}
	if err := s.checkQuota(); err != nil {
		return fail("%v", err)
	}
	if err := s.checkDefaultJourney(); err != nil {
		return fail("%v", err)
	}
	if err := checkProperties(s.SessionProperties); err != nil {
		return fail("%v", err)
	}
	if l := s.Lockout; l != nil && (l.Count < 1 || l.Interval < time.Second || l.Duration < 0) {
		return fail("lockout after %d failures within %v for %v; at least one failure and one second are needed", l.Count, l.Interval, l.Duration)
	}
	for _, origin := range append(append([]string{}, s.GotoAllow...), s.CORS...) {
		if err := CheckOrigin(origin); err != nil {
			return fail("%v", err)
		}
	}
	return s.Cookie.check(fail)
}

// checkQuota tells why the quota cannot be kept, and where it was written.
func (s Settings) checkQuota() (err error) {
	switch {
	case s.Quota.Max < 0:
		err = fmt.Errorf("session_quota %d: a user must be allowed at least one session", s.Quota.Max)
	case s.Quota.Max > 0 && s.AuthenticatedSessions == SessionsClient && !s.Track:
		err = errors.New("session_quota: nobody counts sessions that their clients carry; add track to authenticated_sessions client, or use server")
	}
	if err != nil && s.Quota.Source != "" {
		err = fmt.Errorf("%s: %w", s.Quota.Source, err)
	}
	return err
}

// checkDefaultJourney tells why the default journey cannot be one, and where
// it was written. AM 8.1, "Configure authentication trees", refuses mustRun for
// it: no session would ever satisfy a request.
func (s Settings) checkDefaultJourney() error {
	t, ok := s.Journeys[s.DefaultJourney]
	var why string
	switch {
	case !ok:
		return fmt.Errorf("default_journey %s: there is no such journey in this realm", s.DefaultJourney)
	case t.Disabled:
		why = "it is disabled"
	case t.InnerOnly:
		why = "it runs only inside other journeys"
	case t.MustRun:
		why = "it must run whatever session a client has"
	default:
		return nil
	}
	err := fmt.Errorf("journey %s: %s, so it cannot be the default_journey", t.Name, why)
	if t.Source != "" {
		err = fmt.Errorf("%s: %w", t.Source, err)
	}
	return err
}

// CheckPath tells what is wrong with the path of a realm: it is "/" or
// names that begin with a slash each, of letters, digits, "-", "_" and ".".
func CheckPath(path string) error {
	if path == "/" {
		return nil
	}
	bad := func(why string) error {
		return fmt.Errorf("realm %q: %s; a realm is / or, for example, /alpha or /alpha/beta", path, why)
	}
	if !strings.HasPrefix(path, "/") {
		return bad("it does not begin with a slash")
	}
	for name := range strings.SplitSeq(path[1:], "/") {
		if strings.Trim(name, ".") == "" {
			return bad("one of its names is empty")
		}
		if i := strings.IndexFunc(name, func(r rune) bool { return !isNameRune(r) }); i >= 0 {
			return bad(fmt.Sprintf("%q may not stand in a realm's name", name[i:i+1]))
		}
	}
	return nil
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r)
}
