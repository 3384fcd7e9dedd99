package rest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// staffed is a site with people of several ranks, each with the password
// Ch4ng31t: carol and dave in /alpha, its administrator alfred, erin in
// /alpha/beta, whose administrator is bert, and rita of the root realm, who
// administers all. The edits are for all realms.
func staffed(t testing.TB, edits ...func(*realm.Settings)) *site {
	t.Helper()
	people := func(users ...journeytest.Person) identity.Store { return journeytest.Users(users) }
	realms := []realm.Settings{
		{Path: "/", Users: people(person("rita", "admin"), person("ron"))},
		{Path: "/alpha", Users: people(person("carol"), person("dave"), person("alfred", "admin")), SessionProperties: []string{"color", "AuthLevel"}},
		{Path: "/alpha/beta", Users: people(person("erin"), person("carol"), person("bert", "admin"))},
	}
	for i := range realms {
		for _, edit := range edits {
			edit(&realms[i])
		}
	}
	s := &site{Site: realmtest.Open(t, realms...)}
	s.serve(t)
	return s
}

func person(name string, roles ...string) journeytest.Person {
	u := journeytest.Demo(name, "Ch4ng31t")[0]
	u.ID, u.Roles = "id-"+name, roles
	u.Attributes = map[string][]string{"mail": {name + "@example.com"}, "kbaInfo": {"{}"}, "oathDeviceProfiles": {"{}"}}
	return u
}

func at(path string) string { return "/am/json" + strings.TrimSuffix(path, "/") }

// signIn signs a person in to a realm and returns the token.
func (s *site) signIn(t testing.TB, path, name string) string {
	t.Helper()
	var got struct{ TokenID string }
	decode(t, s.do(t, "POST", at(path)+"/authenticate", "", "X-OpenAM-Username", name, "X-OpenAM-Password", "Ch4ng31t"), &got)
	if got.TokenID == "" {
		t.Fatalf("%s cannot sign in to %s", name, path)
	}
	return got.TokenID
}

// list is what a query of sessions answers, or its status.
func (s *site) list(t testing.TB, caller, path, filter, more string) (handles []string, cookie string, status int) {
	t.Helper()
	res := s.do(t, "GET", at(path)+"/sessions?_queryFilter="+url.QueryEscape(filter)+more, "", cookieName, caller)
	if res.Code != http.StatusOK {
		return nil, "", res.Code
	}
	var got struct {
		Result []struct{ SessionHandle string }
		Cookie string `json:"pagedResultsCookie"`
	}
	decode(t, res, &got)
	for _, one := range got.Result {
		handles = append(handles, one.SessionHandle)
	}
	return handles, got.Cookie, res.Code
}

// Who may see and end whose sessions. (am-protocol §4.3, §4.4)
func TestWhoMayWhat(t *testing.T) {
	for name, tt := range map[string]struct {
		realm, caller string // who asks
		path, user    string // about whom
		want          int
	}{
		"oneself":                       {"/alpha", "carol", "/alpha", "carol", 200},
		"oneself by id":                 {"/alpha", "carol", "/alpha", "id-carol", 200},
		"oneself by universal id":       {"/alpha", "carol", "/alpha", "id=id-carol,ou=user,o=alpha,ou=services,ou=am-config", 200},
		"oneself, spelt otherwise":      {"/alpha", "carol", "/alpha", "CAROL", 200},
		"another":                       {"/alpha", "carol", "/alpha", "dave", 403},
		"nobody":                        {"/alpha", "carol", "/alpha", "nobody", 403},
		"one's namesake elsewhere":      {"/alpha", "carol", "/alpha/beta", "carol", 403},
		"a realm that is not":           {"/alpha", "carol", "/nowhere", "carol", 403},
		"the realm's administrator":     {"/alpha", "alfred", "/alpha", "carol", 200},
		"… of nobody":                   {"/alpha", "alfred", "/alpha", "nobody", 200},
		"… of a realm below":            {"/alpha", "alfred", "/alpha/beta", "carol", 403},
		"… of the realm above":          {"/alpha/beta", "bert", "/alpha", "carol", 403},
		"the administrator of all":      {"/", "rita", "/alpha", "carol", 200},
		"… further below":               {"/", "rita", "/alpha/beta", "carol", 200},
		"one of the root realm":         {"/", "ron", "/alpha", "carol", 403},
		"one without a session":         {"", "", "/alpha", "carol", 401},
		"one with a session that ended": {"/alpha", "ended", "/alpha", "carol", 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := staffed(t)
			var caller string
			switch tt.caller {
			case "":
			case "ended":
				caller = s.signIn(t, tt.realm, "carol")
				s.do(t, "POST", at("/")+"/sessions?_action=logout", "", cookieName, caller)
			default:
				caller = s.signIn(t, tt.realm, tt.caller)
			}
			victims := map[string]string{"/alpha": s.signIn(t, "/alpha", "carol"), "/alpha/beta": s.signIn(t, "/alpha/beta", "carol")}
			bystander := s.signIn(t, "/alpha", "dave")

			handles, _, status := s.list(t, caller, "/", `username eq "`+tt.user+`" and realm eq "`+tt.path+`"`, "")
			if status != tt.want {
				t.Errorf("the list: %d, want %d", status, tt.want)
			}
			if status == 200 && tt.user != "nobody" && len(handles) == 0 {
				t.Error("the list is empty")
			}
			if tt.path == "/nowhere" {
				return
			}
			res := s.do(t, "POST", at(tt.path)+"/sessions?_action=logoutByUser", `{"username":"`+tt.user+`"}`,
				"Content-Type", "application/json", cookieName, caller)
			if res.Code != tt.want || tt.want == 200 && res.Body.String() != `{"result":true}` {
				t.Errorf("logoutByUser: %d %s, want %d", res.Code, res.Body, tt.want)
			}
			for path, tok := range victims {
				ended := tt.want == 200 && tt.user != "nobody" && path == tt.path
				if s.Lives(t, tok) == ended {
					t.Errorf("the session of carol in %s lives: %v", path, !ended)
				}
			}
			if !s.Lives(t, bystander) {
				t.Error("somebody else's session ended")
			}
		})
	}
}

// TestListsGiveNoSessions: the failure, an RPC for counting that gave away
// other people's sessions (OpenAM CVE-2026-45048). What a list shows is good
// for ending a session by who may, and for nothing else. (SECURITY 7)
func TestListsGiveNoSessions(t *testing.T) {
	s := staffed(t)
	tok, admin := s.signIn(t, "/alpha", "carol"), s.signIn(t, "/alpha", "alfred")
	res := s.do(t, "GET", at("/alpha")+`/sessions?_queryFilter=`+url.QueryEscape(`username eq "carol" and realm eq "/alpha"`), "", cookieName, admin)
	if body := res.Body.String(); strings.Contains(body, tok[:27]) {
		t.Fatalf("the list has the token: %s", body)
	}
	handles, _, _ := s.list(t, admin, "/alpha", `username eq "carol"`, "")
	if len(handles) != 1 {
		t.Fatalf("the list has %v", handles)
	}
	for _, way := range presented(handles[0]) {
		res := s.do(t, "POST", way.url+"_action=validate", way.body, append(way.header, "Accept-API-Version", latest)...)
		if res.Body.String() != `{"valid":false}` {
			t.Errorf("a handle is a session: %s", res.Body)
		}
		if res := s.do(t, "POST", way.url+"_action=logout", way.body, append(way.header, "Accept-API-Version", latest)...); res.Body.String() != `{"result":"Token has expired"}` {
			t.Errorf("a handle logs out: %s", res.Body)
		}
	}
	if !s.Lives(t, tok) {
		t.Error("the session has ended")
	}
}

// The body of a list, to the byte but for what is random.
func TestListBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staffed(t)
		s.signIn(t, "/alpha", "carol")
		admin := s.signIn(t, "/alpha", "alfred")
		began := time.Now().UTC()
		handles, _, _ := s.list(t, admin, "/alpha", `username eq "carol"`, "")
		res := s.do(t, "GET", at("/alpha")+`/sessions?_queryFilter=`+url.QueryEscape(`/username eq "carol" and /realm eq "/alpha"`), "", cookieName, admin, "Accept-API-Version", "protocol=2.1,resource=4.0")
		want := `{"result":[{"username":"carol","universalId":"id=id-carol,ou=user,o=alpha,ou=services,ou=am-config","realm":"/alpha","sessionHandle":"` + handles[0] +
			`","latestAccessTime":"` + began.Format("2006-01-02T15:04:05.000Z") +
			`","maxIdleExpirationTime":"` + timestamp(began.Add(30*time.Minute)) +
			`","maxSessionExpirationTime":"` + timestamp(began.Add(2*time.Hour)) +
			`"}],"resultCount":1,"pagedResultsCookie":null,"totalPagedResultsPolicy":"NONE","totalPagedResults":-1,"remainingPagedResults":-1}`
		if res.Body.String() != want {
			t.Errorf("got\n%s\nwant\n%s", res.Body, want)
		}
		res = s.do(t, "GET", at("/alpha")+`/sessions?_queryFilter=`+url.QueryEscape(`username eq "nobody"`), "", cookieName, admin)
		if want := `{"result":[],"resultCount":0,"pagedResultsCookie":null,"totalPagedResultsPolicy":"NONE","totalPagedResults":-1,"remainingPagedResults":-1}`; res.Body.String() != want {
			t.Errorf("nobody: %s", res.Body)
		}
	})
}

func TestListPages(t *testing.T) {
	s := staffed(t)
	for range 5 {
		s.signIn(t, "/alpha", "carol")
	}
	admin := s.signIn(t, "/", "rita")
	var all []string
	for cookie, pages := "", 0; ; pages++ {
		more := "&_pageSize=2&_pagedResultsCookie=" + url.QueryEscape(cookie)
		handles, next, status := s.list(t, admin, "/alpha", `username eq "carol"`, more)
		if status != 200 || len(handles) > 2 || pages > 5 {
			t.Fatalf("page %d: %d sessions, %d", pages, len(handles), status)
		}
		all, cookie = append(all, handles...), next
		if next == "" {
			break
		}
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 5 {
		t.Errorf("the pages have %v", all)
	}
	_, second, _ := s.list(t, admin, "/alpha", `username eq "carol"`, "&_pageSize=2")
	second = url.QueryEscape(second)
	for _, tt := range []struct{ filter, more string }{
		{`username eq "carol" or realm eq "/alpha"`, ""},
		{`username co "carol"`, ""},
		{`username eq "carol" and username eq "dave"`, ""},
		{`username eq "carol" and status eq "x"`, ""},
		{`realm eq "/alpha"`, ""},
		{`true`, ""},
		{``, ""},
		{`username eq `, ""},
		{`username eq 5`, ""},
		{`!(username eq "carol")`, ""},
		{strings.Repeat("(", 5000), ""},
		{`username eq "carol"`, "&_pageSize=x"},
		{`username eq "carol"`, "&_pageSize=-1"},
		{`username eq "carol"`, "&_pagedResultsCookie=x"},
		{`username eq "carol"`, "&_pageSize=1&_pageSize=2"},
		{`username eq "carol"`, "&_queryFilter=true"},
		{`username eq "carol"`, "&_pagedResultsOffset=-1"},
		{`username eq "carol"`, "&_pagedResultsOffset=1&_pagedResultsCookie=" + second},
		{`username eq "carol"`, "&_sortKeys=realm&_pagedResultsCookie=" + second},
		{`username eq "carol"`, "&_sortKeys=tokenId"},
		{`username eq "carol"`, "&_sortKeys="},
		{`username eq "carol"`, "&_sortKeys=realm" + strings.Repeat(",realm", 100)},
		{`username eq "carol"`, "&_totalPagedResultsPolicy=SOME"},
	} {
		if _, _, status := s.list(t, admin, "/alpha", tt.filter, tt.more); status != 400 {
			t.Errorf("%.40s %s: %d, want 400", tt.filter, tt.more, status)
		}
	}
}

func TestLogoutByHandle(t *testing.T) {
	s := staffed(t)
	handleOf := func(tok string) string {
		var info struct{ SessionHandle string }
		decode(t, s.do(t, "POST", at("/")+"/sessions?_action=getSessionInfo", "", cookieName, tok, "Accept-API-Version", "resource=2.0"), &info)
		return info.SessionHandle
	}
	end := func(caller string, handles ...string) (map[string]bool, int) {
		body, err := json.Marshal(map[string]any{"sessionHandles": handles})
		if err != nil {
			t.Fatal(err)
		}
		res := s.do(t, "POST", at("/")+"/sessions?_action=logoutByHandle", string(body), "Content-Type", "application/json", cookieName, caller)
		var got struct{ Result map[string]bool }
		decode(t, res, &got)
		return got.Result, res.Code
	}
	carol, second, erin := s.signIn(t, "/alpha", "carol"), s.signIn(t, "/alpha", "carol"), s.signIn(t, "/alpha/beta", "erin")
	dave, alfred, rita := s.signIn(t, "/alpha", "dave"), s.signIn(t, "/alpha", "alfred"), s.signIn(t, "/", "rita")

	if got, status := end(carol, handleOf(second), handleOf(dave)); status != 403 || !s.Lives(t, second) || !s.Lives(t, dave) {
		t.Errorf("one's own and another's: %d %v", status, got)
	}
	own := handleOf(second)
	if got, status := end(carol, own); status != 200 || !got[own] || s.Lives(t, second) {
		t.Errorf("one's own: %d %v", status, got)
	}
	if got, status := end(carol, own); status != 200 || got[own] {
		t.Errorf("one's own again: %d %v", status, got)
	}
	there, elsewhere := handleOf(dave), handleOf(erin)
	got, status := end(alfred, there, elsewhere, "shandle:x")
	if want := map[string]bool{there: true, elsewhere: false, "shandle:x": false}; status != 200 || len(got) != 3 || got[there] != want[there] || got[elsewhere] || got["shandle:x"] {
		t.Errorf("by the realm's administrator: %d %v", status, got)
	}
	if s.Lives(t, dave) || !s.Lives(t, erin) {
		t.Error("the administrator of one realm ended the session of another, or none")
	}
	if got, status := end(rita, elsewhere); status != 200 || !got[elsewhere] || s.Lives(t, erin) {
		t.Errorf("by the administrator of all: %d %v", status, got)
	}
	if _, status := end(rita); status != 400 {
		t.Errorf("no handles: %d", status)
	}
	if _, status := end("", there); status != 401 {
		t.Errorf("without a session: %d", status)
	}
}

// TestLostRoleIsLostAtOnce: an administrator who is none any more keeps the
// session, but not its rights. (SECURITY 22)
func TestLostRoleIsLostAtOnce(t *testing.T) {
	s := staffed(t)
	s.signIn(t, "/alpha", "carol")
	admin, boss := s.signIn(t, "/alpha", "alfred"), &s.At(t, "/alpha").Users.(journeytest.Users)[2]
	may := func() int {
		_, _, status := s.list(t, admin, "/alpha", `username eq "carol"`, "")
		return status
	}
	if got := may(); got != 200 {
		t.Fatalf("an administrator: %d", got)
	}
	boss.Roles = nil
	if got := may(); got != 403 {
		t.Errorf("one who was: %d", got)
	}
	boss.Roles, boss.Active = []string{"admin"}, false
	if got := may(); got != 403 {
		t.Errorf("one who is switched off: %d", got)
	}
	// And who becomes one signs in again for it.
	dave, user := s.signIn(t, "/alpha", "dave"), &s.At(t, "/alpha").Users.(journeytest.Users)[1]
	user.Roles = []string{"admin"}
	if _, _, status := s.list(t, dave, "/alpha", `username eq "carol"`, ""); status != 403 {
		t.Errorf("one who has become an administrator: %d", status)
	}
	if _, _, status := s.list(t, s.signIn(t, "/alpha", "dave"), "/alpha", `username eq "carol"`, ""); status != 200 {
		t.Errorf("and has signed in again: %d", status)
	}
}

// Users see and end their own sessions and nobody else's: also one whose id is
// somebody else's name, whom the same words mean in another's mouth.
// (SECURITY 7)
func TestSelfService(t *testing.T) {
	s := &site{Site: realmtest.Open(t, realm.Settings{Path: "/"}, realm.Settings{Path: "/alpha", Users: journeytest.Users{
		person("carol"), person("id-carol"), person("alfred", "admin"),
	}})}
	s.serve(t)
	one, two := s.signIn(t, "/alpha", "carol"), s.signIn(t, "/alpha", "carol")
	other := s.signIn(t, "/alpha", "id-carol")
	query := func(tok, name string) []string {
		handles, _, status := s.list(t, tok, "/alpha", `username eq "`+name+`"`, "")
		if status != 200 {
			t.Errorf("%s: %d", name, status)
		}
		return handles
	}
	for _, name := range []string{"carol", "CAROL", "id-carol", "id=id-carol,ou=user,o=alpha,ou=services,ou=am-config"} {
		if got := query(one, name); len(got) != 2 {
			t.Errorf("as %s: %v", name, got)
		}
	}
	if got := query(s.signIn(t, "/alpha", "alfred"), "id-carol"); len(got) != 1 {
		t.Errorf("whom others call id-carol: %v", got)
	}
	// As a browser does it: by cookie, which takes a header that no form sends.
	end := func(handles []string, header ...string) string {
		body, err := json.Marshal(map[string]any{"sessionHandles": handles})
		if err != nil {
			t.Fatal(err)
		}
		return s.do(t, "POST", at("/alpha")+"/sessions?_action=logoutByHandle", string(body),
			append(header, "Content-Type", "application/json", "Cookie", cookieName+"="+one)...).Body.String()
	}
	var info struct{ SessionHandle string }
	decode(t, s.do(t, "POST", at("/")+"/sessions?_action=getSessionInfo", "", cookieName, two, "Accept-API-Version", "resource=2.0"), &info)
	own := []string{info.SessionHandle}
	if got := end(own); !strings.Contains(got, "403") || !s.Lives(t, two) {
		t.Errorf("without the header: %s", got)
	}
	if got := end(own, "X-Requested-With", "XMLHttpRequest"); got != `{"result":{"`+own[0]+`":true}}` || s.Lives(t, two) || !s.Lives(t, one) {
		t.Errorf("one's own: %s", got)
	}
	if got := end(query(other, "id-carol"), "X-Requested-With", "XMLHttpRequest"); !strings.Contains(got, "403") || !s.Lives(t, other) {
		t.Errorf("another's: %s", got)
	}
	res := s.do(t, "POST", at("/alpha")+"/sessions?_action=logoutByUser", `{"username":"id-carol"}`, "Content-Type", "application/json", cookieName, one)
	if res.Code != 200 || s.Lives(t, one) || !s.Lives(t, other) {
		t.Errorf("all of one's own: %d %s", res.Code, res.Body)
	}
}
