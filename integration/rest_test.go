package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// oneSite is a process with realm /alpha, a protected app, and an upstream
// that tells what reaches it.
type oneSite struct {
	*process
	bjensen, plain user // plain has no roles
}

// startOneSite runs it with one scheme of journey sessions.
func startOneSite(t *testing.T, journeySessions string) oneSite {
	t.Helper()
	s := oneSite{bjensen: newUser("bjensen", "staff", "admin"), plain: newUser("plain")}
	dir := newDir(t)
	writeUsers(t, dir, s.bjensen, s.plain)
	site := "http://localhost:" + freePort(t)
	s.process = start(t, spec{
		dir: dir,
		url: site,
		am: fmt.Sprintf(`
		identities file users.json
		realm /alpha {
			identities file users.json
			journey_sessions %s
			success_url /enduser/?realm=/alpha
			failure_url /sorry
		}`, journeySessions),
		sites: fmt.Sprintf(`
%s {
	import logged
	am_server /am/*
	am_auth {
		realm /alpha
	}
	respond /whoami "{http.auth.user.id}|{http.auth.user.realm}|{http.auth.user.roles}|{http.auth.user.level}|{http.auth.user.handle}"
	reverse_proxy %s
}
`, site, startUpstream(t)),
	})
	return s
}

// startUpstream runs an app that answers with the headers it was sent, as
// JSON, and returns its address.
func startUpstream(t *testing.T) string {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(app.Close)
	return strings.TrimPrefix(app.URL, "http://")
}

// documented is what AM's documentation shows for the realm alpha.
var documented = regexp.MustCompile(`^\{"tokenId":"([^"]+)","successUrl":"/enduser/\?realm=/alpha","realm":"/alpha"\}$`)

// TestDocumentedVerification sends what AM's documentation tells an
// administrator to send to verify each scheme of journey sessions, and
// expects what it prints.
func TestDocumentedVerification(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"server", "CTS", "in_memory", "In-Memory"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := startOneSite(t, scheme)
			c := s.client("/alpha")
			r := c.send(http.MethodPost, s.url+"/am/json/realms/root/realms/alpha/authenticate", "", http.Header{
				"Content-Type":       {"application/json"},
				"X-OpenAM-Username":  {s.bjensen.name},
				"X-OpenAM-Password":  {s.bjensen.password},
				"Accept-API-Version": {"resource=2.0, protocol=1.0"},
			})
			found := documented.FindSubmatch(r.body)
			if r.status != http.StatusOK || found == nil {
				t.Fatalf("got %s", r)
			}
			token := string(found[1])
			if got := r.header.Get("Content-Api-Version"); got != "resource=2.1" {
				t.Errorf("Content-API-Version is %q", got)
			}
			cookie, ok := r.cookie(cookieName)
			if !ok || cookie.Value != token || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode {
				t.Errorf("the session's cookie is %+v", cookie)
			}
			if _, ok := r.cookie("amlbcookie"); !ok {
				t.Error("there is no amlbcookie")
			}
			checkSessionOf(t, c, token, s.bjensen)
		})
	}
}

// checkSessionOf goes the way of a session from info to logout.
func checkSessionOf(t *testing.T, c *client, token string, u user) {
	t.Helper()
	var info struct {
		Username, UniversalID, Realm string
		LatestAccessTime             time.Time
		MaxIdleExpirationTime        time.Time
		MaxSessionExpirationTime     time.Time
	}
	c.session("getSessionInfo", token).decode(t, &info)
	if info.Username != u.name || info.Realm != "/alpha" || info.UniversalID != "id="+u.name+",ou=user,o=alpha,ou=services,ou=am-config" {
		t.Errorf("session info: %+v", info)
	}
	if idle := info.MaxIdleExpirationTime.Sub(info.LatestAccessTime); idle != 30*time.Minute {
		t.Errorf("the session may be idle for %v", idle)
	}
	if left := time.Until(info.MaxSessionExpirationTime); left < 119*time.Minute || left > 121*time.Minute {
		t.Errorf("the session lasts %v", left)
	}
	if !c.valid(token) {
		t.Error("the session is not valid")
	}
	if got := c.session("logout", token).String(); got != `200 {"result":"Successfully logged out"}` {
		t.Errorf("logout: %s", got)
	}
	if c.valid(token) {
		t.Error("the session is valid after logout")
	}
	if got := c.session("getSessionInfo", token); got.status != http.StatusUnauthorized {
		t.Errorf("session info after logout: %s", got)
	}
}

// TestJourneyByREST walks the built-in journey step by step in both schemes.
func TestJourneyByREST(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"server", "in_memory"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := startOneSite(t, scheme)
			c := s.client("/alpha").withoutCookies()

			asked := c.begin("").step(t)
			again := c.answer(asked, s.plain.name, "not the password").step(t)
			if again.AuthID == asked.AuthID {
				t.Error("the authId did not change")
			}
			if r := c.answer(asked, s.plain.name, s.plain.password); r.status != http.StatusUnauthorized || strings.Contains(string(r.body), `"110"`) {
				t.Errorf("an answered step, answered again: %s", r)
			}
			if end := c.answer(again, s.plain.name, s.plain.password).success(t); end.Realm != "/alpha" || end.SuccessURL != "/enduser/?realm=/alpha" {
				t.Errorf("success: %+v", end)
			}
			// What has ended is told from what was never there: clients start
			// again by themselves on "110".
			if r := c.answer(again, s.plain.name, s.plain.password); r.status != http.StatusUnauthorized {
				t.Errorf("a finished journey, answered again: %s", r)
			}

			asked = c.begin("Login").step(t)
			for range 2 {
				asked = c.answer(asked, s.plain.name, "not the password").step(t)
			}
			r := c.answer(asked, s.plain.name, "not the password")
			if want := `401 {"code":401,"reason":"Unauthorized","message":"Login failure","detail":{"failureUrl":"/sorry"}}`; r.String() != want {
				t.Errorf("failure: %s", r)
			}
			if _, ok := r.cookie(cookieName); ok {
				t.Error("a failure sets the session's cookie")
			}
		})
	}
}

// TestProtectedApp: who passes the edge, what the others are told, and what
// the app behind it learns.
func TestProtectedApp(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	stranger := s.client("/alpha")
	app := s.url + "/app?x=1"

	t.Run("a program without a session is refused", func(t *testing.T) {
		r := stranger.get(app)
		if r.status != http.StatusUnauthorized || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
			t.Errorf("got %s", r)
		}
	})
	t.Run("a browser without a session is sent to log in", func(t *testing.T) {
		r := stranger.navigate(app)
		if want := "/am/XUI/?realm=/alpha&goto=" + url.QueryEscape("/app?x=1"); r.status != http.StatusFound || r.header.Get("Location") != want {
			t.Errorf("got %d to %s", r.status, r.header.Get("Location"))
		}
	})

	c := s.client("/alpha")
	token := c.login(s.bjensen)
	t.Run("the cookie opens the app, which learns who it is", func(t *testing.T) {
		var got http.Header
		c.get(app).decode(t, &got)
		checkIdentity(t, got, s.bjensen.name, "staff,admin")
		if cookies := got.Get("Cookie"); strings.Contains(cookies, token) {
			t.Error("the app sees the session's cookie")
		}
	})
	t.Run("placeholders hold the identity", func(t *testing.T) {
		if got := string(c.get(s.url + "/whoami").body); !regexp.MustCompile(`^bjensen\|/alpha\|staff,admin\|0\|.+$`).MatchString(got) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("the token opens the app in a header, too", func(t *testing.T) {
		for name, value := range map[string]string{cookieName: token, "Authorization": "Bearer " + token} {
			r := stranger.send(http.MethodGet, app, "", http.Header{name: {value}})
			if r.status != http.StatusOK || strings.Contains(string(r.body), token) {
				t.Errorf("%s: status %d; the app sees the token: %t", name, r.status, strings.Contains(string(r.body), token))
			}
		}
	})
	t.Run("a token of another realm does not", func(t *testing.T) {
		ofRoot := s.client("/").login(s.bjensen)
		if r := stranger.send(http.MethodGet, app, "", http.Header{cookieName: {ofRoot}}); r.status != http.StatusUnauthorized {
			t.Errorf("got %s", r)
		}
	})
	t.Run("a forged token does not", func(t *testing.T) {
		for _, forged := range []string{token[:len(token)-9] + "*", "x" + token, strings.Repeat(".", 1<<13), "AQIC5w.*AAJTSQACMDEAAlNLAAEtAAJTMQAA*"} {
			if r := stranger.send(http.MethodGet, app, "", http.Header{cookieName: {forged}}); r.status != http.StatusUnauthorized {
				t.Errorf("%.40q…: got %d", forged, r.status)
			}
		}
	})
	t.Run("a megabyte of dots is no token", func(t *testing.T) {
		r, err := stranger.try(http.MethodGet, app, "", http.Header{cookieName: {strings.Repeat(".", 1<<20)}})
		// The server may hang up before it has read all of that.
		if err == nil && r.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("got %d", r.status)
		}
	})
	t.Run("after logout the cookie opens nothing", func(t *testing.T) {
		other := s.client("/alpha")
		mine := other.login(s.plain)
		if r := other.get(app); r.status != http.StatusOK {
			t.Fatalf("before: %s", r)
		}
		other.session("logout", mine)
		if r := stranger.send(http.MethodGet, app, "", http.Header{cookieName: {mine}}); r.status != http.StatusUnauthorized {
			t.Errorf("after: %s", r)
		}
	})
}

func checkIdentity(t *testing.T, got http.Header, name, roles string) {
	t.Helper()
	want := map[string]string{"X-Am-User": name, "X-Am-Realm": "/alpha", "X-Am-Auth-Level": "0"}
	if roles != "" {
		want["X-Am-Roles"] = roles
	}
	for header, values := range got {
		folded := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(header))
		if !strings.HasPrefix(folded, "xam") {
			continue
		}
		if len(values) != 1 || values[0] != want[header] {
			t.Errorf("the app was sent %s: %q, want %q", header, values, want[header])
		}
		delete(want, header)
	}
	if len(want) > 0 {
		t.Errorf("the app was not sent %v", want)
	}
}

// TestIdentityHeadersCannotBeForged answers Caddy's CVE-2026-30851 and
// GHSA-f59h-q822-g45g and their like in other proxies: a client sent identity
// headers itself, plainly, spelled so that a backend folds them onto the
// trusted name, where the session had no value of its own to overwrite them
// with, or named in Connection so that the proxy dropped the true ones.
func TestIdentityHeadersCannotBeForged(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	token := s.client("/alpha").login(s.plain)

	var forged []string
	for _, name := range []string{"X-AM-User", "X-AM-Realm", "X-AM-Roles", "X-AM-Auth-Level"} {
		for _, separator := range []string{"-", "_", "."} {
			spelled := strings.ReplaceAll(name, "-", separator)
			forged = append(forged, spelled+": mallory", strings.ToLower(spelled)+": mallory", strings.ToUpper(spelled)+": mallory, admin")
		}
	}
	for name, headers := range map[string][]string{
		"copies":     forged,
		"Connection": {"Connection: close, X-AM-User, x-am-realm", "Connection: X-AM-Auth-Level"},
	} {
		t.Run(name, func(t *testing.T) {
			checkIdentity(t, rawGet(t, s.url, append(headers, cookieName+": "+token)), s.plain.name, "")
		})
	}
}

// rawGet sends a request whose header lines are exactly those given, and
// decodes what the upstream saw.
func rawGet(t *testing.T, site string, lines []string) http.Header {
	t.Helper()
	host := strings.TrimPrefix(site, "http://")
	conn, err := net.DialTimeout("tcp", strings.Replace(host, "localhost", "127.0.0.1", 1), 10*time.Second)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = io.WriteString(conn, "GET /app HTTP/1.1\r\nHost: "+host+"\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n")
	must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	var seen http.Header
	reply{status: res.StatusCode, body: body}.decode(t, &seen)
	return seen
}

// TestSecretsStayOutOfLogs sends secrets in all the places where AM's clients
// put them. That none of them is logged is found out after the last test,
// when all logs are searched; here is made sure that there is a log, and that
// it tells of these requests.
func TestSecretsStayOutOfLogs(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	c := s.client("/alpha")
	token := c.login(s.bjensen)
	asked := c.withoutCookies().begin("").step(t)
	remember("a suspendedId", "suspended-journeys-are-secrets-0001")

	version := http.Header{"Accept-Api-Version": {"resource=1.1"}}
	escaped := url.PathEscape(token)
	sessions := c.endpoint("sessions")
	for _, to := range []string{
		sessions + "/" + token + "?_action=validate",
		sessions + "/" + escaped + "?_action=validate",
		sessions + "?_action=validate&tokenId=" + url.QueryEscape(token),
		sessions + "?tokenId=" + token + "&_action=validate",
		c.endpoint("authenticate") + "?suspendedId=suspended-journeys-are-secrets-0001",
		c.endpoint("authenticate") + "?authId=" + asked.AuthID,
		c.endpoint("authenticate") + "?sessionUpgradeSSOTokenId=" + token,
		c.endpoint("authenticate") + "?IDToken1=bjensen&IDToken2=" + s.bjensen.password,
		c.endpoint("no/such/resource/" + token),
		s.url + "/app/" + token + "?iPlanetDirectoryPro=" + token,
	} {
		c.send(http.MethodPost, to, "", version)
	}
	for _, header := range []http.Header{
		{cookieName: {token}},
		{"iplanetdirectorypro": {token}},
		{"Authorization": {"Bearer " + token}},
		{"X-OpenAM-Username": {s.bjensen.name}, "X-OpenAM-Password": {s.bjensen.password}},
		{"x-openam-password": {s.bjensen.password}},
		{"X-OpenAM-Password": {`quoted "` + s.bjensen.password + `" \ and [more]`}},
		{"X-OpenAM-Password": {"after a bracket] " + s.bjensen.password, s.bjensen.password}},
		{"Referer": {s.url + "/am/XUI/?suspendedId=suspended-journeys-are-secrets-0001&authId=" + asked.AuthID}},
	} {
		c.withoutCookies().send(http.MethodPost, sessions+"?_action=getSessionInfo", "", header)
	}
	// A form posted by mistake to the API, and a body that is no JSON.
	c.send(http.MethodPost, c.endpoint("authenticate"), `{"authId":"`+asked.AuthID+`","callbacks":`, authenticateHeader())

	eventually(t, 10*time.Second, func() error {
		if n := strings.Count(s.log(), `"handled request"`); n < 19 {
			return fmt.Errorf("the log tells of %d requests", n)
		}
		return nil
	})
}

// TestManyAtOnce: a hundred people log in, look and log out at the same time,
// under the race detector.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"server", "in_memory"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := startOneSite(t, scheme)
			var all sync.WaitGroup
			for range 100 {
				c := s.client("/alpha")
				all.Go(func() {
					if err := oneVisit(c, s); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

// oneVisit runs outside the test's goroutine, so it returns what went wrong.
func oneVisit(c *client, s oneSite) error {
	r, err := c.tryBegin("")
	if err != nil {
		return err
	}
	var asked step
	if err := json.Unmarshal(r.body, &asked); err != nil {
		return fmt.Errorf("start: %s", r)
	}
	r, err = c.tryAnswer(asked, s.plain.name, s.plain.password)
	// Of a hundred passwords at once some may have to come again later.
	for tries := 0; err == nil && r.status == http.StatusServiceUnavailable && tries < 100; tries++ {
		time.Sleep(50 * time.Millisecond)
		r, err = c.tryAnswer(asked, s.plain.name, s.plain.password)
	}
	if err != nil {
		return err
	}
	var end success
	if err := json.Unmarshal(r.body, &end); err != nil || end.TokenID == "" {
		return fmt.Errorf("answer: %s", r)
	}
	for _, want := range []struct {
		method, url string
		status      int
	}{
		{http.MethodGet, s.url + "/app", http.StatusOK},
		{http.MethodPost, c.endpoint("sessions/?_action=logout"), http.StatusOK},
		{http.MethodGet, s.url + "/app", http.StatusUnauthorized},
	} {
		r, err := c.try(want.method, want.url, "", http.Header{
			"Accept-Api-Version": {"resource=4.0"}, "Content-Type": {"application/json"}, cookieName: {end.TokenID},
		})
		if err != nil {
			return err
		}
		if r.status != want.status {
			return fmt.Errorf("%s %s: %s, want %d", want.method, want.url, r, want.status)
		}
	}
	return nil
}
