package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkUpstream fails if a backend could read a header of h as a trusted one
// that is not the gateway's own.
func checkUpstream(t interface{ Errorf(string, ...any) }, h http.Header, id Identity) {
	own := map[string]string{}
	if id.Known() {
		own = map[string]string{
			headerUser: headerValue(id.UserID()), headerRealm: id.Realm(), headerLevel: id.level(), headerRoles: id.roleList(),
		}
	}
	for name, values := range h {
		if trustedName, backend := readAs(name); trustedName != "" && !slices.Equal(values, []string{own[name]}) {
			t.Errorf("%s reads %q as %s: %q", backend, name, trustedName, values)
		}
	}
	for name, value := range own {
		if got := h[name]; value != "" && !slices.Equal(got, []string{value}) {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

func TestPrepareSetsIdentity(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/alpha"))
	for user, want := range map[string]http.Header{
		"bjensen": {
			"X-Am-User": {"bjensen"}, "X-Am-Realm": {"/alpha"}, "X-Am-Roles": {"staff,a%2Cb"}, "X-Am-Auth-Level": {"0"},
		},
		"jürgen\r\nX": {
			"X-Am-User": {"j%C3%BCrgen%0D%0AX"}, "X-Am-Realm": {"/alpha"}, "X-Am-Auth-Level": {"0"},
		},
	} {
		r := get("/")
		g.Prepare(r, s.identify(t, "/alpha", user))
		if !maps.EqualFunc(r.Header, want, slices.Equal) {
			t.Errorf("%q: %v, want %v", user, r.Header, want)
		}
	}
}

// TestNoClientCopySurvives answers SECURITY 35. Attack: a client sends an
// identity header for which the session has no value (here: roles), and the
// proxy overwrites only those that it has (Caddy CVE-2026-30851). The same
// for a request that needs no session.
func TestNoClientCopySurvives(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	noRoles := s.identify(t, "/", "jürgen\r\nX")
	for _, id := range []Identity{{}, noRoles} {
		for _, name := range trusted {
			r := get("/", name, "admin", name, "root")
			g.Prepare(r, id)
			checkUpstream(t, r.Header, id)
		}
	}
	r := get("/", headerRoles, "admin")
	g.Prepare(r, noRoles)
	if got, present := r.Header[headerRoles]; present {
		t.Errorf("X-AM-Roles: %q", got)
	}
}

// aliases yields spellings of a trusted name: every combination of the
// separators that backends are known to fold, all others one by one, in
// several cases, with white space around.
func aliases(name string) (list []string) {
	spellings := []string{name}
	for range strings.Count(name, "-") {
		var next []string
		for _, s := range spellings {
			for _, sep := range []string{"\x00", "_", "."} { // \x00 stands for a hyphen that stays
				next = append(next, strings.Replace(s, "-", sep, 1))
			}
		}
		spellings = next
	}
	for i, s := range spellings {
		spellings[i] = strings.ReplaceAll(s, "\x00", "-")
	}
	for sep := range strings.SplitSeq("! # $ % & ' * + ^ ` | ~ [", " ") {
		spellings = append(spellings, strings.ReplaceAll(name, "-", sep))
	}
	spellings = append(spellings, strings.ReplaceAll(name, "-", " "))
	for _, s := range spellings {
		for _, cased := range []string{s, strings.ToUpper(s), http.CanonicalHeaderKey(s), s[:3] + strings.ToUpper(s[3:])} {
			list = append(list, cased, " "+cased, cased+" ", cased+"\t")
		}
	}
	return list
}

// TestNoAliasReachesTheApp answers SECURITY 36. Attack: a client sends
// X_AM_User or X.AM.User; the proxy knows only X-AM-User, and a CGI, WSGI or
// PHP backend reads all three as one. (Caddy GHSA-f59h-q822-g45g and
// GHSA-49wc-4hcv-v58q, oauth2-proxy CVE-2025-64484, Traefik
// CVE-2026-33433: each closed one alias and met the next.) In headers and
// trailers, for plain requests and WebSocket upgrades, signed in or not.
func TestNoAliasReachesTheApp(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	for _, id := range []Identity{{}, s.identify(t, "/", "bjensen")} {
		for _, upgrade := range []bool{false, true} {
			tried := 0
			for _, name := range trusted {
				for _, alias := range aliases(name) {
					if name, _ := readAs(strings.TrimSpace(alias)); name == "" {
						t.Fatalf("%q is no alias", alias)
					}
					tried++
					r := get("/")
					r.Header[alias] = []string{"root", "admin,root"}
					r.Header["X-Other"] = []string{"stays"}
					r.Trailer = http.Header{alias: {"root"}, "X-Other": nil}
					if upgrade {
						r.Header["Connection"], r.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
					}
					g.Prepare(r, id)
					checkUpstream(t, r.Header, id)
					checkUpstream(t, r.Trailer, Identity{})
					if r.Header.Get("X-Other") != "stays" || len(r.Trailer) != 1 || (r.Header.Get("Upgrade") != "") != upgrade {
						t.Errorf("%q took others with it: %v, trailers %v", alias, r.Header, r.Trailer)
					}
				}
			}
			if tried < 1000 {
				t.Fatalf("only %d aliases", tried)
			}
		}
	}
}

// TestNothingFoldsToATrustedName: of any set of headers, nothing that a
// backend could read as a trusted one survives except ours, and everything
// else does.
func TestNothingFoldsToATrustedName(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	ids := []Identity{{}, s.identify(t, "/", "bjensen"), s.identify(t, "/", "{env.SECRET}")}
	name := rapid.OneOf(
		rapid.StringMatching(`[ _.-]{0,2}[xX][ _.~-]?[aA][mM][ _.\[-]?([uU]ser|[rR]ealm|roles|auth[_.-]?level|property[_.-]?color)[ _.-]{0,2}`),
		rapid.StringMatching(`[Xx]-[A-Za-z_.-]{1,12}`),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		r := get("/")
		sent := rapid.MapOfN(name, rapid.SliceOfN(rapid.SampledFrom([]string{"root", "", "a, b"}), 1, 3), 0, 12).Draw(t, "headers")
		for name, values := range sent {
			r.Header[name] = slices.Clone(values)
		}
		id := rapid.SampledFrom(ids).Draw(t, "identity")
		g.Prepare(r, id)
		checkUpstream(t, r.Header, id)
		for name, values := range sent {
			credential := slices.Contains([]string{"Cookie", "Authorization", "Connection", "Trailer", g.tokenHeader}, name)
			if !isIdentityName(name) && !credential && !slices.Equal(r.Header[name], values) {
				t.Errorf("%q: %q became %q", name, values, r.Header[name])
			}
		}
	})
}

// TestConnectionDropsNothingTrusted answers SECURITY 37. Attack: a client
// sends "Connection: X-AM-User", and the proxy behind the edge removes the
// header that the edge has just set, as RFC 9110 §7.6.1 tells it to; the app
// then takes the request for one of nobody in particular. (Fabio
// CVE-2025-48865, Traefik CVE-2024-45410.)
func TestConnectionDropsNothingTrusted(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	id := s.identify(t, "/", "bjensen")
	names := append(slices.Clone(trusted), "x_am_user", "X-AM-AFFINITY", "X-Forwarded-For", "x-forwarded-user",
		"X-Forwarded-Proto", "X_Forwarded_Host", "Forwarded", "X-Real-IP")
	for _, name := range names {
		for _, form := range []string{"%s", "close, %s", "%s,close", " , %s ,close,%s", "keep-alive,\t%s\t"} {
			line := strings.ReplaceAll(form, "%s", name)
			t.Run(line, func(t *testing.T) {
				seen := upstreamOf(t, g, id, get("/", "Connection", line, "Connection", name, "X-Forwarded-For", "192.0.2.1", "X-AM-Affinity", "a.b"))
				checkUpstream(t, seen, id)
				if !strings.HasPrefix(seen.Get("X-Forwarded-For"), "192.0.2.1") || seen.Get("X-Am-Affinity") != "a.b" {
					t.Errorf("lost a header: %v", seen)
				}
			})
		}
	}
	t.Run("other names keep their effect", func(t *testing.T) {
		seen := upstreamOf(t, g, id, get("/", "Connection", "X-Hop, X-AM-User", "X-Hop", "1"))
		if seen.Get("X-Hop") != "" {
			t.Errorf("a hop-by-hop header was forwarded: %v", seen)
		}
	})
}

func TestCredentialsAreNotForwarded(t *testing.T) {
	s := open(t)
	r := s.At(t, "/")
	id := s.identify(t, "/", "bjensen")
	request := func() *http.Request {
		return get("/", "Cookie", "a=1; "+cookieName+"="+ours, cookieName, ours,
			"Authorization", "Bearer "+ours, "Authorization", "Bearer eyJ.e30.c2ln")
	}
	hidden := request()
	guard(t, r).Prepare(hidden, id)
	if text := fmt.Sprint(hidden.Header); strings.Contains(text, ours) {
		t.Errorf("the token is forwarded: %s", text)
	}
	if hidden.Header.Get("Cookie") != "a=1" || !slices.Equal(hidden.Header["Authorization"], []string{"Bearer eyJ.e30.c2ln"}) {
		t.Errorf("more than the token is gone: %v", hidden.Header)
	}
	alone := get("/", "Authorization", "Bearer "+ours)
	guard(t, r).Prepare(alone, Identity{})
	if _, present := alone.Header["Authorization"]; present {
		t.Errorf("an empty Authorization is left")
	}

	shown := request()
	guard(t, r, func(c *Config) { c.ForwardCookie = true }).Prepare(shown, id)
	for name, values := range request().Header {
		if !slices.Equal(shown.Header[name], values) {
			t.Errorf("%s: %q, want it as sent", name, shown.Header[name])
		}
	}
}
