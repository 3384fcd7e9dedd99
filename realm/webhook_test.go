package realm_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/store"
)

// hooked is a node that registers webhooks and sets a property that a user
// could have typed.
type hooked []string

func (n hooked) Process(context.Context, *journey.Input) (journey.Action, error) {
	a := journey.Goto("outcome").WithProperty("note", nasty).WithProperty("am.protected.webhooks", "planted")
	for _, name := range n {
		a = a.WithWebhook(name)
	}
	return a, nil
}

func (hooked) Outcomes() []string { return []string{"outcome"} }

func (n hooked) Needs() (needs []journey.Need) {
	for _, name := range n {
		needs = append(needs, journey.Need{Kind: journey.NeedWebhook, Name: name})
	}
	return needs
}

const nasty = `"}, <x>&${UserId}=1` + "\n"

// call is a request that a webhook made.
type call struct {
	*http.Request
	body string
}

// hearing is a server that webhooks call. It answers with the statuses, and
// then with 204.
func hearing(t *testing.T, statuses ...int) (at string, calls chan call) {
	t.Helper()
	calls = make(chan call, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status := http.StatusNoContent
		if len(statuses) > 0 {
			status, statuses = statuses[0], statuses[1:]
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		calls <- call{r, string(body)}
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

// withHooks is a node whose journey registers those webhooks.
func withHooks(t *testing.T, hooks ...realm.Webhook) *realmtest.Site {
	t.Helper()
	return realmtest.Open(t, hookSettings(hooks...))
}

func hookSettings(hooks ...realm.Webhook) realm.Settings {
	var names hooked
	for _, h := range hooks {
		names = append(names, h.Name)
	}
	return realm.Settings{Path: "/", Users: people, Webhooks: hooks, Journeys: realmtest.Journeys(
		realmtest.Tree("Login",
			realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
			realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
			realmtest.Place("check", new(nodes.DataStore), "true", "hook", "false", journey.Failure),
			realmtest.Place("hook", names, "outcome", journey.Success)))}
}

func logout(t *testing.T, s *realmtest.Site, token string) {
	t.Helper()
	if n, err := s.Logout(t.Context(), []string{token}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

func next(t *testing.T, calls chan call) call {
	t.Helper()
	select {
	case c := <-calls:
		return c
	case <-time.After(time.Minute):
		t.Fatal("the webhook was not called")
		return call{}
	}
}

// A webhook is called once when its session is ended, with the session's
// properties where the body says so, each as a value of the body's type
// whatever is in it (AM 8.1, "Configure logout webhooks").
func TestLogoutCallsWebhooks(t *testing.T) {
	at, calls := hearing(t)
	hook := func(name, mediaType, body string) realm.Webhook {
		return realm.Webhook{Name: name, URL: at + "/" + name, Method: http.MethodPut, Body: body,
			Header: map[string]string{"Content-Type": mediaType, "X-Key": "4711"}}
	}
	s := withHooks(t,
		hook("json", "application/json; charset=utf-8", `{"user":"${UserId}","note":"${note}","none":"${none}","hidden":"${am.protected.webhooks}"}`),
		hook("form", "application/x-www-form-urlencoded", `user=${UserId}&note=${note}`),
		hook("xml", "application/xml", `<s><note>${note}</note><user>${UserId}</user></s>`),
	)
	token := login(t, s.At(t, "/"), request()).Token
	logout(t, s, token)
	for range 3 {
		c := next(t, calls)
		if c.Method != http.MethodPut || c.Header.Get("X-Key") != "4711" || strings.Contains(c.body, token) {
			t.Errorf("%s %s %v", c.Method, c.URL, c.Header)
		}
		var user, note string
		switch c.URL.Path {
		case "/json":
			var got map[string]string
			if err := json.Unmarshal([]byte(c.body), &got); err != nil || len(got) != 4 || got["none"] != "" || got["hidden"] != "" {
				t.Errorf("%s: %v", c.body, err)
			}
			user, note = got["user"], got["note"]
		case "/form":
			got, err := url.ParseQuery(c.body)
			if err != nil || len(got) != 2 {
				t.Errorf("%s: %v", c.body, err)
			}
			user, note = got.Get("user"), got.Get("note")
		case "/xml":
			var got struct {
				Note string `xml:"note"`
				User string `xml:"user"`
			}
			if err := xml.Unmarshal([]byte(c.body), &got); err != nil {
				t.Errorf("%s: %v", c.body, err)
			}
			user, note = got.User, got.Note
		}
		if user != "alice" || note != nasty {
			t.Errorf("%s: user %q, note %q", c.URL.Path, user, note)
		}
	}
	if n, err := s.Logout(t.Context(), []string{token}); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	s.Backend.Outbox.Close()
	if len(calls) > 0 || s.Log.Count("planted") > 0 {
		t.Errorf("%d more calls, and the log says\n%s", len(calls), s.Log)
	}
}

// A server that cannot now is asked again; no redirect is followed.
func TestWebhookIsTriedAgain(t *testing.T) {
	at, calls := hearing(t, http.StatusServiceUnavailable)
	s := withHooks(t, realm.Webhook{Name: "hook", URL: at, Method: http.MethodPost})
	logout(t, s, login(t, s.At(t, "/"), request()).Token)
	first, again := next(t, calls).Header.Get("Webhook-Id"), next(t, calls).Header.Get("Webhook-Id")
	if first == "" || again != first {
		t.Errorf("the calls are known by %q and %q", first, again)
	}

	at, calls = hearing(t, http.StatusTemporaryRedirect)
	s = withHooks(t, realm.Webhook{Name: "hook", URL: at + "?secret=hush", Method: http.MethodPost})
	logout(t, s, login(t, s.At(t, "/"), request()).Token)
	if c := next(t, calls); c.URL.Path != "/" {
		t.Errorf("called at %s", c.URL)
	}
	s.Backend.Outbox.Close()
	if len(calls) > 0 {
		t.Error("the redirect was followed")
	}
	if s.Log.Count("307") == 0 || s.Log.Count("hush") > 0 {
		t.Errorf("the log says\n%s", s.Log)
	}
}

// A logout is answered whatever becomes of its webhooks.
func TestLogoutDoesNotWaitForWebhooks(t *testing.T) {
	s := withHooks(t, realm.Webhook{Name: "hook", URL: "http://127.0.0.1:1/", Method: http.MethodPost})
	token := login(t, s.At(t, "/"), request()).Token
	logout(t, s, token)
	if s.Lives(t, token) {
		t.Error("the session lives")
	}
	s.Backend.Outbox.Close()
	if s.Log.Count("it is tried again") != 1 {
		t.Errorf("the log says\n%s", s.Log)
	}
}

// A node that dies after it has answered a logout leaves the webhook to
// another one, or to its own next start.
func TestWebhookOutlivesItsNode(t *testing.T) {
	at, calls := hearing(t)
	hook := realm.Webhook{Name: "hook", URL: at, Method: http.MethodPost, Body: "${UserId}"}
	st := realmtest.NewStore(t)
	node := func() *realmtest.Site {
		return realmtest.New(t, st, realm.Config{
			Realms: realmtest.Complete(hookSettings(hook)), Base: realmtest.Base, BaseURL: realmtest.Origin,
		})
	}
	dying := node()
	dying.Backend.Outbox = nil // it never gets to deliver
	if err := dying.Start(t.Context(), dying.Backend); err != nil {
		t.Fatal(err)
	}
	token := login(t, dying.At(t, "/"), request()).Token
	before := dying.Store.Commits.Load()
	logout(t, dying, token)
	if n := dying.Store.Commits.Load() - before; n != 1 {
		t.Errorf("the logout took %d transactions", n)
	}
	endClaims(t, st)
	other := node()
	if err := other.Start(t.Context(), other.Backend); err != nil {
		t.Fatal(err)
	}
	if c := next(t, calls); c.body != "alice" || c.Header.Get("Webhook-Id") == "" {
		t.Errorf("called with %q, %v", c.body, c.Header)
	}
}

// endClaims is as if the time of every claim in the outbox were over.
func endClaims(t *testing.T, st store.Store) {
	t.Helper()
	rs, _, err := st.List(t.Context(), "o/", store.Page{})
	if err != nil || len(rs) == 0 {
		t.Fatalf("%d notices, %v", len(rs), err)
	}
	for _, r := range rs {
		clear(r.Value[9:17])
		if _, err := st.Commit(t.Context(), store.Put(r.Key, r.Value, r.Expires)); err != nil {
			t.Fatal(err)
		}
	}
}
