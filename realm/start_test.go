package realm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
)

// raise is a node that raises the authentication level.
type raise int

func (n raise) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	in.State.PutShared(journey.KeyAuthLevel, in.State.Int(journey.KeyAuthLevel)+int(n))
	return journey.Goto("outcome"), nil
}

func (raise) Outcomes() []string { return []string{"outcome"} }

// named is a journey that asks for name and password and reaches a level.
func named(name string, level int) *journey.Tree {
	return realmtest.Tree(name,
		realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
		realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
		realmtest.Place("check", new(nodes.DataStore), "true", "level", "false", journey.Failure),
		realmtest.Place("level", raise(level), "outcome", journey.Success),
	)
}

// choosy is a node whose realm /alpha has journeys of all kinds.
func choosy(t testing.TB, scheme realm.JourneyScheme) *realmtest.Site {
	t.Helper()
	inner, off, must, none := named("Inner", 0), named("Off", 0), named("Must", 0), named("None", 0)
	inner.InnerOnly, off.Disabled, must.MustRun, none.NoSession = true, true, true, true
	quick := named("Quick", 0)
	quick.Timeout, quick.MaxTime, quick.IdleTime = 30*time.Second, time.Hour, time.Minute
	return realmtest.Open(t, realm.Settings{Path: "/"}, realm.Settings{
		Path: "/alpha", Aliases: []string{"customers"}, Users: people, JourneySessions: scheme,
		Journeys: realmtest.Journeys(named("Login", 0), named("Strong", 10), quick, inner, off, must, none),
	})
}

func advised(pairs ...string) realm.Request {
	req := request()
	req.IndexType = "composite_advice"
	for i := 0; i < len(pairs); i += 2 {
		req.IndexValue += `<AttributeValuePair><Attribute name="` + pairs[i] + `"/><Value>` + pairs[i+1] + `</Value></AttributeValuePair>`
	}
	req.IndexValue = "<Advices>" + req.IndexValue + "</Advices>"
	return req
}

const (
	byLevel   = "AuthLevelConditionAdvice"
	byService = "AuthenticateToServiceConditionAdvice"
	byTree    = "AuthenticateToTreeConditionAdvice"
	byRealm   = "AuthenticateToRealmConditionAdvice"
)

// What an advice leads to without a session: a journey, a choice, or nothing.
func TestAdviceChoosesTheJourney(t *testing.T) {
	r := choosy(t, realm.JourneysServer).At(t, "/alpha")
	for _, tt := range []struct {
		pairs []string
		want  []string // journeys; one is begun, of several the client chooses
	}{
		{[]string{byLevel, "10"}, []string{"Login"}},
		{[]string{byService, "Strong"}, []string{"Strong"}},
		{[]string{byTree, "Strong"}, []string{"Strong"}},
		{[]string{byService, "/alpha:Strong"}, []string{"Strong"}},
		{[]string{byService, "customers:Strong"}, []string{"Strong"}},
		{[]string{byService, "/:Strong"}, nil},
		{[]string{byService, "Strong", byTree, "Quick"}, []string{"Strong", "Quick"}},
		{[]string{byService, "Strong", byService, "Strong"}, []string{"Strong"}},
		{[]string{byService, "Nowhere", byService, "Strong"}, []string{"Strong"}},
		{[]string{byService, "Inner"}, nil},
		{[]string{byService, "Off"}, nil},
		{[]string{byRealm, "/alpha"}, []string{"Login"}},
		{[]string{byRealm, "/"}, nil},
		{[]string{byRealm, "/nowhere"}, nil},
		{[]string{"TransactionConditionAdvice", "4711"}, nil},
		{[]string{byLevel, "1", "TransactionConditionAdvice", "4711"}, nil},
	} {
		reply, err := r.Authenticate(t.Context(), advised(tt.pairs...))
		switch {
		case tt.want == nil:
			if !errors.Is(err, realm.ErrNoConfiguration) {
				t.Errorf("%v: %+v, %v", tt.pairs, reply, err)
			}
		case err != nil || reply.Step == nil:
			t.Errorf("%v: %+v, %v", tt.pairs, reply, err)
		case len(tt.want) > 1:
			choice, _ := reply.Step.Callbacks[0].Callback.(callback.Choice)
			if fmt.Sprint(choice.Choices) != fmt.Sprint(tt.want) {
				t.Errorf("%v: the client is asked %+v", tt.pairs, reply.Step.Callbacks[0])
			}
		default:
			done := answer(t, r, answer(t, r, reply.Step, "alice").Step, "wonder land").Success
			s, err := r.Session(t.Context(), []string{done.Token}, session.Peek)
			if err != nil || s.Journey() != tt.want[0] {
				t.Errorf("%v: journey %q, %v", tt.pairs, s.Journey(), err)
			}
		}
	}
}

// Of several journeys the client takes one, on whatever node the answer
// arrives; it is then a journey like any other.
func TestClientChoosesAmongAdvised(t *testing.T) {
	for _, scheme := range schemes {
		synctest.Test(t, func(t *testing.T) {
			site := choosy(t, scheme)
			req := advised(byService, "Strong", byService, "Quick")
			ask := func(wish string) realm.Reply {
				reply, err := site.At(t, "/alpha").Authenticate(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if scheme != realm.JourneysInMemory {
					site.Restart(t)
				}
				return answer(t, site.At(t, "/alpha"), reply.Step, wish)
			}
			if _, err := site.At(t, "/alpha").Authenticate(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			name := ask("0").Step
			r := site.At(t, "/alpha")
			token := answer(t, r, answer(t, r, name, "alice").Step, "wonder land").Success.Token
			s, err := r.Session(t.Context(), []string{token}, session.Peek)
			if err != nil || s.Journey() != "Strong" || s.AuthLevel() != 10 {
				t.Errorf("%s: a session of %q, level %d, %v", scheme, s.Journey(), s.AuthLevel(), err)
			}

			quick := ask("1").Step
			time.Sleep(30 * time.Second)
			if got := answer(t, site.At(t, "/alpha"), quick, "alice"); got.Failure == nil || got.Failure.ErrorCode != "110" {
				t.Errorf("%s: the timeout of the journey that was chosen does not count: %+v", scheme, got)
			}

			reply, err := site.At(t, "/alpha").Authenticate(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			wrong := request()
			wrong.AuthID, wrong.Callbacks = reply.Step.AuthID, answers(t, reply.Step.Callbacks, "2")
			if got, err := site.At(t, "/alpha").Authenticate(t.Context(), wrong); !errors.Is(err, callback.ErrAnswer) {
				t.Errorf("%s: a journey that was not offered: %+v, %v", scheme, got, err)
			}
		})
	}
}

// When a session that the client has makes a journey needless (AM 8.1,
// "Session upgrade").
func TestWhatASessionSatisfies(t *testing.T) {
	site := choosy(t, realm.JourneysClient)
	r := site.At(t, "/alpha")
	of := func(journey string) string {
		req := request()
		req.IndexType, req.IndexValue = "service", journey
		return login(t, r, req).Token
	}
	weak, strong := of("Login"), of("Strong")
	service := func(name string) realm.Request {
		req := request()
		req.IndexType, req.IndexValue = "service", name
		return req
	}
	with := func(req realm.Request, edit func(*realm.Request)) realm.Request {
		edit(&req)
		return req
	}
	for name, tt := range map[string]struct {
		token string
		req   realm.Request
		want  bool
	}{
		"nothing named":             {weak, request(), true},
		"the same journey":          {weak, service("Login"), true},
		"another journey":           {weak, service("Strong"), false},
		"a journey that must run":   {of("Must"), service("Must"), false},
		"one that makes no session": {weak, service("None"), false},
		"ForceAuth":                 {weak, with(request(), func(q *realm.Request) { q.ForceAuth = true }), false},
		"noSession":                 {weak, with(request(), func(q *realm.Request) { q.NoSession = true }), false},
		"arg=newsession":            {weak, with(request(), func(q *realm.Request) { q.NewSession = true }), false},
		"a level that it has":       {strong, advised(byLevel, "10"), true},
		"a level that it lacks":     {strong, advised(byLevel, "11"), false},
		"a level, weak session":     {weak, advised(byLevel, "1"), false},
		"an advised journey":        {weak, advised(byService, "Login"), true},
		"one of the advised":        {strong, advised(byService, "Login", byTree, "Strong"), true},
		"another advised journey":   {weak, advised(byService, "Strong"), false},
		"journey, not level":        {weak, advised(byService, "Login", byLevel, "1"), false},
		"the realm":                 {weak, advised(byRealm, "/alpha"), true},
	} {
		tt.req.Tokens = []string{tt.token}
		reply, err := r.Authenticate(t.Context(), tt.req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := reply.Success != nil && reply.Success.Existing; got != tt.want {
			t.Errorf("%s: satisfied is %v", name, got)
		}
	}
	req := request()
	req.UpgradeToken = weak
	if reply, err := r.Authenticate(t.Context(), req); err != nil || reply.Success == nil {
		t.Errorf("a token to upgrade: %+v, %v", reply, err)
	}
	req.UpgradeToken, req.Tokens = weak+"x", []string{weak}
	if reply, err := r.Authenticate(t.Context(), req); !errors.Is(err, realm.ErrUpgradeToken) {
		t.Errorf("a token to upgrade that is none: %+v, %v", reply, err)
	}
}

// watcher is a node that looks at the session that the client has.
type watcher struct{ seen *journey.Session }

func (n *watcher) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	n.seen = in.Session
	return journey.Goto("outcome"), nil
}

func (*watcher) Outcomes() []string { return []string{"outcome"} }

// Nodes see whose the session is, never its token; arg=newsession hides it, in
// all steps.
func TestNodesSeeTheSession(t *testing.T) {
	for _, scheme := range schemes {
		n := new(watcher)
		look := realmtest.Tree("Look", realmtest.Place("name", new(nodes.Username), "outcome", "look"),
			realmtest.Place("look", n, "outcome", journey.Failure))
		r := realmtest.Open(t, realm.Settings{Path: "/", Users: people, JourneySessions: scheme,
			Journeys: realmtest.Journeys(named("Login", 3), look)}).At(t, "/")
		token := login(t, r, request()).Token
		see := func(newSession bool) *journey.Session {
			req := request()
			req.IndexType, req.IndexValue, req.Tokens, req.NewSession = "service", "Look", []string{token}, newSession
			reply, err := r.Authenticate(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			req.AuthID, req.Callbacks, req.NewSession = reply.Step.AuthID, answers(t, reply.Step.Callbacks, "x"), false
			if _, err := r.Authenticate(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			return n.seen
		}
		if s := see(false); s == nil || s.UserID != "4711" || s.Username != "alice" || s.Journey != "Login" || s.AuthLevel != 3 {
			t.Errorf("%s: the node sees %+v", scheme, s)
		}
		if s := see(true); s != nil {
			t.Errorf("%s: with arg=newsession it sees %+v", scheme, s)
		}
	}
}

// What cannot be started is not there (AM 8.1, "Configure trees").
func TestJourneysThatClientsCannotStart(t *testing.T) {
	r := choosy(t, realm.JourneysServer).At(t, "/alpha")
	for _, name := range []string{"Inner", "Off", "Nowhere"} {
		req := request()
		req.IndexType, req.IndexValue = "service", name
		if reply, err := r.Authenticate(t.Context(), req); !errors.Is(err, realm.ErrNoConfiguration) {
			t.Errorf("%s: %+v, %v", name, reply, err)
		}
	}
	req := request()
	req.IndexType, req.IndexValue = "service", "None"
	if ok := login(t, r, req); !ok.NoSession || ok.Token != "" {
		t.Errorf("a journey without a session: %+v", ok)
	}
}

// longer is a node that sets the times of journey and session.
type longer struct{ journey, max, idle time.Duration }

func (n longer) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	if in.Answers == nil {
		return journey.Ask(callback.Name{}).WithDuration(n.journey), nil
	}
	return journey.Goto("outcome").WithSessionTimes(n.max, n.idle), nil
}

func (longer) Outcomes() []string { return []string{"outcome"} }

// The time of a journey is a node's, else its own, else the realm's, and less
// than a minute if need be; what came too late is told as AM does. So are the
// times of the session. (AM 8.1, "Configure trees"; am-protocol §1.10)
func TestWhoseTimeCounts(t *testing.T) {
	for _, scheme := range schemes {
		for name, tt := range map[string]struct {
			node, tree, want time.Duration
		}{
			"the realm's":   {0, 0, 5 * time.Minute},
			"the journey's": {0, 20 * time.Second, 20 * time.Second},
			"a node's":      {40 * time.Second, 20 * time.Second, 40 * time.Second},
			"a shorter one": {10 * time.Second, 20 * time.Second, 10 * time.Second},
		} {
			synctest.Test(t, func(t *testing.T) {
				tree := named("Login", 0)
				tree.Timeout, tree.MaxTime, tree.IdleTime = tt.tree, 10*tt.tree, tt.tree
				tree.Nodes["more"] = realmtest.Place("more", longer{tt.node, 20 * tt.node, 2 * tt.node}, "outcome", "name")
				tree.Entry = "more"
				r := realmtest.Open(t, realm.Settings{Path: "/", Users: people, JourneySessions: scheme,
					Journeys: realmtest.Journeys(tree)}).At(t, "/")

				late := begin(t, r, request(), "")
				time.Sleep(tt.want)
				got := answer(t, r, late, "alice")
				if f := got.Failure; f == nil || f.ErrorCode != "110" || f.Message != "Session has timed out" {
					t.Fatalf("%s, %s: too late by nothing: %+v", scheme, name, got)
				}
				intime := begin(t, r, request(), "")
				time.Sleep(tt.want - 2*time.Second)
				done := answer(t, r, answer(t, r, intime, "alice").Step, "wonder land")
				if done.Success == nil {
					t.Fatalf("%s, %s: in time: %+v", scheme, name, done.Failure)
				}
				s, err := r.Session(t.Context(), []string{done.Success.Token}, session.Peek)
				if err != nil {
					t.Fatal(err)
				}
				wantMax, wantIdle := realm.DefaultMaxTime, realm.DefaultIdleTimeout
				if tt.tree > 0 {
					wantMax, wantIdle = 10*tt.tree, tt.tree
				}
				if tt.node > 0 {
					wantMax, wantIdle = 20*tt.node, 2*tt.node
				}
				if got := s.MaxExpires().Sub(s.Created()); got != wantMax || s.IdleTime() != wantIdle {
					t.Errorf("%s, %s: the session lives %v, idle %v; want %v, %v", scheme, name, got, s.IdleTime(), wantMax, wantIdle)
				}
			})
		}
	}
}
