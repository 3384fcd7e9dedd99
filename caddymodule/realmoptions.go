package caddymodule

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/realm"
)

var realmOptions = append([]option[*Realm]{
	{
		name: "identities", args: "file <path> | …", doc: "The realm's people. Required for every realm but the root one.",
		set: func(d *caddyfile.Dispenser, r *Realm) (err error) {
			r.IdentitiesRaw, err = unmarshalGuest(d, "am.identities.", "source")
			return err
		},
	},
	{
		name: "agents", args: "file <path> | …", doc: "The realm's agents, which are no people. The agent data store decision node asks them.",
		set: func(d *caddyfile.Dispenser, r *Realm) (err error) {
			r.AgentsRaw, err = unmarshalGuest(d, "am.identities.", "source")
			return err
		},
	},
	{
		name: "journey_sessions", args: "client | server | in_memory [{ … }]", def: "server",
		doc: "Where unfinished journeys live: with the client, sealed in the authId; in the store; or in the memory of the node that they began on. AM's words JWT, CTS and In-Memory are understood.",
		set: parseJourneySessions,
	},
	{
		name: "authenticated_sessions", args: "client [{ … }] | server", def: "server",
		doc: "Where the state of sessions lives: with the client, signed and sealed in the cookie (then, without `track`, no login writes it, and `idle_timeout` is not enforced); or in the store. AM's words JWT and CTS are understood.",
		set: parseAuthenticatedSessions,
	},
	{
		name: "allowlisting", args: "on | off", def: "on",
		doc: "Whether each step of a journey can be answered once only. Off is a risk: who gets hold of an answered step can answer it again until the journey ends.",
		set: func(d *caddyfile.Dispenser, r *Realm) error {
			on, err := onOff(d)
			r.NoAllowlisting = !on
			return err
		},
	},
	{
		name: "journey_timeout", args: "<duration> [<journey>]", def: "5m", many: true,
		doc: "How long a journey may take; with a name, how long that one may. It stands before what a loaded journey says itself.",
		set: parseJourneyTimeout,
	},
	{
		name: "suspend_timeout", args: "<duration>", def: "5m",
		doc: "How long a suspended journey waits for its link, if its node does not say.",
		set: duration(func(r *Realm) *caddyDuration { return &r.SuspendTimeout }),
	},
	{
		name: "lockout", args: "<count> <interval> <duration>|forever", def: "never",
		doc: "Lock an account after so many failed logins within the interval: for the duration, or until somebody unlocks it. AM's defaults, if its lockout is on, are `5 5h forever`.",
		set: parseLockout,
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
		name: "session_quota", args: "<count> [deny | destroy_next_expiring | destroy_oldest | destroy_all]", def: "any number",
		doc: "How many sessions a user may have in the realm at once, and what becomes of a login beyond that: it is denied, or it ends the session that would expire next (AM's default), the oldest one, or all. It is exact on any number of gateways. AM's words such as DESTROY_OLDEST_SESSION are understood. Client-side sessions need `track` for it: else nobody counts them.",
		set: parseSessionQuota,
	},
	{
		name: "session_properties", args: "<name...>", def: "AMCtxId", many: true,
		doc: "The session properties that clients may read and change over REST. AMCtxId is always among them; those of the server itself can only be read.",
		set: list(func(r *Realm) *[]string { return &r.SessionProperties }),
	},
	outageOption("freshness",
		"What becomes of sessions while the store does not answer. `freshness`: those in the cache work for as long as that is proven fresh, then requests get 503. `strict`: requests get 503 at once. `grace`: those in the cache work for so much longer, and a logout elsewhere is not seen for as long.",
		func(r *Realm) **Outage { return &r.Outage }),
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
	{
		name: "journeys", args: "<path...> [strict]", many: true,
		doc: "Journeys in AM's format: files, folders, or patterns such as `journeys/*.json`. Those that cannot run here are disabled with a warning; with `strict` they are an error. In a block, each line is as the arguments are.",
		set: parseJourneyFiles,
	},
	{
		name: "terms", args: "<version> { … }", doc: "The terms and conditions that users accept.",
		set: parseTerms,
	},
	{
		name: "security_question", args: "<id> { text [<language>] <text> }", many: true,
		doc: "A security question that users may choose to answer.",
		set: parseQuestion,
	},
	{
		name: "webhook", args: "<name> { … }", many: true,
		doc: "A request that is made when a session ends, if a journey registered it.",
		set: parseWebhook,
	},
}, mailOptions(func(r *Realm) *Mail { return &r.Mail })...)

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

// journeySchemes are AM's words for the schemes of journeys, beside our own.
var journeySchemes = map[string]string{
	"client": "client", "JWT": "client", "server": "server", "CTS": "server",
	"in_memory": "in_memory", "In-Memory": "in_memory",
}

// memoryOptions are those of journey_sessions in_memory.
var memoryOptions = []option[*Realm]{
	{
		name: "survive_node_loss",
		doc:  "Other nodes take over the journeys of a node that is gone: each authId carries its journey, sealed. One older step may then be answered again, once, so limit attempts by `lockout`, which is counted in the store.",
		set:  flag(func(r *Realm) *bool { return &r.SurviveNodeLoss }),
	},
}

// parseJourneySessions takes the scheme of a realm's journeys. Syntax:
//
//	journey_sessions client | server
//	journey_sessions in_memory [{
//		<option>...
//	}]
func parseJourneySessions(d *caddyfile.Dispenser, r *Realm) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	arg := d.Val()
	value, ok := journeySchemes[arg]
	if !ok {
		return d.Errf("journey_sessions: there is no scheme %q; use client, server or in_memory", arg)
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	r.JourneySessions = value
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if value != string(realm.JourneysInMemory) {
			return d.Errf("journey_sessions %s: it has no option %q; only in_memory has options", arg, d.Val())
		}
		if err := parseOption(d, "journey_sessions", memoryOptions, r, seen); err != nil {
			return err
		}
	}
	return nil
}

// parseJourneyTimeout takes the timeout of all journeys, or of one. Syntax:
//
//	journey_timeout <duration> [<journey>]
func parseJourneyTimeout(d *caddyfile.Dispenser, r *Realm) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	value, err := positive(d, "journey_timeout")
	if err != nil {
		return err
	}
	if !d.NextArg() {
		if r.JourneyTimeout != 0 {
			return d.Err("journey_timeout is already specified")
		}
		r.JourneyTimeout = value
		return nil
	}
	one := &JourneyTimeout{Journey: d.Val(), Timeout: value, Source: source(d)}
	if d.NextArg() {
		return d.ArgErr()
	}
	for _, other := range r.JourneyTimeouts {
		if other.Journey == one.Journey {
			return d.Errf("journey_timeout of %s is already specified", one.Journey)
		}
	}
	r.JourneyTimeouts = append(r.JourneyTimeouts, one)
	return nil
}

// parseLockout takes when accounts are locked. Syntax:
//
//	lockout <count> <interval> <duration>|forever
func parseLockout(d *caddyfile.Dispenser, r *Realm) (err error) {
	var count, interval, duration string
	look := *d
	if !look.AllArgs(&count, &interval, &duration) {
		return d.ArgErr()
	}
	r.Lockout = new(Lockout)
	d.NextArg()
	if r.Lockout.Count, err = strconv.Atoi(count); err != nil || r.Lockout.Count < 1 {
		return d.Errf("lockout: %q is not a number of failed logins; write for example: lockout 5 5m 15m", count)
	}
	d.NextArg()
	if r.Lockout.Interval, err = positive(d, "lockout"); err != nil {
		return err
	}
	d.NextArg()
	if duration == "forever" || duration == "0" {
		return nil
	}
	r.Lockout.Duration, err = positive(d, "lockout")
	return err
}
