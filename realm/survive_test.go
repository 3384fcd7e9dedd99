package realm_test

import (
	"testing"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// survivor is a node of an installation whose in-memory journeys survive it.
// What was begun on another one is its own as soon as it is asked: no directory
// says that the other is there.
func survivor(t *testing.T, st store.Store, sessions realm.SessionScheme, track bool) *realmtest.Site {
	t.Helper()
	list := settings(realm.JourneysInMemory, people)
	list[1].SurviveNodeLoss, list[1].AuthenticatedSessions, list[1].Track = true, sessions, track
	s := realmtest.New(t, st, realm.Config{Realms: list})
	s.Backend.Node = cluster.Node{Address: "am-1:8080"}
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestJourneySurvivesTheLossOfItsNode (SECURITY 18): at each of its steps a journey goes on on
// another node. The reply to the last one may be lost with the node: then the
// client that sends it again gets the session of the first time, once; one that
// was logged out meanwhile does not come back.
func TestJourneySurvivesTheLossOfItsNode(t *testing.T) {
	for name, kind := range map[string]struct {
		sessions realm.SessionScheme
		track    bool
	}{
		"server": {realm.SessionsServer, false}, "client": {realm.SessionsClient, false}, "client, tracked": {realm.SessionsClient, true},
	} {
		t.Run(name, func(t *testing.T) {
			st := realmtest.NewStore(t)
			node := func() *realmtest.Site { return survivor(t, st, kind.sessions, kind.track) }
			req := request()
			req.Goto = "https://app.example.com/page"
			step := begin(t, node().At(t, "/alpha"), req, "alice")
			at := node()
			first := answer(t, at.At(t, "/alpha"), step, "wonder land").Success
			if first == nil || first.SuccessURL != req.Goto {
				t.Fatalf("after the loss of its node the journey ended with %+v", first)
			}
			again := answer(t, node().At(t, "/alpha"), step, "wonder land").Success
			if again == nil {
				t.Fatal("the client that was not told of its success is refused")
			}
			if handle(t, at, again.Token) != handle(t, at, first.Token) {
				t.Error("one journey has yielded two sessions")
			}
			for range 2 {
				if again := answer(t, node().At(t, "/alpha"), step, "wonder land"); again.Success != nil {
					t.Fatal("the client is told once more")
				}
			}

			// A logout counts.
			step = begin(t, at.At(t, "/alpha"), request(), "alice")
			token := answer(t, at.At(t, "/alpha"), step, "wonder land").Success.Token
			if n, err := at.Logout(t.Context(), []string{token}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if again := answer(t, node().At(t, "/alpha"), step, "wonder land").Success; again != nil && at.Lives(t, again.Token) {
				t.Error("a session that was logged out is back")
			}
		})
	}
}

// handle names the session of a token.
func handle(t *testing.T, s *realmtest.Site, token string) string {
	t.Helper()
	found, err := s.At(t, "/alpha").Session(t.Context(), []string{token}, session.Peek)
	if err != nil {
		t.Fatal(err)
	}
	return found.Handle()
}

// A journey that failed is over on the nodes that are left: nobody tries
// another password.
func TestFailedJourneySurvivesNoLoss(t *testing.T) {
	st := realmtest.NewStore(t)
	at := survivor(t, st, realm.SessionsClient, false)
	step := begin(t, at.At(t, "/alpha"), request(), "alice")
	if r := answer(t, at.At(t, "/alpha"), step, "wrong"); r.Failure == nil {
		t.Fatalf("%+v", r)
	}
	if r := answer(t, survivor(t, st, realm.SessionsClient, false).At(t, "/alpha"), step, "wonder land"); r.Failure == nil {
		t.Error("a journey that failed has succeeded")
	}
}
