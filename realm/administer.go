package realm

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/session"
)

// RoleAdmin makes a user an administrator of the realm, and one of the root
// realm an administrator of all realms. Nobody has it but by an identity store:
// there is no built-in account.
const RoleAdmin = "admin"

// Administers reports whether the user of a live session administers a realm.
// The role counts if the session was issued with it and the user still has it:
// one that was taken away ends at once, one that was given takes a new login.
// The error wraps identity.ErrUnavailable.
func (s *Set) Administers(ctx context.Context, who session.Session, path string) (bool, error) {
	if who.Realm() != path && who.Realm() != "/" || !slices.Contains(who.Roles(), RoleAdmin) {
		return false, nil
	}
	home, ok := s.realms[who.Realm()]
	if !ok {
		return false, nil
	}
	u, err := home.Users.ByID(ctx, who.UserID())
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return u.Active && slices.Contains(u.Roles, RoleAdmin), nil
}

// All are the realms of the configuration, in the order of their paths.
func (s *Set) All() []*Realm {
	all := slices.Collect(maps.Values(s.realms))
	slices.SortFunc(all, func(a, b *Realm) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// UserID is the id of the user whom a text names: by name, by id or by a
// universal id of the realm. Of one whom the realm does not know (any more) it
// is the text itself: sessions may be left of somebody who is not.
func (r *Realm) UserID(ctx context.Context, text string) (string, error) {
	if id, ok := strings.CutPrefix(text, "id="); ok {
		if id, _, _ = strings.Cut(id, ","); r.UniversalID(id) == text {
			return id, nil
		}
	}
	for _, find := range []func(context.Context, string) (*identity.User, error){r.Users.ByName, r.Users.ByID} {
		u, err := find(ctx, text)
		switch {
		case err == nil:
			return u.ID, nil
		case !errors.Is(err, identity.ErrNotFound):
			return "", err
		}
	}
	return text, nil
}

// Sessions lists a user's sessions in the realm, see session.Manager.List.
func (r *Realm) Sessions(ctx context.Context, userID string, page session.Page) (found []session.Listed, next string, err error) {
	k, err := r.set.keys()
	if err != nil {
		return nil, "", err
	}
	return k.sessions.List(ctx, r.Path, userID, page)
}

// ByHandle finds a live session, of any realm, by its handle. Errors as of
// Set.Session.
func (s *Set) ByHandle(ctx context.Context, handle string) (session.Session, error) {
	k, err := s.keys()
	if err != nil {
		return session.Session{}, err
	}
	return k.sessions.ByHandle(ctx, handle)
}

// Untracked reports whether clients carry the realm's sessions and the store
// has nothing of them: no list has them, and EndUser alone ends those whose
// tokens nobody has.
func (r *Realm) Untracked() bool { return r.AuthenticatedSessions == SessionsClient && !r.Track }

// AdminAPI is on whose behalf a session is ended that was ended by the admin
// API: who speaks to that has no name.
const AdminAPI = "admin-api"

// Destroy ends a session on behalf of somebody, a universal id or AdminAPI.
// Errors: session.ErrEnded, and what wraps store.ErrUnavailable.
func (s *Set) Destroy(ctx context.Context, found session.Session, runAs string) error {
	k, err := s.keys()
	if err != nil {
		return err
	}
	if err := k.sessions.Destroy(ctx, found); err != nil {
		return err
	}
	if r, ok := s.realms[found.Realm()]; ok {
		r.tellDestroyed(ctx, []string{found.ContextID()}, found.UniversalID(), runAs)
	}
	return nil
}

// EndUser ends all sessions that a user has in the realm, but for one if
// except is not nil, on behalf of somebody, a universal id or AdminAPI. It
// returns how many of those that lists have there were. The error wraps
// store.ErrUnavailable; some have ended then.
func (r *Realm) EndUser(ctx context.Context, userID, runAs string, except *session.Session) (int, error) {
	k, err := r.set.keys()
	if err != nil {
		return 0, err
	}
	ended, err := k.sessions.EndUser(ctx, r.Path, userID, except)
	for _, s := range ended {
		r.tellDestroyed(ctx, []string{s.ContextID()}, s.UniversalID(), runAs)
	}
	if err == nil && r.Untracked() {
		r.tellDestroyed(ctx, []string{}, r.UniversalID(userID), runAs)
	}
	return len(ended), err
}

// tellDestroyed tells of sessions that somebody ended who need not have their
// tokens: one, or all that a user's clients carry, whose names nobody knows.
func (r *Realm) tellDestroyed(ctx context.Context, tracking []string, universalID, runAs string) {
	if !r.audits(ctx) {
		return
	}
	r.emit(ctx, eventDestroyed,
		slog.String("component", componentSession),
		slog.String("realm", r.Path),
		slog.String("transactionId", newUUID()),
		slog.Any("trackingIds", tracking),
		slog.String("userId", universalID),
		slog.String("runAs", runAs),
		resultOf(true),
	)
}
