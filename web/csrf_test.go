package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
)

// TestFormsOfOthersAreRefused answers OpenAM's CVE-2026-123545 (SECURITY 65):
// every change that a form makes, signing in and signing out, is refused when
// the form is not the page's own, whatever part of the proof is missing.
// A page of another site can make a browser send a form, with the site's
// cookies if they allow it; it can neither read our page nor choose where
// the browser says the form is from.
func TestFormsOfOthersAreRefused(t *testing.T) {
	w := open(t)
	forms := map[string]func(*browser) *shown{
		"sign in":            func(b *browser) *shown { return b.get(loginAt + "&ForceAuth=true") },
		"sign out":           func(b *browser) *shown { return b.get(logoutAt, "Sec-Fetch-Site", "cross-site") },
		"sign out, as shown": func(b *browser) *shown { return b.get(loginAt) },
	}
	drop := func(names ...string) func(*browser, url.Values) {
		return func(_ *browser, f url.Values) {
			for _, name := range names {
				f.Del(name)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		header []string
		change func(*browser, url.Values)
		want   bool
	}{
		{name: "as it is", want: true},
		{name: "typed in the address bar", header: []string{"Sec-Fetch-Site", "none"}, want: true},
		{name: "an older browser", header: []string{"Sec-Fetch-Site", ""}, want: true},
		{name: "no browser's headers", header: []string{"Sec-Fetch-Site", "", "Origin", ""}, want: true},
		{name: "from another site", header: []string{"Sec-Fetch-Site", "cross-site"}},
		{name: "from a sub-domain", header: []string{"Sec-Fetch-Site", "same-site"}},
		{name: "from an older browser elsewhere", header: []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}},
		{name: "from a sandboxed frame", header: []string{"Sec-Fetch-Site", "", "Origin", "null"}},
		{name: "without a seal", change: drop(sealField)},
		{name: "with another seal", change: func(_ *browser, f url.Values) { f.Set(sealField, strings.Repeat("A", 43)) }},
		{name: "with a seal that is none", change: func(_ *browser, f url.Values) { f.Set(sealField, "?") }},
		{name: "without the cookie", header: []string{"Cookie", ""}},
		{name: "with the cookie of another browser", header: []string{"Cookie", realm.FormCookie + "=AAAAAAAAAAAAAAAAAAAAAAAAAA"}},
		{name: "with an empty cookie", header: []string{"Cookie", realm.FormCookie + "="}},
		{name: "with the seal of another browser", change: func(_ *browser, f url.Values) {
			f.Set(sealField, w.browser(t).get(loginAt).fields().Get(sealField))
		}},
		{name: "with the seal of the other form", change: func(b *browser, f url.Values) {
			other := loginAt + "&ForceAuth=true"
			if f.Has(authIDField) {
				other = loginAt
			}
			f.Set(sealField, b.get(other).fields().Get(sealField))
		}},
	} {
		for kind, open := range forms {
			b := w.browser(t)
			b.signIn(loginAt)
			before := b.cookie(sso)
			page := open(b)
			fields := page.fields()
			fields.Set("IDToken1", username)
			fields.Set("IDToken2", secret)
			if tt.change != nil {
				tt.change(b, fields)
			}
			answer := b.post(page.target(), fields, tt.header...)
			if tt.want {
				if answer.status != http.StatusOK || !answer.sets(sso) {
					t.Errorf("%s, %s: %d", kind, tt.name, answer.status)
				}
				continue
			}
			answer.want(t, http.StatusForbidden, "Please start again")
			if answer.sets(sso) || !w.Lives(t, before) {
				t.Errorf("%s, %s: the session changed", kind, tt.name)
			}
		}
	}
}

// TestSealCoversTheForm: a form is accepted only with the authId, the question
// and in the realm that it was made for; nothing can be spliced into it.
func TestSealCoversTheForm(t *testing.T) {
	b := open(t).browser(t)
	page, other := b.get(loginAt), b.get(loginAt+"&service=TwoSteps")
	for name, change := range map[string]func(target *string, f url.Values){
		"authId":   func(_ *string, f url.Values) { f.Set(authIDField, other.fields().Get(authIDField)) },
		"question": func(_ *string, f url.Values) { f.Set(questionField, other.fields().Get(questionField)) },
		"realm":    func(target *string, _ url.Values) { *target = site + "/am/XUI/?realm=/" },
		"moved":    func(_ *string, f url.Values) { move(f, authIDField, questionField) },
	} {
		target, fields := page.target(), page.fields()
		change(&target, fields)
		if answer := b.post(target, fields); answer.status != http.StatusForbidden {
			t.Errorf("%s: %d", name, answer.status)
		}
	}
}

// TestSealIsForOnePurpose: forms that are about the same still differ by what
// they are for.
func TestSealIsForOnePurpose(t *testing.T) {
	w := open(t)
	v := w.visit(w.browser(t).request(loginAt))
	if err := w.locate(v); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(v.mac(secret, purposeLogin, nil), v.mac(secret, purposeLogout, nil)) {
		t.Error("a seal to sign in signs out, too")
	}
}

// move shifts one character from the end of a field to the begin of another.
func move(f url.Values, from, to string) {
	a := f.Get(from)
	f.Set(to, a[len(a)-1:]+f.Get(to))
	f.Set(from, a[:len(a)-1])
}

// TestSecretIsNoSession answers OpenAM's CVE-2026-53660 (SECURITY 51), whose
// CSRF token was the session id. Ours stands on a random cookie of its own:
// __Host- on TLS, HttpOnly, SameSite; neither it nor the seal is, or comes
// from, the session, and no log has any of them.
func TestSecretIsNoSession(t *testing.T) {
	w := open(t)
	b := w.browser(t)
	page := b.get(strings.Replace(loginAt, "http:", "https:", 1))
	lines := page.header.Values("Set-Cookie")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "__Host-amgate=") ||
		!strings.HasSuffix(lines[0], "; Path=/; Secure; HttpOnly; SameSite=Lax") {
		t.Errorf("on TLS: %q", lines)
	}

	b = w.browser(t)
	lines = b.get(loginAt).header.Values("Set-Cookie")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "amgate=") || !strings.HasSuffix(lines[0], "; Path=/; HttpOnly; SameSite=Lax") {
		t.Errorf("without TLS: %q", lines)
	}
	before := b.cookie(realm.FormCookie)
	b.signIn(loginAt)
	page = b.get(loginAt)
	if b.cookie(realm.FormCookie) != before {
		t.Error("the secret changes with the session")
	}
	session, seal := b.cookie(sso), page.fields().Get(sealField)
	if strings.Contains(page.body, session) || strings.Contains(page.body, before) {
		t.Error("the page has a secret in it")
	}
	b.signIn(loginAt + "&ForceAuth=true")
	if again := b.get(loginAt).fields().Get(sealField); b.cookie(sso) == session || again != seal {
		t.Error("the seal depends on the session")
	}
	b.get(logoutAt)
	for _, hidden := range []string{session, seal, before, b.cookie(sso), secret} {
		if hidden != "" && strings.Contains(w.Log.String(), hidden) {
			t.Errorf("the log has %q", hidden)
		}
	}
}

// TestPlantedCookies answers Zitadel's GHSA-mq4x-r2w3-j7mr (SECURITY 52): a
// page of a sub-domain plants our cookies in the victim's browser, with
// values it knows, so that they come first. It can then make the seal of a
// form; but not send it from our origin. And the victim's own login works,
// with a session that the attacker does not know.
func TestPlantedCookies(t *testing.T) {
	w := open(t)
	const known = "ATTACKERATTACKERATTACKER22"
	attacker := w.browser(t)
	form := attacker.get(loginAt, "Cookie", realm.FormCookie+"="+known)
	fields := form.fields()
	fields.Set("IDToken1", username)
	fields.Set("IDToken2", secret)

	victim := w.browser(t)
	victim.get(loginAt)
	planted := realm.FormCookie + "=" + known + "; " + sso + "=planted; " + realm.FormCookie + "=" + victim.cookie(realm.FormCookie)
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "same-site", "Origin", "http://evil.example.com"},
		{"Sec-Fetch-Site", "", "Origin", "http://evil.example.com"},
	} {
		answer := victim.post(form.target(), fields, append(header, "Cookie", planted)...)
		if answer.status != http.StatusForbidden || answer.sets(sso) {
			t.Errorf("%q: the attacker's form signs the victim in: %d", header, answer.status)
		}
	}

	own := victim.get(loginAt, "Cookie", planted)
	fields = own.fields()
	fields.Set("IDToken1", username)
	fields.Set("IDToken2", secret)
	answer := victim.post(own.target(), fields, "Cookie", planted)
	answer.want(t, http.StatusOK, "You are signed in")
	if got := victim.cookie(sso); got == "" || got == "planted" || !w.Lives(t, got) {
		t.Error("the victim has no session of their own")
	}

	// On TLS the name is one that no other host can plant, and the plain one
	// counts for nothing.
	tls := strings.Replace(loginAt, "http:", "https:", 1)
	if page := w.browser(t).get(tls, "Cookie", realm.FormCookie+"="+known); !page.sets(realm.FormCookieTLS) {
		t.Error("on TLS a plain cookie is taken for the secret")
	}
}

// TestBaseURLIsOurOrigin: behind a proxy that changes the host, the configured
// URL says where our forms come from.
func TestBaseURLIsOurOrigin(t *testing.T) {
	w := open(t)
	w.serve("https://login.example.com")
	b := w.browser(t)
	at := "https://node-1.internal/am/XUI/?realm=/alpha&goto=https://login.example.com/app"
	page := b.get(at)
	fields := page.fields()
	fields.Set("IDToken1", username)
	fields.Set("IDToken2", secret)
	for origin, status := range map[string]int{"https://evil.example": 403, "https://login.example.com": 200} {
		answer := b.post(page.target(), fields, "Sec-Fetch-Site", "", "Origin", origin,
			"Cookie", page.header.Values("Set-Cookie")[0])
		if answer.status != status || status == 200 && answer.leadsTo() != "https://login.example.com/app" {
			t.Errorf("%s: %d to %q, want %d", origin, answer.status, answer.leadsTo(), status)
		}
	}
}
