package rest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
)

// versions are the resource versions that AM's documents and clients ask the
// sessions for, and what they write around them.
var versions = []string{
	"", "resource=1.1", "resource=2.0", "protocol=1.0,resource=2.0", "protocol=1.0,resource=2.1", "resource=3.0", "resource=3.1, protocol=1.0",
	"resource=4.0", "protocol=2.1,resource=4.0", "resource=5.0", "resource=5.1", "resource=9.9",
}

// TestEveryActionVersionAndWay: each action of a session answers with the
// members that AM's has, in every version and for every way of naming the
// token. (am-protocol §4.1 to §4.3)
func TestEveryActionVersionAndWay(t *testing.T) {
	info := []string{"username", "universalId", "realm", "latestAccessTime", "maxIdleExpirationTime", "maxSessionExpirationTime", "properties"}
	want := map[string][]string{
		"validate":                       {"valid", "sessionUid", "uid", "realm"},
		"getSessionInfo":                 info,
		"getSessionInfoAndResetIdleTime": info,
		"refresh":                        {"uid", "realm", "idletime", "maxidletime", "maxsessiontime", "maxtime"},
		"getSessionProperties":           {"AMCtxId", "AuthLevel", "color"},
		"updateSessionProperties":        {"AMCtxId", "AuthLevel", "color"},
		"isActive":                       {"active"},
		"getIdle":                        {"idletime"},
		"getTimeLeft":                    {"maxtime"},
		"getMaxTime":                     {"maxtime"},
		"getMaxIdle":                     {"maxidletime"},
		"getMaxSessionTime":              {"maxsessiontime"},
		"getPropertyNames":               {"properties"},
		"getProperty":                    {"AMCtxId", "AuthLevel", "color"},
		"setProperty":                    {"success"},
		"deleteProperty":                 {"success"},
		"logout":                         {"result"},
	}
	s := staffed(t)
	var token string
	for _, a := range sessionActions {
		if want[a.action] == nil {
			t.Errorf("%s is not in this table", a.action)
		}
		token = s.signIn(t, "/alpha", "carol")
		for _, version := range versions {
			names := want[a.action]
			if old := parseVersion(version).atMost(2); old && strings.HasPrefix(a.action, "getSessionInfo") {
				names = slices.Insert(slices.Clone(names), 3, "sessionHandle")
			}
			for how := range presented("") {
				if a.action == "logout" {
					token = s.signIn(t, "/alpha", "carol")
				}
				way := presented(token)[how]
				header := append([]string{"X-Requested-With", "x", "Accept-API-Version", version}, way.header...)
				res := s.do(t, "POST", way.url+"_action="+a.action, way.body, header...)
				if res.Code != http.StatusOK || !slices.Equal(members(t, res.Body.Bytes()), names) {
					t.Errorf("%s by %s in %q: %d %s, want %q", a.action, how, version, res.Code, res.Body, names)
				}
				if got := parseVersion(res.Header().Get("Content-API-Version")); got != parseVersion(version).or(sessionsVersion) {
					t.Errorf("%s in %q is answered in %v", a.action, version, got)
				}
			}
		}
	}
}

// A rank is one of the people of a staffed site, as seen from carol in /alpha.
type rank struct{ name, realm, user string }

var ranks = []rank{
	{"oneself", "/alpha", "carol"},
	{"the realm's administrator", "/alpha", "alfred"},
	{"the administrator of all", "/", "rita"},
	{"a stranger", "/alpha", "dave"},
	{"one of the root realm", "/", "ron"},
	{"a namesake", "/alpha/beta", "carol"},
	{"another realm's administrator", "/alpha/beta", "bert"},
	{"nobody", "", ""},
	{"one who has signed out", "/alpha", "ended"},
}

// sign signs the rank's user in and returns the token.
func (r rank) signIn(t *testing.T, s *site) string {
	switch r.user {
	case "":
		return ""
	case "ended":
		token := s.signIn(t, r.realm, "dave")
		s.do(t, "POST", at("/")+"/sessions?_action=logout", "", cookieName, token)
		return token
	}
	return s.signIn(t, r.realm, r.user)
}

// TestWhoMayCallWhat asks for every route that looks at who calls, in /alpha
// and about carol there, by people of every rank. Who may not changes nothing,
// and nobody is told a token. (SECURITY 7, 8, 10)
func TestWhoMayCallWhat(t *testing.T) {
	const own, boss, all = "oneself", "the realm's administrator", "the administrator of all"
	table := map[string]struct {
		url, body string
		may       []string
		// anonymous is the status for who is not signed in.
		anonymous int
		ends      bool
		// others is the status for all others, 403 if 0.
		others map[string]int
	}{
		"GET sessions": {url: "sessions?_queryFilter=" + url.QueryEscape(`username eq "carol"`), may: []string{own, boss, all}, anonymous: 401},
		"POST sessions?_action=logoutByUser": {
			url: "sessions?_action=logoutByUser", body: `{"username":"carol"}`, may: []string{own, boss, all}, anonymous: 401, ends: true,
		},
		"POST sessions?_action=logoutByHandle": {
			url: "sessions?_action=logoutByHandle", body: `{"sessionHandles":["HANDLE"]}`, may: []string{own, boss, all}, anonymous: 401, ends: true,
			// An administrator may call it, and is told of sessions elsewhere
			// what is told of those that are not there.
			others: map[string]int{"another realm's administrator": 200},
		},
		"POST users?_action=idFromSession": {
			url: "users?_action=idFromSession", anonymous: 403,
			may: []string{own, boss, all, "a stranger", "one of the root realm", "a namesake", "another realm's administrator"},
		},
		"POST users?_action=validateGoto": {
			url: "users?_action=validateGoto", body: `{"goto":"/app"}`, may: []string{own, boss, all, "a stranger"}, anonymous: 403,
		},
		"GET users/{id}": {url: "users/carol", may: []string{own, boss, all}, anonymous: 401},
	}
	for i := range routes {
		r := &routes[i]
		if r.auth != authCaller {
			continue
		}
		tt, ok := table[r.name()]
		if !ok {
			t.Errorf("%s is not in this table", r.name())
			continue
		}
		for _, who := range ranks {
			t.Run(r.name()+" by "+who.name, func(t *testing.T) {
				s := staffed(t)
				victim, caller := s.signIn(t, "/alpha", "carol"), who.signIn(t, s)
				body := strings.Replace(tt.body, "HANDLE", s.handle(t, victim), 1)
				res := s.do(t, r.method, at("/alpha")+"/"+tt.url, body, "Content-Type", "application/json", cookieName, caller)
				may, want := slices.Contains(tt.may, who.name), http.StatusForbidden
				switch {
				case may:
					want = http.StatusOK
				case caller == "", who.user == "ended":
					want = tt.anonymous
				case tt.others[who.name] != 0:
					want = tt.others[who.name]
				}
				if res.Code != want {
					t.Errorf("%d %s, want %d", res.Code, res.Body, want)
				}
				if ended := !s.Lives(t, victim); ended != (may && tt.ends) {
					t.Errorf("the session has ended: %v", ended)
				}
				wantNoToken(t, res.Header(), res.Body.String(), victim, caller)
			})
		}
	}
}

// handle is the handle of a session.
func (s *site) handle(t *testing.T, token string) string {
	t.Helper()
	var info struct{ SessionHandle string }
	decode(t, s.do(t, "POST", at("/")+"/sessions?_action=getSessionInfo", "", cookieName, token, "Accept-API-Version", "resource=2.0"), &info)
	return info.SessionHandle
}

// wantNoToken fails if a reply has a part of a token by which one could go on.
func wantNoToken(t *testing.T, header http.Header, body string, tokens ...string) {
	t.Helper()
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if token == "" {
			continue
		}
		if secret := token[:min(len(token), 27)]; strings.Contains(body, secret) || strings.Contains(string(text), secret) {
			t.Errorf("the reply has a token in it: %s, %s", body, text)
		}
	}
}

// TestSessionOfAnotherRealm goes through the whole API of /alpha/beta with a
// session of /alpha, of either kind: what belongs to the realm is closed, and
// looking the session up by its token works, as AM's clients do through any
// realm's path. (SECURITY 10; am-protocol §4.2; recorded: sessions-004)
func TestSessionOfAnotherRealm(t *testing.T) {
	looksUp := func(part string) func(*testing.T, int, string) {
		return func(t *testing.T, status int, body string) {
			if status != http.StatusOK || !strings.Contains(body, part) {
				t.Errorf("%d %s, want 200 with %s", status, body, part)
			}
		}
	}
	refused := func(t *testing.T, status int, body string) {
		if body != crest(403, "Forbidden", "Forbidden") {
			t.Errorf("%d %s, want 403", status, body)
		}
	}
	found, ofAlpha := looksUp(""), looksUp(`"realm":"/alpha"`)
	table := map[string]struct {
		body, query string
		want        func(*testing.T, int, string)
	}{
		"POST authenticate":                                    {want: looksUp(`"callbacks"`)}, // it is asked who it is, not told that it is somebody
		"GET sessions":                                         {query: "?_queryFilter=" + url.QueryEscape(`username eq "carol"`), want: refused},
		"POST sessions?_action=logoutByUser":                   {body: `{"username":"carol"}`, want: refused},
		"POST sessions?_action=logoutByHandle":                 {body: `{"sessionHandles":["shandle:x"]}`, want: refused},
		"POST users?_action=validateGoto":                      {body: `{"goto":"/app"}`, want: refused},
		"GET users/{id}":                                       {want: refused},
		"POST users?_action=idFromSession":                     {want: ofAlpha},
		"POST sessions?_action=validate":                       {want: ofAlpha},
		"POST sessions?_action=getSessionInfo":                 {want: ofAlpha},
		"POST sessions?_action=getSessionInfoAndResetIdleTime": {want: ofAlpha},
		"POST sessions?_action=refresh":                        {want: ofAlpha},
		"POST sessions?_action=getSessionProperties":           {want: looksUp(`"color":""`)}, // by the allow-list of its own realm
		"POST sessions?_action=updateSessionProperties":        {want: looksUp(`"color":""`)},
		"POST sessions?_action=getProperty":                    {body: `{"properties":["color"]}`, want: looksUp(`"color":""`)},
		"POST sessions?_action=getPropertyNames":               {want: looksUp(`"color"`)},
		"POST sessions?_action=setProperty":                    {want: found},
		"POST sessions?_action=deleteProperty":                 {want: found},
		"POST sessions?_action=isActive":                       {want: looksUp("true")},
		"POST sessions?_action=getIdle":                        {want: found},
		"POST sessions?_action=getTimeLeft":                    {want: found},
		"POST sessions?_action=getMaxTime":                     {want: found},
		"POST sessions?_action=getMaxIdle":                     {want: found},
		"POST sessions?_action=getMaxSessionTime":              {want: found},
		"POST sessions?_action=logout":                         {want: looksUp("Successfully logged out")},
	}
	for _, kind := range []realm.SessionScheme{realm.SessionsServer, realm.SessionsClient} {
		s := staffed(t, func(r *realm.Settings) {
			r.AuthenticatedSessions = kind
		})
		for i := range routes {
			r := &routes[i]
			if r.auth == authNone && r.kind != kindAuthenticate {
				continue
			}
			name := strings.Replace(r.name(), "/"+tokenID, "", 1)
			tt, ok := table[name]
			if !ok {
				t.Errorf("%s is not in this table", name)
				continue
			}
			t.Run(string(kind)+" "+r.name(), func(t *testing.T) {
				token := s.signIn(t, "/alpha", "carol")
				path := strings.NewReplacer(tokenID, token, userID, "carol").Replace(r.path)
				if r.action != "" {
					path += "?_action=" + r.action
				}
				res := s.do(t, r.method, at("/alpha/beta")+"/"+path+tt.query, tt.body, "Content-Type", "application/json", cookieName, token)
				if kind == realm.SessionsClient && slices.Contains([]string{"updateSessionProperties", "setProperty", "deleteProperty"}, r.action) {
					if want := crest(501, "Not Implemented", "Client-side sessions cannot be changed"); res.Body.String() != want {
						t.Errorf("%d %s, want %s", res.Code, res.Body, want)
					}
					return
				}
				tt.want(t, res.Code, res.Body.String())
			})
		}
	}
}
