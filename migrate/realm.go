package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the authentication settings of a realm as AM keeps them, groups
// of values; below are the members that matter here (AM 8.1, "Core
// authentication attributes").
type settings map[string]map[string]json.RawMessage

// defaults are AM's values of what amgate has no counterpart for: who has
// others is told.
var defaults = map[string]string{
	"accountlockout.lockoutDurationMultiplier":       "1",
	"accountlockout.lockoutWarnUserCount":            "0",
	"accountlockout.storeInvalidAttemptsInDataStore": "true",
	"general.defaultAuthLevel":                       "0",
	"general.identityType":                           `["agent","user"]`,
	"general.locale":                                 `"en_US"`,
	"general.twoFactorRequired":                      "false",
	"general.userStatusCallbackPlugins":              "[]",
	"postauthprocess.loginPostProcessClass":          "[]",
	"postauthprocess.userAttributeSessionMapping":    "[]",
	"postauthprocess.usernameGeneratorClass":         `"com.sun.identity.authentication.spi.DefaultUserIDGenerator"`,
	"postauthprocess.usernameGeneratorEnabled":       "true",
	"security.addClearSiteDataHeader":                "true",
	"security.keyAlias":                              `"test"`,
	"security.moduleBasedAuthEnabled":                "true",
	"security.zeroPageLoginAllowedWithoutReferrer":   "true",
	"security.zeroPageLoginEnabled":                  "false",
	"security.zeroPageLoginReferrerWhiteList":        "[]",
	"trees.authenticationTreeCookieHttpOnly":         "true",
	"userprofile.aliasAttributeName":                 `["uid"]`,
	"userprofile.defaultRole":                        "[]",
	"userprofile.dynamicProfileCreation":             `"false"`,
}

// ignored are settings that say nothing since AM has journeys alone.
var ignored = map[string]bool{"security.moduleBasedAuthEnabled": true}

// Realm writes a realm's authentication settings as the block of a realm: the
// object of AM's REST API (realm-config/authentication), or frodo's export of
// it. What amgate has no counterpart for becomes a comment, if it is not AM's
// default.
func Realm(w io.Writer, path string, data []byte) error {
	s, err := parseSettings(data)
	if err != nil {
		return err
	}
	r := &realmWriter{block: new(block), settings: s, used: make(map[string]bool)}
	r.begin("realm", path)
	if path != "/" {
		r.comment("Name the realm's people, for example: identities file users.yaml")
	}
	r.journeys()
	r.lockout()
	r.goals()
	r.rest()
	r.end()
	if err := errors.Join(r.errs...); err != nil {
		return err
	}
	_, err = io.WriteString(w, r.text.String())
	return err
}

// parseSettings finds the groups of settings in a file.
func parseSettings(data []byte) (settings, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("these are no settings: %w", err)
	}
	if frodo, ok := members["authentication"]; ok {
		members = nil
		if err := json.Unmarshal(frodo, &members); err != nil {
			return nil, errors.New(`these are no settings: "authentication" must be an object`)
		}
	}
	s := make(settings)
	known := false
	for name, raw := range members {
		var group map[string]json.RawMessage
		if strings.HasPrefix(name, "_") || json.Unmarshal(raw, &group) != nil {
			continue
		}
		s[name] = group
		known = known || name == "trees" || name == "core" || name == "general"
	}
	if !known {
		return nil, errors.New(`these are no authentication settings of a realm; they have the groups "core", "general" and "trees"`)
	}
	return s, nil
}

// realmWriter writes the settings of one realm.
type realmWriter struct {
	*block
	settings
	used map[string]bool // by "group.member"
}

// read reads a value; false if it is not set.
func (r *realmWriter) read(group, member string, into any) bool {
	r.used[group+"."+member] = true
	raw := r.settings[group][member]
	if raw == nil || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		r.lost("%s.%s: its value cannot be read here; write the option by hand", group, member)
		return false
	}
	return true
}

// minutes reads a number of minutes; AM's settings have no other unit.
func (r *realmWriter) minutes(group, member string) (time.Duration, bool) {
	const most = 1 << 31
	var n int
	if !r.read(group, member, &n) {
		return 0, false
	}
	if n < 0 || n >= most {
		r.lost("%s.%s: %d is no number of minutes", group, member, n)
		return 0, false
	}
	return time.Duration(n) * time.Minute, true
}

// lost says that something is not converted, and why.
func (r *realmWriter) lost(format string, args ...any) {
	r.comment("not converted: "+format, args...)
}

// schemes are AM's words for where unfinished journeys live.
var schemes = map[string]string{"JWT": "client", "CTS": "server", "In-Memory": "in_memory"}

func (r *realmWriter) journeys() {
	scheme := "In-Memory"
	if !r.read("trees", "authenticationSessionsStateManagement", &scheme) {
		r.comment("The settings name no scheme; like those of an upgraded AM they mean In-Memory.")
	}
	if schemes[scheme] == "" {
		r.errs = append(r.errs, fmt.Errorf("trees.authenticationSessionsStateManagement: there is no scheme %q; AM has JWT, CTS and In-Memory", scheme))
		return
	}
	r.line("journey_sessions", schemes[scheme])
	var stateless, allowlisting bool
	if r.read("general", "statelessSessionsEnabled", &stateless) && stateless {
		r.line("authenticated_sessions", "client")
	} else {
		r.line("authenticated_sessions", "server")
	}
	if r.read("trees", "authenticationSessionsWhitelist", &allowlisting) && !allowlisting {
		r.comment("As in AM, a step can be answered more than once. That is a risk: leave the next line out if your clients can do without.")
		r.line("allowlisting", "off")
	}
	for _, t := range [][2]string{
		{"authenticationSessionsMaxDuration", "journey_timeout"}, {"suspendedAuthenticationTimeout", "suspend_timeout"},
	} {
		if d, ok := r.minutes("trees", t[0]); ok && d > 0 {
			r.line(t[1], duration(d))
		}
	}
}

func (r *realmWriter) lockout() {
	var on bool
	count := 5
	r.read("accountlockout", "loginFailureLockoutMode", &on)
	r.read("accountlockout", "loginFailureCount", &count)
	interval, ok := r.minutes("accountlockout", "loginFailureDuration")
	if !ok {
		interval = 300 * time.Minute
	}
	how, _ := r.minutes("accountlockout", "lockoutDuration")
	if !on {
		return
	}
	if count < 1 || interval == 0 {
		r.lost("accountlockout: %d failures in %v are no limit", count, interval)
		return
	}
	until := "forever"
	if how > 0 {
		until = duration(how)
	}
	r.line("lockout", strconv.Itoa(count), duration(interval), until)
}

// goals are where clients go, and the journey that runs when they ask for none.
func (r *realmWriter) goals() {
	var service string
	if r.read("core", "orgConfig", &service) && service != "" && service != "[Empty]" {
		r.comment("This journey must be among the realm's: load it, for example: journeys /etc/am/journeys/*.json")
		r.line("default_journey", service)
	}
	var admin string
	if r.read("core", "adminAuthModule", &admin) && admin != service && admin != "[Empty]" {
		r.lost("core.adminAuthModule: %q; administrators sign in like everybody", admin)
	}
	for _, u := range [][2]string{{"loginSuccessUrl", "success_url"}, {"loginFailureUrl", "failure_url"}} {
		var urls []string
		r.read("postauthprocess", u[0], &urls)
		written := false
		for _, url := range urls {
			switch {
			case url == "/am/console":
				r.lost("postauthprocess.%s: %q; amgate has no such page", u[0], url)
			case strings.Contains(url, "|"):
				r.lost("postauthprocess.%s: %q; amgate does not tell kinds of clients apart", u[0], url)
			case written:
				r.lost("postauthprocess.%s: %q; amgate has one", u[0], url)
			default:
				r.line(u[1], url)
				written = true
			}
		}
	}
	var secret any
	if r.read("security", "sharedSecret", &secret) {
		r.lost("security.sharedSecret; amgate makes one, or write signing_key, see amgate generate-secret")
	}
}

// rest tells what is set and has no counterpart.
func (r *realmWriter) rest() {
	for _, group := range slices.Sorted(maps.Keys(r.settings)) {
		for _, member := range slices.Sorted(maps.Keys(r.settings[group])) {
			name, raw := group+"."+member, r.settings[group][member]
			if r.used[name] || ignored[name] || string(raw) == "null" || compact(raw) == defaults[name] {
				continue
			}
			switch lower := strings.ToLower(name); {
			case strings.Contains(lower, "secret"), strings.Contains(lower, "password"), strings.Contains(lower, "key"):
				r.lost("%s", name)
			default:
				r.lost("%s: %s", name, compact(raw))
			}
		}
	}
}

// compact is JSON without white space; lists are sorted, for AM's are sets.
func compact(raw json.RawMessage) string {
	var list []string
	if json.Unmarshal(raw, &list) == nil && list != nil {
		slices.Sort(list)
		raw, _ = json.Marshal(list) // of strings
	}
	var value any
	_ = json.Unmarshal(raw, &value) // it was part of a JSON text
	text, _ := json.Marshal(value)
	return string(text)
}
