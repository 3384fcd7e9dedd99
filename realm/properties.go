package realm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

// contextIDProperty is the one property that every client may read: AM's
// default allow-list.
const contextIDProperty = "AMCtxId"

// protectedNames are properties that no client changes, whatever a realm
// allows (OpenAM's InternalSession).
var protectedNames = []string{
	"AMCtxId", "AMMaxIdleTime", "AMMaxSessionTime", "AuthLevel", "AuthType", "authInstant", "cookieSupport", "FullLoginURL",
	"Host", "HostName", "loginURL", "Organization", "Principal", "Principals", "Role", "Service", "SessionHandle",
	"SessionTimedOut", "sun.am.UniversalIdentifier", "TokenRestriction", "UserId", "UserToken",
}

// isProtected compares without regard to case: no app should have to.
func isProtected(name string) bool {
	return strings.HasPrefix(strings.ToLower(name), protected) ||
		slices.ContainsFunc(protectedNames, func(p string) bool { return strings.EqualFold(p, name) })
}

// ErrProperty says that a client may not read or change a session property of
// that name.
var ErrProperty = errors.New("realm: the session property is not one that clients may use")

// PropertyNames are the session properties that clients of the session's realm
// may read, by its allow-list, sorted.
func (s *Set) PropertyNames(of session.Session) []string {
	names := []string{contextIDProperty}
	if r, ok := s.realms[of.Realm()]; ok {
		names = append(names, r.SessionProperties...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Properties are the values of the session properties that clients may read,
// "" for one that the session does not have. Errors: ErrProperty if names has
// one that they may not.
func (s *Set) Properties(of session.Session, names ...string) (map[string]string, error) {
	values := make(map[string]string)
	allowed := s.PropertyNames(of)
	for _, name := range names {
		if !slices.Contains(allowed, name) {
			return nil, ErrProperty
		}
		values[name], _ = Property(of, name)
	}
	return values, nil
}

// SetProperties changes session properties for a client. Errors: ErrProperty
// if one of them is not for clients to change, and those of
// session.Manager.SetProperties.
func (s *Set) SetProperties(ctx context.Context, of session.Session, c session.Changes) (session.Session, error) {
	k, err := s.keys()
	if err != nil {
		return session.Session{}, err
	}
	allowed := s.PropertyNames(of)
	for _, name := range slices.AppendSeq(slices.Clone(c.Remove), maps.Keys(c.Set)) {
		if isProtected(name) || !slices.Contains(allowed, name) {
			return session.Session{}, ErrProperty
		}
	}
	changed, err := k.sessions.SetProperties(ctx, of, c)
	if r, ok := s.realms[of.Realm()]; ok && err == nil && r.audits(ctx) {
		r.emit(ctx, eventProperty,
			slog.String("component", componentSession),
			slog.String("realm", r.Path),
			slog.String("transactionId", newUUID()),
			slog.Any("trackingIds", []string{of.ContextID()}),
			slog.String("userId", of.UniversalID()),
			resultOf(true),
		)
	}
	return changed, err
}

// maxPropertyName bounds a name in an allow-list.
const maxPropertyName = 255

// checkProperties tells what is wrong with an allow-list.
func checkProperties(names []string) error {
	for _, name := range names {
		if err := CheckPropertyName(name); err != nil {
			return fmt.Errorf("session_properties: %w", err)
		}
	}
	return nil
}

// CheckPropertyName tells what is wrong with the name of a session property
// that others than the server are to see.
func CheckPropertyName(name string) error {
	if name == "" || len(name) > maxPropertyName || strings.HasPrefix(strings.ToLower(name), protected) {
		return fmt.Errorf("the session property %q: a name has 1 to %d bytes and does not begin with %s", name, maxPropertyName, protected)
	}
	return nil
}

// withWebhooks is a session's properties and, in one of them, the names of the
// webhooks that are called when it ends.
func withWebhooks(properties map[string]string, names []string) map[string]string {
	all := openOnes(properties)
	if len(names) > 0 {
		all[webhooksProperty] = strings.Join(names, "\n")
	}
	return all
}

// mergeProperties are the properties of a session that upgrades another one:
// its own before those of the old one, and the webhooks of both.
func mergeProperties(old, own map[string]string) map[string]string {
	hooks := strings.Split(old[webhooksProperty], "\n")
	for name := range strings.SplitSeq(own[webhooksProperty], "\n") {
		if !slices.Contains(hooks, name) {
			hooks = append(hooks, name)
		}
	}
	maps.Copy(old, own)
	if both := strings.Trim(strings.Join(hooks, "\n"), "\n"); both != "" {
		old[webhooksProperty] = both
	}
	return old
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

// Property is the value of a session property under AM's name: one of those
// that every session has, else one that the journey or a client set. The
// server's own, am.protected.…, are none.
func Property(s session.Session, name string) (string, bool) {
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
	case contextIDProperty:
		return s.ContextID(), true
	}
	if strings.HasPrefix(name, protected) {
		return "", false
	}
	return s.Property(name)
}
