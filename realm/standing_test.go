package realm_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// staff are people who know when they change.
type staff struct {
	identity.Store
	mu        sync.Mutex
	stamps    map[string]string
	since     time.Time
	listeners []func([]string, time.Time)
}

var _ identity.Standing = (*staff)(nil)

// newStaff are the couple, with these stamps.
func newStaff(alice, carol string) *staff {
	return &staff{Store: couple, stamps: map[string]string{"4711": alice, "4713": carol}, since: time.Now()}
}

func (s *staff) Stamp(id string) (string, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stamps[id], s.since
}

func (s *staff) OnChange(fn func([]string, time.Time)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, fn)
	return func() {}
}

// change is that of alice's stamp, made then and seen now.
func (s *staff) change(stamp string, made time.Time) {
	s.mu.Lock()
	s.stamps = maps.Clone(s.stamps)
	s.stamps["4711"], s.since = stamp, time.Now()
	s.mu.Unlock()
	for _, tell := range s.listeners {
		tell([]string{"4711"}, made)
	}
}

// homes are where sessions live, in a world with the time of synctest.
func homes(t *testing.T, test func(t *testing.T, start func(users identity.Store) *realmtest.Site, written *bytes.Buffer)) {
	t.Helper()
	for name, home := range map[string]func(*realm.Settings){
		"server":          func(*realm.Settings) {},
		"client":          func(s *realm.Settings) { s.AuthenticatedSessions = realm.SessionsClient },
		"client, tracked": func(s *realm.Settings) { s.AuthenticatedSessions, s.Track = realm.SessionsClient, true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st, written := realmtest.NewStore(t), new(bytes.Buffer)
				test(t, func(users identity.Store) *realmtest.Site {
					s := climbing(realm.JourneysInMemory, realm.SessionsServer)
					s.Users = users
					s.Journeys["Lock"] = realmtest.Tree("Lock",
						realmtest.Place("name", new(nodes.Username), "outcome", "off"),
						realmtest.Place("off", switchOff{}, "outcome", journey.Failure))
					home(&s)
					site := realmtest.New(t, st, realm.Config{
						Realms: realmtest.Complete(s), Audit: slog.New(slog.NewJSONHandler(written, nil)),
					})
					if err := site.Start(t.Context(), site.Backend); err != nil {
						t.Fatal(err)
					}
					return site
				}, written)
			})
		})
	}
}

// switchOff is a node that switches an account off.
type switchOff struct{}

func (switchOff) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	u, err := in.Users.ByName(ctx, in.State.String(journey.KeyUsername))
	if err != nil {
		return journey.Action{}, err
	}
	return journey.Goto("outcome"), in.Services.Accounts.SetActive(ctx, u, false)
}

func (switchOff) Outcomes() []string { return []string{"outcome"} }

// left are how many sessions the store has.
func left(t *testing.T, s *realmtest.Site) int { return len(keysOf(t, s.Store.Store, "s/")) }

// TestPasswordChangeEndsSessions: as soon as a node knows that a user signs in
// by another password, or is gone or not active, it refuses the sessions from
// before, and ends them everywhere. Those by the new password, and those of
// others, live. SECURITY 16, 33.
func TestPasswordChangeEndsSessions(t *testing.T) {
	for _, stamp := range []string{"new", ""} {
		homes(t, func(t *testing.T, start func(identity.Store) *realmtest.Site, written *bytes.Buffer) {
			there, here := newStaff("old", "hers"), newStaff("old", "hers")
			a, b := start(here), start(there)
			time.Sleep(time.Minute)
			tok := login(t, a.At(t, "/"), request()).Token
			idle := login(t, a.At(t, "/"), request()).Token
			hers := answer(t, b.At(t, "/"), begin(t, b.At(t, "/"), request(), "carol"), "wonder land").Success.Token
			kept := left(t, a)
			time.Sleep(time.Minute)
			made := time.Now()
			here.change(stamp, made)
			if a.Lives(t, tok) {
				t.Error("where the change is known the session works")
			}
			synctest.Wait()
			for _, s := range []*realmtest.Site{a, b} {
				if s.Lives(t, tok) || s.Lives(t, idle) || !s.Lives(t, hers) {
					t.Errorf("the sessions live: %v, %v; that of somebody else: %v", s.Lives(t, tok), s.Lives(t, idle), s.Lives(t, hers))
				}
			}
			if kept > 0 && left(t, a) != 1 {
				t.Errorf("%d sessions are in the store", left(t, a))
			}
			if destroyed := strings.Count(written.String(), "AM-SESSION-DESTROYED"); destroyed == 0 ||
				strings.Count(written.String(), `"runAs":"identities"`) != destroyed {
				t.Errorf("the audit log has\n%s", written)
			}
			if stamp == "" {
				return
			}
			// The other node does not know yet, and takes what the first makes.
			time.Sleep(time.Second)
			fresh := login(t, a.At(t, "/"), request()).Token
			writes := a.Store.Commits.Load() + b.Store.Commits.Load()
			for range 2 {
				if !a.Lives(t, fresh) || !b.Lives(t, fresh) {
					t.Error("a session by the new password has ended")
				}
				there.change(stamp, made)
				synctest.Wait()
			}
			if again := a.Store.Commits.Load() + b.Store.Commits.Load() - writes; again != 0 {
				t.Errorf("the node that hears of it later has written %d times", again)
			}
		})
	}
}

// TestPasswordChangeDuringAnOutage: the sessions are refused where the change is
// known, and end when the store is back.
func TestPasswordChangeDuringAnOutage(t *testing.T) {
	homes(t, func(t *testing.T, start func(identity.Store) *realmtest.Site, _ *bytes.Buffer) {
		users := newStaff("old", "hers")
		a, b := start(users), start(newStaff("old", "hers"))
		tok := login(t, a.At(t, "/"), request()).Token
		time.Sleep(time.Minute)
		a.Store.Down.Store(true)
		users.change("new", time.Now())
		time.Sleep(time.Hour)
		if _, err := b.Session(t.Context(), []string{tok}, session.Peek); errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		a.Store.Down.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if a.Lives(t, tok) || b.Lives(t, tok) || left(t, a) != 0 {
			t.Errorf("the session lives: %v and %v, %d are in the store", a.Lives(t, tok), b.Lives(t, tok), left(t, a))
		}
	})
}

// TestPasswordChangeWhileNobodyLooks: a node that starts with another password
// refuses the sessions from before, and ends them when somebody comes.
func TestPasswordChangeWhileNobodyLooks(t *testing.T) {
	homes(t, func(t *testing.T, start func(identity.Store) *realmtest.Site, _ *bytes.Buffer) {
		a := start(newStaff("old", "hers"))
		tok := login(t, a.At(t, "/"), request()).Token
		time.Sleep(time.Minute)
		b := start(newStaff("new", "hers"))
		if b.Lives(t, tok) {
			t.Error("the session works")
		}
		synctest.Wait()
		if a.Lives(t, tok) || left(t, a) != 0 {
			t.Error("it has not ended")
		}
	})
}

// TestPasswordChangeEndsPersistentCookies: a persistent cookie from before the
// change opened a new session. The password is asked for instead. SECURITY 16, 33.
func TestPasswordChangeEndsPersistentCookies(t *testing.T) {
	users := newStaff("old", "hers")
	site := realmtest.Open(t, realm.Settings{Path: "/", Users: users, DefaultJourney: "Remember", Journeys: realmtest.Journeys(
		realmtest.Tree("Remember",
			realmtest.Place("known", &nodes.PersistentCookie{Cookie: "remember", Idle: 1}, "true", journey.Success, "false", "name"),
			realmtest.Place("name", new(nodes.Username), "outcome", "pass"),
			realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
			realmtest.Place("check", new(nodes.DataStore), "true", "set", "false", journey.Failure),
			realmtest.Place("set", &nodes.SetPersistentCookie{Cookie: "remember", Idle: 1, MaxLife: 1}, "outcome", journey.Success),
		),
	)})
	r := site.At(t, "/")
	visit := func(cookies ...*http.Cookie) realm.Reply {
		t.Helper()
		req := request()
		req.Client.Cookies = cookies
		reply, err := r.Authenticate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	done := answer(t, r, answer(t, r, visit().Step, "alice").Step, "wonder land")
	if done.Success == nil || len(done.Cookies) != 1 {
		t.Fatalf("%+v", done)
	}
	if visit(done.Cookies...).Success == nil {
		t.Error("the cookie is not known")
	}
	for _, stamp := range []string{"new", ""} {
		users.change(stamp, time.Now())
		if again := visit(done.Cookies...); again.Success != nil || again.Step == nil {
			t.Errorf("stamp %q: %+v", stamp, again)
		}
	}
}

// TestSwitchedOffAccountHasNoSession: a journey that switches an account off
// ends its sessions before it goes on.
func TestSwitchedOffAccountHasNoSession(t *testing.T) {
	homes(t, func(t *testing.T, start func(identity.Store) *realmtest.Site, _ *bytes.Buffer) {
		s := start(couple)
		r := s.At(t, "/")
		tok := login(t, r, request()).Token
		req := request()
		req.IndexType, req.IndexValue = "service", "Lock"
		reply, err := r.Authenticate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		s.Store.Refused.Store(1)
		last := request()
		last.AuthID, last.Callbacks = reply.Step.AuthID, answers(t, reply.Step.Callbacks, "alice")
		if _, err := r.Authenticate(t.Context(), last); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("the store is out: %v", err)
		}
		if done := answer(t, r, reply.Step, "alice"); done.Failure == nil {
			t.Fatalf("%+v", done)
		}
		if s.Lives(t, tok) {
			t.Error("the session lives")
		}
	})
}
