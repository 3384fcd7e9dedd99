package rest

import (
	"net/http"
	"slices"
	"strings"
)

// kind is the family of a route: what its replies look like.
type kind uint8

const (
	kindCREST kind = iota // also for what is no route
	kindAuthenticate
	kindServerInfo
	kindUsers
	kindHealth
	kindDiscovery
)

// csrf says how a route is kept from pages of other origins that make a
// browser send its cookies.
type csrf uint8

const (
	// csrfSafe: the route changes nothing.
	csrfSafe csrf = iota
	// csrfExempt: no cookie authorises the change. Only authenticate is: what
	// it changes is authorised by the answers, and those come as JSON, which
	// a browser sends to another origin only after a preflight.
	csrfExempt
	// csrfHeader: if a cookie authorises the change, the request carries a
	// header that no form can send.
	csrfHeader
)

// auth says whose request it must be.
type auth uint8

const (
	// authNone: everybody's.
	authNone auth = iota
	// authToken: the request is about the session whose token it presents;
	// having the token is all the right that it takes.
	authToken
	// authCaller: the request is made by the user of the session that it
	// presents as its own; the route decides what that user may.
	authCaller
)

// What stands in a route's path for one segment of any text.
const (
	tokenID = "{tokenId}"
	userID  = "{id}"
)

// The trees of paths below {base}.
const (
	treeJSON   = "json"
	treeOAuth2 = "oauth2"
)

// route is one entry of the API.
type route struct {
	tree, method string
	// path is what follows the realm.
	path string
	// action is the value of the parameter _action, or "".
	action string
	kind   kind
	csrf   csrf
	auth   auth
	serve  func(*API, http.ResponseWriter, *call) (reply, error)
}

// sessionActions are what can be done with a session by its token, which is
// all the right that it takes.
var sessionActions = []struct {
	action string
	serve  func(*API, http.ResponseWriter, *call) (reply, error)
}{
	{"logout", (*API).logout},
	{"validate", (*API).validate},
	{"getSessionInfo", (*API).sessionInfo},
	{"getSessionInfoAndResetIdleTime", (*API).sessionInfoReset},
	{"refresh", (*API).refresh},
	{"getSessionProperties", (*API).sessionProperties},
	{"updateSessionProperties", (*API).updateSessionProperties},
	{"isActive", (*API).isActive},
	{"getIdle", (*API).idleTime},
	{"getTimeLeft", timeLeft},
	{"getMaxTime", timeLeft},
	{"getMaxIdle", maxIdle},
	{"getMaxSessionTime", maxSessionTime},
	{"getPropertyNames", (*API).propertyNames},
	{"getProperty", (*API).getProperty},
	{"setProperty", (*API).setProperty},
	{"deleteProperty", (*API).deleteProperty},
}

// routes is everything that exists.
var routes = slices.Concat(aboutSessions("sessions"), aboutSessions("sessions/"+tokenID), []route{
	{treeJSON, "POST", "authenticate", "", kindAuthenticate, csrfExempt, authNone, (*API).authenticate},
	{treeJSON, "POST", "sessions", "logoutByHandle", kindCREST, csrfHeader, authCaller, (*API).logoutByHandle},
	{treeJSON, "POST", "sessions", "logoutByUser", kindCREST, csrfHeader, authCaller, (*API).logoutByUser},
	{treeJSON, "GET", "sessions", "", kindCREST, csrfSafe, authCaller, (*API).querySessions},
	{treeJSON, "POST", "users", "idFromSession", kindUsers, csrfHeader, authCaller, (*API).idFromSession},
	{treeJSON, "POST", "users", "validateGoto", kindUsers, csrfHeader, authCaller, (*API).validateGoto},
	{treeJSON, "GET", "users/" + userID, "", kindUsers, csrfSafe, authCaller, (*API).user},
	{treeJSON, "GET", "serverinfo/*", "", kindServerInfo, csrfSafe, authNone, (*API).serverInfo},
	{treeJSON, "GET", "serverinfo/version", "", kindServerInfo, csrfSafe, authNone, (*API).serverVersion},
	{treeJSON, "GET", "serverinfo/cookieDomains", "", kindServerInfo, csrfSafe, authNone, (*API).cookieDomains},
	{treeJSON, "GET", "health/live", "", kindHealth, csrfSafe, authNone, (*API).live},
	{treeJSON, "GET", "health/ready", "", kindHealth, csrfSafe, authNone, (*API).ready},
	{treeOAuth2, "GET", ".well-known/openid-configuration", "", kindDiscovery, csrfSafe, authNone, (*API).discovery},
})

// aboutSessions are the routes of sessionActions below a path.
func aboutSessions(path string) []route {
	all := make([]route, len(sessionActions))
	for i, s := range sessionActions {
		all[i] = route{treeJSON, "POST", path, s.action, kindCREST, csrfHeader, authToken, s.serve}
	}
	return all
}

// pathToken is the token in the request's path, if the route has one there.
func (c *call) pathToken() string {
	if !strings.HasSuffix(c.path, tokenID) {
		return ""
	}
	return c.param
}

// name is how logs call a route. It holds nothing that a client sent.
func (r *route) name() string {
	if r == nil {
		return "none"
	}
	name := r.method + " " + r.path
	if r.tree != treeJSON {
		name = r.method + " /" + r.tree + "/" + r.path
	}
	if r.action != "" {
		name += "?_action=" + r.action
	}
	return name
}

// isEntry reports whether a segment begins the path of a route. On the legacy
// form of the API, where nothing else separates them, no realm of that name
// hides the route.
func isEntry(tree, segment string) bool {
	return slices.ContainsFunc(routes, func(r route) bool {
		first, _, _ := strings.Cut(r.path, "/")
		return first == segment && r.tree == tree
	})
}

// match compares a route's path with segments. param is what stands in the
// place of {…}.
func (r *route) match(segments []string) (param string, ok bool) {
	rest := r.path
	for _, segment := range segments {
		var want string
		want, rest, _ = strings.Cut(rest, "/")
		switch want {
		case tokenID, userID:
			param = segment
		case segment:
		default:
			return "", false
		}
	}
	return param, rest == ""
}

// choose finds the route of a request whose path is known to exist.
// The errors are AM's: 404 for an unknown path, 405 for a known one, 501 for
// an action that the resource does not have.
func (a *API) choose(c *call) error {
	method := c.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	// CREST takes a POST without an action for the wish to create.
	action, err := c.single("_action")
	if err != nil {
		return err
	}
	wanted := action
	if wanted == "" && method == http.MethodPost {
		wanted = "create"
	}
	for i := range routes {
		r := &routes[i]
		if r.path != c.path || r.method != method {
			continue
		}
		// The kind of the refusal's headers, if no action fits.
		c.route = r
		if r.action == "" || r.action == action {
			return nil
		}
	}
	if c.route == nil {
		return notAllowed(allowed(c.path))
	}
	return refuse(http.StatusNotImplemented, "Action "+printable(wanted)+" not implemented for this resource")
}

// allowed lists the methods of a path for the header Allow.
func allowed(path string) string {
	methods := []string{http.MethodOptions}
	for i := range routes {
		if r := &routes[i]; r.path == path && !slices.Contains(methods, r.method) {
			methods = append(methods, r.method)
			if r.method == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}
