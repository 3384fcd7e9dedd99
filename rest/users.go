package rest

import (
	"errors"
	"net/http"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
)

// idBody is the reply of idFromSession.
type idBody struct {
	ID           string `json:"id"`
	Realm        string `json:"realm"`
	DN           string `json:"dn"`
	SuccessURL   string `json:"successURL"`
	FullLoginURL string `json:"fullLoginURL"`
}

// signedIn is the caller's session; that there is none is a 403 here, as in
// OpenAM.
func (a *API) signedIn(c *call) (session.Session, error) {
	s, err := a.session(c, session.Touch)
	if isGone(err) {
		err = errForbidden
	}
	return s, err
}

// idFromSession tells who the caller is.
func (a *API) idFromSession(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.signedIn(c)
	if err != nil {
		return reply{}, err
	}
	home, found := a.front.Realms.Realm(s.Realm())
	if !found {
		home = c.realm
	}
	return ok(idBody{
		ID: s.Username(), Realm: s.Realm(), DN: s.UniversalID(), SuccessURL: home.SuccessURL,
		FullLoginURL: a.front.Base + "/XUI/?realm=" + s.Realm(),
	}), nil
}

// validateGoto tells where a goto leads: to itself if it may, else where the
// realm sends those who sign in.
func (a *API) validateGoto(_ http.ResponseWriter, c *call) (reply, error) {
	wish, err := take[string](c.body, "goto")
	if err != nil {
		return reply{}, err
	}
	s, err := a.signedIn(c)
	if err == nil && s.Realm() != c.realm.Path {
		err = a.administers(c, s, c.realm)
	}
	if err != nil {
		return reply{}, err
	}
	url, valid := c.realm.Goto(wish, a.front.Origin(c.Request))
	if !valid {
		url = c.realm.SuccessURL
	}
	return ok(map[string]string{"successURL": url}), nil
}

// administers is nil if the session's user administers a realm.
func (a *API) administers(c *call, s session.Session, r *realm.Realm) error {
	admin, err := a.front.Realms.Administers(c.Context(), s, r.Path)
	if err == nil && !admin {
		err = errForbidden
	}
	return err
}

// userBody begins the profile of a user; the attributes follow, each a list.
type userBody struct {
	ID       string `json:"_id"`
	Rev      string `json:"_rev"`
	Realm    string `json:"realm"`
	Username string `json:"username"`
}

// user tells the profile of a user of the realm: one's own, and to
// administrators everybody's.
func (a *API) user(_ http.ResponseWriter, c *call) (reply, error) {
	caller, err := a.callerFor(c, c.realm, c.param)
	if err != nil {
		return reply{}, err
	}
	id, err := idOf(c, caller, c.realm, c.param)
	if err != nil {
		return reply{}, err
	}
	u, err := c.realm.Users.ByID(c.Context(), id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return reply{}, refuse(http.StatusNotFound, "Resource cannot be found.")
	case err != nil:
		return reply{}, err
	}
	profile := map[string]any{
		"uid": []string{u.Username}, "universalid": []string{c.realm.UniversalID(u.ID)}, "inetUserStatus": u.Values("inetUserStatus"),
	}
	for name, values := range u.Attributes {
		if !identity.IsSecret(name) {
			profile[name] = values
		}
	}
	return ok(detailed(userBody{u.ID, "-1", c.realm.Path, u.Username}, profile, "_id", "_rev", "realm", "username")), nil
}
