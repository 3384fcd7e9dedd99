package realm_test

import (
	"errors"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
)

// reload is the node after a reload with other realms: a new Set on what the
// one before works on.
func (s *site) reload(t *testing.T, realms []realm.Settings) *realm.Set {
	t.Helper()
	set, err := realm.New(realm.Config{Realms: realms, Logger: s.Log.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	if err := set.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	return set
}

// A journey that a reload took away cannot be gone on with, and one that lost
// the node at which it stands fails: neither is ever taken for walked to its
// end.
func TestReloadTakesJourneysAway(t *testing.T) {
	renamed := realmtest.Journeys(realmtest.Tree("Login",
		realmtest.Place("welcome", new(nodes.Message), "true", journey.Success, "false", journey.Failure)))
	for _, scheme := range schemes {
		s := started(t, scheme)
		step := begin(t, s.alpha(t), request(), "alice")
		again := func(journeys map[string]*journey.Tree, defaultJourney string) (realm.Reply, error) {
			realms := settings(scheme, s.people)
			realms[1].Journeys, realms[1].DefaultJourney = journeys, defaultJourney
			r, _ := s.reload(t, realms).Realm("/alpha")
			req := request()
			req.AuthID, req.Callbacks = step.AuthID, answers(t, step.Callbacks, "wonder land")
			return r.Authenticate(t.Context(), req)
		}
		without := trees()
		delete(without, "Login")
		if reply, err := again(without, "WithURL"); !errors.Is(err, realm.ErrNoConfiguration) {
			t.Errorf("%s: a journey that is gone: %+v, %v", scheme, reply, err)
		}
		reply, err := again(renamed, "Login")
		if err != nil || reply.Failure == nil || reply.Failure.Message != "Login failure" {
			t.Errorf("%s: a node that is gone: %+v, %v", scheme, reply, err)
		}
	}
}

// A realm that a reload took away has no sessions: they open nothing, not
// even through another realm. When it comes back, so do they.
func TestReloadTakesARealmAway(t *testing.T) {
	s := started(t, realm.JourneysServer)
	tok := login(t, s.alpha(t), request()).Token
	all := settings(realm.JourneysServer, s.people)
	found, err := s.reload(t, all[:1]).Session(t.Context(), []string{tok}, session.Peek)
	if !errors.Is(err, session.ErrInvalid) {
		t.Errorf("a session of a realm that is gone: %+v, %v", found, err)
	}
	if _, err := s.reload(t, all).Session(t.Context(), []string{tok}, session.Peek); err != nil {
		t.Errorf("after the realm came back: %v", err)
	}
}
