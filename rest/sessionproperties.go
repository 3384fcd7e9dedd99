package rest

import (
	"net/http"
	"time"

	"github.com/amgate/amgate/session"
)

// properties are all session properties that clients may read.
func (a *API) properties(s session.Session) (map[string]string, error) {
	return a.front.Realms.Properties(s, a.front.Realms.PropertyNames(s)...)
}

// sessionProperties tells all properties that clients may read.
func (a *API) sessionProperties(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.session(c, session.Peek)
	if err != nil {
		return reply{}, err
	}
	values, err := a.properties(s)
	return ok(values), err
}

// updateSessionProperties changes the properties that the body has, and tells
// what all then are. OpenAM wants all of them to be there; we do not.
func (a *API) updateSessionProperties(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.changed(c, session.Changes{})
	if err != nil {
		return reply{}, err
	}
	values, err := a.properties(s)
	return ok(values), err
}

// changed changes properties of the session that the request is about: those
// that the body has, and what is asked for besides.
func (a *API) changed(c *call, more session.Changes) (s session.Session, err error) {
	if more.Set, err = c.body.texts(); err != nil {
		return session.Session{}, err
	}
	if s, err = a.session(c, session.Touch); err != nil {
		return session.Session{}, err
	}
	return a.front.Realms.SetProperties(c.Context(), s, more)
}

// The replies of version 1.
type (
	successFlag struct {
		Success bool `json:"success"`
	}
	namesBody struct {
		Properties []string `json:"properties"`
	}
)

// propertyNames lists the properties that clients may read.
func (a *API) propertyNames(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.session(c, session.Peek)
	if err != nil {
		return reply{}, err
	}
	return ok(namesBody{a.front.Realms.PropertyNames(s)}), nil
}

// getProperty tells the properties that the body names, or all.
func (a *API) getProperty(w http.ResponseWriter, c *call) (reply, error) {
	names, err := take[[]string](c.body, "properties")
	if err != nil {
		return reply{}, err
	}
	if names == nil {
		return a.sessionProperties(w, c)
	}
	s, err := a.session(c, session.Peek)
	if err != nil {
		return reply{}, err
	}
	values, err := a.front.Realms.Properties(s, names...)
	return ok(values), err
}

// setProperty changes the properties that the body has.
func (a *API) setProperty(_ http.ResponseWriter, c *call) (reply, error) {
	_, err := a.changed(c, session.Changes{})
	return ok(successFlag{true}), err
}

// deleteProperty removes the properties that the body names.
func (a *API) deleteProperty(_ http.ResponseWriter, c *call) (reply, error) {
	names, err := take[[]string](c.body, "properties")
	if err != nil {
		return reply{}, err
	}
	_, err = a.changed(c, session.Changes{Remove: names})
	return ok(successFlag{true}), err
}

// isActive tells whether the session lives; with refresh=true that counts as
// its use.
func (a *API) isActive(_ http.ResponseWriter, c *call) (reply, error) {
	use := session.Peek
	if isTrue(c.query.Get("refresh")) {
		use = session.Touch
	}
	_, err := a.session(c, use)
	if err != nil && !isGone(err) {
		return reply{}, err
	}
	return ok(map[string]bool{"active": err == nil}), nil
}

// idleTime tells for how many seconds the session has not been used.
func (a *API) idleTime(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.session(c, session.Peek)
	if err != nil {
		return reply{}, err
	}
	accessed, err := a.front.Realms.LastAccess(c.Context(), s)
	return ok(map[string]int64{"idletime": seconds(time.Since(accessed))}), err
}

// A measure is one number that clients of version 1 ask for by itself.
func measure(name string, of func(session.Session) int64) func(*API, http.ResponseWriter, *call) (reply, error) {
	return func(a *API, _ http.ResponseWriter, c *call) (reply, error) {
		s, err := a.session(c, session.Peek)
		if err != nil {
			return reply{}, err
		}
		return ok(map[string]int64{name: of(s)}), nil
	}
}

// The measures of version 1: seconds that are left, and what the session has
// in minutes.
var (
	timeLeft       = measure("maxtime", func(s session.Session) int64 { return seconds(time.Until(s.MaxExpires())) })
	maxIdle        = measure("maxidletime", func(s session.Session) int64 { return minutes(s.IdleTime()) })
	maxSessionTime = measure("maxsessiontime", func(s session.Session) int64 { return minutes(lifetime(s)) })
)
