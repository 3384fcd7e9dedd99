package rest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
)

// TestDiscovery: Ping's journey-client finds a realm by this document,
// whichever way the realm is spelled (am-protocol §4.9).
func TestDiscovery(t *testing.T) {
	s := open(t)
	const document = "/.well-known/openid-configuration"
	for _, tt := range []struct{ url, path string }{
		{"/am/oauth2" + document, "/realms/root"},
		{"/am/oauth2/realms/root" + document, "/realms/root"},
		{"/am/oauth2/realms/root/realms/alpha" + document, "/realms/root/realms/alpha"},
		{"/am/oauth2/realms/alpha" + document, "/realms/root/realms/alpha"},
		{"/am/oauth2/alpha" + document, "/realms/root/realms/alpha"},
		{"/am/oauth2/alpha/beta" + document, "/realms/root/realms/alpha/realms/beta"},
		{"/am/oauth2" + document + "?realm=/alpha", "/realms/root/realms/alpha"},
	} {
		res := s.do(t, "GET", tt.url, "", "Origin", page)
		var got discoveryBody
		decode(t, res, &got)
		issuer := "http://example.com/am/oauth2" + tt.path
		if res.Code != http.StatusOK || got != (discoveryBody{issuer, issuer + "/authorize", issuer + "/access_token"}) {
			t.Errorf("%s: %d %s", tt.url, res.Code, res.Body)
		}
		// What the client makes of the issuer.
		start := strings.Replace(strings.TrimPrefix(got.Issuer, "http://example.com"), "/oauth2", "/json", 1) + "/authenticate"
		if res := s.do(t, "POST", start, ""); res.Code != http.StatusOK {
			t.Errorf("%s leads to %s: %d", tt.url, start, res.Code)
		}
	}

	res := s.do(t, "GET", "/am/oauth2/alpha"+document, "", "Origin", page)
	wantHeaders(t, res.Header(), map[string]string{
		"Access-Control-Allow-Origin": page, "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
		"Content-Type": "application/json;charset=UTF-8", "Cache-Control": "no-store", "Content-API-Version": "",
	})
	for _, url := range []string{
		"/am/oauth2", "/am/oauth2/alpha/authorize", "/am/oauth2/authenticate", "/am/json/.well-known/openid-configuration",
		"/am/oauth2/serverinfo/*",
	} {
		if res := s.do(t, "GET", url, ""); res.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", url, res.Code)
		}
	}
	if res := s.do(t, "GET", "/am/oauth2/realms/nobody"+document, ""); res.Code != http.StatusNotFound {
		t.Errorf("a realm that is not there: %d", res.Code)
	}
}

// TestDiscoveryKeepsToBaseURL: where the origin is configured no Host header
// is part of the document (SECURITY 42).
func TestDiscoveryKeepsToBaseURL(t *testing.T) {
	s := open(t)
	s.API = New(realm.Front{Realms: s.Set, Base: s.front.Base, BaseURL: "https://login.example.com", Logger: discard})
	res := s.do(t, "GET", "/am/oauth2/alpha/.well-known/openid-configuration", "", "Host", "evil.example")
	if body := res.Body.String(); !strings.Contains(body, "https://login.example.com/am/oauth2/") || strings.Contains(body, "evil") {
		t.Errorf("the document is %s", body)
	}
}
