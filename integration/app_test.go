package integration

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestProtectedApp: who passes the edge, what the others are told, and what
// the app behind it learns.
func TestProtectedApp(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	stranger := s.client("/alpha")
	app := s.url + "/app?x=1"

	t.Run("a program without a session is refused", func(t *testing.T) {
		r := stranger.get(app)
		if r.status != http.StatusUnauthorized || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
			t.Errorf("got %s", r)
		}
	})
	t.Run("a browser without a session is sent to log in", func(t *testing.T) {
		r := stranger.navigate(app)
		if want := "/am/XUI/?realm=/alpha&goto=" + url.QueryEscape("/app?x=1"); r.status != http.StatusFound || r.header.Get("Location") != want {
			t.Errorf("got %d to %s", r.status, r.header.Get("Location"))
		}
	})

	c := s.client("/alpha")
	token := c.login(s.bjensen)
	t.Run("the cookie opens the app, which learns who it is", func(t *testing.T) {
		var got http.Header
		c.get(app).decode(t, &got)
		checkIdentity(t, got, s.bjensen.name, "staff,admin")
		if cookies := got.Get("Cookie"); strings.Contains(cookies, token) {
			t.Error("the app sees the session's cookie")
		}
	})
	t.Run("placeholders hold the identity", func(t *testing.T) {
		if got := string(c.get(s.url + "/whoami").body); !regexp.MustCompile(`^bjensen\|/alpha\|staff,admin\|0\|.+$`).MatchString(got) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("the token opens the app in a header, too", func(t *testing.T) {
		for name, value := range map[string]string{cookieName: token, "Authorization": "Bearer " + token} {
			r := stranger.send(http.MethodGet, app, "", http.Header{name: {value}})
			if r.status != http.StatusOK || strings.Contains(string(r.body), token) {
				t.Errorf("%s: status %d; the app sees the token: %t", name, r.status, strings.Contains(string(r.body), token))
			}
		}
	})
	t.Run("a token of another realm does not", func(t *testing.T) {
		ofRoot := s.client("/").login(s.bjensen)
		if r := stranger.send(http.MethodGet, app, "", http.Header{cookieName: {ofRoot}}); r.status != http.StatusUnauthorized {
			t.Errorf("got %s", r)
		}
	})
	t.Run("a forged token does not", func(t *testing.T) {
		for _, forged := range []string{token[:len(token)-9] + "*", "x" + token, strings.Repeat(".", 1<<13), "AQIC5w.*AAJTSQACMDEAAlNLAAEtAAJTMQAA*"} {
			if r := stranger.send(http.MethodGet, app, "", http.Header{cookieName: {forged}}); r.status != http.StatusUnauthorized {
				t.Errorf("%.40q…: got %d", forged, r.status)
			}
		}
	})
	t.Run("a megabyte of dots is no token", func(t *testing.T) {
		r, err := stranger.try(http.MethodGet, app, "", http.Header{cookieName: {strings.Repeat(".", 1<<20)}})
		// The server may hang up before it has read all of that.
		if err == nil && r.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("got %d", r.status)
		}
	})
	t.Run("after logout the cookie opens nothing", func(t *testing.T) {
		other := s.client("/alpha")
		mine := other.login(s.plain)
		if r := other.get(app); r.status != http.StatusOK {
			t.Fatalf("before: %s", r)
		}
		other.session("logout", mine)
		if r := stranger.send(http.MethodGet, app, "", http.Header{cookieName: {mine}}); r.status != http.StatusUnauthorized {
			t.Errorf("after: %s", r)
		}
	})
}

func checkIdentity(t *testing.T, got http.Header, name, roles string) {
	t.Helper()
	want := map[string]string{"X-Am-User": name, "X-Am-Realm": "/alpha", "X-Am-Auth-Level": "0"}
	if roles != "" {
		want["X-Am-Roles"] = roles
	}
	for header, values := range got {
		folded := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(header))
		if !strings.HasPrefix(folded, "xam") {
			continue
		}
		if len(values) != 1 || values[0] != want[header] {
			t.Errorf("the app was sent %s: %q, want %q", header, values, want[header])
		}
		delete(want, header)
	}
	if len(want) > 0 {
		t.Errorf("the app was not sent %v", want)
	}
}

// TestIdentityHeadersCannotBeForged answers Caddy's CVE-2026-30851 and
// GHSA-f59h-q822-g45g and their like in other proxies: a client sent identity
// headers itself, plainly, spelled so that a backend folds them onto the
// trusted name, where the session had no value of its own to overwrite them
// with, or named in Connection so that the proxy dropped the true ones.
func TestIdentityHeadersCannotBeForged(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	token := s.client("/alpha").login(s.plain)

	var forged []string
	for _, name := range []string{"X-AM-User", "X-AM-Realm", "X-AM-Roles", "X-AM-Auth-Level"} {
		for _, separator := range []string{"-", "_", "."} {
			spelled := strings.ReplaceAll(name, "-", separator)
			forged = append(forged, spelled+": mallory", strings.ToLower(spelled)+": mallory", strings.ToUpper(spelled)+": mallory, admin")
		}
	}
	for name, headers := range map[string][]string{
		"copies":     forged,
		"Connection": {"Connection: close, X-AM-User, x-am-realm", "Connection: X-AM-Auth-Level"},
	} {
		t.Run(name, func(t *testing.T) {
			checkIdentity(t, rawGet(t, s.url, append(headers, cookieName+": "+token)), s.plain.name, "")
		})
	}
}

// rawGet sends a request whose header lines are exactly those given, and
// decodes what the upstream saw.
func rawGet(t *testing.T, site string, lines []string) http.Header {
	t.Helper()
	host := strings.TrimPrefix(site, "http://")
	conn, err := net.DialTimeout("tcp", strings.Replace(host, "localhost", "127.0.0.1", 1), 10*time.Second)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = io.WriteString(conn, "GET /app HTTP/1.1\r\nHost: "+host+"\r\n"+strings.Join(lines, "\r\n")+"\r\n\r\n")
	must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	var seen http.Header
	reply{status: res.StatusCode, body: body}.decode(t, &seen)
	return seen
}
