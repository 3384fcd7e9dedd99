package rest

import (
	"errors"
	"net/http"
	"time"

	"github.com/amgate/amgate/session"
)

// target is the session that a request is about.
type target struct {
	// tokens are tried in turn; more than one only if they are cookies.
	tokens []string
	// byCookie says that a browser may have sent them by itself.
	byCookie bool
}

// findTarget takes the token that a request presents from the first of these
// places that has one: the body, the query, the path, the header named like
// the cookie, the cookie (am-protocol §4.2). The realm in the path has no say
// in it: clients ask through the root's about sessions of all realms.
func findTarget(w http.ResponseWriter, c *call) (target, error) {
	var body struct {
		TokenID string `json:"tokenId"`
	}
	if _, err := readBody(w, c.Request, &body); err != nil {
		return target{}, err
	}
	for _, token := range []string{body.TokenID, c.query.Get("tokenId"), c.pathToken, c.Header.Get(c.realm.Cookie.Name)} {
		if token != "" {
			return target{tokens: []string{token}}, nil
		}
	}
	tokens := c.realm.Cookie.Tokens(c.Header)
	if len(tokens) == 0 && c.version.atMost(1) {
		return target{}, refuse(http.StatusBadRequest, "iPlanetDirectoryCookie not set on request")
	}
	return target{tokens: tokens, byCookie: len(tokens) > 0}, nil
}

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
	s, err := a.front.Realms.Session(c.Context(), c.target.tokens, use)
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
	Username         string `json:"username"`
	UniversalID      string `json:"universalId"`
	Realm            string `json:"realm"`
	SessionHandle    string `json:"sessionHandle,omitempty"` // up to version 2
	LatestAccess     string `json:"latestAccessTime"`
	MaxIdleExpires   string `json:"maxIdleExpirationTime"`
	MaxSessionExpire string `json:"maxSessionExpirationTime"`
	Properties       struct {
		ContextID string `json:"AMCtxId"`
	} `json:"properties"`
}

// sessionInfo tells whose the session is and how long it lives, without
// counting as its use.
func (a *API) sessionInfo(_ http.ResponseWriter, c *call) (reply, error) {
	s, err := a.front.Realms.Session(c.Context(), c.target.tokens, session.Peek)
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
	info.Properties.ContextID = s.ContextID()
	return ok(info), nil
}

// timestamp is AM's form of a time: UTC, to the second.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// logoutBody is the reply of logout.
type logoutBody struct {
	Result string `json:"result"`
	Goto   string `json:"goto,omitempty"`
}

// logout ends the session, and makes a browser forget the cookie if that is
// how the token came.
//
// AM also sends Clear-Site-Data here. We do not: it would clear the storage
// and the cookies of the whole site, those of the protected apps and of the
// login page in the next tab among them, to remove what this API never puts
// there.
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
	rep := ok(body)
	if c.target.byCookie {
		rep.header = http.Header{}
		c.realm.Cookie.Clear(rep.header, a.front.Secure(c.Request))
	}
	return rep, nil
}
