package realm_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
)

// inBrowser is a browser with a secret of its own, which it keeps.
func inBrowser(secret string) realm.Browser {
	return realm.Browser{Keeps: true, Secrets: []string{secret}}
}

// from is a request that a browser sent.
func from(b realm.Browser) realm.Request {
	req := request()
	req.Browser = b
	return req
}

// answerFrom answers a step.
func answerFrom(t testing.TB, r *realm.Realm, b realm.Browser, step *realm.Step, values ...string) realm.Reply {
	t.Helper()
	req := from(b)
	req.AuthID, req.Callbacks = step.AuthID, answers(t, step.Callbacks, values...)
	reply, err := r.Authenticate(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// refused reports whether a reply is that to a foreign step.
func refused(r realm.Reply) bool {
	return r.Failure != nil && r.Failure.Message == "Login failure" && r.Failure.ErrorCode == "" && r.Failure.FailureURL == ""
}

// TestAnotherBrowserCannotGoOn answers Keycloak's CVE-2026-7507 (SECURITY 2):
// an attacker starts a login and has the victim finish it, or the other way
// round. The answer from another browser does not count, runs no node, and
// leaves the step to the browser that began.
func TestAnotherBrowserCannotGoOn(t *testing.T) {
	one, other := inBrowser(realm.NewBrowserSecret()), inBrowser(realm.NewBrowserSecret())
	for _, scheme := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			s := started(t, scheme)
			r := s.alpha(t)
			reply, err := r.Authenticate(t.Context(), from(one))
			if err != nil || reply.Step == nil {
				t.Fatalf("%+v, %v", reply, err)
			}
			pass := answerFrom(t, r, one, reply.Step, "alice").Step
			for name, b := range map[string]realm.Browser{
				"another browser":         other,
				"no browser":              {},
				"a browser that is fresh": {Keeps: true},
			} {
				if got := answerFrom(t, r, b, pass, "wonder land"); !refused(got) || got.BrowserSecret != "" || got.Cookies != nil {
					t.Errorf("%s gets %+v %+v", name, got, got.Failure)
				}
			}
			planted := realm.Browser{Keeps: true, Secrets: append(slices.Clone(other.Secrets), one.Secrets...)}
			if got := answerFrom(t, r, planted, pass, "wonder land"); got.Success == nil {
				t.Errorf("the browser that began, with a planted cookie beside its own: %+v", got.Failure)
			}
			if n := s.Log.Count(one.Secrets[0]); n > 0 {
				t.Error("the log has the browser's secret")
			}
		})
	}
}

// A journey that no browser began is bound to nobody, and a browser whose
// cookies do not come back is not shut out.
func TestWhatIsNotBound(t *testing.T) {
	for _, scheme := range schemes {
		r := started(t, scheme).alpha(t)
		for _, b := range []realm.Browser{{}, {MayKeep: true}} {
			reply, err := r.Authenticate(t.Context(), from(b))
			if err != nil || reply.Step == nil || (reply.BrowserSecret != "") != b.MayKeep {
				t.Fatalf("%+v, %v", reply, err)
			}
			pass := answerFrom(t, r, realm.Browser{}, reply.Step, "alice").Step
			if got := answerFrom(t, r, inBrowser(realm.NewBrowserSecret()), pass, "wonder land"); got.Success == nil {
				t.Errorf("%s, begun by %+v: %+v", scheme, b, got.Failure)
			}
		}
	}
}

// A browser without a secret is given one with the first step.
func TestBrowserIsGivenASecret(t *testing.T) {
	r := started(t, realm.JourneysClient).alpha(t)
	reply, err := r.Authenticate(t.Context(), from(realm.Browser{Keeps: true}))
	if err != nil || reply.BrowserSecret == "" {
		t.Fatalf("%+v, %v", reply, err)
	}
	if got := answerFrom(t, r, inBrowser(reply.BrowserSecret), reply.Step, "alice"); got.Step == nil || got.BrowserSecret != "" {
		t.Errorf("with its secret: %+v", got)
	}
	h := make(http.Header)
	r.Cookie.SetSecret(h, reply.BrowserSecret, true)
	line := h.Get("Set-Cookie")
	if !strings.HasPrefix(line, "__Host-") || strings.Contains(line, "Domain") || !strings.Contains(line, "HttpOnly") {
		t.Errorf("the cookie is %q", line)
	}
	sent := http.Header{"Cookie": {line[:strings.IndexByte(line, ';')] + "; __Host-amgate=short"}}
	if got := realm.BrowserSecrets(sent, true); !slices.Equal(got, []string{reply.BrowserSecret}) {
		t.Errorf("it comes back as %q", got)
	}
	if got := realm.BrowserSecrets(sent, false); got != nil {
		t.Errorf("without TLS it counts for %q", got)
	}
}

// A journey that was lost starts again for the browser that asks, whose it
// then is.
func TestLostJourneyStartsAgainBound(t *testing.T) {
	st := started(t, realm.JourneysInMemory)
	b := inBrowser(realm.NewBrowserSecret())
	reply, err := st.alpha(t).Authenticate(t.Context(), from(b))
	if err != nil {
		t.Fatal(err)
	}
	st.Restart(t)
	again := answerFrom(t, st.alpha(t), b, reply.Step, "alice").Step
	if again == nil || !again.Restarted {
		t.Fatalf("it does not start again: %+v", again)
	}
	if got := answerFrom(t, st.alpha(t), inBrowser(realm.NewBrowserSecret()), again, "alice"); !refused(got) {
		t.Errorf("another browser goes on with it: %+v", got)
	}
	if got := answerFrom(t, st.alpha(t), b, again, "alice"); got.Step == nil {
		t.Errorf("its own browser: %+v", got.Failure)
	}
}

func TestBrowserIsToldByItsHeaders(t *testing.T) {
	site := started(t, realm.JourneysServer)
	known := "__Host-amgate=" + strings.Repeat("A", 26)
	for _, tt := range []struct {
		name, sameSite, url string
		header              []string
		keeps, mayKeep      bool
	}{
		{"an app", "lax", "https://login.example.com/", nil, false, false},
		{"Node", "lax", "https://login.example.com/", []string{"Sec-Fetch-Mode", "cors"}, false, false},
		{"an app that has a cookie", "lax", "https://login.example.com/", []string{"Cookie", known}, false, false},
		{"our own page", "lax", "https://login.example.com/", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://login.example.com"}, true, false},
		{"a page of our site", "strict", "https://login.example.com/", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://app.example.com"}, true, false},
		{"a page of another site", "lax", "https://login.example.com/", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"}, false, false},
		{"the same, SameSite=None", "none", "https://login.example.com/", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"}, false, true},
		{"the same, the cookie came back", "none", "https://login.example.com/", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example", "Cookie", known}, true, true},
		{"None without TLS", "none", "http://login.example.com/", []string{"Origin", "http://app.example"}, false, false},
		{"an older browser here", "lax", "http://login.example.com:8080/", []string{"Origin", "http://login.example.com:9090"}, true, false},
		{"an older browser elsewhere", "lax", "http://login.example.com/", []string{"Origin", "http://app.example"}, false, false},
		{"a file or a sandbox", "lax", "http://login.example.com/", []string{"Origin", "null"}, false, false},
	} {
		r := site.alpha(t)
		r.Cookie.SameSite = tt.sameSite
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, tt.url, nil)
		for i := 0; i < len(tt.header); i += 2 {
			req.Header.Set(tt.header[i], tt.header[i+1])
		}
		got := realm.Front{Realms: site.Set}.Browser(r, req)
		if got.Keeps != tt.keeps || got.MayKeep != tt.mayKeep {
			t.Errorf("%s: %+v, want %v %v", tt.name, got, tt.keeps, tt.mayKeep)
		}
	}
}
