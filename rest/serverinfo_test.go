package rest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestServerInfo(t *testing.T) {
	s := open(t)
	res := s.do(t, "GET", "/am/json/realms/root/realms/alpha/serverinfo/*", "", "Accept-API-Version", "resource=1.1")
	var got struct {
		ID           string `json:"_id"`
		Rev          string `json:"_rev"`
		Domains      []string
		CookieName   string
		SecureCookie bool
		Realm        string
	}
	decode(t, res, &got)
	if got.ID != "*" || got.CookieName != cookieName || got.Realm != "/alpha" || got.SecureCookie || got.Domains == nil || len(got.Domains) != 0 {
		t.Errorf("serverinfo is %+v", got)
	}
	wantHeaders(t, res.Header(), map[string]string{
		"Content-Type":        "application/json;charset=UTF-8",
		"Content-API-Version": "resource=1.1",
		"Cache-Control":       "no-store",
		"ETag":                `"` + got.Rev + `"`,
	})
	if again := s.do(t, "GET", "/am/json/realms/root/realms/alpha/serverinfo/*", ""); again.Header().Get("ETag") == "" {
		t.Error("no ETag")
	}
	tls := s.do(t, "GET", "https://login.example.com/am/json/alpha/beta/serverinfo/*", "", "Accept-API-Version", "resource=1.1")
	decode(t, tls, &got)
	if !got.SecureCookie || !slices.Equal(got.Domains, []string{"example.com"}) {
		t.Errorf("over TLS, with a cookie domain: %+v", got)
	}
}

// TestServerInfoDomains: who asks for version 2 or a later one is told the
// cookie's domains only when signed in.
func TestServerInfoDomains(t *testing.T) {
	s := open(t)
	token := s.login(t)
	for _, tt := range []struct {
		version string
		header  []string
		shown   bool
	}{
		{"", nil, true},
		{"resource=1.1", nil, true},
		{"resource=2.0", nil, false},
		{"resource=2.0", []string{"Cookie", cookieName + "=" + token}, true},
		{"resource=2.0", []string{"Cookie", cookieName + "=x"}, false},
	} {
		res := s.do(t, "GET", "/am/json/serverinfo/*", "", append(tt.header, "Accept-API-Version", tt.version)...)
		if got := slices.Contains(members(t, res.Body.Bytes()), "domains"); got != tt.shown {
			t.Errorf("%s %q: domains shown: %v, want %v", tt.version, tt.header, got, tt.shown)
		}
	}
	s.Store.Down.Store(true)
	if res := s.do(t, "GET", "/am/json/serverinfo/*", "", cookieName, token); res.Code != http.StatusOK {
		t.Errorf("without the store: %d, want 200", res.Code)
	}
}

func TestServerInfoFields(t *testing.T) {
	s := open(t)
	for fields, want := range map[string]string{
		"cookieName":       `{"_id":"*","_rev":"R","cookieName":"iPlanetDirectoryPro"}`,
		"realm,cookieName": `{"_id":"*","_rev":"R","realm":"/","cookieName":"iPlanetDirectoryPro"}`,
		"nothing":          `{"_id":"*","_rev":"R"}`,
	} {
		res := s.do(t, "GET", "/am/json/serverinfo/*?_fields="+fields, "")
		if got := regexp.MustCompile(`"_rev":"-?\d+"`).ReplaceAllString(res.Body.String(), `"_rev":"R"`); got != want {
			t.Errorf("%s: %s, want %s", fields, got, want)
		}
		if all := s.do(t, "GET", "/am/json/serverinfo/*", ""); all.Header().Get("ETag") != res.Header().Get("ETag") {
			t.Errorf("%s: the revision depends on the fields asked for", fields)
		}
	}
}

// TestServerVersion: frodo cuts n.n.n out of version, and knows 7.5.0.
func TestServerVersion(t *testing.T) {
	s := open(t)
	res := s.do(t, "GET", "/am/json/serverinfo/version", "", "Accept-API-Version", "resource=1.0")
	if names := members(t, res.Body.Bytes()); !slices.Equal(names, []string{"_id", "_rev", "version", "fullVersion", "revision", "date"}) {
		t.Errorf("the members are %q", names)
	}
	var got struct{ Version, FullVersion string }
	decode(t, res, &got)
	if got.Version != "7.5.0" || !strings.HasPrefix(got.FullVersion, "amgate ") {
		t.Errorf("the version is %+v", got)
	}
}

func TestCookieDomains(t *testing.T) {
	s := open(t)
	for url, want := range map[string]string{
		"/am/json/serverinfo/cookieDomains":            `{"domains":[]}`,
		"/am/json/alpha/beta/serverinfo/cookieDomains": `{"domains":["example.com"]}`,
	} {
		if res := s.do(t, "GET", url, ""); res.Body.String() != want || !json.Valid(res.Body.Bytes()) {
			t.Errorf("%s: %s, want %s", url, res.Body, want)
		}
	}
}
