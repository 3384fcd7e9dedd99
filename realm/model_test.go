package realm_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/store"
)

// seat is a browser at the model's login: what it was given, and the journey
// that each step belongs to.
type seat struct {
	browser realm.Browser
	steps   []held
}

// held is a step that a seat holds.
type held struct {
	*realm.Step
	journey int
	// current says that it is the last step of its journey, and not suspended.
	current bool
	mine    int // the seat that may answer
}

// world is the model: who may do what, and what came of it.
type world struct {
	t       *rapid.T
	tb      testing.TB
	site    *realmtest.Site
	outbox  *realmtest.Outbox
	memory  bool
	seats   [3]*seat // two browsers, and an app
	links   []linkTo
	made    map[int]string // the token that each journey made
	begun   int
	named   map[int]bool      // the journeys that were given a name that exists
	expires map[int]time.Time // when the step of a journey is over
}

// linkTo is a link that was sent.
type linkTo struct {
	id      string
	journey int
	used    bool
	until   time.Time
}

const modelSuspend = 3 * time.Minute

// loginModel is a journey with a page, a suspension and a way back.
func loginModel(o *realmtest.Outbox) *journey.Tree {
	return realmtest.Tree("Login",
		realmtest.Place("name", new(nodes.Username), "outcome", "mail"),
		realmtest.Place("mail", o.Node(modelSuspend), "outcome", "pass"),
		realmtest.Place("pass", new(nodes.Password), "outcome", "check"),
		realmtest.Place("check", new(nodes.DataStore), "true", journey.Success, "false", "again"),
		realmtest.Place("again", &nodes.RetryLimit{Limit: 2}, "Retry", "pass", "Reject", journey.Failure),
	)
}

// TestModelOneSessionAJourney walks journeys at random, in two browsers and an
// app: answers right and wrong, in duplicate tabs, after going back, resent,
// from a browser that is not the journey's, after a restart or too late, and
// links followed by anybody, twice. A step that was answered, is not the
// journey's last or belongs to another browser is refused; a link works once;
// a journey makes one session at most, and only after its link and a right
// password (SECURITY 2, 3).
func TestModelOneSessionAJourney(t *testing.T) {
	for _, scheme := range schemes {
		t.Run(string(scheme), func(t *testing.T) {
			sessions := 0
			rapid.Check(t, func(rt *rapid.T) {
				inBubble(t, func(t *testing.T) { sessions += walkModel(rt, t, scheme) })
			})
			if sessions == 0 {
				t.Error("none of the walks came to an end")
			}
		})
	}
}

// inBubble is synctest.Test within a property: what rapid throws to end a run
// reaches it outside.
func inBubble(t *testing.T, run func(*testing.T)) {
	t.Helper()
	var thrown any
	synctest.Test(t, func(t *testing.T) {
		defer func() { thrown = recover() }()
		run(t)
	})
	if thrown != nil {
		panic(thrown)
	}
}

func walkModel(rt *rapid.T, t *testing.T, scheme realm.JourneyScheme) (sessions int) {
	o := realmtest.NewOutbox()
	w := &world{t: rt, tb: t, outbox: o, memory: scheme == realm.JourneysInMemory, made: make(map[int]string), named: make(map[int]bool), expires: make(map[int]time.Time)}
	w.site = realmtest.Open(t, realm.Settings{
		Path: "/", Users: people, Journeys: realmtest.Journeys(loginModel(o)), JourneySessions: scheme,
	})
	w.seats = [3]*seat{
		{browser: inBrowser(realm.NewBrowserSecret())}, {browser: inBrowser(realm.NewBrowserSecret())}, {},
	}
	for range rapid.IntRange(5, 40).Draw(rt, "actions") {
		switch rapid.SampledFrom([]string{"begin", "answer", "answer", "answer", "answer", "follow", "follow", "restart", "wait"}).Draw(rt, "action") {
		case "begin":
			w.begin()
		case "answer":
			w.answer()
		case "follow":
			w.follow()
		case "restart":
			w.site.Restart(t)
			if w.memory {
				for _, s := range w.seats {
					s.steps = nil // what is lost starts again: see TestLostJourneyStartsAgain
				}
			}
		case "wait":
			time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Minute, 4 * time.Minute}).Draw(rt, "time"))
		}
	}
	records, _, err := w.site.Store.List(t.Context(), "s/", store.Page{})
	if err != nil || len(records) != len(w.made) {
		rt.Fatalf("%d sessions of %d journeys, %v", len(records), len(w.made), err)
	}
	return len(w.made)
}

func (w *world) realm() *realm.Realm { return w.site.At(w.tb, "/") }

func (w *world) send(s *seat, req realm.Request) (realm.Reply, error) {
	req.Origin, req.Browser = origin, s.browser
	return w.realm().Authenticate(w.tb.Context(), req)
}

func (w *world) begin() {
	i := rapid.IntRange(0, 2).Draw(w.t, "seat")
	reply, err := w.send(w.seats[i], realm.Request{})
	if err != nil || reply.Step == nil {
		w.t.Fatalf("a start: %+v, %v", reply, err)
	}
	w.begun++
	w.expires[w.begun] = time.Now().Add(realm.DefaultJourneyTimeout)
	w.seats[i].steps = append(w.seats[i].steps, held{reply.Step, w.begun, true, i})
}

// step draws a step that anybody was given.
func (w *world) step() (at *held) {
	var all []*held
	for _, s := range w.seats {
		for i := range s.steps {
			all = append(all, &s.steps[i])
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(w.t, "step")]
}

// answer answers a step, old or new, from a seat, its own or not.
func (w *world) answer() {
	h := w.step()
	if h == nil {
		return
	}
	i := rapid.SampledFrom([]int{h.mine, h.mine, h.mine, 0, 1, 2}).Draw(w.t, "seat")
	asks := h.Callbacks[0].Callback.Type()
	right := map[string]string{"NameCallback": "alice", "PasswordCallback": "wonder land"}[asks]
	value := rapid.SampledFrom([]string{right, right, "wrong"}).Draw(w.t, "value")
	reply, err := w.send(w.seats[i], realm.Request{AuthID: h.AuthID, Callbacks: raw(w.tb, h.Callbacks, value)})
	switch unbound := h.mine == 2; {
	case err != nil:
		w.t.Fatalf("an answer: %v", err)
	case !h.current, !unbound && i != h.mine, !time.Now().Before(w.expires[h.journey]):
		if reply.Failure == nil || reply.Success != nil || reply.Step != nil {
			w.t.Fatalf("seat %d answers a step of seat %d (current %v): %+v", i, h.mine, h.current, reply)
		}
		return
	}
	h.current = false
	if asks == "NameCallback" {
		w.named[h.journey] = value == right
	}
	next := held{reply.Step, h.journey, true, h.mine}
	switch {
	case reply.Success != nil:
		if asks != "PasswordCallback" || value != right || !w.named[h.journey] || w.made[h.journey] != "" {
			w.t.Fatalf("journey %d succeeds after %q to %s; it has made %q", h.journey, value, asks, w.made[h.journey])
		}
		if !slices.ContainsFunc(w.links, func(l linkTo) bool { return l.journey == h.journey && l.used }) {
			w.t.Fatalf("journey %d succeeds, though nobody has followed its link", h.journey)
		}
		w.made[h.journey] = reply.Success.Token
	case reply.Failure != nil:
		if asks != "PasswordCallback" || value == right && w.named[h.journey] {
			w.t.Fatalf("a current step fails: %+v", reply.Failure)
		}
	case reply.Step.Callbacks[0].Callback.Type() == "SuspendedTextOutputCallback":
		next.current = false
		id := w.outbox.Link(w.tb).Query().Get("suspendedId")
		w.links = append(w.links, linkTo{id, h.journey, false, time.Now().Add(modelSuspend)})
		fallthrough
	default:
		w.seats[h.mine].steps = append(w.seats[h.mine].steps, next)
	}
}

// follow follows a link from any seat, whose the journey is then.
func (w *world) follow() {
	if len(w.links) == 0 {
		return
	}
	l := &w.links[rapid.IntRange(0, len(w.links)-1).Draw(w.t, "link")]
	i := rapid.IntRange(0, 2).Draw(w.t, "seat")
	reply, err := w.send(w.seats[i], realm.Request{SuspendedID: l.id})
	if l.used || !time.Now().Before(l.until) {
		if !errors.Is(err, journey.ErrNotSuspended) {
			w.t.Fatalf("a link that was used (%v) or is over: %+v, %v", l.used, reply, err)
		}
		return
	}
	if err != nil || reply.Step == nil {
		w.t.Fatalf("a link: %+v, %v", reply, err)
	}
	l.used = true
	w.expires[l.journey] = w.expires[l.journey].Add(time.Since(l.until.Add(-modelSuspend)))
	w.seats[i].steps = append(w.seats[i].steps, held{reply.Step, l.journey, true, i})
}

// raw is one answer to every callback that has an input.
func raw(tb testing.TB, asked callback.List, value string) json.RawMessage {
	tb.Helper()
	return answers(tb, asked, slices.Repeat([]string{value}, len(asked))...)
}
