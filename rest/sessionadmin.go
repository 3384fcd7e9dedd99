package rest

import (
	"net/http"
	"strconv"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

var errForbidden = refuse(http.StatusForbidden, "Forbidden")

// isSelf reports whether a name is that of the session's own user, in that
// user's realm.
func isSelf(s session.Session, r *realm.Realm, name string) bool {
	if s.Realm() != r.Path || name == "" {
		return false
	}
	return name == s.UserID() || name == s.UniversalID() || identity.Canonical(name) == identity.Canonical(s.Username())
}

// callerFor is the caller's session, if its user may see and end the sessions
// of a user of a realm: as that user, or as an administrator.
func (a *API) callerFor(c *call, r *realm.Realm, name string) (session.Session, error) {
	caller, err := a.session(c, session.Touch)
	if err != nil || isSelf(caller, r, name) {
		return caller, err
	}
	admin, err := a.front.Realms.Administers(c.Context(), caller, r.Path)
	if err == nil && !admin {
		err = errForbidden
	}
	return caller, err
}

// idOf is the id of the user whom the caller names. Who names oneself is
// oneself, also by an id that is another's name.
func idOf(c *call, caller session.Session, r *realm.Realm, name string) (string, error) {
	if isSelf(caller, r, name) {
		return caller.UserID(), nil
	}
	return r.UserID(c.Context(), name)
}

// logoutByUser ends all sessions that a user has in the realm of the path.
func (a *API) logoutByUser(_ http.ResponseWriter, c *call) (reply, error) {
	name, err := take[string](c.body, "username")
	if err != nil {
		return reply{}, err
	}
	if name == "" {
		return reply{}, refuse(http.StatusBadRequest, "The username is missing")
	}
	caller, err := a.callerFor(c, c.realm, name)
	if err != nil {
		return reply{}, err
	}
	id, err := idOf(c, caller, c.realm, name)
	if err != nil {
		return reply{}, err
	}
	if _, err := c.realm.EndUser(c.Context(), id, caller.UniversalID(), nil); err != nil {
		return reply{}, err
	}
	return ok(map[string]bool{"result": true}), nil
}

// logoutByHandle ends sessions that a list has shown: of all realms that the
// caller administers, and the caller's own. What it does not end is false,
// whether or not it is there.
func (a *API) logoutByHandle(_ http.ResponseWriter, c *call) (reply, error) {
	handles, err := take[[]string](c.body, "sessionHandles")
	if err != nil {
		return reply{}, err
	}
	caller, err := a.session(c, session.Touch)
	if err != nil {
		return reply{}, err
	}
	if len(handles) == 0 || len(handles) > session.MaxListed {
		return reply{}, refuse(http.StatusBadRequest, "sessionHandles needs 1 to "+strconv.Itoa(session.MaxListed)+" handles")
	}
	admin, err := a.front.Realms.Administers(c.Context(), caller, caller.Realm())
	if err != nil {
		return reply{}, err
	}
	for _, handle := range handles {
		if !admin && !caller.SharesUser(handle) {
			return reply{}, errForbidden
		}
	}
	result := make(map[string]bool, len(handles))
	for _, handle := range handles {
		if result[handle], err = a.endByHandle(c, caller, handle); err != nil {
			return reply{}, err
		}
	}
	return ok(map[string]map[string]bool{"result": result}), nil
}

// endByHandle ends a session if it lives and the caller may, and says whether
// it did.
func (a *API) endByHandle(c *call, caller session.Session, handle string) (bool, error) {
	s, err := a.front.Realms.ByHandle(c.Context(), handle)
	if err == nil && !caller.SharesUser(handle) {
		var admin bool
		if admin, err = a.front.Realms.Administers(c.Context(), caller, s.Realm()); err == nil && !admin {
			return false, nil
		}
	}
	if err == nil {
		err = a.front.Realms.Destroy(c.Context(), s, caller.UniversalID())
	}
	if isGone(err) {
		return false, nil
	}
	return err == nil, err
}
