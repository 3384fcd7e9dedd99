package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// mailed adds a journey Mail to the realm /alpha that asks for the name, is
// suspended, and then asks for the password.
func mailed(o *realmtest.Outbox) func(*realm.Settings) {
	return func(s *realm.Settings) {
		s.Journeys["Mail"] = realmtest.Tree("Mail",
			realmtest.Place("name", &nodes.Username{}, "outcome", "mail"),
			realmtest.Place("mail", o.Node(0), "outcome", "pass"),
			realmtest.Place("pass", &nodes.Password{}, "outcome", "check"),
			realmtest.Place("check", &nodes.DataStore{}, "true", journey.Success, "false", journey.Failure),
		)
	}
}

// TestLinkIsFollowed: who follows the link, in whatever browser, goes on with
// the journey; a look at the page alone does not use the link up, and it works
// once.
func TestLinkIsFollowed(t *testing.T) {
	o := realmtest.NewOutbox()
	w := open(t, mailed(o))
	desktop := w.browser(t)
	waiting := desktop.get(loginAt+"&service=Mail&goto=/app").submit("IDToken1", username)
	waiting.want(t, http.StatusOK, "Sign in")
	if !waiting.says("Look into your mail") {
		t.Error("the page does not say what to wait for")
	}
	if len(waiting.all("button")) > 0 {
		t.Error("the page of a suspended journey has a button")
	}
	link := o.Link(t).String()
	if !strings.HasPrefix(link, site+"/am/XUI/?") {
		t.Fatalf("the link is %s", link)
	}

	phone := w.browser(t)
	for range 3 { // a mail scanner, a preview, the person
		phone.get(link).want(t, http.StatusOK, "Continue signing in")
	}
	page := phone.get(link)
	sent, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, text := realm.PartLink(sent.Query().Get("suspendedId")); text == "" || !strings.Contains(page.target(), "&amlbcookie="+text) {
		t.Errorf("nothing tells an edge where the form belongs: %s", page.target())
	}
	password := page.submit()
	if !password.says("Password") || strings.Contains(password.body, "suspendedId") {
		t.Error("after the link comes:\n" + password.body)
	}
	// The journey is the phone's now, not the desktop's.
	fields := password.fields()
	fields.Set("IDToken1", secret)
	desktop.post(password.target(), fields).want(t, http.StatusForbidden, "Please start again")
	password.submit("IDToken1", secret).want(t, http.StatusOK, "You are signed in")
	if !w.Lives(t, phone.cookie(sso)) || desktop.cookie(sso) != "" {
		t.Error("the session is not the phone's")
	}

	again := phone.get(link).submit()
	again.want(t, http.StatusUnauthorized, "This link can no longer be used")
	if !again.says("Try again") {
		t.Error("the page offers no way on")
	}
}

// TestLinkNeedsItsPage: nobody makes a browser follow a link of a journey that
// is somebody else's (SECURITY 2).
func TestLinkNeedsItsPage(t *testing.T) {
	o := realmtest.NewOutbox()
	w := open(t, mailed(o))
	w.browser(t).get(loginAt+"&service=Mail").submit("IDToken1", username)
	link := o.Link(t)
	attacker, victim := w.browser(t), w.browser(t)
	form := attacker.get(link.String())
	victim.get(loginAt)
	victim.post(form.target(), form.fields()).want(t, http.StatusForbidden, "Please start again")
	victim.post(form.target(), form.fields(), "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").
		want(t, http.StatusForbidden, "Please start again")
	if !form.submit().says("Password") {
		t.Error("the link was used up")
	}
}

// TestLinkOutlivesAnOutage: while the store is away the page asks to try
// again, and the link is not used up.
func TestLinkOutlivesAnOutage(t *testing.T) {
	o := realmtest.NewOutbox()
	w := open(t, mailed(o))
	b := w.browser(t)
	b.get(loginAt+"&service=Mail").submit("IDToken1", username)
	page := b.get(o.Link(t).String())
	w.Store.Down.Store(true)
	down := page.submit()
	w.Store.Down.Store(false)
	down.want(t, http.StatusServiceUnavailable, "Continue signing in")
	if !down.says("Nothing is lost") || !down.submit().says("Password") {
		t.Error("the link was lost")
	}
}
