package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

const (
	consoleAt  = site + "/am/console"
	sessionsAt = consoleAt + "/realms/alpha/sessions"
)

// office is a site with a console and people of several ranks: rita of the
// root realm administers all, ron nothing; in /alpha there are carol, dave, and
// its administrator alfred; /alpha/beta has a carol of its own. In /carried
// clients carry the sessions, also that of its administrator cara, in a cookie
// of another name; in /tracked, too, and the store tracks them.
type office struct {
	*world
	console *Console
}

func newOffice(tb testing.TB, edits ...func(*realm.Settings)) *office {
	tb.Helper()
	people := func(users ...journeytest.Person) identity.Store { return journeytest.Users(users) }
	alpha := realm.Settings{Path: "/alpha", Users: people(person("carol"), person("dave"), person("alfred", realm.RoleAdmin))}
	for _, edit := range edits {
		edit(&alpha)
	}
	o := &office{world: &world{Site: realmtest.Open(tb,
		realm.Settings{Path: "/", Users: people(person("rita", realm.RoleAdmin), person("ron"))},
		alpha,
		realm.Settings{Path: "/alpha/beta", Users: people(person("carol"))},
		realm.Settings{Path: "/tracked", Users: people(person("carol")), AuthenticatedSessions: realm.SessionsClient, Track: true, Cookie: realm.Cookie{Name: "tracked"}},
		realm.Settings{Path: "/carried", Users: people(person("carol"), person("cara", realm.RoleAdmin)), AuthenticatedSessions: realm.SessionsClient, Cookie: realm.Cookie{Name: "carried"}},
	)}}
	o.serve("")
	o.console = NewConsole(realm.Front{
		Realms: o.Set, Base: realmtest.Base, Logger: o.Log.Logger(),
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	})
	return o
}

// ServeHTTP is the site as am_server makes it up.
func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/am/console") {
		o.console.ServeHTTP(w, r)
		return
	}
	o.world.ServeHTTP(w, r)
}

func person(name string, roles ...string) journeytest.Person {
	u := journeytest.Demo(name, secret)[0]
	u.ID, u.Roles = "id-"+name, roles
	u.Attributes = map[string][]string{"mail": {name + "@example.com"}, "oathDeviceProfiles": {"a device"}, "cn": {name + " of ours"}}
	return u
}

// signedIn is a browser whose user has signed in to a realm.
func (o *office) signedIn(tb testing.TB, path, name string) *browser {
	tb.Helper()
	b := o.browser(tb)
	b.get(site+"/am/XUI/?realm="+path).submit("IDToken1", name, "IDToken2", secret)
	return b
}

func (o *office) browser(tb testing.TB) *browser {
	b := o.world.browser(tb)
	b.site = o
	return b
}

// token is the session that the browser has in a cookie.
func (o *office) token(tb testing.TB, path, name string) string {
	tb.Helper()
	tok := o.signedIn(tb, path, name).cookie(o.At(tb, path).Cookie.Name)
	if tok == "" {
		tb.Fatalf("%s cannot sign in to %s", name, path)
	}
	return tok
}

// handles are those on a page.
func (s *shown) handles() []string {
	var found []string
	for _, n := range s.all("code") {
		if t := text(n); strings.HasPrefix(t, "shandle:") {
			found = append(found, t)
		}
	}
	return found
}

// press opens the n-th link whose text begins with words.
func (s *shown) press(n int, words string) *shown {
	s.browser.Helper()
	for _, a := range s.all("a") {
		if strings.HasPrefix(text(a), words) {
			if n--; n < 0 {
				to, err := s.url.Parse(attr(a, "href"))
				if err != nil {
					s.browser.Fatal(err)
				}
				return s.browser.get(to.String(), "Sec-Fetch-Site", "same-origin")
			}
		}
	}
	s.browser.Fatalf("there is no link %q: %s", words, s.body)
	return nil
}

// confirm sends the form of the page that ends sessions, and opens the page
// that it leads to.
func (s *shown) confirm() *shown {
	s.browser.Helper()
	answer := s.browser.post(s.ending())
	if answer.status != http.StatusSeeOther {
		return answer
	}
	return s.browser.get(site+answer.leadsTo(), "Sec-Fetch-Site", "same-origin")
}

// ending is the form of the page that ends sessions.
func (s *shown) ending() (target string, fields url.Values) {
	s.browser.Helper()
	for _, n := range s.all("form") {
		if strings.HasSuffix(attr(n, "action"), "/sessions") {
			return site + attr(n, "action"), fieldsOf(n)
		}
	}
	s.browser.Fatalf("the page ends nothing: %d %s", s.status, s.body)
	return "", nil
}

func fieldsOf(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		if n.Type == html.ElementNode && n.Data == "input" {
			values.Add(attr(n, "name"), attr(n, "value"))
		}
	}
	return values
}

func (s *shown) status200(tb testing.TB, heading string) *shown {
	tb.Helper()
	s.want(tb, http.StatusOK, heading)
	assertHarmless(tb, s)
	return s
}

// Who is not signed in goes through the ordinary login of the root realm and
// comes back.
func TestConsoleLeadsThroughLogin(t *testing.T) {
	o := newOffice(t)
	for _, at := range []string{consoleAt, sessionsAt, sessionsAt + "?user=carol", consoleAt + "/realms/nowhere/sessions"} {
		b := o.browser(t)
		page := b.get(at)
		login := page.leadsTo()
		if page.status != http.StatusSeeOther || !strings.HasPrefix(login, "/am/XUI/?") {
			t.Fatalf("%s: %d to %q", at, page.status, login)
		}
		page = b.get(site+login).submit("IDToken1", "rita", "IDToken2", secret)
		if back := page.leadsTo(); site+back != at {
			t.Errorf("%s: the login leads to %q", at, back)
		}
		if page := b.get(at); page.status == http.StatusSeeOther {
			t.Errorf("%s: asked to sign in again", at)
		}
	}
}

// Who may see which pages; and those who may not learn nothing of what there
// is. (SECURITY 10)
func TestConsoleIsForAdministrators(t *testing.T) {
	o := newOffice(t)
	const denied, here = "For administrators only", "Sessions"
	for _, tt := range []struct {
		realm, name string
		want        map[string]string // headings by address
	}{
		{"/", "rita", map[string]string{"": "Realms", "/realms/root": here, "/realms/alpha": here, "/realms/alpha/beta": here, "/realms/nowhere": "Unknown realm"}},
		{"/", "ron", map[string]string{"": denied, "/realms/root": denied, "/realms/alpha": denied, "/realms/alpha/beta": denied, "/realms/nowhere": denied}},
		{"/alpha", "alfred", map[string]string{"": "Realms", "/realms/root": denied, "/realms/alpha": here, "/realms/alpha/beta": denied, "/realms/nowhere": denied}},
		{"/alpha", "carol", map[string]string{"": denied, "/realms/root": denied, "/realms/alpha": denied, "/realms/alpha/beta": denied, "/realms/nowhere": denied}},
	} {
		b := o.signedIn(t, tt.realm, tt.name)
		for at, heading := range tt.want {
			pages := []string{"/sessions", "/identities"}
			if at == "" {
				pages = []string{"", "/"}
			}
			for _, page := range pages {
				got := b.get(consoleAt + at + page)
				want, status := heading, http.StatusOK
				switch {
				case heading == denied:
					status = http.StatusForbidden
				case heading == "Unknown realm":
					status = http.StatusNotFound
				case page == "/identities":
					want = "Identities"
				}
				got.want(t, status, want)
				assertHarmless(t, got)
				if status == http.StatusForbidden && !got.says(tt.name) {
					t.Errorf("%s at %s%s: the page does not say who is signed in", tt.name, at, page)
				}
			}
		}
	}
	page := o.signedIn(t, "/alpha", "alfred").get(consoleAt)
	if !page.says("alpha") || page.says("root") || page.says("beta") {
		t.Errorf("alfred sees realms that are not his: %s", page.body)
	}
}

// Of several sessions that a browser has, the one counts whose user may see the
// page.
func TestConsoleOfSeveralSessions(t *testing.T) {
	b := newOffice(t).signedIn(t, "/", "ron")
	b.get(consoleAt+"/realms/carried/sessions").want(t, http.StatusForbidden, "For administrators only")
	b.get(site+"/am/XUI/?realm=/carried").submit("IDToken1", "cara", "IDToken2", secret)
	page := b.get(consoleAt+"/realms/carried/sessions").status200(t, "Sessions")
	if who := page.all("header"); len(who) != 1 || !strings.Contains(text(who[0]), "cara") {
		t.Errorf("it is the page of somebody else: %s", page.body)
	}
	b.get(sessionsAt).want(t, http.StatusForbidden, "For administrators only")
}

// Who may not see a page signs out there, and is led to sign in as somebody
// else and back.
func TestNotAdminSignsInAsSomebodyElse(t *testing.T) {
	o := newOffice(t)
	b := o.signedIn(t, "/alpha", "carol")
	token := b.cookie(sso)
	page := b.get(sessionsAt + "?user=dave").submit()
	if o.Lives(t, token) || site+page.leadsTo() != sessionsAt+"?user=dave" {
		t.Fatalf("%d to %q", page.status, page.leadsTo())
	}
	if login := b.get(site + page.leadsTo()).leadsTo(); !strings.HasPrefix(login, "/am/XUI/?") {
		t.Errorf("then to %q", login)
	}
}

// TestFindAndEndASession is what the documentation has an operator do.
func TestFindAndEndASession(t *testing.T) {
	o := newOffice(t)
	one, two, other := o.token(t, "/alpha", "carol"), o.token(t, "/alpha", "carol"), o.token(t, "/alpha", "dave")
	namesake := o.token(t, "/alpha/beta", "carol")
	b := o.signedIn(t, "/", "rita")
	for _, name := range []string{"carol", " CAROL ", "id-carol", "id=id-carol,ou=user,o=alpha,ou=services,ou=am-config"} {
		page := b.get(sessionsAt+"?user="+url.QueryEscape(name)).status200(t, "Sessions")
		if len(page.handles()) != 2 || !page.says("id-carol") {
			t.Errorf("%s: %v", name, page.handles())
		}
		for _, tok := range []string{one, two, b.cookie(sso)} {
			if strings.Contains(page.body, tok) || strings.Contains(page.body, tok[:27]) {
				t.Fatal("the page has a session in it")
			}
		}
	}
	page := b.get(sessionsAt + "?user=carol")
	handle := page.handles()[0]
	ask := page.press(0, "End…").status200(t, "End sessions?")
	if got := ask.handles(); len(got) != 1 || got[0] != handle || !o.Lives(t, one) || !o.Lives(t, two) {
		t.Fatalf("before the form was sent: %v", got)
	}
	after := ask.confirm().status200(t, "Sessions")
	if !after.says("The session has ended.") || len(after.handles()) != 1 || after.handles()[0] == handle {
		t.Errorf("after: %s", after.body)
	}
	if o.Lives(t, one) == o.Lives(t, two) {
		t.Error("not exactly one session has ended")
	}
	if gone := ask.confirm(); !gone.says("That session is over already.") {
		t.Errorf("once more: %d %s", gone.status, gone.body)
	}

	all := after.press(0, "End all…").status200(t, "End sessions?").confirm().status200(t, "Sessions")
	if !all.says("Sessions that have ended: 1.") || !all.says("No sessions found.") {
		t.Errorf("after all: %s", all.body)
	}
	if o.Lives(t, one) || o.Lives(t, two) || !o.Lives(t, other) || !o.Lives(t, namesake) {
		t.Error("not exactly carol's sessions of /alpha have ended")
	}
	b.get(sessionsAt+"?user=nobody").status200(t, "Sessions")
}

// The page shows a session's level and times.
func TestSessionsPageTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.token(t, "/alpha", "carol")
		began := time.Now().UTC()
		time.Sleep(90 * time.Second)
		page := o.signedIn(t, "/", "rita").get(sessionsAt + "?user=carol")
		var cells []string
		for _, n := range page.all("td") {
			cells = append(cells, text(n))
		}
		at := began.Format(time.DateTime)
		want := []string{"0", at, at, "28 min 30 s", "1 h 58 min", "End…"}
		if fmt.Sprint(cells) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", cells, want)
		}
	})
}

func TestLeft(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 min 0 s", 0: "0 min 0 s", 59900 * time.Millisecond: "0 min 59 s", 61 * time.Second: "1 min 1 s",
		time.Hour: "1 h 0 min", 26*time.Hour + time.Minute: "1 d 2 h",
	} {
		if got := left(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// Pages of a long list have everything once.
func TestSessionsPagePaging(t *testing.T) {
	o := newOffice(t)
	const many = 2*sessionsShown + 3
	for range many {
		o.token(t, "/alpha", "carol")
	}
	page := o.signedIn(t, "/alpha", "alfred").get(sessionsAt + "?user=carol")
	seen := make(map[string]bool)
	for n := 0; ; n++ {
		page.status200(t, "Sessions")
		for _, h := range page.handles() {
			seen[h] = true
		}
		if first := page.link("First page"); (first != "") != (n > 0) {
			t.Errorf("page %d leads first to %q", n, first)
		}
		if page.link("Next page") == "" {
			break
		}
		page = page.press(0, "Next page")
	}
	if len(seen) != many {
		t.Errorf("%d sessions, want %d", len(seen), many)
	}
	b := page.browser
	b.get(sessionsAt+"?user=carol&after=x").want(t, http.StatusBadRequest, "Address not understood")
	b.get(sessionsAt+"?user="+strings.Repeat("x", maxNamed+1)).want(t, http.StatusBadRequest, "Address not understood")
}

// An administrator's own session is not ended by accident.
func TestOwnSessionGoesOn(t *testing.T) {
	o := newOffice(t)
	second := o.token(t, "/", "rita")
	b := o.signedIn(t, "/", "rita")
	page := b.get(consoleAt + "/realms/root/sessions?user=rita")
	if len(page.handles()) != 2 || !page.says("Your session") {
		t.Fatalf("own sessions: %s", page.body)
	}
	after := page.press(0, "End all…").confirm()
	if !after.says("Sessions that have ended: 1.") || !after.says("Your session") || o.Lives(t, second) || !o.Lives(t, b.cookie(sso)) {
		t.Errorf("after: %s", after.body)
	}
}

// Where clients carry the sessions none is found, the page says why, and all of
// a user can be ended all the same.
func TestCarriedSessionsAreNotFound(t *testing.T) {
	o := newOffice(t)
	carried := o.token(t, "/carried", "carol")
	b := o.signedIn(t, "/", "rita")
	at := consoleAt + "/realms/carried/sessions"
	for _, query := range []string{"", "?user=carol"} {
		page := b.get(at+query).status200(t, "Sessions")
		if len(page.handles()) > 0 || !page.says("carried by the browser") {
			t.Errorf("%s: %s", query, page.body)
		}
	}
	after := b.get(at+"?user=carol").press(0, "End all…").confirm()
	if !after.says("All sessions of this user have ended.") || o.Lives(t, carried) {
		t.Errorf("after: %s", after.body)
	}
}

// Sessions that clients carry and the store tracks are found like any other.
func TestTrackedSessionsAreFound(t *testing.T) {
	o := newOffice(t)
	tracked := o.token(t, "/tracked", "carol")
	b := o.signedIn(t, "/", "rita")
	page := b.get(consoleAt+"/realms/tracked/sessions?user=carol").status200(t, "Sessions")
	if len(page.handles()) != 1 || page.says("carried by the browser") {
		t.Fatalf("the page: %s", page.body)
	}
	if after := page.press(0, "End…").confirm(); !after.says("The session has ended.") || o.Lives(t, tracked) {
		t.Errorf("after: %s", after.body)
	}
	home := b.get(consoleAt)
	for _, kind := range []string{"on the server", "by the browser, tracked", "by the browser"} {
		if !home.says(kind) {
			t.Errorf("no realm's sessions are %q", kind)
		}
	}
}

// TestConsoleFormsOfOthersEndNothing answers OpenAM's CVE-2026-123545 for the console: nothing
// ends a session but the page's own form, from the browser and the session it
// was made for, about what it was made for. (SECURITY 65)
func TestConsoleFormsOfOthersEndNothing(t *testing.T) {
	o := newOffice(t)
	carol, dave := o.token(t, "/alpha", "carol"), o.token(t, "/alpha", "dave")
	b := o.signedIn(t, "/", "rita")
	forms := map[string]func(*browser) *shown{
		"one": func(b *browser) *shown { return b.get(sessionsAt+"?user=carol").press(0, "End…") },
		"all": func(b *browser) *shown { return b.get(sessionsAt + "?user=carol&end=all") },
	}
	davesHandle := b.get(sessionsAt + "?user=dave").handles()[0]
	set := func(name, value string) func(*string, url.Values) {
		return func(_ *string, f url.Values) { f.Set(name, value) }
	}
	for _, tt := range []struct {
		name   string
		header []string
		change func(target *string, f url.Values)
	}{
		{name: "from another site", header: []string{"Sec-Fetch-Site", "cross-site"}},
		{name: "from a sub-domain", header: []string{"Sec-Fetch-Site", "same-site"}},
		{name: "from an older browser elsewhere", header: []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}},
		{name: "without a seal", change: set(sealField, "")},
		{name: "with another seal", change: set(sealField, strings.Repeat("A", 43))},
		{name: "about another user", change: set(userParam, "dave")},
		{name: "about another session", change: set(endParam, davesHandle)},
		{name: "about all", change: func(_ *string, f url.Values) {
			if f.Get(endParam) == endAll {
				f.Set(endParam, davesHandle)
			} else {
				f.Set(endParam, endAll)
			}
		}},
		{name: "in another realm", change: func(target *string, _ url.Values) { *target = consoleAt + "/realms/alpha/beta/sessions" }},
		{name: "of another browser", change: func(_ *string, f url.Values) {
			_, theirs := forms["one"](o.signedIn(t, "/alpha", "alfred")).ending()
			f.Set(sealField, theirs.Get(sealField))
		}},
		{name: "without the browser's cookie", header: []string{"Cookie", sso + "=" + b.cookie(sso)}},
		{name: "of the session before", change: func(*string, url.Values) { signInAgain(b) }},
	} {
		for kind, open := range forms {
			target, fields := open(b).ending()
			if tt.change != nil {
				tt.change(&target, fields)
			}
			b.post(target, fields, tt.header...).want(t, http.StatusForbidden, "Please start again")
			if !o.Lives(t, carol) || !o.Lives(t, dave) {
				t.Fatalf("%s, %s: a session has ended", kind, tt.name)
			}
		}
	}
	// Nor does a GET, or the sign-out seal that every page has.
	target, fields := forms["all"](b).ending()
	b.get(target + "?" + fields.Encode())
	fields.Set(sealField, fieldsOf(b.get(consoleAt).all("form")[0]).Get(sealField))
	b.post(target, fields).want(t, http.StatusForbidden, "Please start again")
	if !o.Lives(t, carol) {
		t.Error("a session has ended")
	}
	// An administrator no longer signed in is asked to.
	target, fields = forms["all"](b).ending()
	b.get(site + "/am/UI/Logout?realm=/")
	if answer := b.post(target, fields); answer.status != http.StatusSeeOther || !strings.HasPrefix(answer.leadsTo(), "/am/XUI/") || !o.Lives(t, carol) {
		t.Errorf("without a session: %d to %q", answer.status, answer.leadsTo())
	}
}

// signInAgain gives the browser another session of the same user.
func signInAgain(b *browser) {
	b.Helper()
	b.get(site+"/am/XUI/?realm=/&ForceAuth=true").submit("IDToken1", "rita", "IDToken2", secret)
}

// A link cannot make the page say that sessions have ended.
func TestConsoleNoticesAreOurs(t *testing.T) {
	o := newOffice(t)
	b := o.signedIn(t, "/", "rita")
	for _, query := range []string{"&ended=one", "&ended=untracked&mark=AAAA", "&ended=" + url.QueryEscape("<b>all</b>")} {
		if page := b.get(sessionsAt + "?user=carol" + query); page.says("ended") {
			t.Errorf("%s: %s", query, page.body)
		}
	}
}

// A session of one realm cannot be asked about, or ended, on the page of
// another. (SECURITY 10)
func TestHandleOfAnotherRealm(t *testing.T) {
	o := newOffice(t)
	o.token(t, "/alpha/beta", "carol")
	rita, alfred := o.signedIn(t, "/", "rita"), o.signedIn(t, "/alpha", "alfred")
	handle := rita.get(consoleAt + "/realms/alpha/beta/sessions?user=carol").handles()[0]
	answer := alfred.get(sessionsAt + "?user=carol&end=" + handle)
	if answer.status != http.StatusSeeOther || !alfred.get(site+answer.leadsTo()).says("over already") {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

// An outage is a page that says so: never that there are no sessions, never a
// sign-out, never a guess whether something has ended. (SECURITY 25)
func TestConsoleInAnOutage(t *testing.T) {
	o := newOffice(t)
	carol := o.token(t, "/alpha", "carol")
	b := o.signedIn(t, "/", "rita")
	ask := b.get(sessionsAt + "?user=carol&end=all")
	target, fields := ask.ending()
	o.Store.Down.Store(true)
	for name, page := range map[string]*shown{
		"the list":                       b.get(sessionsAt + "?user=carol"),
		"the question":                   b.get(ask.url.String()),
		"the end":                        b.post(target, fields),
		"without a cookie that is known": o.browser(t).get(sessionsAt, "Cookie", sso+"="+carol),
	} {
		page.want(t, http.StatusServiceUnavailable, "Not available at the moment")
		if page.header.Get("Retry-After") == "" || page.sets(sso) || page.says("No sessions") || page.says("Nothing is lost") != (name != "the end") {
			t.Errorf("%s: %v %s", name, page.header, page.body)
		}
		if to := page.link("Try again"); !strings.HasPrefix(to, sessionsAt) {
			t.Errorf("%s: try again at %q", name, to)
		}
	}
	o.Store.Down.Store(false)
	if !o.Lives(t, carol) {
		t.Error("the outage ended a session")
	}
	if page := b.post(target, fields); page.status != http.StatusSeeOther || o.Lives(t, carol) {
		t.Errorf("after the outage the same form ends nothing: %d", page.status)
	}
}

// The people of a realm are found by parts of their names; the profile of one
// has the user identifier, and leads to the sessions.
func TestIdentitiesPage(t *testing.T) {
	o := newOffice(t, func(s *realm.Settings) {
		people := s.Users.(journeytest.Users)
		for i := range 2*identitiesShown + 1 {
			people = append(people, person(fmt.Sprintf("person%03d", i)))
		}
		people[1].Active = false
		s.Users = people
	})
	b := o.signedIn(t, "/alpha", "alfred")
	page := b.get(consoleAt+"/realms/alpha/identities").status200(t, "Identities")
	names := 0
	for ; ; page = page.press(0, "Next page").status200(t, "Identities") {
		names += len(page.all("tr")) - 1
		if page.link("Next page") == "" {
			break
		}
	}
	if names != 2*identitiesShown+1+3 {
		t.Errorf("the pages have %d people", names)
	}
	page = b.get(consoleAt + "/realms/alpha/identities?search=AVE%40ex")
	if len(page.all("tr")) != 2 || !page.says("dave") || !page.says("Inactive") {
		t.Errorf("a part of a mail address: %s", page.body)
	}
	if page := b.get(consoleAt + "/realms/alpha/identities?search=erin"); !page.says("Nobody found.") {
		t.Errorf("nobody: %s", page.body)
	}

	o.token(t, "/alpha", "carol")
	profile := b.get(consoleAt+"/realms/alpha/identities?search=carol").press(0, "carol").status200(t, "carol")
	for _, what := range []string{"id-carol", "id=id-carol,ou=user,o=alpha,ou=services,ou=am-config", "carol@example.com", "carol of ours"} {
		if !profile.says(what) {
			t.Errorf("the profile lacks %s", what)
		}
	}
	if profile.says("a device") || profile.says(secret) {
		t.Error("the profile has what one signs in with")
	}
	if found := profile.press(0, "Sessions of this user").status200(t, "Sessions").handles(); len(found) != 1 {
		t.Errorf("from the profile to %v", found)
	}
	b.get(consoleAt+"/realms/alpha/identities?id=nobody").want(t, http.StatusNotFound, "Unknown user")
}

// plain is a store of people that can do no more than it must.
type plain struct{ identity.Store }

// gone is one that does not answer.
type gone struct{ identity.Store }

func (gone) List(context.Context, string, identity.Page) ([]*identity.User, string, error) {
	return nil, "", identity.ErrUnavailable
}

// A store of identities that does not list them still finds one, and the page
// says so; one that does not answer is an outage.
func TestIdentitiesPageOfAPlainStore(t *testing.T) {
	o := newOffice(t, func(s *realm.Settings) { s.Users = plain{s.Users} })
	b := o.signedIn(t, "/alpha", "alfred")
	if page := b.get(consoleAt+"/realms/alpha/identities").status200(t, "Identities"); !page.says("cannot list them") || page.says("Nobody") {
		t.Errorf("not listed: %s", page.body)
	}
	for search, want := range map[string]string{"carol": "id-carol", "id-carol": "id-carol", "caro": "Nobody found."} {
		if page := b.get(consoleAt + "/realms/alpha/identities?search=" + search); !page.says(want) {
			t.Errorf("%s: %s", search, page.body)
		}
	}
	o = newOffice(t, func(s *realm.Settings) { s.Users = gone{s.Users} })
	o.signedIn(t, "/alpha", "alfred").get(consoleAt+"/realms/alpha/identities").want(t, http.StatusServiceUnavailable, "Not available at the moment")
}

// A realm whose names look like pages has an address of its own.
func TestConsoleAddresses(t *testing.T) {
	var realms []realm.Settings
	for _, path := range []string{"/", "/root", "/root/sessions", "/sessions", "/sessions/identities", "/alpha"} {
		realms = append(realms, realm.Settings{Path: path, Users: journeytest.Users{person("rita", realm.RoleAdmin)}})
	}
	c := NewConsole(realm.Front{Realms: realmtest.Open(t, realms...).Set, Base: realmtest.Base})
	seen := make(map[string]bool)
	for _, r := range c.pages.front.Realms.All() {
		for _, page := range []string{sessionsPage, identitiesPage} {
			address := c.address(r, page)
			v := c.pages.visit(httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
			path, name, err := c.locate(v)
			if path != r.Path || name != page || err != nil || seen[address] {
				t.Errorf("%s of %s at %s is %s of %s, %v", page, r.Path, address, name, path, err)
			}
			seen[address] = true
		}
	}
	if !seen["/am/console/realms/root/sessions"] || !seen["/am/console/realms/alpha/sessions"] {
		t.Errorf("addresses: %v", seen)
	}
}

// What is no page of the console, or no way to ask for one.
func TestConsoleRefusals(t *testing.T) {
	o := newOffice(t)
	b := o.signedIn(t, "/", "rita")
	for _, at := range []string{"/nothing", "/realms", "/realms/alpha", "/realms/sessions", "/realms/alpha/sessions/x", "/sessions", "/realms//sessions"} {
		b.get(consoleAt+at).want(t, http.StatusNotFound, "Page not found")
	}
	for at, allow := range map[string]string{"": "GET, HEAD", "/realms/alpha/identities": "GET, HEAD"} {
		if page := b.post(consoleAt+at, url.Values{}); page.status != http.StatusMethodNotAllowed || page.header.Get("Allow") != allow {
			t.Errorf("POST %s: %d, Allow %q", at, page.status, page.header.Get("Allow"))
		}
	}
	b.get(consoleAt+"?"+strings.Repeat("x", maxQuery+1)).want(t, http.StatusRequestURITooLong, "Address too long")
	b.get(sessionsAt+"?user=%zz").want(t, http.StatusBadRequest, "Address not understood")
}

// TestConsoleReflectsNoScript answers authentik's CVE-2026-42849 (SECURITY 56)
// for the console: whatever is typed, or is a user's name, stays text.
func TestConsoleReflectsNoScript(t *testing.T) {
	o := newOffice(t, func(s *realm.Settings) {
		people := s.Users.(journeytest.Users)
		for i, text := range hostile {
			p := person(text)
			p.ID, p.Attributes = fmt.Sprintf("%d%s", i, text), map[string][]string{"mail": {text}, text: {text, text}}
			people = append(people, p)
		}
		s.Users = people
	})
	b := o.signedIn(t, "/alpha", "alfred")
	for i, text := range hostile {
		q := url.QueryEscape(text)
		for _, at := range []string{
			"/sessions?user=" + q, "/sessions?user=" + q + "&end=all", "/sessions?user=" + q + "&end=" + q, "/sessions?user=carol&after=" + q,
			"/identities?search=" + q, "/identities?after=" + q, "/identities?id=" + q,
			"/identities?id=" + url.QueryEscape(fmt.Sprintf("%d%s", i, text)),
		} {
			assertHarmless(t, b.get(consoleAt+"/realms/alpha"+at))
		}
	}
}

// The console signs its administrator out.
func TestConsoleSignsOut(t *testing.T) {
	o := newOffice(t)
	b := o.signedIn(t, "/alpha", "alfred")
	token := b.cookie(sso)
	page := b.get(sessionsAt)
	for _, form := range page.all("form") {
		if attr(form, "method") == "post" {
			b.post(site+attr(form, "action"), fieldsOf(form)).want(t, http.StatusOK, "You are signed out")
		}
	}
	if o.Lives(t, token) {
		t.Error("the session lives on")
	}
}
