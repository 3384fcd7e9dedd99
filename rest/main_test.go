package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	alpha      = "/am/json/realms/root/realms/alpha/authenticate"
	root       = "/am/json/realms/root/authenticate"
	cookieName = realm.DefaultCookie
)

// discard is for tests that do not look at the log.
var discard = slog.New(slog.DiscardHandler)

// site is the API of a node.
type site struct {
	*API
	*realmtest.Site
}

// withNode adds a journey Spy of one node to the realm /alpha.
func withNode(n journey.Node) func(*realm.Settings) {
	return func(s *realm.Settings) {
		s.Journeys["Spy"] = realmtest.Tree("Spy", realmtest.Place("spy", n, "outcome", journey.Failure))
	}
}

// open starts a site with the realms /, /alpha, /alpha/beta, and one with the
// name of a route. The edits are for /alpha.
func open(tb testing.TB, edits ...func(*realm.Settings)) *site {
	tb.Helper()
	ofAlpha := realm.Settings{
		Path: "/alpha", Aliases: []string{"customers"}, Hosts: []string{"alpha.example.com"},
		SuccessURL: "/enduser/?realm=/alpha", CORS: []string{page}, GotoAllow: []string{page},
		Journeys: realmtest.Journeys(nodes.Login()),
	}
	for _, edit := range edits {
		edit(&ofAlpha)
	}
	s := &site{Site: realmtest.Open(tb,
		realm.Settings{Path: "/"},
		ofAlpha,
		realm.Settings{Path: "/alpha/beta", Cookie: realm.Cookie{Domain: "example.com"}},
		realm.Settings{Path: "/sessions"},
	)}
	s.serve(tb)
	return s
}

// restart serves from a new process, with no in-memory journeys.
func (s *site) restart(tb testing.TB) {
	tb.Helper()
	s.Restart(tb)
	s.serve(tb)
}

func (s *site) serve(tb testing.TB) {
	s.API = New(realm.Front{
		Realms: s.Set, Base: realmtest.Base, Logger: s.Log.Logger(),
		ClientIP: func(r *http.Request) netip.Addr {
			peer, err := netip.ParseAddrPort(r.RemoteAddr)
			if err != nil {
				tb.Error(err)
			}
			return peer.Addr()
		},
	})
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
