package rest

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// act posts an action about a session.
func (s *site) act(t testing.TB, token, action, body string) (status int, answer string) {
	t.Helper()
	res := s.do(t, "POST", at("/alpha")+"/sessions?_action="+action, body,
		"Content-Type", "application/json", cookieName, token, "Accept-API-Version", "resource=1.1")
	return res.Code, res.Body.String()
}

// What the actions answer, in the order of a session's life. (am-protocol §4.3)
func TestSessionActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staffed(t)
		token := s.signIn(t, "/alpha", "carol")
		time.Sleep(90 * time.Second)
		const forbidden = `{"code":403,"reason":"Forbidden","message":"Forbidden"}`
		for _, tt := range []struct{ action, body, want string }{
			{"getIdle", "", `{"idletime":90}`},
			{"getTimeLeft", "", `{"maxtime":7110}`},
			{"getMaxTime", "", `{"maxtime":7110}`},
			{"getMaxIdle", "", `{"maxidletime":30}`},
			{"getMaxSessionTime", "", `{"maxsessiontime":120}`},
			{"isActive", "", `{"active":true}`},
			{"getIdle", "", `{"idletime":90}`},
			{"refresh", "", `{"uid":"carol","realm":"/alpha","idletime":0,"maxidletime":30,"maxsessiontime":120,"maxtime":7110}`},
			{"getIdle", "", `{"idletime":0}`},
			{"getPropertyNames", "", `{"properties":["AMCtxId","AuthLevel","color"]}`},
			{"updateSessionProperties", `{"AMCtxId":"x"}`, forbidden},
			{"updateSessionProperties", `{"AuthLevel":"100"}`, forbidden},
			{"updateSessionProperties", `{"color":"red","size":"L"}`, forbidden},
			{"updateSessionProperties", `{"am.protected.webhooks":"x"}`, forbidden},
			{"updateSessionProperties", `{"color":5}`, `{"code":400,"reason":"Bad Request","message":"The value of color must be a string"}`},
			{"updateSessionProperties", `{"color":null}`, `{"code":400,"reason":"Bad Request","message":"The value of color must be a string"}`},
			{"getProperty", `{"properties":["color","AuthLevel"]}`, `{"AuthLevel":"0","color":""}`},
			{"setProperty", `{"color":"green"}`, `{"success":true}`},
			{"getProperty", `{"properties":["color"]}`, `{"color":"green"}`},
			{"getProperty", `{"properties":["size"]}`, forbidden},
			{"getProperty", `{"properties":"color"}`, crest(400, "Bad Request", "The request could not be processed because the provided content is not valid JSON")},
			{"deleteProperty", `{"properties":["color"]}`, `{"success":true}`},
			{"deleteProperty", `{"properties":["AMCtxId"]}`, forbidden},
			{"getProperty", `{"properties":["color"]}`, `{"color":""}`},
			{"setProperty", `{"color":"` + strings.Repeat("x", 20_000) + `"}`, crest(413, "Request Entity Too Large", "The session has no room for these properties")},
		} {
			if _, got := s.act(t, token, tt.action, tt.body); got != tt.want {
				t.Errorf("%s %.60s: %s, want %s", tt.action, tt.body, got, tt.want)
			}
		}
		_, got := s.act(t, token, "updateSessionProperties", `{"tokenId":"`+token+`","color":"blue"}`)
		_, again := s.act(t, token, "getSessionProperties", "")
		if !strings.HasPrefix(got, `{"AMCtxId":"`) || !strings.HasSuffix(got, `","AuthLevel":"0","color":"blue"}`) || again != got {
			t.Errorf("updated: %s, read: %s", got, again)
		}
		_, info := s.act(t, token, "getSessionInfoAndResetIdleTime", "")
		if !strings.Contains(info, `"latestAccessTime":"`+timestamp(time.Now())) || !strings.Contains(info, `"color":"blue"`) {
			t.Errorf("info: %s", info)
		}
		s.act(t, token, "logout", "")
		for _, action := range []string{"refresh", "getIdle", "getTimeLeft", "getSessionProperties", "updateSessionProperties", "setProperty", "deleteProperty", "getProperty", "getPropertyNames"} {
			if status, got := s.act(t, token, action, ""); status != http.StatusUnauthorized || got != crest(401, "Unauthorized", "Access Denied") {
				t.Errorf("%s after the logout: %d %s", action, status, got)
			}
		}
		if _, got := s.act(t, token, "isActive", ""); got != `{"active":false}` {
			t.Errorf("isActive after the logout: %s", got)
		}
	})
}

// TestBearerNamesTheSession: a header that no browser adds by itself needs no
// other; a Bearer token of anybody else is none of ours.
func TestBearerNamesTheSession(t *testing.T) {
	s := staffed(t)
	token := s.signIn(t, "/alpha", "carol")
	for authorization, want := range map[string]string{
		"Bearer " + token: "true", "bearer " + token: "true", "Bearer x": "false", "Basic " + token: "false", "Bearer " + tampered(token): "false",
	} {
		res := s.do(t, "POST", at("/alpha")+"/sessions?_action=validate", "", "Authorization", authorization)
		if !strings.HasPrefix(res.Body.String(), `{"valid":`+want) {
			t.Errorf("%.20s…: %s, want %s", authorization, res.Body, want)
		}
	}
}

func TestUsers(t *testing.T) {
	s := staffed(t)
	carol, alfred, rita := s.signIn(t, "/alpha", "carol"), s.signIn(t, "/alpha", "alfred"), s.signIn(t, "/", "rita")
	const profile = `{"_id":"id-carol","_rev":"-1","realm":"/alpha","username":"carol","inetUserStatus":["Active"],"mail":["carol@example.com"],` +
		`"uid":["carol"],"universalid":["id=id-carol,ou=user,o=alpha,ou=services,ou=am-config"]}`
	const who = `{"id":"carol","realm":"/alpha","dn":"id=id-carol,ou=user,o=alpha,ou=services,ou=am-config","successURL":"/am/XUI/?realm=/alpha","fullLoginURL":"/am/XUI/?realm=/alpha"}`
	forbidden, denied := crest(403, "Forbidden", "Forbidden"), crest(401, "Unauthorized", "Access Denied")
	for name, tt := range map[string]struct{ method, url, body, caller, want string }{
		"own profile":                    {"GET", "/alpha/users/carol", "", carol, profile},
		"own profile by id":              {"GET", "/alpha/users/id-carol", "", carol, profile},
		"another's profile":              {"GET", "/alpha/users/dave", "", carol, forbidden},
		"nobody's profile":               {"GET", "/alpha/users/nobody", "", carol, forbidden},
		"the namesake's profile":         {"GET", "/alpha/beta/users/carol", "", carol, forbidden},
		"a profile for an administrator": {"GET", "/alpha/users/carol", "", alfred, profile},
		"a profile for one of all":       {"GET", "/alpha/users/carol", "", rita, profile},
		"nobody's for an administrator":  {"GET", "/alpha/users/nobody", "", alfred, crest(404, "Not Found", "Resource cannot be found.")},
		"a profile without a session":    {"GET", "/alpha/users/carol", "", "", denied},
		"who am I":                       {"POST", "/alpha/users?_action=idFromSession", "", carol, who},
		"who am I, elsewhere":            {"POST", "/users?_action=idFromSession", "", carol, who},
		"who is nobody":                  {"POST", "/alpha/users?_action=idFromSession", "", "", forbidden},
		"a goto":                         {"POST", "/alpha/users?_action=validateGoto", `{"goto":"/app"}`, carol, `{"successURL":"/app"}`},
		"an evil goto":                   {"POST", "/alpha/users?_action=validateGoto", `{"goto":"https://evil.example"}`, carol, `{"successURL":"/am/XUI/?realm=/alpha"}`},
		"a goto elsewhere":               {"POST", "/alpha/beta/users?_action=validateGoto", `{"goto":"/app"}`, carol, forbidden},
		"a goto without a session":       {"POST", "/alpha/users?_action=validateGoto", `{"goto":"/app"}`, "", forbidden},
	} {
		res := s.do(t, tt.method, "/am/json"+tt.url, tt.body, "Content-Type", "application/json", cookieName, tt.caller)
		if res.Body.String() != tt.want {
			t.Errorf("%s: %d %s\nwant %s", name, res.Code, res.Body, tt.want)
		}
	}
}
