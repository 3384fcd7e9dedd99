package web

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	site     = "http://login.example.com"
	allowed  = "https://app.example.com"
	loginAt  = site + "/am/XUI/?realm=/alpha"
	logoutAt = site + "/am/UI/Logout?realm=/alpha"
	sso      = realm.DefaultCookie
	username = realmtest.Username
	secret   = realmtest.Password
)

// world is the pages of a node.
type world struct {
	*Pages
	*realmtest.Site
}

var _ journey.Node = (*asking)(nil)

// asking is a node that asks its callbacks once and remembers the answers.
type asking struct {
	list callback.List
	got  chan []callback.Callback
}

func (n *asking) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if in.Answers == nil {
		return journey.AskList(n.list).WithPage("stage", "Header", "Description"), nil
	}
	n.got <- in.Answers
	return journey.Goto("outcome"), nil
}

func (*asking) Outcomes() []string { return []string{"outcome"} }

// asks adds a journey Ask to the realm /alpha that asks these callbacks.
func asks(n *asking, callbacks ...callback.Callback) func(*realm.Settings) {
	for _, c := range callbacks {
		n.list = append(n.list, callback.Item{Callback: c})
	}
	n.got = make(chan []callback.Callback, 1)
	return func(s *realm.Settings) {
		s.Journeys["Ask"] = realmtest.Tree("Ask", realmtest.Place("ask", n, "outcome", journey.Failure))
	}
}

// onePage is the journey that is built in, with a title of our own; twoPages
// asks for the name first.
func onePage() *journey.Tree {
	login := nodes.Login()
	login.Nodes["page"].Node.(*nodes.Page).Header = nodes.Text{"en": "Welcome", "de": "Willkommen"}
	return login
}

func twoPages() *journey.Tree {
	return realmtest.Tree("TwoSteps",
		realmtest.Place("name", &nodes.Username{}, "outcome", "pass"),
		realmtest.Place("pass", &nodes.Password{}, "outcome", "check"),
		realmtest.Place("check", &nodes.DataStore{}, "true", journey.Success, "false", "again"),
		realmtest.Place("again", &nodes.RetryLimit{Limit: 2}, "Retry", "name", "Reject", journey.Failure),
	)
}

// open starts the realms / and /alpha. The edits are for /alpha.
func open(tb testing.TB, edits ...func(*realm.Settings)) *world {
	tb.Helper()
	root := realm.Settings{Path: "/"}
	alpha := realm.Settings{Path: "/alpha", GotoAllow: []string{allowed}, Hosts: []string{"alpha.example.com"}}
	for _, s := range []*realm.Settings{&root, &alpha} {
		s.Journeys = realmtest.Journeys(onePage(), twoPages())
	}
	for _, edit := range edits {
		edit(&alpha)
	}
	w := &world{Site: realmtest.Open(tb, root, alpha)}
	w.serve("")
	return w
}

// restart serves from a new process, with no in-memory journeys.
func (w *world) restart(tb testing.TB) {
	tb.Helper()
	w.Restart(tb)
	w.serve("")
}

// serve makes the pages anew, with another base URL.
func (w *world) serve(baseURL string) {
	w.Pages = New(realm.Front{
		Realms: w.Set, Base: realmtest.Base, BaseURL: baseURL, Logger: w.Log.Logger(),
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	})
}

// browser keeps cookies and says where its requests come from, as browsers
// do. It follows nothing.
type browser struct {
	testing.TB
	world *world
	site  http.Handler
	jar   *cookiejar.Jar
}

func (w *world) browser(tb testing.TB) *browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &browser{tb, w, w, jar}
}

// get opens an address. The header is names and values in turn; an empty
// value takes the header away.
func (b *browser) get(target string, header ...string) *shown {
	b.Helper()
	return b.do(http.MethodGet, target, nil, append([]string{
		"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
	}, header...)...)
}

// post sends a form from a page of our own.
func (b *browser) post(target string, form url.Values, header ...string) *shown {
	b.Helper()
	own, err := url.Parse(target)
	if err != nil {
		b.Fatal(err)
	}
	return b.do(http.MethodPost, target, form, append([]string{
		"Sec-Fetch-Site", "same-origin", "Origin", own.Scheme + "://" + own.Host,
	}, header...)...)
}

func (b *browser) do(method, target string, form url.Values, header ...string) *shown {
	b.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(b.Context(), method, target, body)
	at := &url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path}
	if strings.HasPrefix(target, "https:") {
		at.Scheme, r.TLS = "https", &tls.ConnectionState{}
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range b.jar.Cookies(at) {
		r.AddCookie(c)
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	rec := httptest.NewRecorder()
	b.site.ServeHTTP(rec, r)
	res := rec.Result()
	b.jar.SetCookies(at, res.Cookies())
	return parse(b, target, res.StatusCode, res.Header, rec.Body.String())
}

// cookie is the value of a cookie that the browser has for the site.
func (b *browser) cookie(name string) string {
	b.Helper()
	at, err := url.Parse(site + "/am/XUI/")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range b.jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// signIn walks the built-in journey at an address and returns the last page.
func (b *browser) signIn(target string) *shown {
	b.Helper()
	return b.get(target).submit("IDToken1", username, "IDToken2", secret)
}

// request is a plain GET, for tests of what lies below ServeHTTP.
func (b *browser) request(target string) *http.Request {
	return httptest.NewRequestWithContext(b.Context(), http.MethodGet, target, nil)
}
