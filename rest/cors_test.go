package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const page = "https://app.example.com"

// TestPreflight sends what Chromium sends for the JavaScript SDK.
func TestPreflight(t *testing.T) {
	s := open(t)
	res := s.do(t, "OPTIONS", alpha+"?authIndexType=service&authIndexValue=Login", "", "Origin", page,
		"Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "accept-api-version,content-type,x-requested-with,x-evil, iPlanetDirectoryPro")
	if res.Code != http.StatusNoContent || res.Body.Len() != 0 {
		t.Errorf("%d %q, want 204 and nothing", res.Code, res.Body)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":      page,
		"Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods":     "GET, HEAD, POST, OPTIONS",
		"Access-Control-Allow-Headers":     "accept-api-version,content-type,x-requested-with,iplanetdirectorypro",
		"Access-Control-Max-Age":           "600",
	} {
		if got := res.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestErrorsAreReadableAcrossOrigins: without the headers an SDK in a page
// sees a network failure in place of a failed login.
func TestErrorsAreReadableAcrossOrigins(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		method, url string
		status      int
	}{
		{"POST", alpha, 200},
		{"POST", alpha + "?authIndexType=service&authIndexValue=Nobody", 400},
		{"POST", alpha + "?suspendedId=x", 401},
		{"PUT", alpha, 405},
		{"POST", strings.Replace(alpha, "authenticate", "sessions", 1) + "?_action=x", 501},
		{"GET", strings.Replace(alpha, "authenticate", "nothing", 1), 404},
	} {
		res := s.do(t, tt.method, tt.url, "", "Origin", page)
		h := res.Header()
		if res.Code != tt.status || h.Get("Access-Control-Allow-Origin") != page ||
			h.Get("Access-Control-Allow-Credentials") != "true" || !slices.Contains(h.Values("Vary"), "Origin") {
			t.Errorf("%s %s: %d %v, want %d and the page's origin", tt.method, tt.url, res.Code, h, tt.status)
		}
	}
}

// TestUnlistedOriginsGetNoCORS: also those that look like a listed one, and
// in a realm that lists others.
func TestUnlistedOriginsGetNoCORS(t *testing.T) {
	s := open(t)
	for _, origin := range []string{
		"https://evil.example", "null", "", "*", "http://app.example.com", "https://app.example.com.evil.example",
		"https://app.example.com:8443", "https://evilapp.example.com", "https://app.example.com@evil.example", "https://app.example.com/x",
	} {
		for _, method := range []string{"POST", "OPTIONS"} {
			h := s.do(t, method, alpha, "", "Origin", origin, "Access-Control-Request-Method", "POST").Header()
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s from %q: %s: %s", method, origin, name, h.Get(name))
				}
			}
		}
	}
	if h := s.do(t, "POST", root, "", "Origin", page).Header(); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a realm without CORS: %v", h)
	}
}
