package rest

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/queryfilter"
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
	id := caller.UserID()
	if !isSelf(caller, c.realm, name) {
		if id, err = c.realm.UserID(c.Context(), name); err != nil {
			return reply{}, err
		}
	}
	if _, err := c.realm.EndUser(c.Context(), id, caller); err != nil {
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
		err = a.front.Realms.Destroy(c.Context(), s, caller)
	}
	if isGone(err) {
		return false, nil
	}
	return err == nil, err
}

// The reply of a query (Common REST, "Query").
type (
	listBody struct {
		Result      []listedBody `json:"result"`
		ResultCount int          `json:"resultCount"`
		Cookie      *string      `json:"pagedResultsCookie"`
		TotalPolicy string       `json:"totalPagedResultsPolicy"`
		Total       int          `json:"totalPagedResults"`
		Remaining   int          `json:"remainingPagedResults"`
	}
	listedBody struct {
		Username         string `json:"username"`
		UniversalID      string `json:"universalId"`
		Realm            string `json:"realm"`
		SessionHandle    string `json:"sessionHandle"`
		LatestAccess     string `json:"latestAccessTime"`
		MaxIdleExpires   string `json:"maxIdleExpirationTime"`
		MaxSessionExpire string `json:"maxSessionExpirationTime"`
	}
)

// querySessions lists the sessions of a user, for that user and for
// administrators. It gives handles, which open nothing.
func (a *API) querySessions(_ http.ResponseWriter, c *call) (reply, error) {
	name, r, err := a.wanted(c)
	if err != nil {
		return reply{}, err
	}
	page, err := pageOf(c)
	if err != nil {
		return reply{}, err
	}
	if _, err := a.callerFor(c, r, name); err != nil {
		return reply{}, err
	}
	id, err := r.UserID(c.Context(), name)
	if err != nil {
		return reply{}, err
	}
	found, next, err := r.Sessions(c.Context(), id, page)
	switch {
	case errors.Is(err, session.ErrInvalid):
		return reply{}, refuse(http.StatusBadRequest, "The _pagedResultsCookie is not one of this query")
	case err != nil:
		return reply{}, err
	}
	list := listBody{Result: make([]listedBody, len(found)), ResultCount: len(found), TotalPolicy: "NONE", Total: -1, Remaining: -1}
	if next != "" {
		list.Cookie = &next
	}
	for i, s := range found {
		list.Result[i] = listedBody{
			Username: s.Username(), UniversalID: s.UniversalID(), Realm: s.Realm(), SessionHandle: s.Handle(),
			LatestAccess:   s.Accessed.UTC().Format("2006-01-02T15:04:05.000Z"),
			MaxIdleExpires: timestamp(s.Accessed.Add(s.IdleTime())), MaxSessionExpire: timestamp(s.MaxExpires()),
		}
	}
	return ok(list), nil
}

// wanted are the user and the realm whose sessions a query asks for: the realm
// of the path if it names none. Who may not ask about a realm is not told
// whether there is one.
func (a *API) wanted(c *call) (name string, r *realm.Realm, err error) {
	filter, err := queryfilter.Parse(c.query.Get("_queryFilter"))
	if err != nil {
		return "", nil, refuse(http.StatusBadRequest, "The _queryFilter cannot be read: "+printable(err.Error()))
	}
	fields, ok := filter.Equalities()
	for field := range fields {
		ok = ok && (field == "username" || field == "realm")
	}
	if name = fields["username"]; !ok || name == "" {
		return "", nil, refuse(http.StatusBadRequest, `The _queryFilter must have the form: username eq "bjensen" and realm eq "/alpha"`)
	}
	path, named := fields["realm"]
	if !named {
		return name, c.realm, nil
	}
	if r, ok = a.front.Realms.Named(path, ""); !ok {
		return "", nil, errForbidden
	}
	return name, r, nil
}

// pageOf is the page that a query asks for.
func pageOf(c *call) (page session.Page, err error) {
	page.After = c.query.Get("_pagedResultsCookie")
	if size := c.query.Get("_pageSize"); size != "" {
		if page.Limit, err = strconv.Atoi(size); err != nil || page.Limit < 0 {
			return page, refuse(http.StatusBadRequest, "The _pageSize must be a number that is not negative")
		}
	}
	if offset := c.query.Get("_pagedResultsOffset"); offset != "" && offset != "0" {
		return page, refuse(http.StatusBadRequest, "_pagedResultsOffset is not supported; use the _pagedResultsCookie")
	}
	return page, nil
}
