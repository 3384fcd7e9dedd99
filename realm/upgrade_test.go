package realm_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
)

var couple = journeytest.Users{
	{User: identity.User{ID: "4711", Username: "alice", Active: true}, Password: "wonder land"},
	{User: identity.User{ID: "4713", Username: "carol", Active: true}, Password: "wonder land"},
}

// climbing is a realm with journeys of level 7 and 3, whose sessions have a
// webhook each.
func climbing(journeys realm.JourneyScheme, sessions realm.SessionScheme, hooks ...realm.Webhook) realm.Settings {
	with := func(name string, level int, hook hooked) *journey.Tree {
		return realmtest.Tree(name,
			realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
			realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
			realmtest.Place("check", new(nodes.DataStore), "true", "level", "false", journey.Failure),
			realmtest.Place("level", raise(level), "outcome", "hook"),
			realmtest.Place("hook", hook, "outcome", journey.Success))
	}
	var first, second hooked
	if len(hooks) > 0 {
		first, second = hooked{hooks[0].Name}, hooked{hooks[1].Name}
	}
	return realm.Settings{
		Path: "/", Users: couple, JourneySessions: journeys, AuthenticatedSessions: sessions, Webhooks: hooks,
		Journeys: realmtest.Journeys(with("Login", 7, first), with("StepUp", 3, second)),
	}
}

// stepUp walks the journey StepUp with a session.
func stepUp(t *testing.T, r *realm.Realm, tok, user, password string, edit func(*realm.Request)) realm.Reply {
	t.Helper()
	req := request()
	req.Tokens, req.IndexType, req.IndexValue = []string{tok}, "service", "StepUp"
	if edit != nil {
		edit(&req)
	}
	reply, err := r.Authenticate(t.Context(), req)
	for _, value := range []string{user, password} {
		if err != nil || reply.Step == nil {
			t.Fatalf("%+v, %v", reply, err)
		}
		next := request()
		next.Tokens, next.AuthID, next.Callbacks = req.Tokens, reply.Step.AuthID, answers(t, reply.Step.Callbacks, value)
		reply, err = r.Authenticate(t.Context(), next)
	}
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// eachPair runs a test for every scheme of journeys with every kind of
// sessions.
func eachPair(t *testing.T, test func(*testing.T, realm.JourneyScheme, realm.SessionScheme)) {
	t.Helper()
	for _, journeys := range schemes {
		for _, sessions := range []realm.SessionScheme{realm.SessionsServer, realm.SessionsClient} {
			t.Run(fmt.Sprintf("%s %s", journeys, sessions), func(t *testing.T) { test(t, journeys, sessions) })
		}
	}
}

// TestStepUp: the session that a journey yields takes the place of the one that
// the client had, on every node; the audit log and the webhooks are told as AM
// tells them.
func TestStepUp(t *testing.T) {
	eachPair(t, func(t *testing.T, journeys realm.JourneyScheme, sessions realm.SessionScheme) {
		at, calls := hearing(t)
		hook := func(name string) realm.Webhook {
			return realm.Webhook{Name: name, URL: at, Method: http.MethodPost, Body: "${WebhookEventType} ${AuthLevel} " + name}
		}
		var written bytes.Buffer
		s := realmtest.New(t, realmtest.NewStore(t), realm.Config{
			Realms: realmtest.Complete(climbing(journeys, sessions, hook("first"), hook("second"))),
			Base:   realmtest.Base, BaseURL: realmtest.Origin, Audit: slog.New(slog.NewJSONHandler(&written, nil)),
		})
		if err := s.Start(t.Context(), s.Backend); err != nil {
			t.Fatal(err)
		}
		r := s.At(t, "/")
		old := login(t, r, request()).Token
		was, err := s.Session(t.Context(), []string{old}, session.Peek)
		if err != nil {
			t.Fatal(err)
		}
		done := stepUp(t, r, old, "alice", "wonder land", nil).Success
		if done == nil || done.Token == "" || done.Existing {
			t.Fatalf("%+v", done)
		}
		now, err := s.Session(t.Context(), []string{done.Token}, session.Peek)
		if err != nil || now.AuthLevel() != 7 || now.Handle() == was.Handle() {
			t.Errorf("level %d, %v", now.AuthLevel(), err)
		}
		if s.Lives(t, old) {
			t.Error("the session that was upgraded lives")
		}
		if c := next(t, calls); c.body != "UPGRADE 7 first" {
			t.Errorf("the webhook says %q", c.body)
		}
		logout(t, s, done.Token)
		said := []string{next(t, calls).body, next(t, calls).body}
		if slices.Sort(said); !slices.Equal(said, []string{"LOGOUT 7 first", "LOGOUT 7 second"}) {
			t.Errorf("the webhooks say %q", said)
		}
		s.Backend.Outbox.Close()
		var told []string
		for _, e := range events(t, &written) {
			if e.Component == "Session" {
				told = append(told, e.Msg+" "+e.TrackingIDs[len(e.TrackingIDs)-1])
			}
			if e.Msg == "AM-TREE-LOGIN-COMPLETED" && *e.AuthLevel != 7 {
				t.Errorf("journey %s ended with level %d", e.TreeName, *e.AuthLevel)
			}
		}
		slices.Sort(told)
		want := []string{
			"AM-SESSION-CREATED " + was.ContextID(), "AM-SESSION-CREATED " + now.ContextID(),
			"AM-SESSION-DESTROYED " + was.ContextID(), "AM-SESSION-LOGGED_OUT " + now.ContextID(),
		}
		if slices.Sort(want); !slices.Equal(told, want) {
			t.Errorf("the audit log has\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestSessionOutlivesAFailedStepUp: neither a wrong password, nor another user
// (AM's error 124), nor a journey without a session ends it, nor one that has
// begun.
func TestSessionOutlivesAFailedStepUp(t *testing.T) {
	eachPair(t, func(t *testing.T, journeys realm.JourneyScheme, sessions realm.SessionScheme) {
		s := realmtest.Open(t, climbing(journeys, sessions))
		r := s.At(t, "/")
		tok := login(t, r, request()).Token
		for _, tt := range []struct {
			user, password string
			edit           func(*realm.Request)
			want           *realm.Failure
		}{
			{"alice", "wrong", nil, &realm.Failure{Message: "Login failure"}},
			{"carol", "wonder land", nil, &realm.Failure{
				Message: "Session Upgrade fails since user is different than original authenticated user", ErrorCode: "124",
			}},
			{"carol", "wonder land", func(q *realm.Request) { q.NoSession = true }, nil},
			{"carol", "wonder land", func(q *realm.Request) { q.NewSession = true }, nil},
		} {
			reply := stepUp(t, r, tok, tt.user, tt.password, tt.edit)
			if (tt.want == nil) != (reply.Failure == nil) || tt.want != nil &&
				(tt.want.Message != reply.Failure.Message || tt.want.ErrorCode != reply.Failure.ErrorCode) {
				t.Errorf("%s with %q: %+v, %+v", tt.user, tt.password, reply.Success, reply.Failure)
			}
			if !s.Lives(t, tok) {
				t.Fatalf("%s with %q has ended the session", tt.user, tt.password)
			}
		}
	})
}
