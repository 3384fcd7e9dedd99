package gateway

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/amgate/amgate/session"
)

// Identity is who stands behind a request: a live session. The zero Identity
// is nobody.
type Identity struct {
	session.Session
	told []told
}

// Known reports whether the identity is somebody.
func (i Identity) Known() bool { return i.Realm() != "" }

// Placeholder returns the value of the placeholder {http.auth.user.<name>},
// and whether there is one of that name: id (the user's id), realm, roles
// (as in the header X-AM-Roles), level (the authentication level), handle
// (names the session in logs; opens nothing), and property.<name> for the
// session properties of Config.Properties. For nobody all are empty.
//
// The values come from people and may look like placeholders themselves
// ("{env.SECRET}"). An adapter must hand them out as values, for example from
// a function given to Caddy's Replacer.Map, and never put them into a text
// that is expanded afterwards.
func (i Identity) Placeholder(name string) (value string, ok bool) {
	if property, isProperty := strings.CutPrefix(name, "property."); isProperty {
		return i.property(property)
	}
	get, ok := placeholders[name]
	if !ok || !i.Known() {
		return "", ok
	}
	return get(i), true
}

// PlaceholderNames are the names that Placeholder knows of every identity.
var PlaceholderNames = slices.Sorted(maps.Keys(placeholders))

var placeholders = map[string]func(Identity) string{
	"id":     func(i Identity) string { return i.UserID() },
	"realm":  func(i Identity) string { return i.Realm() },
	"roles":  Identity.roleList,
	"level":  Identity.level,
	"handle": func(i Identity) string { return i.Handle() },
}

func (i Identity) roleList() string { return headerList(i.Roles()) }

func (i Identity) level() string { return strconv.Itoa(i.AuthLevel()) }
