package realm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const origin = "https://login.example.com"

// site is a node with the realms / and /alpha.
type site struct {
	*realmtest.Site
	people *busy
}

// busy are people whose passwords can be refused for lack of time.
type busy struct {
	journeytest.Users
	now atomic.Bool
}

func (b *busy) Authenticate(ctx context.Context, username, password string) (*identity.User, error) {
	if b.now.Load() {
		return nil, identity.ErrBusy
	}
	return b.Users.Authenticate(ctx, username, password)
}

var people = journeytest.Users{
	{User: identity.User{ID: "4711", Username: "alice", Active: true, Roles: []string{"staff"}}, Password: "wonder land"},
	{User: identity.User{ID: "4712", Username: "bob", Active: false}, Password: "wonder land"},
}

func trees() map[string]*journey.Tree {
	credentials := func(name string, after ...*journey.Placed) *journey.Tree {
		next := journey.Success
		if len(after) > 0 {
			next = after[0].ID
		}
		return realmtest.Tree(name, append([]*journey.Placed{
			realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
			realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
			realmtest.Place("check", new(nodes.DataStore), "true", next, "false", journey.Failure),
		}, after...)...)
	}
	return realmtest.Journeys(
		credentials("Login"),
		credentials("WithURL", realmtest.Place("url", &nodes.SetSuccessURL{URL: "/from-journey"}, "outcome", journey.Success)),
	)
}

func settings(scheme realm.JourneyScheme, users identity.Store) []realm.Settings {
	list := []realm.Settings{{Path: "/"}, {Path: "/alpha", FailureURL: "/sorry", GotoAllow: []string{"https://app.example.com"}}}
	for i := range list {
		list[i].Users, list[i].Journeys, list[i].JourneySessions = users, trees(), scheme
	}
	return realmtest.Complete(list...)
}

// newSite is a node on st that does not run before Start.
func newSite(t testing.TB, scheme realm.JourneyScheme, st store.Store) *site {
	t.Helper()
	people := &busy{Users: people}
	s := realmtest.New(t, st, realm.Config{Realms: settings(scheme, people)})
	s.Backend.Node = cluster.Node{Address: "am-1:8080"}
	return &site{s, people}
}

func started(t testing.TB, scheme realm.JourneyScheme) *site {
	t.Helper()
	s := newSite(t, scheme, realmtest.NewStore(t))
	s.run(t)
	return s
}

func (s *site) run(t testing.TB) {
	t.Helper()
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
}

func (s *site) alpha(t testing.TB) *realm.Realm {
	t.Helper()
	return s.At(t, "/alpha")
}

func request() realm.Request {
	return realm.Request{Origin: origin, Client: &journey.Client{Address: netip.MustParseAddr("192.0.2.1")}}
}

// answers is what a client sends back for callbacks that have one input each.
func answers(t testing.TB, asked callback.List, values ...string) json.RawMessage {
	t.Helper()
	type field struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
	}
	var list []map[string]any
	for i, item := range asked {
		list = append(list, map[string]any{
			"type": item.Callback.Type(), "input": []field{{fmt.Sprintf("IDToken%d", i+1), values[i]}},
		})
	}
	raw, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// begin starts a journey and answers its first step with the name.
func begin(t testing.TB, r *realm.Realm, req realm.Request, name string) *realm.Step {
	t.Helper()
	reply, err := r.Authenticate(t.Context(), req)
	if err != nil || reply.Step == nil {
		t.Fatalf("start: %v %+v", err, reply)
	}
	return answer(t, r, reply.Step, name).Step
}

func answer(t testing.TB, r *realm.Realm, step *realm.Step, value string) realm.Reply {
	t.Helper()
	req := request()
	req.AuthID, req.Callbacks = step.AuthID, answers(t, step.Callbacks, value)
	reply, err := r.Authenticate(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func login(t testing.TB, r *realm.Realm, req realm.Request) *realm.Success {
	t.Helper()
	reply := answer(t, r, begin(t, r, req, "alice"), "wonder land")
	if reply.Success == nil {
		t.Fatalf("no success: %+v", reply.Failure)
	}
	return reply.Success
}

var schemes = []realm.JourneyScheme{realm.JourneysClient, realm.JourneysServer, realm.JourneysInMemory}

func TestLogin(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			r := started(t, scheme).alpha(t)
			ok := login(t, r, request())
			if ok.Realm != "/alpha" || ok.SuccessURL != "/am/XUI/?realm=/alpha" {
				t.Errorf("success is %+v", ok)
			}
			s, err := r.Session(t.Context(), []string{ok.Token}, session.Touch)
			if err != nil {
				t.Fatal(err)
			}
			if s.UserID() != "4711" || s.Username() != "alice" || s.UniversalID() != "id=4711,ou=user,o=alpha,ou=services,ou=am-config" {
				t.Errorf("the session is of %s, %s, %s", s.UserID(), s.Username(), s.UniversalID())
			}
		})
	}
}

func TestFailures(t *testing.T) {
	r := started(t, realm.JourneysServer).alpha(t)
	for _, tt := range []struct{ name, password, want string }{
		{"alice", "wrong", "Login failure"},
		{"nobody", "wonder land", "Login failure"},
		{"bob", "wonder land", "User Locked Out."},
	} {
		step := begin(t, r, request(), tt.name)
		reply := answer(t, r, step, tt.password)
		if reply.Failure == nil || reply.Failure.Message != tt.want || reply.Failure.FailureURL != "/sorry" {
			t.Errorf("%s with %q: %+v %+v", tt.name, tt.password, reply.Success, reply.Failure)
		}
		again := answer(t, r, step, tt.password)
		if again.Failure == nil || again.Failure.ErrorCode != "110" {
			t.Errorf("the ended journey can be answered again: %+v", again)
		}
	}
}

// Where a client goes after success: a valid goto, the journey's own URL, the
// realm's (AM 8.1, "Redirection URL precedence").
func TestRedirectPrecedence(t *testing.T) {
	r := started(t, realm.JourneysServer).alpha(t)
	for _, tt := range []struct{ journey, wish, want string }{
		{"Login", "", "/am/XUI/?realm=/alpha"},
		{"Login", "/app", "/app"},
		{"Login", origin + "/x", origin + "/x"},
		{"Login", "https://app.example.com/x", "https://app.example.com/x"},
		{"Login", "https://evil.example/", "/am/XUI/?realm=/alpha"},
		{"WithURL", "", "/from-journey"},
		{"WithURL", "/app", "/app"},
		{"WithURL", "//evil.example", "/from-journey"},
	} {
		req := request()
		req.IndexType, req.IndexValue, req.Goto = "service", tt.journey, tt.wish
		if got := login(t, r, req).SuccessURL; got != tt.want {
			t.Errorf("%s with goto %q leads to %q, want %q", tt.journey, tt.wish, got, tt.want)
		}
	}
}

func TestWhatCanBeStarted(t *testing.T) {
	r := started(t, realm.JourneysServer).alpha(t)
	for _, tt := range []struct {
		kind, value string
		want        error
	}{
		{"service", "Nowhere", realm.ErrNoConfiguration},
		{"composite_advice", "<Advices/>", realm.ErrAdvice},
		{"transaction", "4711", realm.ErrNoConfiguration},
		{"magic", "x", realm.ErrIndexType},
		{"service", "", nil},
		{"", "", nil},
	} {
		req := request()
		req.IndexType, req.IndexValue = tt.kind, tt.value
		if _, err := r.Authenticate(t.Context(), req); !errors.Is(err, tt.want) {
			t.Errorf("%s %s: %v, want %v", tt.kind, tt.value, err, tt.want)
		}
	}
}

// A session that the client has satisfies a start, unless it was made by
// another journey than the one asked for, or belongs to another realm.
func TestSessionSatisfiesStart(t *testing.T) {
	set := started(t, realm.JourneysServer)
	r := set.alpha(t)
	tok := login(t, r, request()).Token
	top, _ := set.Realm("/")
	for _, tt := range []struct {
		name  string
		realm *realm.Realm
		edit  func(*realm.Request)
		want  bool
	}{
		{"default journey", r, func(*realm.Request) {}, true},
		{"the same journey", r, func(q *realm.Request) { q.IndexType, q.IndexValue = "service", "Login" }, true},
		{"another journey", r, func(q *realm.Request) { q.IndexType, q.IndexValue = "service", "WithURL" }, false},
		{"ForceAuth", r, func(q *realm.Request) { q.ForceAuth = true }, false},
		{"noSession", r, func(q *realm.Request) { q.NoSession = true }, false},
		{"another realm", top, func(*realm.Request) {}, false},
		{"a planted cookie first", r, func(q *realm.Request) { q.Tokens = []string{"planted", tok} }, true},
		{"a forged token", r, func(q *realm.Request) { q.Tokens = []string{tok[:len(tok)-2] + "**"} }, false},
	} {
		req := request()
		req.Tokens = []string{tok}
		tt.edit(&req)
		reply, err := tt.realm.Authenticate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if got := reply.Success != nil; got != tt.want {
			t.Errorf("%s: satisfied is %v", tt.name, got)
		}
		if tt.want && (!reply.Success.Existing || reply.Success.Token != "") {
			t.Errorf("%s: success is %+v", tt.name, reply.Success)
		}
	}
}

func TestNoSession(t *testing.T) {
	for _, scheme := range schemes {
		set := started(t, scheme)
		req := request()
		req.NoSession = true
		ok := login(t, set.alpha(t), req)
		if ok.Token != "" || !ok.NoSession || ok.SuccessURL == "" {
			t.Errorf("%s: success is %+v", scheme, ok)
		}
		records, _, err := set.Store.List(t.Context(), "s/", store.Page{})
		if err != nil || len(records) > 0 {
			t.Errorf("%s: %d sessions, %v", scheme, len(records), err)
		}
	}
}

func TestJourneyTimesOut(t *testing.T) {
	for _, scheme := range schemes {
		synctest.Test(t, func(t *testing.T) {
			r := started(t, scheme).alpha(t)
			step := begin(t, r, request(), "alice")
			time.Sleep(realm.DefaultJourneyTimeout)
			reply := answer(t, r, step, "wonder land")
			if reply.Failure == nil || reply.Failure.ErrorCode != "110" || reply.Failure.Message != "Session has timed out" {
				t.Errorf("%s: %+v", scheme, reply)
			}
		})
	}
}

// A journey whose state is on another node starts again there, as in AM: the
// same journey, a new authId, and the answers are not used.
func TestLostJourneyStartsAgain(t *testing.T) {
	st := realmtest.NewStore(t)
	one, other := newSite(t, realm.JourneysInMemory, st), newSite(t, realm.JourneysInMemory, st)
	one.run(t)
	other.run(t)
	req := request()
	req.IndexType, req.IndexValue = "service", "WithURL"
	step := begin(t, one.alpha(t), req, "alice")
	again := answer(t, other.alpha(t), step, "wonder land").Step
	if again == nil || again.AuthID == step.AuthID || again.Callbacks[0].Callback.Type() != "NameCallback" {
		t.Fatalf("it does not start again: %+v", again)
	}
	done := answer(t, other.alpha(t), answer(t, other.alpha(t), again, "alice").Step, "wonder land")
	if done.Success == nil || done.Success.SuccessURL != "/from-journey" {
		t.Errorf("another journey came: %+v", done)
	}
}

// What a journey was begun with outlives its state, and so does that it runs
// although the client has a session: clients send none of it again.
func TestLostJourneyStartsAgainWithItsParameters(t *testing.T) {
	greeting := &nodes.Message{Message: nodes.Text{"en": "Hello", "de": "Hallo"}}
	greeted := realmtest.Tree("Greeted",
		realmtest.Place("greet", greeting, "true", "name", "false", "name"),
		realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
		realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
		realmtest.Place("check", new(nodes.DataStore), "true", journey.Success, "false", journey.Failure))
	for name, change := range map[string]func(*realm.Request){
		"ForceAuth":      func(r *realm.Request) { r.ForceAuth = true },
		"noSession":      func(r *realm.Request) { r.NoSession = true },
		"arg=newsession": func(r *realm.Request) { r.NewSession = true },
		"locale":         func(r *realm.Request) { r.ForceAuth, r.Locale = true, "de" },
	} {
		t.Run(name, func(t *testing.T) {
			st := realmtest.Open(t, realm.Settings{
				Path: "/", Users: people, JourneySessions: realm.JourneysInMemory, Journeys: realmtest.Journeys(named("Login", 0), greeted),
			})
			session := login(t, st.At(t, "/"), request()).Token
			req := request()
			change(&req)
			req.Tokens, req.IndexType, req.IndexValue = []string{session}, "service", "Greeted"
			req.Goto, req.GotoOnFail = "/after", "/alas"
			first, err := st.At(t, "/").Authenticate(t.Context(), req)
			if err != nil || first.Step == nil {
				t.Fatalf("%+v, %v", first, err)
			}
			next := func(step *realm.Step, value any) realm.Reply {
				req := request()
				req.Tokens, req.AuthID, req.Callbacks = []string{session}, step.AuthID, journeytest.Answers(step.Callbacks, value)
				reply, err := st.At(t, "/").Authenticate(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				return reply
			}
			finish := func(password string) realm.Reply {
				st.Restart(t)
				again := next(first.Step, 0).Step
				if again == nil || !again.Restarted || !reflect.DeepEqual(again.Callbacks, first.Step.Callbacks) {
					t.Fatalf("it starts again with %+v", again)
				}
				return next(next(next(again, 0).Step, "alice").Step, password)
			}
			done := finish("wonder land").Success
			if done == nil || done.Existing || done.SuccessURL != "/after" || done.NoSession != req.NoSession || (done.Token == "") != req.NoSession {
				t.Errorf("%+v", done)
			}
			if kept := req.NoSession || req.NewSession; st.Lives(t, session) != kept {
				t.Errorf("the session that there was goes on: %t", !kept)
			}
			if done.Token != "" {
				session = done.Token
			}
			if failed := finish("wrong").Failure; failed == nil || failed.FailureURL != "/alas" {
				t.Errorf("%+v", failed)
			}
		})
	}
}

// A parameter that is too long to count does not travel with each step.
func TestLongParametersDoNotTravel(t *testing.T) {
	r := started(t, realm.JourneysInMemory).alpha(t)
	req := request()
	short := begin(t, r, req, "alice")
	req.Goto, req.GotoOnFail, req.Locale = "/"+strings.Repeat("a", realm.MaxGoto), "/"+strings.Repeat("b", realm.MaxGoto), strings.Repeat("c", 100)
	if long := begin(t, r, req, "alice"); len(long.AuthID) != len(short.AuthID) {
		t.Errorf("an authId of %d bytes has become one of %d", len(short.AuthID), len(long.AuthID))
	}
}

// A fault leaves the step answerable: the same answer, sent again when the
// fault is over, succeeds.
func TestFaultLeavesTheStepAnswerable(t *testing.T) {
	for _, scheme := range schemes {
		for name, fault := range map[string]func(*site, bool){
			"store away":      func(s *site, on bool) { s.Store.Down.Store(on) },
			"too many hashes": func(s *site, on bool) { s.people.now.Store(on) },
		} {
			t.Run(string(scheme)+" "+name, func(t *testing.T) {
				set := started(t, scheme)
				r := set.alpha(t)
				step := begin(t, r, request(), "alice")
				req := request()
				req.AuthID, req.Callbacks = step.AuthID, answers(t, step.Callbacks, "wonder land")

				fault(set, true)
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				if reply, err := r.Authenticate(ctx, req); err == nil {
					t.Fatalf("during the fault: %+v", reply)
				}
				fault(set, false)
				if reply := answer(t, r, step, "wonder land"); reply.Success == nil {
					t.Errorf("after the fault: %+v %+v", reply.Step, reply.Failure)
				}
			})
		}
	}
}

// The store says that it is not there, but the commit happened: the login
// still succeeds, with one session.
func TestLostAcknowledgementMakesOneSession(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			set := started(t, scheme)
			r := set.alpha(t)
			step := begin(t, r, request(), "alice")
			set.Store.Lost.Store(1)
			if reply := answer(t, r, step, "wonder land"); reply.Success == nil {
				t.Fatalf("%+v", reply)
			}
			records, _, err := set.Store.List(t.Context(), "s/", store.Page{})
			if err != nil || len(records) != 1 {
				t.Errorf("%d sessions, %v", len(records), err)
			}
		})
	}
}

func TestLogout(t *testing.T) {
	set := started(t, realm.JourneysServer)
	r := set.alpha(t)
	one, two := login(t, r, request()).Token, login(t, r, request()).Token
	// A forged token in front of a true one ends nothing but the true one.
	if n, err := set.Logout(t.Context(), []string{"forged", one}); n != 1 || err != nil {
		t.Errorf("Logout ended %d sessions, %v", n, err)
	}
	if _, err := set.Session(t.Context(), []string{one}, session.Peek); !errors.Is(err, session.ErrEnded) {
		t.Errorf("after logout: %v", err)
	}
	if _, err := set.Session(t.Context(), []string{two}, session.Peek); err != nil {
		t.Errorf("the other session: %v", err)
	}
	if n, err := set.Logout(t.Context(), []string{one}); n != 0 || err != nil {
		t.Errorf("a second logout ended %d sessions, %v", n, err)
	}
}

// A token of one realm is never valid in another.
func TestRealmsAreIsolated(t *testing.T) {
	set := started(t, realm.JourneysServer)
	tok := login(t, set.alpha(t), request()).Token
	top, _ := set.Realm("/")
	if _, err := top.Session(t.Context(), []string{tok}, session.Touch); !errors.Is(err, session.ErrInvalid) {
		t.Errorf("in the root realm: %v", err)
	}
	if _, err := set.Session(t.Context(), []string{tok}, session.Touch); err != nil {
		t.Errorf("in any realm: %v", err)
	}
}

// Nodes that start at once on an empty store agree on its secrets; a node
// with another root secret is refused.
func TestSecretsAreShared(t *testing.T) {
	st := realmtest.NewStore(t)
	sites := make([]*site, 8)
	var wg sync.WaitGroup
	for i := range sites {
		sites[i] = newSite(t, realm.JourneysServer, st)
		wg.Go(func() {
			if err := sites[i].Start(t.Context(), sites[i].Backend); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	tok := login(t, sites[0].alpha(t), request()).Token
	for i, s := range sites {
		if _, err := s.alpha(t).Session(t.Context(), []string{tok}, session.Touch); err != nil {
			t.Errorf("node %d: %v", i, err)
		}
	}
	stranger := newSite(t, realm.JourneysServer, st)
	stranger.Backend.SigningKeys = []token.Secret{realmtest.Secret(t, 'x')}
	if err := stranger.Start(t.Context(), stranger.Backend); err == nil || !strings.Contains(err.Error(), "signing_key") {
		t.Errorf("a node with another root secret: %v", err)
	}
}

// A Set that starts while the store is away serves as soon as it is there.
func TestStartWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, realm.JourneysServer, realmtest.NewStore(t))
		s.Store.Down.Store(true)
		s.run(t)
		r := s.alpha(t)
		if _, err := r.Authenticate(t.Context(), request()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("while the store is away: %v", err)
		}
		if err := s.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Ready while the store is away: %v", err)
		}
		s.Store.Down.Store(false)
		time.Sleep(5 * time.Second)
		login(t, r, request())
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestSettingsAreChecked(t *testing.T) {
	for want, edit := range map[string]func(*realm.Settings){
		"no identities":          func(s *realm.Settings) { s.Users = nil },
		"journey_sessions":       func(s *realm.Settings) { s.JourneySessions = "disk" },
		"survive_node_loss":      func(s *realm.Settings) { s.JourneySessions, s.SurviveNodeLoss = realm.JourneysServer, true },
		"authenticated_sessions": func(s *realm.Settings) { s.AuthenticatedSessions = "in_memory" },
		"bytes left for a session": func(s *realm.Settings) {
			s.AuthenticatedSessions, s.Cookie.Domain = realm.SessionsClient, strings.Repeat("a", 3000)
		},
		"max_time is 8761h0m0s; a session that its client carries lasts at most 8760h0m0s": func(s *realm.Settings) {
			s.AuthenticatedSessions, s.MaxTime = realm.SessionsClient, 8761*time.Hour
		},
		"max_time":                          func(s *realm.Settings) { s.MaxTime = -1 },
		"grace with a duration":             func(s *realm.Settings) { s.Outage = store.Fresh },
		"default_journey Nowhere":           func(s *realm.Settings) { s.DefaultJourney = "Nowhere" },
		"is not an origin":                  func(s *realm.Settings) { s.CORS = []string{"*"} },
		"same_site":                         func(s *realm.Settings) { s.Cookie.SameSite = "maybe" },
		"only letters":                      func(s *realm.Settings) { s.Cookie.Name = "a b" },
		"does not begin with a slash":       func(s *realm.Settings) { s.Path = "alpha" },
		"taken by the load-balancer cookie": func(s *realm.Settings) { s.Cookie.Name = "amlbcookie" },
	} {
		list := settings(realm.JourneysServer, people)
		edit(&list[1])
		_, err := realm.New(realm.Config{Realms: list, Logger: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "alpha") {
			t.Errorf("want an error about %q that names the realm, got %v", want, err)
		}
	}
	for what, list := range map[string][]realm.Settings{
		"no root realm":               settings(realm.JourneysServer, people)[1:],
		"realm /alpha is there twice": append(settings(realm.JourneysServer, people), settings(realm.JourneysServer, people)[1]),
	} {
		if _, err := realm.New(realm.Config{Realms: list, Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Nothing of what a login handles may reach a log, whatever the level.
func TestNothingSecretIsLogged(t *testing.T) {
	s := started(t, realm.JourneysServer)
	tok := login(t, s.alpha(t), request()).Token
	failing := begin(t, s.alpha(t), request(), "alice")
	answer(t, s.alpha(t), failing, "not my password")
	for _, hidden := range []string{"wonder land", "not my password", tok, failing.AuthID} {
		if s.Log.Count(hidden) > 0 {
			t.Errorf("the log holds a secret:\n%s", s.Log)
		}
	}
}
