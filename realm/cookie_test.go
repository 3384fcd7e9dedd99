package realm

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestCookieLines(t *testing.T) {
	sso := Cookie{Name: "iPlanetDirectoryPro", SameSite: SameSiteLax}
	for _, tt := range []struct {
		name string
		set  func(http.Header)
		want string
	}{
		{"plain", func(h http.Header) { sso.Set(h, "tok.*AA*", false) }, "iPlanetDirectoryPro=tok.*AA*; Path=/; HttpOnly; SameSite=Lax"},
		{"tls", func(h http.Header) { sso.Set(h, "t", true) }, "iPlanetDirectoryPro=t; Path=/; Secure; HttpOnly; SameSite=Lax"},
		{"domain", func(h http.Header) {
			Cookie{Name: "c", Domain: "example.com", SameSite: SameSiteNone}.Set(h, "t", true)
		}, "c=t; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=None"},
		{"none without tls", func(h http.Header) { Cookie{Name: "c", SameSite: SameSiteNone}.Set(h, "t", false) }, "c=t; Path=/; HttpOnly"},
		{"affinity", func(h http.Header) { sso.SetAffinity(h, "a.b", true) }, "amlbcookie=a.b; Path=/; Secure; HttpOnly; SameSite=Lax"},
		{"clear", func(h http.Header) { sso.Clear(h, false) }, "iPlanetDirectoryPro=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
	} {
		h := http.Header{}
		tt.set(h)
		if got := h.Get("Set-Cookie"); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestTokensInOrder(t *testing.T) {
	c := Cookie{Name: "iPlanetDirectoryPro"}
	h := http.Header{}
	h.Set("iPlanetDirectoryPro", "from-header")
	h["Cookie"] = []string{"a=b; iPlanetDirectoryPro=one; xiPlanetDirectoryPro=no", "iPlanetDirectoryPro=two ; iplanetdirectorypro=no"}
	if got, want := c.Tokens(h), []string{"from-header", "one", "two"}; !slices.Equal(got, want) {
		t.Errorf("Tokens = %q, want %q", got, want)
	}
}

// A session cookie of the name would be taken for the other, and each would
// overwrite the other in the browser.
func TestCookieNamesThatAreTaken(t *testing.T) {
	for _, name := range []string{AffinityCookie, FormCookie, FormCookieTLS} {
		err := Cookie{Name: name, SameSite: SameSiteLax}.check(fmt.Errorf)
		if err == nil || !strings.Contains(err.Error(), "that name is taken") {
			t.Errorf("cookie %s: %v", name, err)
		}
	}
}

// A request with a great many small cookies must not cost memory or time
// before anything about it is known (Go's CVE-2025-58186).
func TestManyCookiesCostNothing(t *testing.T) {
	c := Cookie{Name: "iPlanetDirectoryPro"}
	h := http.Header{"Cookie": {strings.Repeat("a=1; ", 8000)}}
	if n := testing.AllocsPerRun(10, func() { c.Tokens(h) }); n > 2 {
		t.Errorf("looking through 8,000 foreign cookies allocates %v times", n)
	}
	h = http.Header{"Cookie": {strings.Repeat("iPlanetDirectoryPro=x; ", 1000)}}
	if got := len(c.Tokens(h)); got != maxTokens {
		t.Errorf("%d of 1,000 tokens are tried, want %d", got, maxTokens)
	}
}
