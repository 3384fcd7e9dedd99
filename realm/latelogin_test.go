package realm_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/store"
)

// TestLateLoginUndoesNoLogout: etcd leaves the last step of a journey without
// an answer, its client sends the step again and is signed in, and logs out.
// When the first try then happens after all, because a member hung, the session
// is not back: not at once, not when nothing in the store tells any more that
// the journey has ended, and not after a reload between the tries.
func TestLateLoginUndoesNoLogout(t *testing.T) {
	for _, scheme := range schemes {
		for _, noAllowlisting := range []bool{false, true} {
			for _, wait := range []time.Duration{0, 10 * time.Minute, time.Hour} {
				name := fmt.Sprintf("%s, no allowlisting %v, after %v", scheme, noAllowlisting, wait)
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { lateLogin(t, scheme, noAllowlisting, wait) })
				})
			}
		}
	}
}

func lateLogin(t *testing.T, scheme realm.JourneyScheme, noAllowlisting bool, wait time.Duration) {
	settings := realm.Settings{
		Path: "/", Users: people, Journeys: realmtest.Journeys(nodes.Login()),
		JourneySessions: scheme, NoAllowlisting: noAllowlisting,
	}
	site := realmtest.Open(t, settings)
	reply, err := site.At(t, "/").Authenticate(t.Context(), request())
	if err != nil || reply.Step == nil {
		t.Fatalf("a start: %+v, %v", reply, err)
	}
	req := request()
	req.AuthID, req.Callbacks = reply.Step.AuthID, answers(t, reply.Step.Callbacks, "alice", "wonder land")
	for range 2 {
		leftInDoubt(t, site, req)
	}
	if scheme == realm.JourneysInMemory {
		reload(t, site, settings)
	}
	if reply, err = site.At(t, "/").Authenticate(t.Context(), req); err != nil || reply.Success == nil {
		t.Fatalf("the step is sent again: %+v, %v", reply, err)
	}
	staysLoggedOut(t, site, reply.Success.Token, wait)
}

// TestLateLoginOfAJourneyThatWentBack is the same where the client, between the
// tries, goes back in its journey, or fails so that it begins again.
func TestLateLoginOfAJourneyThatWentBack(t *testing.T) {
	for _, scheme := range schemes {
		for name, fails := range map[string]bool{"it goes back": false, "it fails": true} {
			t.Run(fmt.Sprintf("%s, %s", scheme, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { lateLoginAfterDetour(t, scheme, fails) })
			})
		}
	}
}

func lateLoginAfterDetour(t *testing.T, scheme realm.JourneyScheme, fails bool) {
	site := realmtest.Open(t, realm.Settings{
		Path: "/", Users: people, Journeys: trees(), JourneySessions: scheme, NoAllowlisting: true,
	})
	r := site.At(t, "/")
	reply, err := r.Authenticate(t.Context(), request())
	if err != nil || reply.Step == nil {
		t.Fatalf("a start: %+v, %v", reply, err)
	}
	name := reply.Step
	password := answer(t, r, name, "alice").Step
	req := request()
	req.AuthID, req.Callbacks = password.AuthID, answers(t, password.Callbacks, "wonder land")
	leftInDoubt(t, site, req)
	if fails {
		if reply := answer(t, r, password, "wrong"); reply.Failure == nil {
			t.Fatalf("a wrong password: %+v", reply)
		}
	}
	if scheme == realm.JourneysClient || fails { // else the first step's authId answers the last one
		if reply := answer(t, r, name, "alice"); reply.Step == nil {
			t.Fatalf("the first step again: %+v", reply.Failure)
		}
	}
	reply = answer(t, r, password, "wonder land")
	if reply.Success == nil {
		t.Fatalf("the last step again: %+v", reply.Failure)
	}
	staysLoggedOut(t, site, reply.Success.Token, time.Hour)
}

// leftInDoubt sends a request while the store is to do late what it is asked.
func leftInDoubt(t *testing.T, site *realmtest.Site, req realm.Request) {
	t.Helper()
	site.Store.Late.Store(100)
	defer site.Store.Late.Store(0)
	if reply, err := site.At(t, "/").Authenticate(t.Context(), req); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the store does not answer: %+v, %v", reply, err)
	}
}

// staysLoggedOut logs a session out and has, later, happen what is late.
func staysLoggedOut(t *testing.T, site *realmtest.Site, tok string, wait time.Duration) {
	t.Helper()
	if n, err := site.Logout(t.Context(), []string{tok}); n != 1 || err != nil {
		t.Fatalf("%d sessions are logged out, %v", n, err)
	}
	time.Sleep(wait)
	if site.Store.Pending() == 0 {
		t.Fatal("nothing is late")
	}
	for _, err := range site.Store.Deliver(t.Context()) {
		if !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrConflict) {
			t.Errorf("a late try: %v", err)
		}
	}
	if site.Lives(t, tok) {
		t.Error("the session is back")
	}
}

// reload is a reload of the configuration: a new Set on what the one before
// works on.
func reload(t *testing.T, site *realmtest.Site, settings realm.Settings) {
	t.Helper()
	set, err := realm.New(realm.Config{Realms: realmtest.Complete(settings), Logger: site.Log.Logger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Close)
	if err := set.Start(t.Context(), site.Backend); err != nil {
		t.Fatal(err)
	}
	site.Set = set
}
