package rest

import (
	"errors"
	"net/http"
	"time"

	"github.com/amgate/amgate/session"
)

// validBody is the reply of validate; all but Valid only for a valid one.
type validBody struct {
	Valid      bool   `json:"valid"`
	SessionUID string `json:"sessionUid,omitempty"`
	UID        string `json:"uid,omitempty"`
	Realm      string `json:"realm,omitempty"`
}

// validate tells whether the session lives, and counts as its use unless
// refresh=false. A session that does not live is a 200, too.
func (a *API) validate(_ http.ResponseWriter, c *call) (reply, error) {
	use := session.Touch
	if c.query.Get("refresh") == "false" {
		use = session.Peek
	}
	s, err := a.session(c, use)
	switch {
	case isGone(err):
		return ok(validBody{}), nil
	case err != nil:
		return reply{}, err
	}
	return ok(validBody{Valid: true, SessionUID: s.ContextID(), UID: s.Username(), Realm: s.Realm()}), nil
}

// isGone tells a session that certainly does not live from one that could
// not be looked up.
func isGone(err error) bool {
	return errors.Is(err, session.ErrInvalid) || errors.Is(err, session.ErrEnded)
}

// infoBody is the reply of getSessionInfo.
type infoBody struct {
	Username         string            `json:"username"`
	UniversalID      string            `json:"universalId"`
	Realm            string            `json:"realm"`
	SessionHandle    string            `json:"sessionHandle,omitempty"` // up to version 2
	LatestAccess     string            `json:"latestAccessTime"`
	MaxIdleExpires   string            `json:"maxIdleExpirationTime"`
	MaxSessionExpire string            `json:"maxSessionExpirationTime"`
	Properties       map[string]string `json:"properties"`
}

// sessionInfo tells whose the session is and how long it lives, without
// counting as its use.
func (a *API) sessionInfo(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.session(c, session.Peek)
	return a.inform(c, s, err)
}

// sessionInfoReset is sessionInfo, and the session's idle time begins anew.
func (a *API) sessionInfoReset(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.renewed(c)
	return a.inform(c, s, err)
}

// renewed is the session that the request is about, with its idle time begun
// anew.
func (a *API) renewed(c *call) (session.Session, error) {
	s, err := a.session(c, session.Touch)
	if err == nil {
		err = a.front.Realms.Refresh(s)
	}
	return s, err
}

// inform is the reply about a session that was looked up, or could not be.
func (a *API) inform(c *call, s session.Session, err error) (reply, error) {
	var accessed time.Time
	if err == nil {
		accessed, err = a.front.Realms.LastAccess(c.Context(), s)
	}
	switch {
	case isGone(err) && c.version.atMost(2):
		return ok(validBody{}), nil
	case err != nil:
		return reply{}, err
	}
	info := infoBody{
		Username:         s.Username(),
		UniversalID:      s.UniversalID(),
		Realm:            s.Realm(),
		LatestAccess:     timestamp(accessed),
		MaxIdleExpires:   timestamp(accessed.Add(s.IdleTime())),
		MaxSessionExpire: timestamp(s.MaxExpires()),
	}
	if c.version.atMost(2) {
		info.SessionHandle = s.Handle()
	}
	info.Properties, err = a.properties(s)
	return ok(info), err
}

// timestamp is AM's form of a time: UTC, to the second.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// refreshBody is the reply of refresh. IdleTime and MaxTime, what is left, are
// seconds; the others minutes.
type refreshBody struct {
	UID            string `json:"uid"`
	Realm          string `json:"realm"`
	IdleTime       int64  `json:"idletime"`
	MaxIdleTime    int64  `json:"maxidletime"`
	MaxSessionTime int64  `json:"maxsessiontime"`
	MaxTime        int64  `json:"maxtime"`
}

// refresh has the session's idle time begin anew.
func (a *API) refresh(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.renewed(c)
	if err != nil {
		return reply{}, err
	}
	return ok(refreshBody{
		UID: s.Username(), Realm: s.Realm(),
		MaxIdleTime: minutes(s.IdleTime()), MaxSessionTime: minutes(lifetime(s)), MaxTime: seconds(time.Until(s.MaxExpires())),
	}), nil
}

func lifetime(s session.Session) time.Duration { return s.MaxExpires().Sub(s.Created()) }

func minutes(d time.Duration) int64 { return int64(d / time.Minute) }
func seconds(d time.Duration) int64 { return int64(max(d, 0) / time.Second) }

// logoutBody is the reply of logout.
type logoutBody struct {
	Result string `json:"result"`
	Goto   string `json:"goto,omitempty"`
}

// logout ends the session, and makes a browser forget the cookie if that is
// how the token came, and in any case the persistent cookies that it sent: they
// would sign in again.
//
// AM also sends Clear-Site-Data here. We do not: it would clear the storage
// and the cookies of the whole site, those of the protected apps and of the
// login page in the next tab among them.
func (a *API) logout(_ http.ResponseWriter, c *call) (reply, error) {
	ended, err := a.front.Realms.Logout(c.Context(), c.target.tokens)
	if err != nil {
		return reply{}, err
	}
	body := logoutBody{Result: "Successfully logged out"}
	if ended == 0 {
		body.Result = "Token has expired"
	}
	body.Goto, _ = c.realm.Goto(c.query.Get("goto"), a.front.Origin(c.Request))
	rep, secure := ok(body), a.front.Secure(c.Request)
	rep.header = http.Header{}
	if c.target.byCookie {
		c.realm.Cookie.Clear(rep.header, secure)
	}
	c.realm.ClearPersistent(rep.header, c.Header, secure)
	return rep, nil
}
