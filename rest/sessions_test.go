package rest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

const (
	sessionsURL = "/am/json/realms/root/realms/alpha/sessions"
	latest      = "resource=4.0"
)

// presented is every way in which a token reaches us: url and body complete
// a request to _action, header is name and value.
func presented(token string) map[string]struct {
	url, body string
	header    []string
} {
	type way = struct {
		url, body string
		header    []string
	}
	return map[string]way{
		"body":         {sessionsURL + "/?", `{"tokenId":"` + token + `"}`, []string{"Content-Type", "application/json"}},
		"query":        {sessionsURL + "?tokenId=" + token + "&", "", nil},
		"path":         {sessionsURL + "/" + token + "?", "", nil},
		"header":       {sessionsURL + "?", "", []string{cookieName, token}},
		"bearer":       {sessionsURL + "?", "", []string{"Authorization", "Bearer " + token}},
		"cookie":       {sessionsURL + "/?", "", []string{"Cookie", cookieName + "=" + token}},
		"root's path":  {"/am/json/sessions?", "", []string{"Cookie", cookieName + "=" + token}},
		"another's":    {"/am/json/alpha/beta/sessions?", `{"tokenId":"` + token + `"}`, []string{"Content-Type", "application/json"}},
		"planted":      {sessionsURL + "?", "", []string{"Cookie", cookieName + "=planted; x=y; " + cookieName + "=" + token}},
		"body, cookie": {sessionsURL + "?", `{"tokenId":"` + token + `"}`, []string{"Content-Type", "application/json", "Cookie", cookieName + "=x"}},
	}
}

func TestValidate(t *testing.T) {
	s := open(t)
	token := s.login(t)
	want := regexp.MustCompile(`^{"valid":true,"sessionUid":"[0-9a-f-]{36}-[0-9]+","uid":"bjensen","realm":"/alpha"}$`)
	for name, way := range presented(token) {
		res := s.do(t, "POST", way.url+"_action=validate", way.body, append(way.header, "Accept-API-Version", latest)...)
		if res.Code != http.StatusOK || !want.MatchString(res.Body.String()) {
			t.Errorf("%s: %d %s", name, res.Code, res.Body)
		}
		wantHeaders(t, res.Header(), map[string]string{
			"Content-Type":                 "application/json;charset=UTF-8",
			"Content-API-Version":          latest,
			"Cache-Control":                "private",
			"Content-Security-Policy":      "default-src 'none';frame-ancestors 'none';sandbox",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		})
	}
	for name, way := range presented(tampered(token)) {
		res := s.do(t, "POST", way.url+"_action=validate", way.body, append(way.header, "Accept-API-Version", latest)...)
		if res.Code != http.StatusOK || res.Body.String() != `{"valid":false}` {
			t.Errorf("%s, tampered with: %d %s", name, res.Code, res.Body)
		}
	}
	if res := s.do(t, "POST", sessionsURL+"?_action=validate", ""); res.Body.String() != `{"valid":false}` {
		t.Errorf("without a token: %d %s", res.Code, res.Body)
	}
	res := s.do(t, "POST", sessionsURL+"?_action=validate", "", "Accept-API-Version", "resource=1.1")
	if want := `{"code":400,"reason":"Bad Request","message":"iPlanetDirectoryCookie not set on request"}`; res.Body.String() != want {
		t.Errorf("version 1 without a token: %d %s", res.Code, res.Body)
	}
}

func TestSessionInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		token := s.login(t)
		began := time.Now().UTC()
		const form = "2006-01-02T15:04:05Z"
		times := `"latestAccessTime":"` + began.Format(form) +
			`","maxIdleExpirationTime":"` + began.Add(30*time.Minute).Format(form) +
			`","maxSessionExpirationTime":"` + began.Add(120*time.Minute).Format(form) +
			`","properties":{"AMCtxId":"`
		for version, middle := range map[string]string{
			"resource=4.0": "",
			"resource=2.0": `"sessionHandle":"shandle:`,
			"":             "",
		} {
			res := s.do(t, "POST", sessionsURL+"/?_action=getSessionInfo", `{"tokenId":"`+token+`"}`,
				"Content-Type", "application/json", "Accept-API-Version", version)
			begin := `{"username":"bjensen","universalId":"id=bjensen,ou=user,o=alpha,ou=services,ou=am-config","realm":"/alpha",` + middle
			if body := res.Body.String(); res.Code != http.StatusOK || !strings.HasPrefix(body, begin) || !strings.Contains(body, times) {
				t.Errorf("%s: %d %s\nwant %s… %s…", version, res.Code, body, begin, times)
			}
		}
	})
}

func TestSessionInfoOfNone(t *testing.T) {
	s := open(t)
	denied := `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`
	for version, want := range map[string]string{
		"resource=4.0": denied, "resource=3.0": denied, "": denied,
		"resource=2.0": `{"valid":false}`, "resource=1.1": `{"valid":false}`,
	} {
		for _, token := range []string{"x", tampered(s.login(t)), strings.Repeat(".", 1<<19)} {
			res := s.do(t, "POST", sessionsURL+"?_action=getSessionInfo", `{"tokenId":"`+token+`"}`,
				"Content-Type", "application/json", "Accept-API-Version", version)
			if res.Body.String() != want {
				t.Errorf("%s: %d %s, want %s", version, res.Code, res.Body, want)
			}
		}
	}
}

// TestUseOfASession: validate counts as use, unless it says otherwise;
// getSessionInfo never does.
func TestUseOfASession(t *testing.T) {
	for action, kept := range map[string]bool{
		"validate": true, "validate&refresh=false": false, "getSessionInfo": false,
	} {
		t.Run(action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				token := s.login(t)
				for range 4 { // 40 minutes; idle is 30, its bound below 32
					time.Sleep(10 * time.Minute)
					s.do(t, "POST", sessionsURL+"?_action="+action, "", cookieName, token)
				}
				if got := s.Lives(t, token); got != kept {
					t.Errorf("after 40 minutes the session lives: %v, want %v", got, kept)
				}
			})
		})
	}
}

func TestLogout(t *testing.T) {
	s := open(t)
	for name := range presented("") {
		token := s.login(t)
		way := presented(token)[name]
		header := append(slices.Clone(way.header), "Accept-API-Version", latest)
		res := s.do(t, "POST", way.url+"_action=logout", way.body, header...)
		if want := `{"result":"Successfully logged out"}`; res.Code != http.StatusOK || res.Body.String() != want {
			t.Errorf("%s: %d %s", name, res.Code, res.Body)
		}
		if s.Lives(t, token) {
			t.Errorf("%s: the session lives on", name)
		}
		var want []string
		if byCookie := way.header != nil && way.header[0] == "Cookie"; byCookie {
			want = []string{cookieName + "=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}
		}
		if got := res.Header().Values("Set-Cookie"); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: Set-Cookie %q, want %q", name, got, want)
		}
		res = s.do(t, "POST", way.url+"_action=logout", way.body, header...)
		if want := `{"result":"Token has expired"}`; res.Code != http.StatusOK || res.Body.String() != want {
			t.Errorf("%s again: %d %s", name, res.Code, res.Body)
		}
	}
}

// TestLogoutForgetsPersistentCookies: who had signed out was signed in again at
// the next visit. However the token comes, the cookies that the journeys of any
// realm set are taken away, and no others.
func TestLogoutForgetsPersistentCookies(t *testing.T) {
	s := open(t, func(alpha *realm.Settings) {
		alpha.Journeys["Set"] = realmtest.Tree("Set",
			realmtest.Place("set", &nodes.SetPersistentCookie{Cookie: "remember", Idle: 1, MaxLife: 1}, "outcome", "decide"),
			realmtest.Place("decide", &nodes.PersistentCookie{Cookie: "other", Idle: 1}, "true", journey.Success, "false", journey.Failure))
	})
	const (
		tail   = "=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
		sent   = "theirs=1; remember=a; remember=b; other=c"
		atRoot = "/am/json/realms/root/sessions"
	)
	for _, url := range []string{sessionsURL, atRoot} {
		for what, header := range map[string][]string{
			"by cookie":        {"Cookie", cookieName + "=" + s.login(t) + "; " + sent},
			"by header":        {"Cookie", sent, cookieName, s.login(t)},
			"that has run out": {"Cookie", cookieName + "=x; " + sent},
		} {
			res := s.do(t, "POST", url+"?_action=logout", "", append(header, "Accept-API-Version", latest)...)
			want := []string{"other" + tail, "remember" + tail}
			if len(header) == 2 {
				want = append([]string{cookieName + tail}, want...)
			}
			if got := res.Header().Values("Set-Cookie"); res.Code != http.StatusOK || !slices.Equal(got, want) {
				t.Errorf("%s %s: %d, Set-Cookie %q, want %q", url, what, res.Code, got, want)
			}
		}
	}
}

// TestConcurrentUse is for the race detector: all sessions go through one
// handler, and each ends alone.
func TestConcurrentUse(t *testing.T) {
	s := open(t)
	for range 20 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			token := s.login(t)
			for _, action := range []string{"validate", "getSessionInfo", "logout"} {
				if res := s.do(t, "POST", sessionsURL+"?_action="+action, "", cookieName, token); res.Code != http.StatusOK {
					t.Errorf("%s: %d %s", action, res.Code, res.Body)
				}
			}
			if s.Lives(t, token) {
				t.Error("a session outlives its logout")
			}
		})
	}
}

func TestLogoutGoto(t *testing.T) {
	s := open(t)
	for raw, want := range map[string]string{
		"/bye": `{"result":"Token has expired","goto":"/bye"}`, "https://evil.example": `{"result":"Token has expired"}`,
	} {
		if res := s.do(t, "POST", sessionsURL+"?_action=logout&goto="+raw, ""); res.Body.String() != want {
			t.Errorf("%s: %s", raw, res.Body)
		}
	}
}

// TestForgedLogoutEndsNothing. The attack: a sign-out that believes what a
// cookie says about itself deletes the sessions of other people. (SECURITY 26)
func TestForgedLogoutEndsNothing(t *testing.T) {
	s := open(t)
	token := s.login(t)
	foreign := open(t).login(t) // of another installation
	before := s.Store.Commits.Load()
	for _, forged := range []string{tampered(token), foreign, token[:len(token)-2], token + "x", "*", strings.Repeat(".", 1<<19)} {
		for _, header := range [][]string{
			{"Content-Type", "application/json"},
			{"Cookie", cookieName + "=" + forged[:min(len(forged), 4096)]},
		} {
			body := ""
			if header[0] != "Cookie" {
				body = `{"tokenId":"` + forged + `"}`
			}
			res := s.do(t, "POST", sessionsURL+"?_action=logout", body, append(header, "Accept-API-Version", latest)...)
			if res.Code != http.StatusOK || res.Body.String() != `{"result":"Token has expired"}` {
				t.Errorf("%.30q: %d %s", forged, res.Code, res.Body)
			}
		}
	}
	if after := s.Store.Commits.Load(); after != before {
		t.Errorf("the store was written to %d times", after-before)
	}
	if !s.Lives(t, token) {
		t.Error("the session was ended")
	}
}

// TestLogoutOfWhatIsOverWritesNothing: a token that was good once, of a session
// that was ended or ran out, is not worth a write either. (SECURITY 26)
func TestLogoutOfWhatIsOverWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		ended, ranOut := s.login(t), s.login(t)
		logout := func(token string) string {
			return s.do(t, "POST", sessionsURL+"?_action=logout", "", cookieName, token).Body.String()
		}
		if got := logout(ended); got != `{"result":"Successfully logged out"}` {
			t.Fatal(got)
		}
		time.Sleep(realm.DefaultMaxTime)
		live := s.login(t)
		before := s.Store.Commits.Load()
		for name, token := range map[string]string{"ended": ended, "ran out": ranOut} {
			if got := logout(token); got != `{"result":"Token has expired"}` {
				t.Errorf("%s: %s", name, got)
			}
		}
		if after := s.Store.Commits.Load(); after != before {
			t.Errorf("the store was written to %d times", after-before)
		}
		if !s.Lives(t, live) {
			t.Error("another session was ended")
		}
	})
}

// TestPlantedCookieDoesNotLockOut. The attack: a page of a sibling host sets a
// cookie of our name for the whole domain, and browsers send it first. The
// real session still counts, and signing in still works. (SECURITY 52)
func TestPlantedCookieDoesNotLockOut(t *testing.T) {
	s := open(t)
	token := s.login(t)
	planted := cookieName + "=planted; " + cookieName + "=" + tampered(token) + "; "
	res := s.do(t, "POST", sessionsURL+"?_action=validate", "", "Cookie", planted+cookieName+"="+token, "X-Requested-With", "x")
	if !strings.HasPrefix(res.Body.String(), `{"valid":true`) {
		t.Errorf("validate: %d %s", res.Code, res.Body)
	}
	res = s.do(t, "POST", alpha, "", "Cookie", planted, "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	if fresh := cookieValue(t, res, cookieName); res.Code != http.StatusOK || fresh == "" || fresh == "planted" {
		t.Errorf("signing in: %d %s", res.Code, res.Body)
	}
}

// TestOutageIsNoLogout. The failure: under load, or without its store, a
// server says that valid sessions are not, and everybody is signed out. Here
// it says 503 and when to try again, never 401, and touches no cookie; and
// when the store is back all is as before. (SECURITY 25)
func TestOutageIsNoLogout(t *testing.T) {
	s := open(t)
	token := s.login(t)
	step := s.answer(t, s.start(t, alpha), "bjensen", "Ch4ng31t")
	cookie := []string{"Cookie", cookieName + "=" + token, "X-Requested-With", "x"}
	s.Store.Down.Store(true)
	for _, tt := range []struct {
		url, body string
		header    []string
	}{
		{sessionsURL + "?_action=validate", "", cookie},
		{sessionsURL + "?_action=getSessionInfo", "", cookie},
		{sessionsURL + "?_action=getSessionInfo", "", append(cookie, "Accept-API-Version", "resource=2.0")},
		{sessionsURL + "?_action=logout", "", cookie},
		{alpha, "", cookie},
		{alpha, step, []string{"Content-Type", "application/json"}},
		{alpha, "", nil},
	} {
		res := s.do(t, "POST", tt.url, tt.body, tt.header...)
		want := `{"code":503,"reason":"Service Unavailable","message":"` + unavailable + `"}`
		if res.Code != http.StatusServiceUnavailable || res.Body.String() != want || res.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s, Retry-After %q", tt.url, res.Code, res.Body, res.Header().Get("Retry-After"))
		}
		if got := res.Header().Values("Set-Cookie"); got != nil {
			t.Errorf("%s: Set-Cookie %q", tt.url, got)
		}
	}
	// What no store has to say is said: this token is none.
	if res := s.do(t, "POST", sessionsURL+"?_action=validate", "", cookieName, "x"); res.Body.String() != `{"valid":false}` {
		t.Errorf("a forged token: %d %s", res.Code, res.Body)
	}
	s.Store.Down.Store(false)
	if !s.Lives(t, token) {
		t.Error("the session is gone")
	}
	if res := s.do(t, "POST", alpha, step, "Content-Type", "application/json"); res.Code != http.StatusOK {
		t.Errorf("the step is gone: %d %s", res.Code, res.Body)
	}
}

// TestManyCookiesAreNotParsed. The attack: a head full of small cookies makes
// a server allocate for each. Ours looks for one name, tries few of its
// values, and refuses a head that no client has. (SECURITY 34)
func TestManyCookiesAreNotParsed(t *testing.T) {
	s := open(t)
	token := s.login(t)
	res := s.do(t, "POST", sessionsURL+"?_action=validate", "", "Cookie", strings.Repeat("a=b; ", 1<<14), "X-Requested-With", "x")
	if res.Code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("80 KiB of cookies: %d %s, want 431", res.Code, res.Body)
	}
	reads := s.Store.Gets.Load()
	many := strings.Repeat(cookieName+"=x; ", 1000)
	res = s.do(t, "POST", sessionsURL+"?_action=validate", "", "Cookie", many+cookieName+"="+token, "X-Requested-With", "x")
	if res.Body.String() != `{"valid":false}` || s.Store.Gets.Load() != reads {
		t.Errorf("a thousand cookies of our name: %d %s after %d reads", res.Code, res.Body, s.Store.Gets.Load()-reads)
	}
}
