package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestRealmSpellings asks serverinfo, which names the realm it is for.
func TestRealmSpellings(t *testing.T) {
	s := open(t)
	for _, tt := range []struct{ host, url, want string }{
		{"", "/am/json/serverinfo/*", "/"},
		{"", "/am/json/realms/root/serverinfo/*", "/"},
		{"", "/am/json/realms/root/realms/alpha/serverinfo/*", "/alpha"},
		{"", "/am/json/realms/root/realms/alpha/realms/beta/serverinfo/*", "/alpha/beta"},
		{"", "/am/json/realms//alpha/serverinfo/*", "/alpha"},
		{"", "/am/json/realms/alpha/serverinfo/*", "/alpha"},
		{"", "/am/json/realms/customers/serverinfo/*", "/alpha"},
		{"", "/am/json/realms/alpha/realms/beta/serverinfo/*", "/alpha/beta"},
		{"", "/am/json/alpha/serverinfo/*", "/alpha"},
		{"", "/am/json/customers/serverinfo/*", "/alpha"},
		{"", "/am/json/alpha/beta/serverinfo/*", "/alpha/beta"},
		{"", "/am/json/alpha/serverinfo/%2A", "/alpha"},
		{"", "/am/json//alpha//serverinfo/*", "/alpha"},
		{"", "/am/json/serverinfo/*?realm=/alpha", "/alpha"},
		{"", "/am/json/serverinfo/*?realm=alpha", "/alpha"},
		{"", "/am/json/serverinfo/*?realm=customers", "/alpha"},
		{"", "/am/json/serverinfo/*?realm=%2Falpha%2Fbeta", "/alpha/beta"},
		{"", "/am/json/serverinfo/*?realm=", "/"},
		{"", "/am/json/serverinfo/*?realm=/", "/"},
		// The parameter wins on the legacy route, and says nothing on the other.
		{"", "/am/json/alpha/serverinfo/*?realm=/alpha/beta", "/alpha/beta"},
		{"", "/am/json/realms/root/serverinfo/*?realm=/alpha", "/"},
		// The host name counts only if nothing else names a realm.
		{"alpha.example.com", "/am/json/serverinfo/*", "/alpha"},
		{"ALPHA.example.com:8443", "/am/json/serverinfo/*", "/alpha"},
		{"alpha.example.com", "/am/json/realms/root/serverinfo/*", "/"},
		{"alpha.example.com", "/am/json/serverinfo/*?realm=/", "/"},
		{"alpha.example.com", "/am/json/alpha/beta/serverinfo/*", "/alpha/beta"},
		{"[::1]:8080", "/am/json/serverinfo/*", "/"},
	} {
		res := s.do(t, "GET", tt.url, "", "Host", tt.host)
		var got struct{ Realm string }
		decode(t, res, &got)
		if res.Code != http.StatusOK || got.Realm != tt.want {
			t.Errorf("%s %s: %d, realm %q, want %q", tt.host, tt.url, res.Code, got.Realm, tt.want)
		}
	}
}

func TestRealmErrors(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		url, message string
		status       int
	}{
		{"/am/json/realms/root/realms/nobody/authenticate", `Realm "nobody" not found`, 404},
		{"/am/json/realms/nobody/authenticate", `Realm "nobody" not found`, 404},
		{"/am/json/realms/root/realms/Alpha/authenticate", `Realm "Alpha" not found`, 404},
		{"/am/json/realms/root/realms/alpha/realms/alpha/authenticate", `Realm "alpha" not found`, 404},
		{"/am/json/authenticate?realm=/nobody", `Invalid realm, /nobody`, 400},
		{"/am/json/authenticate?realm=%252Falpha", `Invalid realm, %2Falpha`, 400},
		{"/am/json/nobody/authenticate", `Resource 'nobody/authenticate' not found`, 404},
		{"/am/json/realms/root/groups", `Resource 'groups' not found`, 404},
		{"/am/json/alpha", `Resource '' not found`, 404},
		{"/am/json/alpha%2Fbeta/authenticate", `Resource '' not found`, 404},
		{"/am/json/beta/../alpha/authenticate", `Resource '' not found`, 404},
		{"/am/jsonp/authenticate", `Resource '' not found`, 404},
	} {
		res := s.do(t, "POST", tt.url, "")
		want := crest(tt.status, http.StatusText(tt.status), tt.message)
		if res.Code != tt.status || res.Body.String() != want {
			t.Errorf("%s:\n got %d %s\nwant %s", tt.url, res.Code, res.Body, want)
		}
	}
}

// TestRealmHidesNoRoute: on the legacy form a realm with the name of a route
// would take the route's place, for everybody and at once.
func TestRealmHidesNoRoute(t *testing.T) {
	s := open(t)
	if res := s.do(t, "POST", "/am/json/sessions?_action=validate", ""); res.Body.String() != `{"valid":false}` {
		t.Errorf("sessions: %d %s", res.Code, res.Body)
	}
	for _, url := range []string{"/am/json/realms/root/realms/sessions/serverinfo/*", "/am/json/serverinfo/*?realm=/sessions"} {
		if res := s.do(t, "GET", url, ""); !strings.Contains(res.Body.String(), `"realm":"/sessions"`) {
			t.Errorf("%s: %d %s", url, res.Code, res.Body)
		}
	}
}

// TestHealthNeedsNoRealm: a balancer asks by address, and a parameter that
// belongs to something else must not take the node out.
func TestHealthNeedsNoRealm(t *testing.T) {
	s := open(t)
	for _, url := range []string{"/am/json/health/live", "/am/json/health/ready", "/am/json/health/live?realm=/nobody"} {
		if res := s.do(t, "GET", url, ""); res.Code != http.StatusOK || res.Body.Len() != 0 {
			t.Errorf("%s: %d %q, want 200 and nothing", url, res.Code, res.Body)
		}
	}
	s.Store.Down.Store(true)
	if res := s.do(t, "GET", "/am/json/health/live", ""); res.Code != http.StatusOK {
		t.Errorf("live without the store: %d, want 200", res.Code)
	}
	if res := s.do(t, "GET", "/am/json/health/ready", ""); res.Code != http.StatusServiceUnavailable || res.Body.Len() != 0 {
		t.Errorf("ready without the store: %d %q, want 503 and nothing", res.Code, res.Body)
	}
}

// FuzzRealmPath: a path means a realm that exists and a rest that stood in
// the path as it is; dropping the empty segments changes nothing.
func FuzzRealmPath(f *testing.F) {
	for _, seed := range []string{
		"realms/root/realms/alpha/authenticate", "alpha/beta/sessions/x", "realms/realms", "realms", "customers//authenticate", "root/realms",
	} {
		f.Add(seed, "", "alpha.example.com")
		f.Add(seed, "/alpha", "")
	}
	s := open(f)
	f.Fuzz(func(t *testing.T, path, parameter, host string) {
		segments, ok := splitPath(path)
		if !ok {
			return
		}
		found, rest, err := findRealm(s.Set, treeJSON, segments, parameter, host)
		if err != nil {
			if status := statusOf(err); status != http.StatusNotFound && status != http.StatusBadRequest {
				t.Fatalf("status %d", status)
			}
			return
		}
		if again, ok := s.Realm(found.Path); !ok || again != found {
			t.Fatalf("%q is in no realm of ours: %q", path, found.Path)
		}
		if !slices.Equal(rest, segments[len(segments)-len(rest):]) {
			t.Errorf("%q leaves %q", path, rest)
		}
		same, _ := splitPath("/" + strings.ReplaceAll(path, "/", "//"))
		if again, _, err := findRealm(s.Set, treeJSON, same, parameter, host); err != nil || again != found {
			t.Errorf("%q with empty segments is another realm", path)
		}
	})
}

// TestRoutesAreKnown holds the inventory of the API: a new route has to be
// written here, with its method and what keeps strangers out. (SECURITY 9)
func TestRoutesAreKnown(t *testing.T) {
	var got []string
	for i := range routes {
		r := &routes[i]
		got = append(got, r.name()+map[auth]string{authNone: " everybody", authToken: " token", authCaller: " caller"}[r.auth]+
			map[csrf]string{csrfSafe: "", csrfExempt: " exempt", csrfHeader: " header"}[r.csrf])
	}
	want := []string{
		"POST sessions?_action=logout token header",
		"POST sessions?_action=validate token header",
		"POST sessions?_action=getSessionInfo token header",
		"POST sessions?_action=getSessionInfoAndResetIdleTime token header",
		"POST sessions?_action=refresh token header",
		"POST sessions?_action=getSessionProperties token header",
		"POST sessions?_action=updateSessionProperties token header",
		"POST sessions?_action=isActive token header",
		"POST sessions?_action=getIdle token header",
		"POST sessions?_action=getTimeLeft token header",
		"POST sessions?_action=getMaxTime token header",
		"POST sessions?_action=getMaxIdle token header",
		"POST sessions?_action=getMaxSessionTime token header",
		"POST sessions?_action=getPropertyNames token header",
		"POST sessions?_action=getProperty token header",
		"POST sessions?_action=setProperty token header",
		"POST sessions?_action=deleteProperty token header",
		"POST sessions/{tokenId}?_action=logout token header",
		"POST sessions/{tokenId}?_action=validate token header",
		"POST sessions/{tokenId}?_action=getSessionInfo token header",
		"POST sessions/{tokenId}?_action=getSessionInfoAndResetIdleTime token header",
		"POST sessions/{tokenId}?_action=refresh token header",
		"POST sessions/{tokenId}?_action=getSessionProperties token header",
		"POST sessions/{tokenId}?_action=updateSessionProperties token header",
		"POST sessions/{tokenId}?_action=isActive token header",
		"POST sessions/{tokenId}?_action=getIdle token header",
		"POST sessions/{tokenId}?_action=getTimeLeft token header",
		"POST sessions/{tokenId}?_action=getMaxTime token header",
		"POST sessions/{tokenId}?_action=getMaxIdle token header",
		"POST sessions/{tokenId}?_action=getMaxSessionTime token header",
		"POST sessions/{tokenId}?_action=getPropertyNames token header",
		"POST sessions/{tokenId}?_action=getProperty token header",
		"POST sessions/{tokenId}?_action=setProperty token header",
		"POST sessions/{tokenId}?_action=deleteProperty token header",
		"POST authenticate everybody exempt",
		"POST sessions?_action=logoutByHandle caller header",
		"POST sessions?_action=logoutByUser caller header",
		"GET sessions caller",
		"POST users?_action=idFromSession caller header",
		"POST users?_action=validateGoto caller header",
		"GET users/{id} caller",
		"GET serverinfo/* everybody",
		"GET serverinfo/version everybody",
		"GET serverinfo/cookieDomains everybody",
		"GET health/live everybody",
		"GET health/ready everybody",
		"GET /oauth2/.well-known/openid-configuration everybody",
	}
	if !slices.Equal(got, want) {
		text, _ := json.MarshalIndent(got, "", "  ")
		t.Errorf("the routes are %s", text)
	}
}

func TestMethods(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		method, url string
		status      int
		allow       string
	}{
		{"GET", "/am/json/authenticate", 405, "OPTIONS, POST"},
		{"PUT", "/am/json/authenticate", 405, "OPTIONS, POST"},
		{"POST", "/am/json/serverinfo/*", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/am/json/sessions/x?_action=logout", 405, "OPTIONS, POST"},
		{"post", "/am/json/authenticate", 405, "OPTIONS, POST"},
		{"OPTIONS", "/am/json/authenticate", 204, "OPTIONS, POST"},
		{"OPTIONS", "/am/json/nothing", 404, ""},
		{"HEAD", "/am/json/serverinfo/version", 200, ""},
		{"POST", "/am/json/sessions?_action=destroy", 501, ""},
		{"POST", "/am/json/sessions", 501, ""},
	} {
		res := s.do(t, tt.method, tt.url, "")
		if res.Code != tt.status || res.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d, %q", tt.method, tt.url, res.Code, res.Header().Get("Allow"), tt.status, tt.allow)
		}
	}
	if got, want := s.do(t, "POST", "/am/json/sessions?_action=destroy", "").Body.String(),
		`{"code":501,"reason":"Not Implemented","message":"Action destroy not implemented for this resource"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
