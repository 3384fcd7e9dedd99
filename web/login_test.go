package web

import (
	"net/http"
	"net/url"
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

// TestLogin is the whole way: the form as people and password managers need
// it, the session, the page of who is signed in.
func TestLogin(t *testing.T) {
	b := open(t).browser(t)
	page := b.get(loginAt)
	page.want(t, http.StatusOK, "Welcome")
	if !page.says("Realm alpha") {
		t.Error("the page does not name the realm")
	}
	name, pass := page.input("IDToken1"), page.input("IDToken2")
	if name == nil || attr(name, "autocomplete") != "username" || !has(name, "autofocus") {
		t.Errorf("no field for the name: %s", page.body)
	}
	if pass == nil || attr(pass, "autocomplete") != "current-password" || attr(pass, "type") != "password" || has(pass, "autofocus") {
		t.Errorf("no field for the password: %s", page.body)
	}
	var labels []string
	for _, l := range page.all("label") {
		labels = append(labels, attr(l, "for")+" "+text(l))
	}
	if !slices.Equal(labels, []string{"IDToken1 User name", "IDToken2 Password"}) {
		t.Errorf("labels %q", labels)
	}
	if alerts := page.alerts(); alerts != nil {
		t.Errorf("a fresh form warns: %q", alerts)
	}

	page = page.submit("IDToken1", username, "IDToken2", secret)
	page.want(t, http.StatusOK, "You are signed in")
	if to := page.leadsTo(); to != "/am/XUI/?realm=/alpha" || page.link("Continue") != site+to {
		t.Errorf("the login leads to %q, its link to %q", to, page.link("Continue"))
	}
	if !page.sets(sso) || !page.sets(realm.AffinityCookie) || !b.world.Lives(t, b.cookie(sso)) {
		t.Errorf("Set-Cookie %q", page.header.Values("Set-Cookie"))
	}

	page = b.get(site + page.leadsTo())
	page.want(t, http.StatusOK, "You are signed in")
	if !page.says("You are signed in as bjensen in realm alpha.") || !page.says("Sign out") || page.sets(sso) {
		t.Errorf("the signed-in page: %s", page.body)
	}
	page = page.submit()
	page.want(t, http.StatusOK, "You are signed out")
	if b.cookie(sso) != "" {
		t.Error("the cookie is still there")
	}
	b.get(page.link("Sign in again")).want(t, http.StatusOK, "Welcome")
}

// TestWrongPassword: the retry says so and keeps the name, never the
// password; the end of it can be begun again.
func TestWrongPassword(t *testing.T) {
	b := open(t).browser(t)
	page := b.get(loginAt)
	for range 2 {
		page = page.submit("IDToken1", username, "IDToken2", "not-the-password")
		page.want(t, http.StatusOK, "Welcome")
		if got := page.alerts(); !slices.Equal(got, []string{"Check your user name and password and try again."}) {
			t.Fatalf("alerts %q", got)
		}
		if attr(page.input("IDToken1"), "value") != username || !has(page.input("IDToken2"), "autofocus") {
			t.Errorf("what was typed is lost: %s", page.body)
		}
		if strings.Contains(page.body, "not-the-password") {
			t.Error("the password came back")
		}
		if !strings.HasPrefix(text(page.all("title")[0]), "Error: ") {
			t.Errorf("title %q", text(page.all("title")[0]))
		}
	}
	page = page.submit("IDToken1", username, "IDToken2", "not-the-password")
	page.want(t, http.StatusUnauthorized, "Sign-in failed")
	if page.sets(sso) {
		t.Error("a failed login sets the session's cookie")
	}
	page = b.get(page.link("Try again")).submit("IDToken1", username, "IDToken2", secret)
	page.want(t, http.StatusOK, "You are signed in")
}

// TestTwoSteps: the first of several steps coming back is a retry, too; the
// second step is not.
func TestTwoSteps(t *testing.T) {
	b := open(t).browser(t)
	page := b.get(loginAt+"&service=TwoSteps").submit("IDToken1", username)
	if page.input("IDToken1") == nil || page.alerts() != nil {
		t.Fatalf("the second step: %s", page.body)
	}
	page = page.submit("IDToken1", "wrong")
	if len(page.alerts()) != 1 || attr(page.input("IDToken1"), "autocomplete") != "username" {
		t.Fatalf("after a wrong password: %s", page.body)
	}
	page = page.submit("IDToken1", username)
	page = page.submit("IDToken1", secret)
	page.want(t, http.StatusOK, "You are signed in")
}

// TestGoto: a login leads to its goto if that may be followed, through
// retries too, and to the realm's own page if not. No page shows one that
// may not.
func TestGoto(t *testing.T) {
	const home = "/am/XUI/?realm=/alpha"
	b := open(t).browser(t)
	for raw, want := range map[string]string{
		"/app?a=b&c=d#e":               "/app?a=b&c=d#e",
		site + "/app":                  site + "/app",
		allowed + "/x?y=z":             allowed + "/x?y=z",
		"https://evil.example/":        home,
		"//evil.example/":              home,
		`/\evil.example/`:              home,
		"javascript:alert(1)":          home,
		allowed + ".evil.example/":     home,
		"https://app.example.com@evil": home,
	} {
		page := b.get(loginAt + "&ForceAuth=true&goto=" + url.QueryEscape(raw))
		page = page.submit("IDToken1", username, "IDToken2", "wrong")
		if want == home && (strings.Contains(page.body, "evil") || strings.Contains(page.body, "alert(1)")) {
			t.Errorf("%s is on the page", raw)
		}
		page = page.submit("IDToken1", username, "IDToken2", secret)
		if got := page.leadsTo(); page.status != http.StatusOK || got != want {
			t.Errorf("%s leads to %q, want %q", raw, got, want)
		}
	}
}

// TestFailureURL: a failed journey leads to a gotoOnFail that may be
// followed.
func TestFailureURL(t *testing.T) {
	b := open(t).browser(t)
	for raw, want := range map[string]string{"/failed": "/failed", "https://evil.example/": ""} {
		page := b.get(loginAt + "&gotoOnFail=" + url.QueryEscape(raw))
		for range 3 {
			page = page.submit("IDToken1", username, "IDToken2", "wrong")
		}
		if page.status != http.StatusUnauthorized || page.leadsTo() != want {
			t.Errorf("%s: %d, leads to %q, want %q", raw, page.status, page.leadsTo(), want)
		}
	}
}

// TestSignedInAlready: who has a session goes straight to the goto, and is
// asked all the same with ForceAuth.
func TestSignedInAlready(t *testing.T) {
	b := open(t, func(s *realm.Settings) { s.SuccessURL = "/enduser/" }).browser(t)
	b.signIn(loginAt)
	page := b.get(loginAt + "&goto=/app")
	if page.status != http.StatusSeeOther || page.leadsTo() != "/app" || page.body != "" {
		t.Errorf("%d to %q", page.status, page.leadsTo())
	}
	page = b.get(loginAt)
	page.want(t, http.StatusOK, "You are signed in")
	if page.link("Continue") != site+"/enduser/" || page.leadsTo() != "" {
		t.Errorf("the link leads to %q, the page to %q", page.link("Continue"), page.leadsTo())
	}
	b.get(loginAt+"&ForceAuth=true").want(t, http.StatusOK, "Welcome")
	b.get(site+"/am/XUI/").want(t, http.StatusOK, "Welcome") // another realm's session is none
}

// TestNoSession: a journey that is to give no session gives none, through
// retries and for who has one, and its end says so: it leads where it was to
// lead, and not to the login page, which would ask again.
func TestNoSession(t *testing.T) {
	sessionless := onePage()
	sessionless.Name, sessionless.NoSession = "Sessionless", true
	w := open(t, func(s *realm.Settings) { s.Journeys["Sessionless"] = sessionless })
	for _, query := range []string{"&noSession=true", "&noSession=TRUE", "&service=Sessionless"} {
		b := w.browser(t)
		page := b.get(loginAt+query).submit("IDToken1", username, "IDToken2", "wrong")
		page = page.submit("IDToken1", username, "IDToken2", secret)
		page.want(t, http.StatusOK, "All done")
		if page.leadsTo() != "" || page.sets(sso) || b.cookie(sso) != "" {
			t.Errorf("%s: leads to %q, Set-Cookie %q", query, page.leadsTo(), page.header.Values("Set-Cookie"))
		}
		page = b.signIn(loginAt + query + "&goto=/app")
		page.want(t, http.StatusOK, "All done")
		if page.leadsTo() != "/app" || page.link("Continue") != site+"/app" || page.sets(sso) {
			t.Errorf("%s: leads to %q", query, page.leadsTo())
		}
	}
	b := w.browser(t)
	b.signIn(loginAt)
	had := b.cookie(sso)
	page := b.signIn(loginAt + "&noSession=true") // asks, session or not
	page.want(t, http.StatusOK, "All done")
	if b.cookie(sso) != had || !w.Lives(t, had) {
		t.Error("the session that was there is lost")
	}
	w.browser(t).signIn(loginAt+"&noSession=false").want(t, http.StatusOK, "You are signed in")
}

// TestStaleCookieIsReplaced answers oauth2-proxy's GHSA-f24x-5g9q-753f
// (SECURITY 53): a session cookie that is there when the login page opens,
// dead, forged or planted by an attacker who knows it, is not what the person
// has after signing in.
func TestStaleCookieIsReplaced(t *testing.T) {
	w := open(t)
	attacker := w.browser(t)
	attacker.signIn(loginAt)
	ended := w.browser(t)
	ended.signIn(loginAt)
	dead := ended.cookie(sso)
	ended.get(logoutAt)
	for name, planted := range map[string]string{
		"ended": dead, "garbage": "garbage", "the attacker's": attacker.cookie(sso),
	} {
		b := w.browser(t)
		at, _ := url.Parse(site)
		b.jar.SetCookies(at, []*http.Cookie{{Name: sso, Value: planted, Path: "/"}})
		page := b.signIn(loginAt + "&ForceAuth=true")
		page.want(t, http.StatusOK, "You are signed in")
		got := b.cookie(sso)
		if got == planted || got == "" || !w.Lives(t, got) {
			t.Errorf("%s: the cookie was not replaced", name)
		}
	}
	// Without ForceAuth a dead one is no session, and a live one is shown for
	// what it is.
	b := w.browser(t)
	at, _ := url.Parse(site)
	b.jar.SetCookies(at, []*http.Cookie{{Name: sso, Value: dead, Path: "/"}})
	b.get(loginAt).want(t, http.StatusOK, "Welcome")
}

// TestZeroPage: a visit that a journey asks nothing is redirected at once.
func TestZeroPage(t *testing.T) {
	b := open(t).browser(t)
	page := b.get(loginAt+"&goto=/app", "X-OpenAM-Username", username, "X-OpenAM-Password", secret)
	if page.status != http.StatusSeeOther || page.leadsTo() != "/app" || !b.world.Lives(t, b.cookie(sso)) {
		t.Errorf("%d to %q", page.status, page.leadsTo())
	}
}

// TestDoubleSubmit: the second answer to a step is no crash and no second
// session, but a page to begin again from.
func TestDoubleSubmit(t *testing.T) {
	b := open(t).browser(t)
	form := b.get(loginAt)
	form.submit("IDToken1", username, "IDToken2", "wrong")
	page := form.submit("IDToken1", username, "IDToken2", secret)
	page.want(t, http.StatusUnauthorized, "Sign-in failed")
	if page.sets(sso) || page.link("Try again") == "" {
		t.Errorf("the second answer: %s", page.body)
	}
	form = b.get(loginAt)
	form.submit("IDToken1", username, "IDToken2", secret)
	first := b.cookie(sso)
	page = form.submit("IDToken1", username, "IDToken2", secret)
	if page.sets(sso) || b.cookie(sso) != first {
		t.Error("one journey gave two sessions")
	}
	page = b.get(b.get(loginAt + "&goto=/app").header.Get("Location"))
	if page.status != http.StatusNotFound { // /app is not ours
		t.Errorf("the first session is gone: %d", page.status)
	}
}

// TestTimedOut: a journey that took too long begins again, and says why.
func TestTimedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t).browser(t)
		page := b.get(loginAt)
		time.Sleep(realm.DefaultJourneyTimeout + time.Second)
		page = page.submit("IDToken1", username, "IDToken2", secret)
		page.want(t, http.StatusOK, "Welcome")
		if got := page.alerts(); len(got) != 1 || !strings.Contains(got[0], "timed out") {
			t.Errorf("alerts %q", got)
		}
		page.submit("IDToken1", username, "IDToken2", secret).want(t, http.StatusOK, "You are signed in")
	})
}

// TestLostJourney: a journey whose node is gone begins again, and the person
// is not told that the password was wrong.
func TestLostJourney(t *testing.T) {
	w := open(t, func(s *realm.Settings) { s.JourneySessions = realm.JourneysInMemory })
	b := w.browser(t)
	page := b.get(loginAt)
	w.restart(t)
	page = page.submit("IDToken1", username, "IDToken2", secret)
	if got := page.alerts(); len(got) != 1 || !strings.Contains(got[0], "start again") {
		t.Fatalf("alerts %q", got)
	}
	page.submit("IDToken1", username, "IDToken2", secret).want(t, http.StatusOK, "You are signed in")
}

// TestOutage: a store that does not answer ends nothing. The form can be sent
// again as soon as it answers, and no cookie is touched (an outage is no
// logout).
func TestOutage(t *testing.T) {
	w := open(t)
	b := w.browser(t)
	form := b.get(loginAt)
	w.Store.Down.Store(true)

	page := form.submit("IDToken1", username, "IDToken2", secret)
	page.want(t, http.StatusServiceUnavailable, "Welcome")
	if len(page.alerts()) != 1 || page.header.Get("Retry-After") == "" || len(page.header.Values("Set-Cookie")) > 0 {
		t.Errorf("%v %q", page.header, page.alerts())
	}
	if strings.Contains(page.body, secret) || attr(page.input("IDToken1"), "value") != username {
		t.Error("the form has the password, or lost the name")
	}
	if got, want := page.fields().Get(authIDField), form.fields().Get(authIDField); got != want || got == "" {
		t.Errorf("the form has the authId %q, want %q", got, want)
	}
	for _, target := range []string{loginAt, logoutAt} {
		other := b.get(target, "Cookie", sso+"=AAAA")
		if target == loginAt && (other.status != http.StatusServiceUnavailable || other.link("Try again") == "") {
			t.Errorf("%s: %d %s", target, other.status, other.body)
		}
		if other.status == http.StatusServiceUnavailable && len(other.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s sets %q", target, other.header.Values("Set-Cookie"))
		}
	}

	w.Store.Down.Store(false)
	page.submit("IDToken2", secret).want(t, http.StatusOK, "You are signed in")

	w.Store.Down.Store(true)
	page = b.get(logoutAt)
	page.want(t, http.StatusServiceUnavailable, "Not available at the moment")
	if page.sets(sso) || page.link("Try again") != logoutAt[:len(logoutAt)-len("/alpha")]+"%2Falpha" {
		t.Errorf("%q %q", page.header.Values("Set-Cookie"), page.link("Try again"))
	}
	w.Store.Down.Store(false)
	if !w.Lives(t, b.cookie(sso)) {
		t.Error("an outage ended the session")
	}
	if strings.Contains(page.body, "internal:2379") {
		t.Error("the page tells where the store is")
	}
}

// TestRefusals: each refused visit gets an honest status and a page.
func TestRefusals(t *testing.T) {
	b := open(t).browser(t)
	for _, tt := range []struct {
		method, target string
		status         int
		heading        string
	}{
		{"GET", "/am/XUI/?service=Nobody", 400, "Unknown way to sign in"},
		{"GET", "/am/XUI/?authIndexType=magic", 400, "Unknown way to sign in"},
		{"GET", "/am/XUI/?realm=/nowhere", 404, "Unknown realm"},
		{"GET", "/am/UI/Logout?realm=/nowhere", 404, "Unknown realm"},
		{"GET", "/am/XUI/?realm=%zz", 400, "Address not understood"},
		{"GET", "/am/XUI/?goto=" + strings.Repeat("a", maxQuery), 414, "Address too long"},
		{"GET", "/am/XUI/nothing", 404, "Page not found"},
		{"GET", "/am/nothing", 404, "Page not found"},
		{"GET", "/elsewhere", 404, "Page not found"},
		{"PUT", "/am/XUI/", 405, "Not possible here"},
		{"HEAD", "/am/UI/Logout", 405, "Not possible here"},
	} {
		page := b.do(tt.method, site+tt.target, nil)
		page.want(t, tt.status, tt.heading)
		if tt.status == 405 && page.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.target)
		}
	}
	form := b.get(loginAt)
	form.submit("IDToken1", strings.Repeat("a", maxForm)).want(t, http.StatusRequestEntityTooLarge, "Too much")
}

// TestIncompleteForm: a form without one of its fields is shown again; the
// journey is not lost.
func TestIncompleteForm(t *testing.T) {
	b := open(t).browser(t)
	page := b.get(loginAt)
	values := page.fields()
	values.Del("IDToken2")
	page = b.post(page.target(), values)
	page.want(t, http.StatusBadRequest, "Welcome")
	if len(page.alerts()) != 1 {
		t.Errorf("alerts %q", page.alerts())
	}
	page.submit("IDToken1", username, "IDToken2", secret).want(t, http.StatusOK, "You are signed in")
}

// TestRealmOfHost: without a parameter the host names the realm, and the form
// keeps to it.
func TestRealmOfHost(t *testing.T) {
	page := open(t).browser(t).get("http://alpha.example.com/am/XUI/")
	if !page.says("Realm alpha") || !strings.Contains(page.target(), "realm=%2Falpha") {
		t.Errorf("the realm of the host: %s", page.body)
	}
}

// TestOldAddresses: AM's older login address leads to the present one, with
// its parameters.
func TestOldAddresses(t *testing.T) {
	b := open(t).browser(t)
	for target, want := range map[string]string{
		"/am/UI/Login?realm=/alpha&goto=/app&service=TwoSteps&x=y": "/am/XUI/?goto=%2Fapp&realm=%2Falpha&service=TwoSteps",
		"/am/UI/Login?authIndexType=service&authIndexValue=Login":  "/am/XUI/?authIndexType=service&authIndexValue=Login&realm=%2F",
		"/am/UI/Login?goto=https://evil.example/":                  "/am/XUI/?realm=%2F",
		"/am/XUI": "/am/XUI/?realm=%2F",
		"/am/":    "/am/XUI/?realm=%2F",
	} {
		if page := b.get(site + target); page.status != http.StatusFound || page.leadsTo() != want {
			t.Errorf("%s: %d to %q, want %q", target, page.status, page.leadsTo(), want)
		}
	}
}

// TestMessageNode: a message has its two buttons and no other.
func TestMessageNode(t *testing.T) {
	b := open(t, func(s *realm.Settings) {
		s.Journeys["Message"] = realmtest.Tree("Message", realmtest.Place("m", &nodes.Message{Message: nodes.Text{"en": "News"}},
			"true", journey.Failure, "false", journey.Failure))
	}).browser(t)
	page := b.get(loginAt + "&service=Message")
	if !page.says("News") || len(page.all("button")) != 2 {
		t.Fatalf("the message: %s", page.body)
	}
	page.submit("IDToken2", "0").want(t, http.StatusUnauthorized, "Sign-in failed")
}
