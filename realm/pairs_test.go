package realm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// keysOf are the keys that a store holds below prefixes.
func keysOf(t *testing.T, st store.Store, prefixes ...store.Key) (keys []string) {
	t.Helper()
	for _, prefix := range prefixes {
		rs, _, err := st.List(t.Context(), prefix, store.Page{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			keys = append(keys, r.Key.Kind())
		}
	}
	return keys
}

// TestSixPairs: a journey of each scheme yields a session of each kind. After
// success the store holds nothing of the journey but, if its client carried
// it, the mark that it has ended, and of the session nothing if its client
// carries that and it is not tracked. Logout on one node refuses on the other.
func TestSixPairs(t *testing.T) {
	marks := map[realm.JourneyScheme]string{realm.JourneysClient: "a "}
	const tracked = "client, tracked"
	sessions := map[realm.SessionScheme]string{realm.SessionsServer: "s u ", realm.SessionsClient: "", tracked: "s u "}
	ends := map[realm.SessionScheme]string{realm.SessionsServer: "", realm.SessionsClient: "d ", tracked: ""}
	for _, journeys := range schemes {
		for kind, left := range sessions {
			t.Run(string(journeys)+" "+string(kind), func(t *testing.T) {
				st := realmtest.NewStore(t)
				var sites [2]*realmtest.Site
				for i := range sites {
					list := settings(journeys, people)
					list[1].AuthenticatedSessions = kind
					if kind == tracked {
						list[1].AuthenticatedSessions, list[1].Track = realm.SessionsClient, true
					}
					sites[i] = realmtest.New(t, st, realm.Config{Realms: list})
					if err := sites[i].Start(t.Context(), sites[i].Backend); err != nil {
						t.Fatal(err)
					}
				}
				here, there := sites[0].At(t, "/alpha"), sites[1].At(t, "/alpha")
				tok := login(t, here, request()).Token
				is := func(when, want string) {
					t.Helper()
					if got := strings.Join(append(keysOf(t, st, "a/", "d/", "e/", "f/", "j/", "o/", "s/", "u/"), ""), " "); got != want {
						t.Errorf("%s the store holds %q, want %q", when, got, want)
					}
				}
				is("after the login", marks[journeys]+left)
				for _, r := range []*realm.Realm{here, there} {
					s, err := r.Session(t.Context(), []string{tok}, session.Touch)
					if err != nil || s.Realm() != "/alpha" || s.Carried() != (kind == realm.SessionsClient) {
						t.Errorf("%+v, %v", s, err)
					}
				}
				if _, err := sites[0].At(t, "/").Session(t.Context(), []string{tok}, session.Touch); !errors.Is(err, session.ErrInvalid) {
					t.Errorf("in another realm: %v", err)
				}
				if n, err := sites[1].Logout(t.Context(), []string{tok}); n != 1 || err != nil {
					t.Errorf("logout ended %d, %v", n, err)
				}
				for _, r := range []*realm.Realm{here, there} {
					if _, err := r.Session(t.Context(), []string{tok}, session.Touch); !errors.Is(err, session.ErrEnded) {
						t.Errorf("after the logout: %v", err)
					}
				}
				is("after the logout", marks[journeys]+ends[kind])
			})
		}
	}
}

// TestCarriedSessionAfterALostAnswer: the last step of a journey is sent again
// when the store did not say whether the first try happened.
func TestCarriedSessionAfterALostAnswer(t *testing.T) {
	for _, journeys := range []realm.JourneyScheme{realm.JourneysClient, realm.JourneysServer} {
		for name, fail := range map[string]func(*realmtest.Site){
			"it happened": func(s *realmtest.Site) { s.Store.Lost.Store(1); s.Store.Refused.Store(3) },
			"it did not":  func(s *realmtest.Site) { s.Store.Refused.Store(4) },
		} {
			t.Run(string(journeys)+" "+name, func(t *testing.T) {
				list := settings(journeys, people)
				list[1].AuthenticatedSessions = realm.SessionsClient
				s := realmtest.New(t, realmtest.NewStore(t), realm.Config{Realms: list})
				if err := s.Start(t.Context(), s.Backend); err != nil {
					t.Fatal(err)
				}
				r := s.At(t, "/alpha")
				step := begin(t, r, request(), "alice")
				last := request()
				last.AuthID, last.Callbacks = step.AuthID, answers(t, step.Callbacks, "wonder land")
				fail(s)
				if reply, err := r.Authenticate(t.Context(), last); !errors.Is(err, store.ErrUnavailable) {
					t.Fatalf("%+v, %v", reply, err)
				}
				s.Store.Lost.Store(0)
				s.Store.Refused.Store(0)
				reply, err := r.Authenticate(t.Context(), last)
				if err != nil || reply.Success == nil {
					t.Fatalf("sent again: %+v, %v", reply, err)
				}
				if !s.Lives(t, reply.Success.Token) {
					t.Error("the session does not live")
				}
				if reply, err := r.Authenticate(t.Context(), last); err == nil && reply.Success != nil {
					t.Error("a replay after success had a session")
				}
			})
		}
	}
}

// A journey may say that its sessions last longer than those that clients carry
// can be ended: they last as long as that, and the login does not fail.
func TestCarriedSessionLastsAYearAtMost(t *testing.T) {
	for kind, want := range map[realm.SessionScheme]time.Duration{
		realm.SessionsServer: 2 * 365 * 24 * time.Hour, realm.SessionsClient: session.MaxCarried,
	} {
		list := settings(realm.JourneysServer, people)
		list[1].AuthenticatedSessions = kind
		list[1].Journeys["Login"].MaxTime = 2 * 365 * 24 * time.Hour
		s := realmtest.New(t, realmtest.NewStore(t), realm.Config{Realms: list})
		if err := s.Start(t.Context(), s.Backend); err != nil {
			t.Fatal(err)
		}
		made, err := s.Session(t.Context(), []string{login(t, s.At(t, "/alpha"), request()).Token}, session.Peek)
		if err != nil {
			t.Fatal(err)
		}
		if got := made.MaxExpires().Sub(made.Created()); got != want {
			t.Errorf("%s: it lasts %v, want %v", kind, got, want)
		}
	}
}
