package realm_test

import (
	"context"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// checkers are the types of nodes that check a password of one of the realm's
// people.
var checkers = map[string]bool{
	"DataStoreDecisionNode": true, "IdentityStoreDecisionNode": true, "LdapDecisionNode": true,
}

// agentCheckers check one of the realm's agents.
var agentCheckers = map[string]bool{"AgentDataStoreDecisionNode": true}

// others vouch for something else than a password, and why each may.
var others = map[string]string{
	"InnerTreeEvaluatorNode":               "it is the nodes of another journey",
	"PersistentCookieDecisionNode":         "a cookie that the server sealed",
	"OneTimePasswordCollectorDecisionNode": "a password for one journey: see TestGuessedCodesLockOut",
	"EmailSuspendNode":                     "a link for one journey",
}

// checking is a journey that checks name and password with a node of a type.
func checking(spec nodes.Spec) *journey.Tree {
	check := realmtest.Place("check", spec.New())
	for _, outcome := range check.Node.Outcomes() {
		check.Next[outcome] = journey.Failure
	}
	for _, outcome := range spec.Proves {
		check.Next[outcome] = journey.Success
	}
	return realmtest.Tree(spec.Type,
		realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
		realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
		check)
}

// TestEveryPasswordCheckCountsForLockout answers Keycloak's CVE-2026-9798
// (SECURITY 13): a lockout that one way in did not know. Every type of node
// that takes a credential is on one of the lists above, whose nodes count
// failures in one place: whichever counted them, all refuse the right password
// from then on, and take it again when the lockout is over.
func TestEveryPasswordCheckCountsForLockout(t *testing.T) {
	lockout := &realm.Lockout{Count: 3, Interval: 5 * time.Minute, Duration: time.Hour}
	var ofPeople, ofAgents []nodes.Spec
	for _, spec := range nodes.All() {
		_, other := others[spec.Type]
		switch {
		case checkers[spec.Type]:
			ofPeople = append(ofPeople, spec)
		case agentCheckers[spec.Type]:
			ofAgents = append(ofAgents, spec)
		case len(spec.Proves) > 0 && !other:
			t.Errorf("%s vouches for something and is on none of the lists of this test", spec.Type)
		}
	}
	for _, specs := range [][]nodes.Spec{ofPeople, ofAgents} {
		for _, counts := range specs {
			for _, refuses := range specs {
				synctest.Test(t, func(t *testing.T) {
					r := realmtest.Open(t, realm.Settings{
						Path: "/", Users: people, Lockout: lockout, DefaultJourney: counts.Type,
						Agents:   journeytest.Users{{User: identity.User{ID: "a1", Username: "alice", Active: true}, Password: "wonder land"}},
						Journeys: realmtest.Journeys(checking(counts), checking(refuses)),
					}).At(t, "/")
					try := func(spec nodes.Spec, name, password string) bool {
						req := request()
						req.IndexType, req.IndexValue = "service", spec.Type
						return answer(t, r, begin(t, r, req, name), password).Success != nil
					}
					if !try(counts, "alice", "wonder land") || !try(refuses, "alice", "wonder land") {
						t.Fatalf("%s, %s: the right password is refused", counts.Type, refuses.Type)
					}
					for _, name := range []string{"alice", "ALICE", "alice"} { // SECURITY 14
						if try(counts, name, "wrong") {
							t.Fatal("a wrong password is right")
						}
					}
					if try(refuses, "alice", "wonder land") || try(counts, "alice", "wonder land") {
						t.Errorf("%s does not heed what %s counted", refuses.Type, counts.Type)
					}
					time.Sleep(lockout.Duration)
					if !try(refuses, "alice", "wonder land") {
						t.Errorf("%s: the lockout does not end", refuses.Type)
					}
				})
			}
		}
	}
}

// postbox is a mail server that keeps the last mail.
type postbox struct{ last journey.Mail }

func (p *postbox) Send(_ context.Context, m journey.Mail) error { p.last = m; return nil }
func (*postbox) HasTemplate(string) bool                        { return true }

var eightDigits = regexp.MustCompile("[0-9]{8}")

// SECURITY 13: guesses at one-time passwords are counted for their user, in
// one place with those at passwords: a new journey or a new one-time password
// begins no new count.
func TestGuessedCodesLockOut(t *testing.T) {
	codes := realmtest.Tree("Codes",
		realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
		realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
		realmtest.Place("check", new(nodes.DataStore), "true", "make", "false", journey.Failure),
		realmtest.Place("make", &nodes.OTPGenerator{Length: 8}, "outcome", "send"),
		realmtest.Place("send", &nodes.OTPMailSender{Address: "mail"}, "outcome", "ask"),
		realmtest.Place("ask", &nodes.OTPDecision{Expiry: 5}, "true", journey.Success, "false", journey.Failure))
	synctest.Test(t, func(t *testing.T) {
		alice := journeytest.Demo("alice", "wonder land")
		alice[0].Attributes = map[string][]string{"mail": {"alice@example.com"}}
		mails := new(postbox)
		lockout := &realm.Lockout{Count: 3, Interval: 5 * time.Minute, Duration: time.Hour}
		r := realmtest.Open(t, realm.Settings{
			Path: "/", Users: alice, Lockout: lockout, Mailer: mails, Journeys: realmtest.Journeys(named("Login", 0), codes),
		}).At(t, "/")
		begun := func() *realm.Step {
			req := request()
			req.IndexType, req.IndexValue = "service", "Codes"
			step := answer(t, r, begin(t, r, req, "alice"), "wonder land").Step
			if step == nil {
				t.Fatal("the right password is refused")
			}
			return step
		}
		right := func() string { return eightDigits.FindString(mails.last.Text) }
		if step := begun(); answer(t, r, step, right()).Success == nil {
			t.Fatal("the right code is refused")
		}
		late := begun()
		code := right()
		for range lockout.Count {
			if got := answer(t, r, begun(), "0").Failure; got == nil {
				t.Fatal("a wrong code is right")
			}
		}
		if got := answer(t, r, late, code).Failure; got == nil || got.Message != journey.MessageLockedOut {
			t.Errorf("after %d wrong codes the right one: %+v", lockout.Count, got)
		}
		if got := answer(t, r, begin(t, r, request(), "alice"), "wonder land"); got.Success != nil {
			t.Error("and the password alone signs in")
		}
		time.Sleep(lockout.Duration)
		if step := begun(); answer(t, r, step, right()).Success == nil {
			t.Error("the lockout does not end")
		}
	})
}

// A session of a user who is locked out at the end of a journey is not made:
// what counts is whether they may sign in now.
func TestLockoutCountsAtTheEnd(t *testing.T) {
	late := realmtest.Tree("Late",
		realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
		realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
		realmtest.Place("check", new(nodes.DataStore), "true", "ask", "false", journey.Failure),
		realmtest.Place("ask", new(nodes.Message), "true", journey.Success, "false", journey.Failure))
	for _, scheme := range schemes {
		r := realmtest.Open(t, realm.Settings{
			Path: "/", Users: people, JourneySessions: scheme, Journeys: realmtest.Journeys(late, named("Login", 0)),
			Lockout: &realm.Lockout{Count: 2, Interval: time.Minute},
		}).At(t, "/")
		req := request()
		req.IndexType, req.IndexValue = "service", "Late"
		message := answer(t, r, begin(t, r, req, "alice"), "wonder land").Step
		for range 2 {
			answer(t, r, begin(t, r, request(), "alice"), "wrong")
		}
		yes := request()
		yes.AuthID = message.AuthID
		yes.Callbacks = []byte(`[{"type":"ConfirmationCallback","input":[{"name":"IDToken2","value":0}]}]`)
		reply, err := r.Authenticate(t.Context(), yes)
		if err != nil || reply.Failure == nil || reply.Failure.Message != "User Locked Out." {
			t.Errorf("%s: %+v %+v, %v", scheme, reply.Step, reply.Success, err)
		}
	}
}
