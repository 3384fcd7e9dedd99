package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// TestLogoutByLink answers OpenAM's CVE-2026-123545 (SECURITY 65) for the one
// change that a GET makes: only what can be nothing but a person's wish ends
// a session at once; everything else is asked about first and changes nothing.
func TestLogoutByLink(t *testing.T) {
	w := open(t)
	for _, tt := range []struct {
		name   string
		target string
		header []string
		want   bool
	}{
		{"typed", logoutAt, nil, true},
		{"a link on our site", logoutAt, []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"a link of an app that goto_allow names", logoutAt, []string{"Sec-Fetch-Site", "cross-site", "Referer", allowed + "/x"}, true},
		{"an older browser, from our site", logoutAt, []string{"Sec-Fetch-Site", "", "Sec-Fetch-Mode", "", "Sec-Fetch-Dest", "", "Referer", site + "/app"}, true},
		{"a link of another site", logoutAt, []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"and it says where", logoutAt, []string{"Sec-Fetch-Site", "cross-site", "Referer", "https://evil.example/"}, false},
		{"or something like us", logoutAt, []string{"Sec-Fetch-Site", "cross-site", "Referer", allowed + ".evil.example/"}, false},
		{"a link of a sub-domain", logoutAt, []string{"Sec-Fetch-Site", "same-site", "Referer", "http://evil.example.com/"}, false},
		{"an older browser, from nowhere", logoutAt, []string{"Sec-Fetch-Site", "", "Sec-Fetch-Mode", "", "Sec-Fetch-Dest", ""}, false},
		{"a picture on our site", logoutAt, []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "image", "Sec-Fetch-Mode", "no-cors"}, false},
		{"a frame on our site", logoutAt, []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "iframe"}, false},
		{"a script of an app", logoutAt, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "empty", "Referer", allowed + "/"}, false},
		{"a prefetch", logoutAt, []string{"Sec-Purpose", "prefetch"}, false},
		{"our script, asking", logoutAt + "&confirm=true", nil, false},
	} {
		b := w.browser(t)
		b.signIn(loginAt)
		token := b.cookie(sso)
		page := b.get(tt.target, tt.header...)
		if tt.want {
			page.want(t, http.StatusOK, "You are signed out")
			if w.Lives(t, token) || b.cookie(sso) != "" {
				t.Errorf("%s: the session lives on", tt.name)
			}
			continue
		}
		page.want(t, http.StatusOK, "Sign out?")
		if !w.Lives(t, token) || page.sets(sso) {
			t.Errorf("%s: the session was ended", tt.name)
		}
		if !page.says("bjensen") {
			t.Errorf("%s: the page does not say who is signed in", tt.name)
		}
		page.submit().want(t, http.StatusOK, "You are signed out")
		if w.Lives(t, token) || b.cookie(sso) != "" {
			t.Errorf("%s: the button does not sign out", tt.name)
		}
	}
}

// TestLogoutWithoutSession: there is nothing to ask; and a request that comes
// from elsewhere does not even take a cookie away.
func TestLogoutWithoutSession(t *testing.T) {
	b := open(t).browser(t)
	for _, from := range []string{"none", "cross-site"} {
		page := b.get(logoutAt, "Sec-Fetch-Site", from)
		page.want(t, http.StatusOK, "You are signed out")
		if page.sets(sso) != (from == "none") {
			t.Errorf("from %s: Set-Cookie %q", from, page.header.Values("Set-Cookie"))
		}
	}
}

// TestLogoutPageForgetsPersistentCookies: who had signed out was signed in again
// at the next visit, even by a cookie that a node on a page sets. A link that only
// asks takes nothing away.
func TestLogoutPageForgetsPersistentCookies(t *testing.T) {
	w := open(t, func(alpha *realm.Settings) {
		set := &nodes.SetPersistentCookie{Cookie: "remember", Idle: 1, MaxLife: 1}
		alpha.Journeys["Set"] = realmtest.Tree("Set", realmtest.Place("page",
			&nodes.Page{Children: []nodes.Child{{ID: "set", Type: "SetPersistentCookieNode", Node: set}}}, "outcome", journey.Success))
	})
	b := w.browser(t)
	b.signIn(loginAt)
	theirs := sso + "=" + b.cookie(sso) + "; theirs=1; remember=sealed"
	asked := b.get(logoutAt, "Sec-Fetch-Site", "cross-site", "Cookie", theirs)
	if asked.sets("remember") {
		t.Errorf("a forged link: Set-Cookie %q", asked.header.Values("Set-Cookie"))
	}
	if page := b.get(logoutAt, "Cookie", theirs); !page.sets("remember") || page.sets("theirs") {
		t.Errorf("Set-Cookie %q", page.header.Values("Set-Cookie"))
	}
	if page := b.get(logoutAt); page.sets("remember") {
		t.Errorf("what was not sent: Set-Cookie %q", page.header.Values("Set-Cookie"))
	}
}

// TestLogoutGoto: a goto that may be followed is, by link and by button.
func TestLogoutGoto(t *testing.T) {
	w := open(t)
	for raw, want := range map[string]string{
		"/bye": "/bye", allowed + "/bye": allowed + "/bye", "https://evil.example/": "", "javascript:alert(1)": "",
	} {
		b := w.browser(t)
		b.signIn(loginAt)
		page := b.get(logoutAt + "&goto=" + raw)
		if page.leadsTo() != want || want != "" && page.status != http.StatusSeeOther {
			t.Errorf("%s: %d to %q", raw, page.status, page.leadsTo())
		}
		b.signIn(loginAt)
		page = b.get(logoutAt+"&goto="+raw, "Sec-Fetch-Site", "cross-site")
		if strings.Contains(page.body, "evil") || strings.Contains(page.body, "alert(") {
			t.Errorf("%s is on the page", raw)
		}
		if page = page.submit(); page.leadsTo() != want || page.status != http.StatusOK {
			t.Errorf("%s, by button: %d to %q", raw, page.status, page.leadsTo())
		}
	}
}
