package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

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
