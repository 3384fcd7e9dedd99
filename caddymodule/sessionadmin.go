package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

func init() { caddy.RegisterModule(SessionAdmin{}) }

// The paths of the admin API by which amgate session works on a running
// gateway. The query says which sessions: handle, or user and realm.
const (
	SessionsPath    = "/am/sessions"
	SessionPath     = "/am/session"
	EndSessionsPath = "/am/sessions/end"
)

// SessionAdmin is the part of Caddy's admin API that shows and ends sessions.
// Who may speak to that API may change the whole configuration, so this asks
// for no more. It never shows a token.
type SessionAdmin struct{}

// CaddyModule returns the Caddy module information.
func (SessionAdmin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.am_session", New: func() caddy.Module { return new(SessionAdmin) }}
}

// Routes implements caddy.AdminRouter.
func (SessionAdmin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: SessionsPath, Handler: caddy.AdminHandlerFunc(serveSessions)},
		{Pattern: SessionPath, Handler: caddy.AdminHandlerFunc(serveSession)},
		{Pattern: EndSessionsPath, Handler: caddy.AdminHandlerFunc(serveEndSessions)},
	}
}

// SessionLine is a session in a list.
type SessionLine struct {
	Handle      string    `json:"handle"`
	Realm       string    `json:"realm"`
	Username    string    `json:"username"`
	UserID      string    `json:"userId"`
	AuthLevel   int       `json:"authLevel"`
	Created     time.Time `json:"created"`
	LastAccess  time.Time `json:"lastAccess"` // to the minute
	IdleExpires time.Time `json:"idleExpires"`
	MaxExpires  time.Time `json:"maxExpires"`
}

// SessionDetails is all that there is to tell about a session.
type SessionDetails struct {
	SessionLine
	UniversalID string            `json:"universalId"`
	ContextID   string            `json:"contextId"` // in the audit log
	Journey     string            `json:"journey"`
	AuthType    string            `json:"authType"`
	Roles       []string          `json:"roles"`
	Properties  map[string]string `json:"properties"`
}

// SessionList is the answer of SessionsPath.
type SessionList struct {
	Sessions []SessionLine `json:"sessions"`
	// Untracked are those of the realms that were asked whose clients carry the
	// sessions, so that none of them can be listed.
	Untracked []string `json:"untracked"`
}

// EndedSessions is the answer of EndSessionsPath.
type EndedSessions struct {
	// Ended is how many sessions of lists were ended.
	Ended int `json:"ended"`
	// Untracked says that those were ended, too, that clients carry and no list
	// has.
	Untracked bool `json:"untracked"`
}

// serveSessions lists the sessions of a user, in one realm or all.
func serveSessions(w http.ResponseWriter, r *http.Request) error {
	set, err := adminSet(r, http.MethodGet)
	if err != nil {
		return err
	}
	user := r.URL.Query().Get("user")
	if user == "" {
		return badRequest(errors.New("the user is missing"))
	}
	realms := set.All()
	if path := r.URL.Query().Get("realm"); path != "" {
		one, err := adminRealm(set, path)
		if err != nil {
			return err
		}
		realms = []*realm.Realm{one}
	}
	list := SessionList{Sessions: []SessionLine{}, Untracked: []string{}}
	for _, one := range realms {
		if one.Untracked() {
			list.Untracked = append(list.Untracked, one.Path)
		}
		if list.Sessions, err = appendSessions(r.Context(), list.Sessions, one, user); err != nil {
			return adminError(err)
		}
	}
	return writeJSON(w, list)
}

// appendSessions appends all sessions of a user in a realm.
func appendSessions(ctx context.Context, lines []SessionLine, r *realm.Realm, user string) ([]SessionLine, error) {
	id, err := r.UserID(ctx, user)
	if err != nil {
		return nil, err
	}
	for after := ""; ; {
		found, next, err := r.Sessions(ctx, id, session.Page{After: after})
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			lines = append(lines, sessionLine(s))
		}
		if after = next; next == "" {
			return lines, nil
		}
	}
}

func sessionLine(s session.Listed) SessionLine {
	return SessionLine{
		Handle: s.Handle(), Realm: s.Realm(), Username: s.Username(), UserID: s.UserID(), AuthLevel: s.AuthLevel(),
		Created: s.Created().UTC(), LastAccess: s.Accessed.UTC(),
		IdleExpires: s.Accessed.Add(s.IdleTime()).UTC(), MaxExpires: s.MaxExpires().UTC(),
	}
}

// serveSession tells all about a session, by its handle.
func serveSession(w http.ResponseWriter, r *http.Request) error {
	set, err := adminSet(r, http.MethodGet)
	if err != nil {
		return err
	}
	s, err := set.ByHandle(r.Context(), r.URL.Query().Get("handle"))
	if err != nil {
		return adminError(err)
	}
	accessed, err := set.LastAccess(r.Context(), s)
	if err != nil {
		return adminError(err)
	}
	return writeJSON(w, SessionDetails{
		SessionLine: sessionLine(session.Listed{Session: s, Accessed: accessed}),
		UniversalID: s.UniversalID(), ContextID: s.ContextID(), Journey: s.Journey(), AuthType: s.AuthType(),
		Roles: s.Roles(), Properties: s.Properties(),
	})
}

// serveEndSessions ends a session by its handle, or all that a user has in a
// realm.
func serveEndSessions(w http.ResponseWriter, r *http.Request) error {
	set, err := adminSet(r, http.MethodPost)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	handle, user, path := query.Get("handle"), query.Get("user"), query.Get("realm")
	if (handle == "") == (user == "") || (user == "") != (path == "") {
		return badRequest(errors.New("it takes a handle, or a user and a realm"))
	}
	if handle != "" {
		s, err := set.ByHandle(r.Context(), handle)
		if err == nil {
			err = set.Destroy(r.Context(), s, realm.AdminAPI)
		}
		if err != nil {
			return adminError(err)
		}
		return writeJSON(w, EndedSessions{Ended: 1})
	}
	one, err := adminRealm(set, path)
	if err != nil {
		return err
	}
	id, err := one.UserID(r.Context(), user)
	if err != nil {
		return adminError(err)
	}
	n, err := one.EndUser(r.Context(), id, realm.AdminAPI, nil)
	if err != nil {
		return adminError(err)
	}
	return writeJSON(w, EndedSessions{Ended: n, Untracked: one.Untracked()})
}

func adminRealm(set *realm.Set, path string) (*realm.Realm, error) {
	if found, ok := set.Realm(path); ok {
		return found, nil
	}
	var paths []string
	for _, r := range set.All() {
		paths = append(paths, r.Path)
	}
	return nil, caddy.APIError{
		HTTPStatus: http.StatusNotFound,
		Err:        fmt.Errorf("there is no realm %q; the realms are: %s", path, strings.Join(paths, ", ")),
	}
}

// adminError gives an error of a look-up its status.
func adminError(err error) error {
	switch {
	case realm.IsFault(err):
		return caddy.APIError{
			HTTPStatus: http.StatusServiceUnavailable,
			Err:        fmt.Errorf("%w; nothing is decided: try again when it answers, and look then what there is", err),
		}
	case errors.Is(err, session.ErrInvalid), errors.Is(err, session.ErrEnded):
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("there is no live session with this handle")}
	}
	return err
}

// Interface guard
var _ caddy.AdminRouter = SessionAdmin{}
