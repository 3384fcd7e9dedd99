package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/amgate/amgate/identity/password"
)

// front is Caddy in this process, in front of an app that answers with the
// headers and the body it was sent.
type front struct {
	*http.Client
	t *testing.T
}

// serve runs a site of these directives, "app" among them, with the realms /
// and /beta, whose cookie is amBeta.
func serve(t *testing.T, site string) *front {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Header.Write(w)
		_ = r.Trailer.Write(w)
	}))
	t.Cleanup(app.Close)
	dir, err := os.MkdirTemp("", "am") // short enough for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	users, socket := filepath.Join(dir, "users.yaml"), filepath.Join(dir, "s")
	people := fmt.Sprintf("users:\n  - {username: bjensen, password: %q, roles: [staff]}\n", password.Hash("Ch4ng31t"))
	if err := os.WriteFile(users, []byte(people), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{
	admin off
	am {
		store memory
		identities file %[1]s
		session_properties color
		realm /beta {
			identities file %[1]s
			cookie amBeta
		}
	}
}
http://localhost {
	bind unix/%[2]s
	am_server /am/*
	handle_errors {
		respond "error, {http.auth.user.id}"
	}
	%[3]s
}
`, users, socket, strings.NewReplacer("app", "reverse_proxy "+app.Listener.Addr().String()).Replace(site))
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	var cfg caddy.Config
	if err := json.Unmarshal(adapted, &cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	if err := caddy.Run(&cfg); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &front{&http.Client{Transport: transport}, t}
}

// ask sends a request with these headers and returns its answer.
func (f *front) ask(method, path string, headers ...string) (status int, body string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://localhost"+path, http.NoBody)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return f.send(r)
}

func (f *front) send(r *http.Request) (status int, body string) {
	f.t.Helper()
	reply, err := f.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer reply.Body.Close()
	all, err := io.ReadAll(reply.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return reply.StatusCode, string(all)
}

// signIn returns the token of a new session of the realm.
func (f *front) signIn(realm string) string {
	f.t.Helper()
	_, body := f.ask(http.MethodPost, "/am/json/authenticate?realm="+realm,
		"X-OpenAM-Username", "bjensen", "X-OpenAM-Password", "Ch4ng31t")
	var success struct{ TokenID string }
	if err := json.Unmarshal([]byte(body), &success); err != nil || success.TokenID == "" {
		f.t.Fatalf("sign-in: %s", body)
	}
	return success.TokenID
}

// wantSeen compares what the app saw with what it must and must not see.
func (f *front) wantSeen(seen string, present, absent []string) {
	f.t.Helper()
	for _, part := range present {
		if !strings.Contains(seen, part) {
			f.t.Errorf("the app does not see %q:\n%s", part, seen)
		}
	}
	for _, part := range absent {
		if strings.Contains(seen, part) {
			f.t.Errorf("the app sees %q:\n%s", part, seen)
		}
	}
}

// The attack: am_auth guards a part of a site, as its matcher says, and the
// same app serves the rest to everybody. Whoever asks for a page of the rest
// and sends X-AM-User along is that user to the app; and the app gets the
// tokens of all who look at such a page.
func TestNobodyIsSomebodyOnPublicPaths(t *testing.T) {
	f := serve(t, "@private not path /public/*\nam_auth @private\napp")
	tok := f.signIn("/")
	for _, name := range []string{"X-AM-User", "x-am-roles", "X-AM-Realm", "X-AM-Auth-Level", "X.AM.User", "X--AM-User"} {
		_, seen := f.ask(http.MethodGet, "/public/", name, "evil", "Connection", name, "Cookie", "a=1; iPlanetDirectoryPro="+tok)
		f.wantSeen(seen, []string{"Cookie: a=1\r\n"}, []string{"evil", tok})
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/public/", strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	r.Trailer = http.Header{"X-Am-User": {"evil"}, "X-Other": {"good"}}
	_, seen := f.send(r)
	f.wantSeen(seen, []string{"good"}, []string{"evil"})

	if status, _ := f.ask(http.MethodGet, "/private"); status != http.StatusUnauthorized {
		t.Errorf("the guarded part answers %d", status)
	}
	_, seen = f.ask(http.MethodGet, "/private", "X-AM-User", "evil", "Cookie", "iPlanetDirectoryPro="+tok)
	f.wantSeen(seen, []string{"X-Am-User: bjensen\r\n", "X-Am-Roles: staff\r\n"}, []string{"evil", tok})
}

// forward_cookie holds for the paths that need no session, too.
func TestForwardedCookieOnPublicPaths(t *testing.T) {
	f := serve(t, "@private not path /public/*\nam_auth @private {\n forward_cookie\n}\napp")
	_, seen := f.ask(http.MethodGet, "/public/", "X-AM-User", "evil", "Cookie", "iPlanetDirectoryPro=tok")
	f.wantSeen(seen, []string{"iPlanetDirectoryPro=tok"}, []string{"evil"})
}

// A request that meets two checks needs both sessions. In any order of the
// directives each check sees its token, and the app, the placeholders and the
// log see one and the same user, the last one's.
func TestTwoChecksOfOneRequest(t *testing.T) {
	for _, site := range []string{
		"am_auth\nam_auth /both/* {\n realm /beta\n}\nrespond /both/who \"{http.auth.user.realm}\"\napp",
		"route {\nam_auth /both/* {\n realm /beta\n}\nam_auth\nrespond /both/who \"{http.auth.user.realm}\"\napp\n}",
	} {
		f := serve(t, site)
		root, beta := f.signIn("/"), f.signIn("/beta")
		both := "iPlanetDirectoryPro=" + root + "; amBeta=" + beta
		_, seen := f.ask(http.MethodGet, "/both/", "Cookie", both)
		f.wantSeen(seen, []string{"X-Am-Realm: /\r\n"}, []string{root, beta})
		if _, who := f.ask(http.MethodGet, "/both/who", "Cookie", both); who != "/" {
			t.Errorf("the placeholder is of realm %q", who)
		}
		for _, one := range []string{"iPlanetDirectoryPro=" + root, "amBeta=" + beta} {
			if status, _ := f.ask(http.MethodGet, "/both/", "Cookie", one); status != http.StatusUnauthorized {
				t.Errorf("one of two sessions gives %d", status)
			}
		}
		_, seen = f.ask(http.MethodGet, "/", "Cookie", both)
		f.wantSeen(seen, []string{"X-Am-Realm: /\r\n"}, []string{root, beta})
		_ = caddy.Stop()
	}
}

// Two parts of a site, each with its own realm, leave each other alone.
func TestPartsOfASiteWithOtherRealms(t *testing.T) {
	f := serve(t, "@b path /b/*\n@a path /a/*\nam_auth @a\nam_auth @b {\n realm /beta\n}\napp")
	root, beta := f.signIn("/"), f.signIn("/beta")
	both := "iPlanetDirectoryPro=" + root + "; amBeta=" + beta
	for path, realm := range map[string]string{"/a/": "/", "/b/": "/beta"} {
		_, seen := f.ask(http.MethodGet, path, "Cookie", both, "X-AM-User", "evil")
		f.wantSeen(seen, []string{"X-Am-Realm: " + realm + "\r\n", "X-Am-User: bjensen\r\n"}, []string{"evil", root, beta})
	}
	_, seen := f.ask(http.MethodGet, "/c/", "Cookie", both, "X-AM-User", "evil")
	f.wantSeen(seen, nil, []string{"evil", root, beta, "X-Am-Realm"})
}

// Another handler's user in the placeholders would be the one that a page
// greets and a log names, not the one who was let in.
func TestUserOfAnotherHandlerIsReplaced(t *testing.T) {
	hash := "$2a$04$CcCAZFR9xH8unXKK2kdN9OJ1IxA0hHmiW/LzR2JU4DM09WUYXpGlC" // of U*U
	f := serve(t, "basic_auth /who {\n other "+hash+"\n}\nam_auth\nrespond \"{http.auth.user.id}\"")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/who", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("other", "U*U")
	r.Header.Set("Cookie", "iPlanetDirectoryPro="+f.signIn("/"))
	if status, who := f.send(r); who != "bjensen" {
		t.Errorf("the user is %q (%d), want bjensen", who, status)
	}
}

// What a client puts into its own session reaches the app in the header and
// the placeholder for it, and is nothing else there. A copy of the header that
// a client sends does not reach it, nor do properties that are not listed.
func TestPropertiesReachTheApp(t *testing.T) {
	f := serve(t, "am_auth /in/* {\n properties color AMCtxId\n}\nrespond /in/who \"{http.auth.user.property.color}|{http.auth.user.property.AuthLevel}\"\napp")
	tok := f.signIn("/")
	for sent, want := range map[string]struct{ header, placeholder string }{
		`red`:                      {"red", "red"},
		`a\r\nX-Am-User: root`:     {"a%0D%0AX-Am-User:%20root", "a\r\nX-Am-User: root"},
		`{env.HOME}{http.version}`: {"%7Benv.HOME%7D%7Bhttp.version%7D", "{env.HOME}{http.version}"},
		`rød`:                      {"r%C3%B8d", "rød"},
	} {
		set, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/am/json/sessions?_action=updateSessionProperties",
			strings.NewReader(`{"color":"`+sent+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		set.Header.Set("Content-Type", "application/json")
		set.Header.Set("iPlanetDirectoryPro", tok)
		if status, body := f.send(set); status != http.StatusOK {
			t.Fatalf("%s: %d %s", sent, status, body)
		}
		_, seen := f.ask(http.MethodGet, "/in/", "iPlanetDirectoryPro", tok, "X-AM-Property-Color", "evil", "X_AM_Property_AuthLevel", "evil")
		f.wantSeen(seen, []string{"X-Am-Property-Color: " + want.header + "\r\n", "X-Am-Property-Amctxid: ", "X-Am-User: bjensen\r\n"}, []string{"evil", "X-Am-User: root"})
		if _, who := f.ask(http.MethodGet, "/in/who", "iPlanetDirectoryPro", tok); who != want.placeholder+"|{http.auth.user.property.AuthLevel}" {
			t.Errorf("%s: the placeholders are %q", sent, who)
		}
	}
	_, seen := f.ask(http.MethodGet, "/", "iPlanetDirectoryPro", tok, "X-AM-Property-Color", "evil")
	f.wantSeen(seen, nil, []string{"evil", "Property"})
}
