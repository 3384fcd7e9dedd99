package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
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
	alpha      = "/am/json/realms/root/realms/alpha/authenticate"
	root       = "/am/json/realms/root/authenticate"
	cookieName = realm.DefaultCookie
)

// discard is for tests that do not look at the log.
var discard = slog.New(slog.DiscardHandler)

// site is the API over a real Set, on a store that can be made to fail.
type site struct {
	*API
	set   *realm.Set
	store *faulty
	logs  *logs

	config  realm.Config
	backend realm.Backend
}

// logs is a buffer that the goroutines of the Set may write to.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
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

// faulty is a store that counts, and does not answer while it is down.
type faulty struct {
	store.Store
	down          atomic.Bool
	gets, commits atomic.Int64
}

func (f *faulty) fault() error {
	if f.down.Load() {
		return fmt.Errorf("%w: https://internal:2379", store.ErrUnavailable)
	}
	return nil
}

func (f *faulty) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	f.gets.Add(1)
	if err := f.fault(); err != nil {
		return store.Record{}, 0, err
	}
	return f.Store.Get(ctx, k, want)
}

func (f *faulty) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	f.commits.Add(1)
	if err := f.fault(); err != nil {
		return 0, err
	}
	return f.Store.Commit(ctx, ops...)
}

// withNode adds a journey Spy of one node to the realm /alpha.
func withNode(n journey.Node) func(*realm.Settings) {
	return func(s *realm.Settings) {
		s.Journeys["Spy"] = &journey.Tree{Name: "Spy", Entry: "spy", Nodes: map[string]*journey.Placed{
			"spy": {ID: "spy", Type: "Spy", Node: n, Next: map[string]string{"outcome": journey.Failure}},
		}}
	}
}

// login is the journey that is built in: headers if they were sent, else one
// page with name and password, three times.
func login() *journey.Tree {
	placed := func(id, kind string, n journey.Node, next map[string]string) *journey.Placed {
		return &journey.Placed{ID: id, Type: kind, Node: n, Next: next}
	}
	page := &nodes.Page{Children: []nodes.Child{
		{ID: "name", Type: "UsernameCollectorNode", Node: &nodes.Username{}},
		{ID: "pass", Type: "PasswordCollectorNode", Node: &nodes.Password{}},
	}}
	zero := &nodes.ZeroPageLogin{
		UsernameHeader: "X-OpenAM-Username", PasswordHeader: "X-OpenAM-Password", AllowWithoutReferer: true,
	}
	tree := &journey.Tree{Name: "Login", Entry: "zero", Nodes: map[string]*journey.Placed{}}
	for _, p := range []*journey.Placed{
		placed("zero", "ZeroPageLoginNode", zero, map[string]string{"true": "check", "false": "page"}),
		placed("page", "PageNode", page, map[string]string{"outcome": "check"}),
		placed("check", "DataStoreDecisionNode", &nodes.DataStore{}, map[string]string{"true": journey.Success, "false": "again"}),
		placed("again", "RetryLimitDecisionNode", &nodes.RetryLimit{Limit: 2}, map[string]string{"Retry": "page", "Reject": journey.Failure}),
	} {
		tree.Nodes[p.ID] = p
	}
	return tree
}

// open starts a site with the realms /, /alpha, /alpha/beta, and one with the
// name of a route. The edits are for /alpha.
func open(tb testing.TB, edits ...func(*realm.Settings)) *site {
	tb.Helper()
	backing := memory.New()
	s := &site{store: &faulty{Store: backing}, logs: &logs{}}
	log := slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	people := openUsers(tb, log)

	settings := []realm.Settings{
		{Path: "/"},
		{
			Path: "/alpha", Aliases: []string{"customers"}, Hosts: []string{"alpha.example.com"},
			SuccessURL: "/enduser/?realm=/alpha", CORS: []string{page}, GotoAllow: []string{page},
		},
		{Path: "/alpha/beta", Cookie: realm.Cookie{Domain: "example.com"}},
		{Path: "/sessions"},
	}
	for i := range settings {
		settings[i].Users = people
		settings[i].Journeys = map[string]*journey.Tree{"Login": login()}
		if settings[i].Path == "/alpha" {
			for _, edit := range edits {
				edit(&settings[i])
			}
		}
		settings[i] = settings[i].WithDefaults("/am")
	}
	access := session.NewAccess(session.AccessConfig{Store: s.store, Logger: log})
	secret, err := token.NewSecret([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		tb.Fatal(err)
	}
	s.config = realm.Config{Realms: settings, Logger: log}
	s.backend = realm.Backend{Store: s.store, Access: access, SigningKeys: []token.Secret{secret}}
	tb.Cleanup(func() {
		s.store.down.Store(false)
		access.Close()
		backing.Close()
	})
	s.restart(tb)
	return s
}

// restart serves from a new node of the same installation, with no in-memory
// journeys.
func (s *site) restart(tb testing.TB) {
	tb.Helper()
	var err error
	if s.set, err = realm.New(s.config); err != nil {
		tb.Fatal(err)
	}
	s.backend.Journeys = keep.NewTable(keep.TableConfig{})
	if err := s.set.Start(tb.Context(), s.backend); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.set.Close)
	s.API = New(Config{
		Realms: s.set, Base: "/am", Logger: s.config.Logger,
		Secure: func(r *http.Request) bool { return r.TLS != nil },
		ClientIP: func(r *http.Request) netip.Addr {
			peer, err := netip.ParseAddrPort(r.RemoteAddr)
			if err != nil {
				tb.Error(err)
			}
			return peer.Addr()
		},
	})
}

func openUsers(tb testing.TB, log *slog.Logger) *file.Store {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "users.json")
	salt := []byte("saltsaltsaltsalt")
	key := argon2.IDKey([]byte("Ch4ng31t"), salt, 1, 64, 1, 32)
	hash := fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s",
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
	users := fmt.Sprintf(`{"users": [{"username": "bjensen", "password": %q, "roles": ["staff"]}]}`, hash)
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

// do sends a request. The header is names and values in turn; empty values
// are left out, and Host is the host.
func (s *site) do(tb testing.TB, method, target, body string, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		switch name, value := header[i], header[i+1]; {
		case value == "":
		case name == "Host":
			r.Host = value
		default:
			r.Header.Add(name, value)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// login signs bjensen in to /alpha and returns the token.
func (s *site) login(tb testing.TB) string {
	tb.Helper()
	res := s.do(tb, "POST", alpha, "", "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	var got struct{ TokenID string }
	decode(tb, res, &got)
	if got.TokenID == "" {
		tb.Fatalf("signing in: %d %s", res.Code, res.Body)
	}
	return got.TokenID
}

// lives reports whether the session does, without using it.
func (s *site) lives(tb testing.TB, tok string) bool {
	tb.Helper()
	_, err := s.set.Session(tb.Context(), []string{tok}, session.Peek)
	if err != nil && !isGone(err) {
		tb.Fatal(err)
	}
	return err == nil
}

// start begins a journey and returns the first step.
func (s *site) start(tb testing.TB, target string) []byte {
	tb.Helper()
	res := s.do(tb, "POST", target, "")
	if res.Code != http.StatusOK {
		tb.Fatalf("start: %d %s", res.Code, res.Body)
	}
	return res.Body.Bytes()
}

// answer is a step with the page's two questions answered.
func (s *site) answer(tb testing.TB, step []byte, name, pass string) string {
	tb.Helper()
	body, err := json.Marshal(fill(tb, step, name, pass))
	if err != nil {
		tb.Fatal(err)
	}
	return string(body)
}

func fill(tb testing.TB, step []byte, answers ...string) map[string]any {
	tb.Helper()
	var body map[string]any
	if err := json.Unmarshal(step, &body); err != nil {
		tb.Fatal(err)
	}
	callbacks, _ := body["callbacks"].([]any)
	if len(callbacks) != len(answers) {
		tb.Fatalf("the step does not ask %d questions: %s", len(answers), step)
	}
	for i, c := range callbacks {
		c.(map[string]any)["input"].([]any)[0].(map[string]any)["value"] = answers[i]
	}
	return body
}

// successURL signs bjensen in with a goto and tells where he is sent.
func (s *site) successURL(tb testing.TB, raw string, header ...string) string {
	tb.Helper()
	header = append(header, "X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	var got struct{ SuccessURL string }
	decode(tb, s.do(tb, "POST", alpha+"?goto="+url.QueryEscape(raw), "", header...), &got)
	return got.SuccessURL
}

func decode(tb testing.TB, res *httptest.ResponseRecorder, target any) {
	tb.Helper()
	if err := json.Unmarshal(res.Body.Bytes(), target); err != nil {
		tb.Fatalf("%d %s: %v", res.Code, res.Body, err)
	}
}

// crest is an error's body, to the byte.
func crest(code int, reason, message string) string {
	return fmt.Sprintf(`{"code":%d,"reason":%q,"message":%q}`, code, reason, message)
}

// members are the names of a JSON object's members in order.
func members(tb testing.TB, body []byte) []string {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		tb.Fatalf("no JSON object: %s", body)
	}
	var names []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			tb.Fatal(err)
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			tb.Fatal(err)
		}
		names = append(names, name.(string))
	}
	return names
}

func wantHeaders(tb testing.TB, h http.Header, want map[string]string) {
	tb.Helper()
	for name, value := range want {
		if got := strings.Join(h.Values(name), "\n"); got != value {
			tb.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

// cookieValue is the value of a cookie that a reply sets, or "".
func cookieValue(tb testing.TB, res *httptest.ResponseRecorder, name string) string {
	tb.Helper()
	for _, line := range res.Header().Values("Set-Cookie") {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			value, _, _ = strings.Cut(value, ";")
			return value
		}
	}
	return ""
}

// tampered is a token with its first character changed.
func tampered(tok string) string {
	if tok == "" {
		return "x"
	}
	first := "A"
	if tok[0] == 'A' {
		first = "B"
	}
	return first + tok[1:]
}
