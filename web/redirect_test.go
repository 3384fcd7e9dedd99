package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey/callback"
)

// TestRedirect: a step that sends the browser elsewhere does so by itself; a
// POST by a form that the page's policy lets go there and nowhere else.
func TestRedirect(t *testing.T) {
	const target = "https://idp.example:8443/auth?nonce=1&x=2"
	b := open(t, asks(&asking{}, callback.Redirect{URL: target, Method: "GET"}, callback.HiddenValue{ID: "x"})).browser(t)
	page := b.get(loginAt + "&service=Ask")
	page.want(t, http.StatusOK, "Header")
	if page.leadsTo() != target || page.link("Continue") != target {
		t.Errorf("GET leads to %q and %q", page.leadsTo(), page.link("Continue"))
	}
	assertHeaders(t, page)

	b = open(t, asks(&asking{}, callback.Redirect{URL: target, Method: "POST", Data: map[string]string{"SAMLRequest": "a&b", "RelayState": "<r>"}})).browser(t)
	page = b.get(loginAt + "&service=Ask")
	page.want(t, http.StatusOK, "Header")
	if fields := page.fields(); page.target() != target || len(fields) != 2 || fields.Get("SAMLRequest") != "a&b" || fields.Get("RelayState") != "<r>" {
		t.Errorf("POST leads to %q with %v", page.target(), page.fields())
	}
	if got := attr(page.all("form")[0], "data-wait"); got != "0" || page.leadsTo() != "" {
		t.Errorf("the form waits %q, and the page leads to %q", got, page.leadsTo())
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://idp.example:8443;") {
		t.Errorf("the policy is %q", csp)
	}
	assertHeaders(t, page)
}

// TestRedirectToScript: whoever can choose where a journey redirects to, by a
// script or by state, can choose a site, but nothing that a browser would run
// (SECURITY 56).
func TestRedirectToScript(t *testing.T) {
	for _, s := range append(hostile, "", "/", "ftp://a.example/", "https:", "https:///x", "http://a b/") {
		for _, method := range []string{"GET", "POST"} {
			if rep, err := sendOn(question{}, callback.Redirect{URL: s, Method: method}); err == nil {
				t.Errorf("%q is followed: %v", s, rep)
			}
		}
	}
	if _, err := sendOn(question{}, callback.Redirect{URL: "https://idp.example/", Method: "PUT"}); err == nil {
		t.Error("PUT is followed")
	}
	for _, s := range hostile {
		rep, err := sendOn(question{}, callback.Redirect{URL: "https://idp.example/?" + s, Method: "GET"})
		if err != nil {
			continue
		}
		if to := rep.header.Get("Refresh"); !strings.HasPrefix(to, "0; url=https://idp.example/?") || strings.ContainsAny(to, "\r\n") {
			t.Errorf("%q becomes %q", s, to)
		}
	}
}
