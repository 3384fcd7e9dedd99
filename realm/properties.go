package realm

import (
	"maps"
	"strconv"
	"strings"

	"github.com/amgate/amgate/session"
)

// Properties of a session whose names begin with protected are the server's
// own, as in AM. No node sees them.
const (
	protected        = "am.protected."
	webhooksProperty = protected + "webhooks"
)

// withWebhooks is a session's properties and, in one of them, the names of the
// webhooks that are called when it ends.
func withWebhooks(properties map[string]string, names []string) map[string]string {
	all := openOnes(properties)
	if len(names) > 0 {
		all[webhooksProperty] = strings.Join(names, "\n")
	}
	return all
}

// webhooksOf are the names of a session's webhooks.
func webhooksOf(s session.Session) []string {
	names, ok := s.Property(webhooksProperty)
	if !ok {
		return nil
	}
	return strings.Split(names, "\n")
}

// openOnes is a copy of the properties that are not protected.
func openOnes(properties map[string]string) map[string]string {
	open := maps.Clone(properties)
	if open == nil {
		open = make(map[string]string)
	}
	maps.DeleteFunc(open, func(name, _ string) bool { return strings.HasPrefix(name, protected) })
	return open
}

// property is the value of a session property under AM's name: one of those
// that every session has, else one that the journey set.
func property(s session.Session, name string) (string, bool) {
	switch name {
	case "UserId", "UserToken":
		return s.Username(), true
	case "Principal", "sun.am.UniversalIdentifier":
		return s.UniversalID(), true
	case "Organization":
		return s.Realm(), true
	case "Service":
		return s.Journey(), true
	case "AuthType":
		return s.AuthType(), true
	case "AuthLevel":
		return strconv.Itoa(s.AuthLevel()), true
	case "AMCtxId":
		return s.ContextID(), true
	}
	if strings.HasPrefix(name, protected) {
		return "", false
	}
	return s.Property(name)
}
