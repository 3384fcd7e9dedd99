package realm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/store"
)

// member is a node at an address of a cluster on st.
func member(t testing.TB, st store.Store, address string, realms ...realm.Settings) *realmtest.Site {
	t.Helper()
	s := realmtest.New(t, st, realm.Config{Realms: realms, BaseURL: realmtest.Origin, Base: realmtest.Base})
	s.Backend.Nodes = cluster.New(cluster.Config{
		Store: s.Store, Logger: s.Log.Logger(), Journeys: func() int { return s.Backend.Journeys.Stats().Journeys },
	})
	t.Cleanup(s.Backend.Nodes.Close)
	s.Backend.Node = cluster.Node{Name: address, Address: address}
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	return s
}

// toward is where a request to /alpha belongs that may be passed on, "" for here.
func toward(t testing.TB, s *realmtest.Site, req realm.Request) string {
	t.Helper()
	ctx, elsewhere := realm.SeekElsewhere(t.Context())
	_, err := s.At(t, "/alpha").Authenticate(ctx, req)
	if errors.Is(err, realm.ErrElsewhere) != elsewhere.Found || elsewhere.Found != (elsewhere.Node.Address != "") {
		t.Fatalf("elsewhere is %+v, with the error %v", elsewhere, err)
	}
	return elsewhere.Node.Address
}

// A node that is draining begins no journey and resumes none, while another
// takes them; those that it has go on.
func TestDrainingNodeBeginsNothing(t *testing.T) {
	for _, scheme := range schemes {
		synctest.Test(t, func(t *testing.T) {
			o, st := realmtest.NewOutbox(), realmtest.NewStore(t)
			realms := realmtest.Complete(realm.Settings{Path: "/"},
				realm.Settings{Path: "/alpha", Users: people, Journeys: mail(o, time.Hour), JourneySessions: scheme})
			one, two := member(t, st, "am-1:80", realms...), member(t, st, "am-2:80", realms...)
			synctest.Wait()
			alpha := one.At(t, "/alpha")
			begun, err := alpha.Authenticate(t.Context(), request())
			if err != nil || toward(t, one, request()) != "" {
				t.Fatalf("%s: before: %v", scheme, err)
			}
			begin(t, alpha, request(), "alice")
			link := request()
			link.SuspendedID = o.Link(t).Query().Get("suspendedId")

			one.Backend.Nodes.Drain(true)
			synctest.Wait()
			if err := one.Ready(t.Context()); err == nil || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: it is ready: %v", scheme, err)
			}
			if err := two.Ready(t.Context()); err != nil {
				t.Errorf("%s: the other: %v", scheme, err)
			}
			if to := toward(t, one, request()); to != "am-2:80" {
				t.Errorf("%s: a journey begins at %q", scheme, to)
			}
			if to := toward(t, one, link); to != "am-2:80" {
				t.Errorf("%s: a link leads to %q", scheme, to)
			}
			if to := toward(t, two, request()); to != "" {
				t.Errorf("%s: the other node sends a journey to %q", scheme, to)
			}
			if got := answer(t, alpha, begun.Step, "alice"); got.Step == nil || got.Step.Restarted {
				t.Errorf("%s: the journey that it has: %+v", scheme, got)
			}
			// What was passed on, or can be passed to nobody, begins here.
			if reply, err := alpha.Authenticate(t.Context(), request()); err != nil || reply.Step == nil {
				t.Errorf("%s: what was passed on: %+v, %v", scheme, reply, err)
			}
			two.Backend.Nodes.Drain(true)
			synctest.Wait()
			if to := toward(t, one, request()); to != "" {
				t.Errorf("%s: where all are draining it begins at %q", scheme, to)
			}
			one.Backend.Nodes.Drain(false)
			if err := one.Ready(t.Context()); err != nil {
				t.Errorf("%s: afterwards: %v", scheme, err)
			}
		})
	}
}
