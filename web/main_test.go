package web

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/argon2"

	"github.com/amgate/amgate/identity/file"
	"github.com/amgate/amgate/identity/password"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	site     = "http://login.example.com"
	allowed  = "https://app.example.com"
	loginAt  = site + "/am/XUI/?realm=/alpha"
	logoutAt = site + "/am/UI/Logout?realm=/alpha"
	sso      = realm.DefaultCookie
	username = "bjensen"
	secret   = "Ch4ng31t"
)

// world is the pages over a real Set, on a store that can be made to fail.
type world struct {
	*Pages
	set     *realm.Set
	store   *faulty
	logs    *logs
	config  realm.Config
	backend realm.Backend
}

// logs is a buffer that the goroutines of the Set may write to.
type logs struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// faulty is a store that does not answer while it is down.
type faulty struct {
	store.Store
	down atomic.Bool
}

func (f *faulty) fault() error {
	if f.down.Load() {
		return fmt.Errorf("%w: https://internal:2379", store.ErrUnavailable)
	}
	return nil
}

func (f *faulty) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	if err := f.fault(); err != nil {
		return store.Record{}, 0, err
	}
	return f.Store.Get(ctx, k, want)
}

func (f *faulty) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if err := f.fault(); err != nil {
		return 0, err
	}
	return f.Store.Commit(ctx, ops...)
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
		s.Journeys["Ask"] = tree("Ask", placed("ask", n, map[string]string{"outcome": journey.Failure}))
	}
}

func placed(id string, n journey.Node, next map[string]string) *journey.Placed {
	return &journey.Placed{ID: id, Type: id, Node: n, Next: next}
}

func tree(name string, all ...*journey.Placed) *journey.Tree {
	t := &journey.Tree{Name: name, Entry: all[0].ID, Nodes: make(map[string]*journey.Placed)}
	for _, p := range all {
		t.Nodes[p.ID] = p
	}
	return t
}

// onePage is the journey that is built in; twoPages asks for the name first.
func onePage() *journey.Tree {
	page := &nodes.Page{Header: nodes.Text{"en": "Welcome", "de": "Willkommen"}, Children: []nodes.Child{
		{ID: "name", Node: &nodes.Username{}}, {ID: "pass", Node: &nodes.Password{}},
	}}
	zero := &nodes.ZeroPageLogin{
		UsernameHeader: "X-OpenAM-Username", PasswordHeader: "X-OpenAM-Password", AllowWithoutReferer: true,
	}
	return tree("Login",
		placed("zero", zero, map[string]string{"true": "check", "false": "page"}),
		placed("page", page, map[string]string{"outcome": "check"}),
		placed("check", &nodes.DataStore{}, map[string]string{"true": journey.Success, "false": "again"}),
		placed("again", &nodes.RetryLimit{Limit: 2}, map[string]string{"Retry": "page", "Reject": journey.Failure}),
	)
}

func twoPages() *journey.Tree {
	return tree("TwoSteps",
		placed("name", &nodes.Username{}, map[string]string{"outcome": "pass"}),
		placed("pass", &nodes.Password{}, map[string]string{"outcome": "check"}),
		placed("check", &nodes.DataStore{}, map[string]string{"true": journey.Success, "false": "again"}),
		placed("again", &nodes.RetryLimit{Limit: 2}, map[string]string{"Retry": "name", "Reject": journey.Failure}),
	)
}

// open starts the realms / and /alpha. The edits are for /alpha.
func open(tb testing.TB, edits ...func(*realm.Settings)) *world {
	tb.Helper()
	backing := memory.New()
	w := &world{store: &faulty{Store: backing}, logs: &logs{}}
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	people := openUsers(tb, log)
	settings := []realm.Settings{
		{Path: "/"},
		{Path: "/alpha", GotoAllow: []string{allowed}, Hosts: []string{"alpha.example.com"}},
	}
	for i := range settings {
		s := &settings[i]
		s.Users = people
		s.Journeys = map[string]*journey.Tree{"Login": onePage(), "TwoSteps": twoPages()}
		if s.Path == "/alpha" {
			for _, edit := range edits {
				edit(s)
			}
		}
		*s = s.WithDefaults("/am")
	}
	root, err := token.NewSecret([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		tb.Fatal(err)
	}
	access := session.NewAccess(session.AccessConfig{Store: w.store, Logger: log})
	w.config = realm.Config{Realms: settings, Logger: log}
	w.backend = realm.Backend{Store: w.store, Access: access, SigningKeys: []token.Secret{root}}
	tb.Cleanup(func() {
		w.store.down.Store(false)
		access.Close()
		backing.Close()
	})
	w.restart(tb)
	return w
}

// restart serves from a new node of the same installation, with no in-memory
// journeys.
func (w *world) restart(tb testing.TB) {
	tb.Helper()
	var err error
	if w.set, err = realm.New(w.config); err != nil {
		tb.Fatal(err)
	}
	w.backend.Journeys = keep.NewTable(keep.TableConfig{})
	if err := w.set.Start(tb.Context(), w.backend); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.set.Close)
	w.serve("")
}

// serve makes the pages anew, with another base URL.
func (w *world) serve(baseURL string) {
	w.Pages = New(Config{
		Realms: w.set, Base: "/am", BaseURL: baseURL, Logger: w.config.Logger,
		Secure:   func(r *http.Request) bool { return r.TLS != nil || strings.HasPrefix(baseURL, "https://") },
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
	})
}

func openUsers(tb testing.TB, log *slog.Logger) *file.Store {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "users.json")
	salt := []byte("saltsaltsaltsalt")
	key := argon2.IDKey([]byte(secret), salt, 1, 64, 1, 32) // cheap: its strength is tested elsewhere
	hash := fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s",
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
	users := fmt.Sprintf(`{"users": [{"username": %q, "password": %q}]}`, username, hash)
	if err := os.WriteFile(path, []byte(users), 0o600); err != nil {
		tb.Fatal(err)
	}
	people, err := file.Open(file.Config{Path: path, Gate: password.NewGate(0, 0), Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(people.Close)
	return people
}

// lives reports whether a session does, without using it.
func (w *world) lives(tb testing.TB, tok string) bool {
	tb.Helper()
	_, err := w.set.Session(tb.Context(), []string{tok}, session.Peek)
	return err == nil
}

// browser keeps cookies and says where its requests come from, as browsers
// do. It follows nothing.
type browser struct {
	testing.TB
	world *world
	jar   *cookiejar.Jar
}

func (w *world) browser(tb testing.TB) *browser {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &browser{tb, w, jar}
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
	b.world.ServeHTTP(rec, r)
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
