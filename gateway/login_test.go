package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLoginRedirect(t *testing.T) {
	login := func(raw string) func(*Config) { return func(c *Config) { c.LoginURL = raw } }
	https := func(c *Config) { c.Front.BaseURL = "https://login.example.com" }
	for _, test := range []struct {
		name, realm, target string
		options             []func(*Config)
		want                string
	}{
		{"the login of this site", "/", "/app?x=1&y=%2F", nil, "/am/XUI/?goto=%2Fapp%3Fx%3D1%26y%3D%252F"},
		{"of a realm", "/alpha", "/", nil, "/am/XUI/?realm=/alpha&goto=%2F"},
		{"another base", "/", "/a", []func(*Config){func(c *Config) { c.Front.Base = "/openam" }}, "/openam/XUI/?goto=%2Fa"},
		{"an empty query", "/", "/a?", nil, "/am/XUI/?goto=%2Fa%3F"},
		{
			"another host", "/alpha", "http://app.example.com:8080/a?x=1", []func(*Config){login("https://login.example.com/am/XUI/?realm=/alpha"), https},
			"https://login.example.com/am/XUI/?realm=/alpha&goto=https%3A%2F%2Fapp.example.com%3A8080%2Fa%3Fx%3D1",
		},
		{
			"by http, with a fragment, the realm added", "/alpha", "http://app.example.com/", []func(*Config){login("http://login.example.com/#login")},
			"http://login.example.com/?realm=/alpha&goto=http%3A%2F%2Fapp.example.com%2F#login",
		},
		{"a query that ends", "/", "/", []func(*Config){login("/login?a=b&")}, "/login?a=b&goto=%2F"},
		{"a realm of its own", "/alpha", "/", []func(*Config){login("/login?realm=beta")}, "/login?realm=beta&goto=%2F"},
		{"a path that names a host", "/", "http://app.example.com//evil.example/", nil, "/am/XUI/"},
		{"as long as may be", "/", "/" + strings.Repeat("a", maxGoto-1), nil, "/am/XUI/?goto=%2F" + strings.Repeat("a", maxGoto-1)},
		{"too long", "/alpha", "/" + strings.Repeat("a", maxGoto), nil, "/am/XUI/?realm=/alpha"},
		{"raw bytes in the query", "/", "/a?q=\u00e9\\", nil, "/am/XUI/?goto=%2Fa%3Fq%3D%25C3%25A9%255C"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := guard(t, unstarted(test.realm), test.options...)
			res := refuse(g, browse(test.target), errNoToken)
			if got := res.Header().Get("Location"); res.Code != http.StatusFound || got != test.want {
				t.Errorf("%d %s\nwant    %s", res.Code, got, test.want)
			}
		})
	}
}

// TestHostileHostIsNoGoto: a Host that is no host does not become a URL.
func TestHostileHostIsNoGoto(t *testing.T) {
	g := guard(t, unstarted("/"), func(c *Config) { c.LoginURL = "https://login.example.com/" })
	for _, host := range []string{"", "evil.example/x?", "user@evil.example", "evil.example#", `evil.example\`, "a b", "a\x00"} {
		r := browse("/app")
		r.Host = host
		if got := refuse(g, r, errNoToken).Header().Get("Location"); got != "https://login.example.com/" {
			t.Errorf("Host %q: %s", host, got)
		}
	}
}

// TestGotoIsAcceptedAtLogin: whatever a client asks for, the login page of
// the same realm accepts the goto it is sent, and it leads to this host.
func TestGotoIsAcceptedAtLogin(t *testing.T) {
	r := unstarted("/")
	r.GotoAllow = []string{"http://app.example.com"}
	near := guard(t, r)
	far := guard(t, r, func(c *Config) { c.LoginURL = "https://login.example.com/" })
	rapid.Check(t, func(t *rapid.T) {
		u := &url.URL{
			Path:     "/" + rapid.String().Draw(t, "path"),
			RawPath:  rapid.String().Draw(t, "raw path"),
			RawQuery: rapid.String().Draw(t, "query"),
			Fragment: "secret",
		}
		req := browse("http://app.example.com/")
		req.URL = u
		for _, g := range []*Gateway{near, far} {
			target := g.target(req)
			if target == "" {
				continue
			}
			if _, ok := r.Goto(target, ""); !ok {
				t.Fatalf("goto %q is refused at login", target)
			}
			back, err := url.Parse(target)
			if err != nil || back.Fragment != "" || strings.TrimSuffix(back.Host, "app.example.com") != "" {
				t.Fatalf("goto %q: %v", target, err)
			}
		}
	})
}

func TestCheckLoginURL(t *testing.T) {
	for _, good := range []string{"", "/login", "/login?realm=/alpha#x", "https://login.example.com", "http://[::1]:8080/am/XUI/?a=b"} {
		if err := (Config{LoginURL: good}).Check(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"login":                         "does not begin with",
		"//evil.example/":               "does not begin with",
		"javascript:alert(1)":           "does not begin with",
		"ftp://login.example.com/":      "does not begin with",
		"https://":                      "does not begin with",
		"https://u:p@login.example.com": "does not begin with",
		"/login?goto=/x":                "goto is added",
		"/log in":                       "percent-encoded",
		"/login\n":                      "control character",
		`/\evil.example`:                "percent-encoded",
		"/login?a=%zz":                  "malformed",
	} {
		if err := (Config{LoginURL: bad}).Check(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want something about %q", bad, err, why)
		}
	}
}
