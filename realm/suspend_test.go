package realm_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// mail is a journey that is suspended before it asks for the password.
func mail(o *realmtest.Outbox, d time.Duration) map[string]*journey.Tree {
	return realmtest.Journeys(realmtest.Tree("Login",
		realmtest.Place("name", new(nodes.Username), "outcome", "mail"),
		realmtest.Place("mail", o.Node(d), "outcome", "pass"),
		realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
		realmtest.Place("check", new(nodes.DataStore), "true", journey.Success, "false", journey.Failure),
	))
}

// What a client wrote beside a start has no part in the link that is mailed.
func TestLinkNamesTheJourneyThatRuns(t *testing.T) {
	o := realmtest.NewOutbox()
	r := mailing(t, realm.JourneysServer, o, 0).At(t, "/alpha")
	req := request()
	req.IndexValue = "Written" // without a type it means nothing
	begin(t, r, req, "alice")
	if query := o.Link(t).Query(); query.Get("authIndexType") != "service" || query.Get("authIndexValue") != "Login" {
		t.Errorf("the link has %v", query)
	}
}

// mailing is a node whose realm /alpha has that journey.
func mailing(t testing.TB, scheme realm.JourneyScheme, o *realmtest.Outbox, d time.Duration) *realmtest.Site {
	t.Helper()
	return realmtest.Open(t, realm.Settings{Path: "/"}, realm.Settings{
		Path: "/alpha", Users: people, Journeys: mail(o, d), JourneySessions: scheme,
	})
}

// follow follows a link, as a browser or none.
func follow(t testing.TB, r *realm.Realm, b realm.Browser, id string) (realm.Reply, error) {
	t.Helper()
	req := from(b)
	req.SuspendedID = id
	return r.Authenticate(t.Context(), req)
}

// A suspended journey goes on by its link alone, once, on any node, whichever
// scheme keeps journeys (AM 8.1, "Suspended authentication"). Its link is made
// of the configuration. (SECURITY 3, 42)
func TestSuspendedJourney(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			o := realmtest.NewOutbox()
			s := mailing(t, scheme, o, 0)
			r := s.At(t, "/alpha")
			step := begin(t, r, request(), "alice")
			if step.AuthID == "" || step.Callbacks[0].Callback.Type() != "SuspendedTextOutputCallback" {
				t.Fatalf("the step is %+v", step)
			}
			link := o.Link(t)
			query := link.Query()
			if got := link.Scheme + "://" + link.Host + link.Path; got != realmtest.Origin+"/am/XUI/" ||
				query.Get("realm") != "/alpha" || query.Get("authIndexType") != "service" || query.Get("authIndexValue") != "Login" {
				t.Errorf("the link is %s", link)
			}
			id := query.Get("suspendedId")
			if got := answerFrom(t, r, realm.Browser{}, step, ""); got.Failure == nil {
				t.Errorf("the step of a suspended journey can be answered: %+v", got)
			}
			if root := s.At(t, "/"); true {
				if _, err := follow(t, root, realm.Browser{}, id); !errors.Is(err, journey.ErrNotSuspended) {
					t.Errorf("through another realm: %v", err)
				}
			}

			bare, text := realm.PartLink(id)
			if router, err := s.Affinity(); err != nil || len(bare)+affinity.LinkSize != len(id) {
				t.Errorf("a link carries %q, %v", id, err)
			} else if a, ok := router.OfLink(id); !ok || router.Format(a) != text {
				t.Errorf("the affinity of a link is %+v, %t", a, ok)
			}

			s.Restart(t)
			r = s.At(t, "/alpha")
			reply, err := follow(t, r, realm.Browser{}, id)
			if err != nil || reply.Step == nil || reply.Step.Callbacks[0].Callback.Type() != "PasswordCallback" {
				t.Fatalf("after a restart: %+v, %v", reply, err)
			}
			if done := answer(t, r, reply.Step, "wonder land"); done.Success == nil || !s.Lives(t, done.Success.Token) {
				t.Errorf("at the end: %+v", done.Failure)
			}
			for _, used := range []string{id, bare, id + "x", bare + "x", "x", strings.Repeat("x", 1<<16)} {
				if _, err := follow(t, r, realm.Browser{}, used); !errors.Is(err, journey.ErrNotSuspended) {
					t.Errorf("the link %.30q: %v", used, err)
				}
			}
			if s.Log.Count(id) > 0 {
				t.Error("the log has the link")
			}
		})
	}
}

// A link works without the affinity that an older amgate did not put into it,
// and with one that is not ours.
func TestLinkNeedsNoAffinity(t *testing.T) {
	for _, tail := range []string{"", strings.Repeat("A", affinity.LinkSize)} {
		o := realmtest.NewOutbox()
		r := mailing(t, realm.JourneysServer, o, 0).At(t, "/alpha")
		begin(t, r, request(), "alice")
		bare, _ := realm.PartLink(o.Link(t).Query().Get("suspendedId"))
		if reply, err := follow(t, r, realm.Browser{}, bare+tail); err != nil || reply.Step == nil {
			t.Errorf("with %q: %+v, %v", tail, reply, err)
		}
	}
}

// A link moves the journey to the browser that follows it, and takes it from
// the one that began.
func TestLinkMovesTheBinding(t *testing.T) {
	desktop, phone := inBrowser(realm.NewBrowserSecret()), inBrowser(realm.NewBrowserSecret())
	for _, scheme := range schemes {
		o := realmtest.NewOutbox()
		r := mailing(t, scheme, o, 0).At(t, "/alpha")
		reply, err := r.Authenticate(t.Context(), from(desktop))
		if err != nil {
			t.Fatal(err)
		}
		answerFrom(t, r, desktop, reply.Step, "alice")
		reply, err = follow(t, r, phone, o.Link(t).Query().Get("suspendedId"))
		if err != nil || reply.Step == nil {
			t.Fatalf("%s: %+v, %v", scheme, reply, err)
		}
		if got := answerFrom(t, r, desktop, reply.Step, "wonder land"); !refused(got) {
			t.Errorf("%s: the desktop goes on: %+v", scheme, got)
		}
		if got := answerFrom(t, r, phone, reply.Step, "wonder land"); got.Success == nil {
			t.Errorf("%s: the phone does not: %+v", scheme, got.Failure)
		}
	}
}

// How long a journey stays suspended: as its node says, else as the realm does;
// what is left of its own time then goes on.
func TestSuspensionHasATime(t *testing.T) {
	for _, scheme := range schemes {
		for _, tt := range []struct {
			node, after time.Duration
			ok          bool
		}{
			{0, realm.DefaultSuspendTimeout - time.Second, true},
			{0, realm.DefaultSuspendTimeout + time.Second, false},
			{time.Hour, 59 * time.Minute, true},
			{30 * time.Second, 31 * time.Second, false},
		} {
			synctest.Test(t, func(t *testing.T) {
				o := realmtest.NewOutbox()
				r := mailing(t, scheme, o, tt.node).At(t, "/alpha")
				begin(t, r, request(), "alice")
				id := o.Link(t).Query().Get("suspendedId")
				time.Sleep(tt.after)
				reply, err := follow(t, r, realm.Browser{}, id)
				if ok := err == nil; ok != tt.ok || !ok && !errors.Is(err, journey.ErrNotSuspended) {
					t.Fatalf("%s: %v of %v: %v", scheme, tt.after, tt.node, err)
				}
				if !tt.ok {
					return
				}
				time.Sleep(realm.DefaultJourneyTimeout - 2*time.Second)
				if done := answer(t, r, reply.Step, "wonder land"); done.Success == nil {
					t.Errorf("%s: the wait for the link took of the journey's time: %+v", scheme, done.Failure)
				}
			})
		}
	}
}

// The client is answered before the link is sent. A mail server that is away
// for a while gets it later; one that refuses is not asked again.
func TestLinkIsSentInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := realmtest.NewOutbox()
		s := mailing(t, realm.JourneysServer, o, 0)
		r := s.At(t, "/alpha")
		o.Fail(journey.ErrService, journey.ErrService)
		began := time.Now()
		begin(t, r, request(), "alice")
		if took := time.Since(began); took > 0 {
			t.Errorf("the client waits %v for a mail server", took)
		}
		o.Link(t)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the link was sent after %v", took)
		}

		o.Fail(errors.New("no such mailbox"))
		begin(t, r, request(), "alice")
		time.Sleep(time.Hour)
		if !o.Empty() {
			t.Error("a mail that was refused was sent again")
		}
		if s.Log.Count("was not sent") != 1 || s.Log.Count("no such mailbox") != 1 || s.Log.Count(o.Tried()) > 0 {
			t.Errorf("the log says\n%s", s.Log)
		}
	})
}

// A Set that is closed tries what is under way once more, and then lets go.
func TestCloseWaitsForLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := realmtest.NewOutbox()
		s := mailing(t, realm.JourneysServer, o, 0)
		began := time.Now()
		o.Fail(journey.ErrService)
		begin(t, s.At(t, "/alpha"), request(), "alice")
		synctest.Wait()
		s.Close()
		s.Close()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("closing took %v", took)
		}
		begin(t, s.At(t, "/alpha"), request(), "alice")
		synctest.Wait()
		if s.Log.Count("was not sent") == 0 {
			t.Error("nobody hears of a link that was not sent")
		}
	})
}

// A journey whose link cannot be made is refused when it is loaded.
func TestSuspensionNeedsABaseURL(t *testing.T) {
	o := realmtest.NewOutbox()
	realms := realmtest.Complete(realm.Settings{Path: "/", Journeys: mail(o, 0)})
	_, err := realm.New(realm.Config{Realms: realms, Base: realmtest.Base, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "base_url") || !strings.Contains(err.Error(), "node mail") {
		t.Errorf("without base_url: %v", err)
	}
}
