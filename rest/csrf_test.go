package rest

import (
	"net/http"
	"strings"
	"testing"
)

// TestCrossSiteRequestsChangeNothing. The attack: a page of another site posts
// a form to us, and the browser adds the session's cookie. For every route
// that could change something it must be refused, and nothing may have
// changed; a request that no form can send goes through. (SECURITY 65)
func TestCrossSiteRequestsChangeNothing(t *testing.T) {
	for i := range routes {
		r := &routes[i]
		switch {
		case r.method == http.MethodGet:
			if r.csrf != csrfSafe {
				t.Errorf("%s: a GET must be safe", r.name())
			}
		case r.csrf == csrfExempt:
			if r.kind != kindAuthenticate {
				t.Errorf("%s: only authenticate is exempt", r.name())
			}
		case strings.Contains(r.path, tokenID):
			// Whoever writes the token into the path knows it.
		default:
			t.Run(r.name(), func(t *testing.T) { refusesForms(t, r) })
		}
	}
}

func refusesForms(t *testing.T, r *route) {
	s := open(t)
	token := s.login(t)
	url := "/am/json/realms/root/realms/alpha/" + r.path + "?_action=" + r.action
	cookie := cookieName + "=" + token
	for _, form := range [][]string{
		{"Cookie", cookie},
		{"Cookie", cookie, "Origin", "https://evil.example"},
		{"Cookie", cookie, "Content-Type", "application/x-www-form-urlencoded"},
	} {
		res := s.do(t, r.method, url, "", form...)
		if want := `"code":403,"reason":"Forbidden"`; res.Code != http.StatusForbidden || !strings.Contains(res.Body.String(), want) {
			t.Errorf("%q: %d %s, want 403", form, res.Code, res.Body)
		}
		if !s.Lives(t, token) {
			t.Fatalf("%q ended the session", form)
		}
		if got := res.Header().Values("Set-Cookie"); got != nil {
			t.Errorf("%q: Set-Cookie %q", form, got)
		}
	}
	for _, own := range [][]string{
		{"Cookie", cookie, "X-Requested-With", "XMLHttpRequest"},
		{"Cookie", cookie, "Accept-API-Version", "resource=4.0"},
		{cookieName, token},
	} {
		if res := s.do(t, r.method, url, "", own...); res.Code == http.StatusForbidden {
			t.Errorf("%q: 403", own)
		}
	}
}

// TestFormsCannotAnswerAJourney. Authenticate takes no cookie for an answer,
// but a page of another site could sign its visitor in as somebody else, if
// a body that a form can send were read as one.
func TestFormsCannotAnswerAJourney(t *testing.T) {
	s := open(t)
	body := s.answer(t, s.start(t, alpha), "bjensen", "Ch4ng31t")
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		res := s.do(t, "POST", alpha, body, "Content-Type", contentType)
		if res.Code != http.StatusUnsupportedMediaType || res.Header().Values("Set-Cookie") != nil {
			t.Errorf("%q: %d %s", contentType, res.Code, res.Body)
		}
	}
	if res := s.do(t, "POST", alpha, body, "Content-Type", "application/json"); res.Code != http.StatusOK {
		t.Errorf("application/json: %d %s", res.Code, res.Body)
	}
}
