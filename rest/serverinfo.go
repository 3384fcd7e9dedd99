package rest

import (
	"bytes"
	"hash/fnv"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/session"
)

// amVersion is the version of AM whose API this is. Clients choose by it
// what they ask for, and frodo knows only versions that exist.
const amVersion = "7.5.0"

// object is a JSON object with its members in order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("{")
	for i, m := range o {
		value, err := encode(m.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(append(callback.AppendText(nil, m.name), ':'))
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// serverInfo tells clients how this server is set up. Most members describe
// features of AM that are not here; clients expect them all the same.
func (a *API) serverInfo(_ http.ResponseWriter, c *call) (reply, error) {
	members := object{
		{"domains", domains(c)},
		{"protectedUserAttributes", []string{"telephoneNumber", "mail"}},
		{"cookieName", c.realm.Cookie.Name},
		{"secureCookie", a.front.Secure(c.Request)},
		{"forgotPassword", "false"},
		{"forgotUsername", "false"},
		{"kbaEnabled", "false"},
		{"selfRegistration", "false"},
		{"lang", "en-US"},
		{"successfulUserRegistrationDestination", "default"},
		{"socialImplementations", []string{}},
		{"referralsEnabled", "false"},
		{"zeroPageLogin", object{{"enabled", false}, {"refererWhitelist", []string{}}, {"allowedWithoutReferer", true}}},
		{"realm", c.realm.Path},
		{"xuiUserSessionValidationEnabled", true},
		{"fileBasedConfiguration", true},
		{"userIdAttributes", []string{}},
	}
	if !a.showsDomains(c) {
		members = members[1:]
	}
	return document("*", members)
}

// showsDomains: from version 2 on, AM names the cookie's domains only to
// clients with a session. One that asks for no version is older than that rule
// and may not work without them (openam-agent). If the store does not answer
// they are left out: the rest is what a client needs to begin with.
func (a *API) showsDomains(c *call) bool {
	if c.version == (version{}) || c.version.atMost(1) {
		return true
	}
	_, err := a.front.Realms.Session(c.Context(), c.realm.Cookie.Tokens(c.Header), session.Peek)
	return err == nil
}

// domains is where the session's cookie goes; empty for the host alone.
func domains(c *call) []string {
	if c.realm.Cookie.Domain == "" {
		return []string{}
	}
	return []string{c.realm.Cookie.Domain}
}

// cookieDomains answers what the member domains of serverInfo says.
func (a *API) cookieDomains(_ http.ResponseWriter, c *call) (reply, error) {
	return ok(object{{"domains", domains(c)}}), nil
}

// serverVersion tells which AM this is like, and what it really is.
func (a *API) serverVersion(http.ResponseWriter, *call) (reply, error) {
	return document("version", object{
		{"version", amVersion},
		{"fullVersion", a.version.full},
		{"revision", a.version.revision},
		{"date", a.version.date},
	})
}

// document is a CREST resource: with its id, and a revision that changes when
// a member does, which is the ETag as well.
func document(id string, members object) (reply, error) {
	raw, err := encode(members)
	if err != nil {
		return reply{}, err
	}
	sum := fnv.New32a()
	_, _ = sum.Write(raw) // a hash does not fail
	// AM's revisions are numbers with a sign.
	rev := strconv.Itoa(int(int32(sum.Sum32())))
	return reply{
		status: http.StatusOK,
		body:   append(object{{"_id", id}, {"_rev", rev}}, members...),
		header: http.Header{"Etag": {strconv.Quote(rev)}},
	}, nil
}

// versionInfo is what the running program knows about itself.
type versionInfo struct{ full, revision, date string }

// buildVersion reads what the Go toolchain wrote into the program. A program
// built outside a repository knows neither revision nor date.
func buildVersion() versionInfo {
	v := versionInfo{revision: "unknown", date: "unknown"}
	own := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.revision = s.Value
			case "vcs.time":
				v.date = s.Value
			}
		}
		own = moduleVersion(info)
	}
	v.full = "amgate " + own + ", compatible with AM " + amVersion
	return v
}

// moduleVersion finds our module in a program: it is the main one, or one
// that somebody built into their own Caddy.
func moduleVersion(info *debug.BuildInfo) string {
	const path = "github.com/amgate/amgate"
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	if info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
