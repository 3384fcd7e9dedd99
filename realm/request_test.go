package realm_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// TestNamed: a realm's parameter is a path, with or without its slash, or an
// alias; without one the host decides. It is never a realm that only looks
// like the one that was named.
func TestNamed(t *testing.T) {
	list := settings(realm.JourneysServer, people)
	list[1].Aliases, list[1].Hosts = []string{"customers"}, []string{"Alpha.Example.com", "2001:db8::1"}
	set, err := realm.New(realm.Config{Realms: list, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ parameter, host, want string }{
		{"", "", "/"},
		{"", "login.example.com", "/"},
		{"", "alpha.example.com", "/alpha"},
		{"", "ALPHA.example.com.:8443", "/alpha"},
		{"", "[2001:db8::1]:80", "/alpha"},
		{"", "[2001:db8::1]", "/alpha"},
		{"/", "alpha.example.com", "/"},
		{"/alpha", "", "/alpha"},
		{"alpha", "", "/alpha"},
		{"//alpha/", "", "/alpha"},
		{"customers", "", "/alpha"},
		{"/customers", "", ""}, // an alias is no path
		{"/Alpha", "", ""},
		{"/alpha/..", "", ""},
		{"/alpha\x00", "", ""},
	} {
		found, ok := set.Named(tt.parameter, tt.host)
		if ok != (tt.want != "") || ok && found.Path != tt.want {
			t.Errorf("%q on %q: %v, want %q", tt.parameter, tt.host, found, tt.want)
		}
	}
}

// TestSentAffinity: the edge's word goes before the cookie's.
func TestSentAffinity(t *testing.T) {
	h := http.Header{}
	if got := realm.SentAffinity(h); got != "" {
		t.Errorf("without one: %q", got)
	}
	h.Set("Cookie", "a=b; amlbcookie=from-cookie; amlbcookie=second")
	if got := realm.SentAffinity(h); got != "from-cookie" {
		t.Errorf("with a cookie: %q", got)
	}
	h.Set(realm.AffinityHeader, "from-edge")
	if got := realm.SentAffinity(h); got != "from-edge" {
		t.Errorf("with both: %q", got)
	}
}

// TestClientHasNoCredentials: what nodes see of a request cannot be replayed
// as the person, and the request itself is left as it was.
func TestClientHasNoCredentials(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?locale=de", nil)
	for _, name := range []string{
		"Cookie", "Authorization", "Proxy-Authorization", realm.AffinityHeader, realm.DefaultCookie, "User-Agent",
	} {
		r.Header.Set(name, "x")
	}
	r.Header.Set("Accept-Language", "de")
	c := started(t, realm.JourneysServer).alpha(t).Client(r, netip.MustParseAddr("192.0.2.1"))
	if len(c.Header) != 2 || c.Header.Get("User-Agent") != "x" || c.Query.Get("locale") != "de" ||
		c.Address.String() != "192.0.2.1" || !slices.Equal(c.Languages, []string{"de"}) {
		t.Errorf("%+v", c)
	}
	if r.Header.Get("Cookie") != "x" {
		t.Error("the request lost its cookie")
	}
}

// The token of another realm, which the browser of an app sends in the header
// named like that realm's cookie, is a credential, too.
func TestClientHasNoTokenOfAnotherRealm(t *testing.T) {
	s := realmtest.Open(t, realm.Settings{Path: "/"}, realm.Settings{Path: "/beta", Cookie: realm.Cookie{Name: "amBeta"}})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("amBeta", "x")
	if c := s.At(t, "/").Client(r, netip.Addr{}); len(c.Header) != 0 {
		t.Errorf("nodes see %v", c.Header)
	}
}

// TestClientHasNoCookieOfOurs: nodes see the cookies of apps, in the order in
// which they were sent, and none of amgate's own, of whichever realm.
func TestClientHasNoCookieOfOurs(t *testing.T) {
	s := realmtest.Open(t, realm.Settings{Path: "/"}, realm.Settings{Path: "/beta", Cookie: realm.Cookie{Name: "amBeta"}})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://am.example/", nil)
	r.Header.Set("Cookie", `theme="dark"; iPlanetDirectoryPro=x; amBeta=x; amlbcookie=x; amgate=x; __Host-amgate=x; a=; theme=2; b="; no-value`)
	c := s.At(t, "/").Client(r, netip.Addr{})
	var seen []string
	for _, cookie := range c.Cookies {
		seen = append(seen, cookie.Name+"="+cookie.Value)
	}
	if want := []string{"theme=dark", "a=", "theme=2", `b="`}; !slices.Equal(seen, want) || !c.Secure {
		t.Errorf("nodes see %q, TLS %t; want %q", seen, c.Secure, want)
	}
	if value, ok := c.Cookie("theme"); value != "dark" || !ok {
		t.Errorf("theme is %q, %t", value, ok)
	}

	r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://am.example/", nil)
	r.Header.Set("Cookie", strings.Repeat("a=1; ", 6000))
	if c := s.At(t, "/").Client(r, netip.Addr{}); len(c.Cookies) != 200 || c.Secure {
		t.Errorf("nodes see %d of 6,000 cookies, TLS %t", len(c.Cookies), c.Secure)
	}
}

func TestLanguages(t *testing.T) {
	for header, want := range map[string]string{
		"":                                  "",
		"de":                                "de",
		"fr-CH, fr;q=0.9, en;q=0.8, *;q=.5": "fr-CH fr en",
		"en;q=0.2,de;q=0.8,it":              "it de en",
		"en;q=0, de;q=2, fr;q=x, it;q=NaN":  "",
		"<script>, a b, de":                 "de",
		" de ; q=0.5 ,en":                   "en de",
		strings.Repeat("x", 36):             "",
	} {
		if got := strings.Join(realm.Languages(header), " "); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

// FuzzLanguages: whatever a client sends, there are few tags, and each is one
// that was sent.
func FuzzLanguages(f *testing.F) {
	for _, seed := range []string{"", "de-CH,de;q=0.9", "*;q=0", ",,;;q=", "en;q=1e-1", strings.Repeat("a,", 600)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		tags := realm.Languages(header)
		if len(tags) > 16 {
			t.Errorf("%d tags", len(tags))
		}
		for _, tag := range tags {
			if tag == "" || len(tag) > 35 || !strings.Contains(header, tag) || strings.ContainsAny(tag, " ,;*<\"") {
				t.Errorf("a tag %q of %q", tag, header)
			}
		}
	})
}
