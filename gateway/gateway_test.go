package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// carriers are the three ways in which a token travels.
var carriers = map[string]func(r *http.Request, tok string){
	"header": func(r *http.Request, tok string) { r.Header.Add(cookieName, tok) },
	"Bearer": func(r *http.Request, tok string) { r.Header.Add("Authorization", "Bearer "+tok) },
	"cookie": func(r *http.Request, tok string) { r.Header.Add("Cookie", cookieName+"="+tok) },
}

// carrying is a request with each of the tokens in a cookie of our name.
func carrying(tokens ...string) *http.Request {
	r := browse("/")
	for _, tok := range tokens {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: tok})
	}
	return r
}

func TestCheck(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/alpha"))
	tok := s.signIn(t, "/alpha", "bjensen")
	for name, carry := range carriers {
		r := get("/")
		carry(r, tok)
		before := r.Header.Clone()
		id, err := g.Check(t.Context(), r)
		if err != nil || id.UserID() != "bjensen" || id.Realm() != "/alpha" || !id.Known() {
			t.Errorf("%s: %q, %v", name, id.UserID(), err)
		}
		if !slices.Equal(before.Values("Cookie"), r.Header.Values("Cookie")) || len(before) != len(r.Header) {
			t.Errorf("%s: the request was changed", name)
		}
	}
	if _, err := s.Logout(t.Context(), []string{tok}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		r     *http.Request
		cause error
	}{
		{"nothing", browse("/"), ErrUnauthenticated},
		{"not ours", carrying("x"), session.ErrInvalid},
		{"forged", carrying(ours), session.ErrInvalid},
		{"logged out", carrying(tok), session.ErrEnded},
	} {
		reads := s.Store.Gets.Load()
		_, err := g.Check(t.Context(), test.r)
		if !errors.Is(err, ErrUnauthenticated) || !errors.Is(err, test.cause) {
			t.Errorf("%s: %v", test.name, err)
		}
		if !errors.Is(test.cause, session.ErrEnded) && s.Store.Gets.Load() != reads {
			t.Errorf("%s: the store was read", test.name)
		}
	}
}

// TestTokenOfAnotherRealmIsRefused answers SECURITY 10. Attack: a user of one
// realm presents the token to an app of another, where the same user id is
// somebody else. (ForgeRock AM CVE-2022-3748.)
func TestTokenOfAnotherRealmIsRefused(t *testing.T) {
	for kind, s := range map[string]site{"server": open(t), "client": open(t, carried)} {
		for _, from := range []string{"/", "/alpha"} {
			tok := s.signIn(t, from, "bjensen")
			for _, to := range []string{"/", "/alpha"} {
				g := guard(t, s.At(t, to))
				for name, carry := range carriers {
					r := browse("/")
					carry(r, tok)
					id, err := g.Check(t.Context(), r)
					switch {
					case from == to && (err != nil || id.Realm() != from):
						t.Errorf("%s: %s token of %s at home: %v", kind, name, from, err)
					case from != to && (!errors.Is(err, ErrUnauthenticated) || id.Known()):
						t.Errorf("%s: %s token of %s opens %s: %v", kind, name, from, to, err)
					case from != to && refuse(g, r, err).Code != http.StatusFound:
						t.Errorf("%s: %s token of %s at %s: %v", kind, name, from, to, err)
					}
				}
			}
		}
	}
}

// TestOutageIsNoLogout answers SECURITY 25. Failure: valid sessions were
// answered 401 under load (Kratos issue 4581). While the store is down or
// slow the answer is 503 with the cookie untouched, and afterwards all is
// well.
func TestOutageIsNoLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		g := guard(t, s.At(t, "/"))
		tok := s.signIn(t, "/", "bjensen")
		refused := func(ctx context.Context, what string) {
			t.Helper()
			for _, r := range []*http.Request{carrying(tok), get("/", cookieName, tok)} {
				_, err := g.Check(ctx, r)
				if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrUnauthenticated) {
					t.Errorf("%s: %v", what, err)
				}
				res := refuse(g, r, err)
				h := res.Header()
				if res.Code != http.StatusServiceUnavailable || h.Get("Retry-After") == "" || h.Get("Location")+h.Get("Set-Cookie") != "" {
					t.Errorf("%s: %d %v", what, res.Code, h)
				}
			}
		}
		s.Store.Down.Store(true)
		refused(t.Context(), "down")
		s.Store.Down.Store(false)

		s.Store.Hung.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		refused(ctx, "slow")
		s.Store.Hung.Store(false)

		if id, err := g.Check(t.Context(), carrying(tok)); err != nil || id.UserID() != "bjensen" {
			t.Errorf("afterwards: %q, %v", id.UserID(), err)
		}
	})
}

// TestFlappingStoreNeverSignsOut answers SECURITY 25 under load: with a store
// that comes and goes beneath 50 clients, each answer is the session or "not
// now".
func TestFlappingStoreNeverSignsOut(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	tok := s.signIn(t, "/", "bjensen")
	var clients sync.WaitGroup
	for i := range 50 {
		clients.Go(func() {
			for j := range 40 {
				if i == 0 {
					s.Store.Down.Store(j%2 == 0)
				}
				id, err := g.Check(t.Context(), carrying(tok))
				if err == nil && id.UserID() != "bjensen" || err != nil && !errors.Is(err, store.ErrUnavailable) ||
					errors.Is(err, ErrUnauthenticated) {
					t.Errorf("%q, %v", id.UserID(), err)
				}
			}
		})
	}
	clients.Wait()
}

// TestNoHeaderOpensTheDoor answers SECURITY 39. Attack: the request claims to
// be a health check, to come from inside, to be somebody, or to be meant for
// another path, and is let through. (oauth2-proxy GHSA-5hvv-m4w4-gf6v.)
func TestNoHeaderOpensTheDoor(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	headers := http.Header{
		"User-Agent":                    {"GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "Caddy", "amgate"},
		"X-Forwarded-For":               {"127.0.0.1", "10.0.0.1", "garbage"},
		"X-Forwarded-User":              {"admin"},
		"X-Forwarded-Uri":               {"/am/json/health/live", "/static/x.css"},
		"X-Original-Url":                {"/healthz"},
		"X-Rewrite-Url":                 {"/healthz"},
		"Forwarded":                     {"for=127.0.0.1;proto=https"},
		"X-Real-Ip":                     {"127.0.0.1"},
		"Client-Ip":                     {"127.0.0.1"},
		"Host":                          {"localhost"},
		"Origin":                        {"null", "http://example.com"},
		"Referer":                       {"http://example.com/am/XUI/"},
		"X-Am-User":                     {"bjensen"},
		"X-Am-Realm":                    {"/"},
		"X-Am-Roles":                    {"admin"},
		"X-Am-Auth-Level":               {"9999"},
		"X-Am-Affinity":                 {"a.b"},
		"X-Openam-Username":             {"bjensen"},
		"Accept-Api-Version":            {"resource=2.0, protocol=1.0"},
		"Authorization":                 {"Basic YmplbnNlbjo=", "Bearer", "Bearer *", "Bearer **", "Bearer null", "Negotiate x"},
		"Cookie":                        {cookieName, cookieName + "=", cookieName + "=null", "amlbcookie=01", "amgate=x"},
		cookieName:                      {"", "*", "**", "undefined"},
		"Upgrade":                       {"websocket"},
		"Connection":                    {"Upgrade", "Authorization", cookieName},
		"Sec-Fetch-Site":                {"same-origin", "none"},
		"X-Http-Method-Override":        {"OPTIONS"},
		"Access-Control-Request-Method": {"GET"},
	}
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "TRACE", "PROPFIND"} {
		for name, values := range headers {
			for _, value := range values {
				r := get("/", name, value)
				r.Method = method
				r.RemoteAddr = "127.0.0.1:1"
				if id, err := g.Check(t.Context(), r); !errors.Is(err, ErrUnauthenticated) || id.Known() {
					t.Errorf("%s with %s: %s: %v", method, name, value, err)
				}
			}
		}
	}
}

// TestPlantedCookies answers SECURITY 52. Attack: a page on a sub-domain
// plants cookies of our name, which the browser sends before or behind the
// user's own. They neither shut the user out nor decide by chance: the first
// live session in the order sent counts, every time.
func TestPlantedCookies(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	own, other := s.signIn(t, "/", "bjensen"), s.signIn(t, "/", "{env.SECRET}")
	foreign, ended := s.signIn(t, "/alpha", "bjensen"), s.signIn(t, "/", "bjensen")
	if _, err := s.Logout(t.Context(), []string{ended}); err != nil {
		t.Fatal(err)
	}
	planted := []string{"", "x", ours, foreign, ended, own[:len(own)-1], strings.Repeat("x", 5000)}
	for _, p := range planted {
		for _, order := range [][]string{{p, own}, {own, p}, {p, p, own, p}} {
			if id, err := g.Check(t.Context(), carrying(order...)); err != nil || id.UserID() != "bjensen" {
				t.Errorf("planted %.20q: %q, %v", p, id.UserID(), err)
			}
		}
	}
	for range 100 {
		for _, order := range [][]string{{own, other}, {other, own}} {
			want := "bjensen"
			if order[0] == other {
				want = "{env.SECRET}"
			}
			if id, err := g.Check(t.Context(), carrying(order...)); err != nil || id.UserID() != want {
				t.Fatalf("%q, %v; want %s", id.UserID(), err, want)
			}
		}
	}
}

// TestSessionDataIsNotExpanded answers SECURITY 62. Attack: a user whose name
// or role looks like a placeholder gets to see what it stands for, because
// something on the way expands values (Caddy GHSA-j8px-rmrx-76h9).
func TestSessionDataIsNotExpanded(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	s := open(t)
	id := s.identify(t, "/", "{env.SECRET}")
	for name, want := range map[string]string{
		"id": "{env.SECRET}", "realm": "/", "roles": "%7Bfile./etc/passwd%7D", "level": "0", "handle": id.Handle(),
	} {
		if got, ok := id.Placeholder(name); got != want || !ok {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, want)
		}
		if got, ok := (Identity{}).Placeholder(name); got != "" || !ok {
			t.Errorf("%s of nobody: %q, %v", name, got, ok)
		}
	}
	if _, ok := id.Placeholder("password"); ok {
		t.Error("there is a placeholder that nobody defined")
	}
	r := get("/")
	guard(t, s.At(t, "/")).Prepare(r, id)
	for name, values := range r.Header {
		if strings.ContainsAny(strings.Join(values, ""), "{}") || strings.Contains(strings.Join(values, ""), "hunter2") {
			t.Errorf("%s: %q", name, values)
		}
	}
}
