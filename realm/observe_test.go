package realm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store/reaper"
)

// tally is what Metrics were told, as lines.
type tally struct {
	mu    sync.Mutex
	lines map[string]int
}

func (m *tally) add(words ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lines == nil {
		m.lines = make(map[string]int)
	}
	m.lines[strings.TrimSpace(fmt.Sprintln(words...))]++
}

func (m *tally) JourneyStarted(r, j, s string) { m.add("started", r, j, s) }
func (m *tally) JourneyEnded(r, j, s, how string, took time.Duration) {
	m.add("ended", r, j, s, how, took >= 0)
}
func (m *tally) StepRefused(r, s, why string)                        { m.add("refused", r, s, why) }
func (m *tally) JourneyMoved(r, how string)                          { m.add("moved", r, how) }
func (m *tally) NodeVisited(r, j, node, how string, _ time.Duration) { m.add("node", r, j, node, how) }
func (m *tally) JourneysHandedOver(r string, n int)                  { m.add("handed over", r, n) }
func (m *tally) Delivered(r, what, how string)                       { m.add("delivered", r, what, how) }
func (m *tally) Count(r, name string)                                { m.add("count", r, name) }
func (m *tally) Time(r, name string, _ time.Duration)                { m.add("time", r, name) }

// watched is a node whose realm has an audience.
func watched(t testing.TB, scheme realm.JourneyScheme, o *realmtest.Outbox) (*realmtest.Site, *tally, *bytes.Buffer) {
	t.Helper()
	counted, written := new(tally), new(bytes.Buffer)
	journeys := mail(o, 0)
	maps.Copy(journeys, realmtest.Journeys(named("Plain", 7)))
	s := realmtest.New(t, realmtest.NewStore(t), realm.Config{
		Realms: realmtest.Complete(realm.Settings{Path: "/", Users: people, Journeys: journeys, JourneySessions: scheme}),
		Base:   realmtest.Base, BaseURL: realmtest.Origin, Metrics: counted,
		Audit: slog.New(slog.NewJSONHandler(written, nil)),
	})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	return s, counted, written
}

// event is one line of the audit log.
type event struct {
	Msg, Component, Realm, TransactionID, UserID, RunAs, Result string
	ID                                                          string `json:"_id"`
	TreeName, NodeID, NodeType, NodeOutcome, Reason             string
	TrackingIDs                                                 []string
	AuthLevel                                                   *int
	Client                                                      struct{ IP string }
}

func events(t testing.TB, written *bytes.Buffer) []event {
	t.Helper()
	var all []event
	for line := range bytes.Lines(written.Bytes()) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// patient is a node that asks twice, whatever it is answered.
type patient struct{}

func (patient) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	asked := in.State.Int("asked")
	if asked == 2 {
		return journey.Goto("outcome"), nil
	}
	in.State.PutShared("asked", asked+1)
	return journey.Ask(callback.Name{Prompt: "Again"}), nil
}

func (patient) Outcomes() []string { return []string{"outcome"} }

// An event of a node tells that it is completed, as in AM: a node that asks, or
// asks again, has none, nor has a choice among journeys. Metrics count them.
func TestAuditLogHasCompletedNodes(t *testing.T) {
	counted, written := new(tally), new(bytes.Buffer)
	asks := realmtest.Tree("Asks",
		realmtest.Place("twice", patient{}, "outcome", "name"),
		realmtest.Place("name", new(nodes.Username), "outcome", journey.Failure))
	s := realmtest.New(t, realmtest.NewStore(t), realm.Config{
		Realms: realmtest.Complete(realm.Settings{Path: "/", Users: people, Journeys: realmtest.Journeys(named("Login", 0), asks)}),
		Base:   realmtest.Base, Metrics: counted, Audit: slog.New(slog.NewJSONHandler(written, nil)),
	})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	r := s.At(t, "/")
	reply, err := r.Authenticate(t.Context(), advised(byService, "Login", byService, "Asks"))
	if err != nil || reply.Step == nil {
		t.Fatalf("%+v, %v", reply, err)
	}
	next := func(step *realm.Step, value any) *realm.Step {
		req := request()
		req.AuthID, req.Callbacks = step.AuthID, journeytest.Answers(step.Callbacks, value)
		reply, err := r.Authenticate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return reply.Step
	}
	again := next(next(reply.Step, 1), "x")
	if found := events(t, written); len(found) > 0 {
		t.Errorf("no node is completed, but there are %+v", found)
	}
	name := next(again, "x")
	if found := events(t, written); len(found) != 1 || found[0].Msg != "AM-NODE-LOGIN-COMPLETED" || found[0].NodeID != "twice" || found[0].NodeOutcome != "outcome" {
		t.Errorf("one node is completed: %+v", found)
	}
	next(name, "alice")
	var told []string
	for _, e := range events(t, written) {
		told = append(told, e.Msg+" "+e.NodeID)
	}
	if want := []string{"AM-NODE-LOGIN-COMPLETED twice", "AM-NODE-LOGIN-COMPLETED name", "AM-TREE-LOGIN-COMPLETED ", "AM-LOGIN-COMPLETED "}; !slices.Equal(told, want) {
		t.Errorf("%q; want %q", told, want)
	}
	if n := counted.lines["node / Asks twice asked"] + counted.lines["node / Asks patient asked"]; n != 2 {
		t.Errorf("the metrics have %d questions: %v", n, counted.lines)
	}
}

// The audit log has AM's events (AM 8.1, "Audit log reference"): one for each
// node that was left, and at the end one for the journey, the session and the
// login, all of which can be put together; never an answer, a token or what a
// journey is known by.
func TestAuditLog(t *testing.T) {
	for _, scheme := range schemes {
		s, _, written := watched(t, scheme, realmtest.NewOutbox())
		r := s.At(t, "/")
		req := request()
		req.IndexType, req.IndexValue = "service", "Plain"
		step := begin(t, r, req, "alice")
		done := answer(t, r, step, "wonder land").Success
		if n, err := s.Logout(t.Context(), []string{done.Token}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		for _, hidden := range []string{"wonder land", done.Token, step.AuthID} {
			if strings.Contains(written.String(), hidden) {
				t.Errorf("%s: the audit log has a secret", scheme)
			}
		}
		var names []string
		all := events(t, written)
		for _, e := range all {
			names = append(names, e.Msg+" "+e.NodeType)
			if e.Realm != "/" || e.Result != "SUCCESSFUL" || e.TransactionID == "" || len(e.TrackingIDs) == 0 {
				t.Errorf("%s: %+v", scheme, e)
			}
		}
		want := []string{
			"AM-NODE-LOGIN-COMPLETED name", "AM-NODE-LOGIN-COMPLETED pass", "AM-NODE-LOGIN-COMPLETED check", "AM-NODE-LOGIN-COMPLETED level",
			"AM-TREE-LOGIN-COMPLETED ", "AM-SESSION-CREATED ", "AM-LOGIN-COMPLETED ", "AM-LOGOUT ", "AM-SESSION-LOGGED_OUT ",
		}
		if !slices.Equal(names, want) {
			t.Fatalf("%s: events %q", scheme, names)
		}
		check, tree, ended := all[2], all[4], all[8]
		if check.NodeOutcome != "true" || check.TreeName != "Plain" || check.UserID != "id=4711,ou=user,ou=am-config" || check.Client.IP != "192.0.2.1" {
			t.Errorf("%s: the node's event is %+v", scheme, check)
		}
		if all[0].TransactionID == check.TransactionID || check.TransactionID != tree.TransactionID || tree.TrackingIDs[0] != check.TrackingIDs[0] {
			t.Errorf("%s: events cannot be put together: %+v, %+v", scheme, check, tree)
		}
		if tree.AuthLevel == nil || *tree.AuthLevel != 7 || ended.TrackingIDs[0] != tree.TrackingIDs[1] {
			t.Errorf("%s: %+v, %+v", scheme, tree, ended)
		}
	}
}

// Nobody has to ask for a session that times out for the audit log to say so.
func TestTimeOutsAreAudited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, written := watched(t, realm.JourneysServer, realmtest.NewOutbox())
		sweeping := reaper.New(reaper.Config{Store: s.Store.Store.(reaper.Swept)})
		t.Cleanup(sweeping.Close)
		s.Backend.Reaper = sweeping
		s.Restart(t)
		r := s.At(t, "/")
		req := request()
		req.IndexType, req.IndexValue = "service", "Plain"
		issue := func() string { return answer(t, r, begin(t, r, req, "alice"), "wonder land").Success.Token }
		used := issue()
		issue()
		for range 13 {
			time.Sleep(10 * time.Minute)
			if _, err := s.Session(t.Context(), []string{used}, session.Touch); err != nil && !errors.Is(err, session.ErrEnded) {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		var created, over []event
		for _, e := range events(t, written) {
			switch e.Msg {
			case "AM-SESSION-CREATED":
				created = append(created, e)
			case "AM-SESSION-IDLE_TIMED_OUT", "AM-SESSION-MAX_TIMED_OUT":
				over = append(over, e)
			}
		}
		if len(over) != 2 || over[0].Msg != "AM-SESSION-IDLE_TIMED_OUT" || over[1].Msg != "AM-SESSION-MAX_TIMED_OUT" {
			t.Fatalf("audited %+v", over)
		}
		for i, e := range over {
			if e.Component != "Session" || e.Realm != "/" || e.UserID != "id=4711,ou=user,ou=am-config" || e.ID == "" ||
				e.TransactionID == "" || !slices.Contains(created[1-i].TrackingIDs, e.TrackingIDs[0]) {
				t.Errorf("%+v", e)
			}
		}
	})
}

// Metrics count journeys, nodes, what was refused and what was delivered.
func TestMetrics(t *testing.T) {
	o := realmtest.NewOutbox()
	s, counted, written := watched(t, realm.JourneysServer, o)
	r := s.At(t, "/")
	waiting := begin(t, r, request(), "alice")
	answerFrom(t, r, realm.Browser{}, waiting, "") // the suspended step
	reply, err := follow(t, r, realm.Browser{}, o.Link(t).Query().Get("suspendedId"))
	if err != nil {
		t.Fatal(err)
	}
	answer(t, r, reply.Step, "wrong")
	answer(t, r, reply.Step, "wonder land") // it has ended
	if _, err := follow(t, r, realm.Browser{}, "nonsense"); err == nil {
		t.Fatal("nonsense was followed")
	}
	req := request()
	req.AuthID = "nonsense"
	if _, err := r.Authenticate(t.Context(), req); err == nil {
		t.Fatal("nonsense was answered")
	}
	bound, err := r.Authenticate(t.Context(), from(inBrowser(realm.NewBrowserSecret())))
	if err != nil {
		t.Fatal(err)
	}
	answerFrom(t, r, realm.Browser{}, bound.Step, "alice")
	s.Close() // until the link was counted

	want := map[string]int{
		"started / Login server": 2, "ended / Login server failed true": 1,
		"node / Login name asked": 2, "node / Login name outcome": 1,
		"node / Login mail suspended": 1, "node / Login mail outcome": 1,
		"node / Login pass asked": 1, "node / Login pass outcome": 1, "node / Login check false": 1,
		"delivered / link sent":    1,
		"refused / server expired": 2, "refused / server not_suspended": 1, "refused / server malformed": 1, "refused / server foreign": 1,
	}
	if !maps.Equal(counted.lines, want) {
		t.Errorf("counted %v\nwant %v", counted.lines, want)
	}
	reasons := make(map[string]int)
	for _, e := range events(t, written) {
		if e.Reason != "" && e.Msg == "AM-LOGIN-COMPLETED" && e.Result == "FAILED" {
			reasons[e.Reason]++
		}
	}
	if want := map[string]int{"expired": 2, "not_suspended": 1, "malformed": 1, "foreign": 1}; !maps.Equal(reasons, want) {
		t.Errorf("audited refusals %v, want %v", reasons, want)
	}
}

// What was delivered after a reply is counted by what came of it.
func TestDeliveriesAreCounted(t *testing.T) {
	counted := new(tally)
	settings := hookSettings()
	var hooks hooked
	var heard []chan call
	for _, statuses := range [][]int{{http.StatusServiceUnavailable}, {http.StatusNotFound}} {
		at, calls := hearing(t, statuses...)
		name := http.StatusText(statuses[0])
		settings.Webhooks = append(settings.Webhooks, realm.Webhook{Name: name, URL: at, Method: http.MethodPost})
		hooks, heard = append(hooks, name), append(heard, calls)
	}
	settings.Journeys["Login"].Nodes["hook"].Node = hooks
	o := realmtest.NewOutbox()
	o.Fail(errors.New("no such mailbox"))
	mailed := realm.Settings{Path: "/mail", Users: people, Journeys: mail(o, 0)}
	s := realmtest.New(t, realmtest.NewStore(t), realm.Config{
		Realms: realmtest.Complete(settings, mailed), Base: realmtest.Base, BaseURL: realmtest.Origin, Metrics: counted,
	})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	begin(t, s.At(t, "/mail"), request(), "alice")
	logout(t, s, login(t, s.At(t, "/"), request()).Token)
	next(t, heard[0])
	next(t, heard[0]) // that of the second try
	next(t, heard[1])
	s.Backend.Outbox.Close() // until what was delivered is counted
	s.Close()

	got := maps.Clone(counted.lines)
	maps.DeleteFunc(got, func(line string, _ int) bool { return !strings.HasPrefix(line, "delivered ") })
	want := map[string]int{
		"delivered / webhook retried": 1, "delivered / webhook sent": 1, "delivered / webhook failed": 1,
		"delivered /mail link failed": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("counted %v\nwant %v", got, want)
	}
}

// measuring is a node that reports.
type measuring struct{}

func (measuring) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	in.Services.Meter.Count("logins")
	in.Services.Meter.Time("delay", time.Second)
	return journey.Goto("outcome"), nil
}

func (measuring) Outcomes() []string { return []string{"outcome"} }

func TestNodesReport(t *testing.T) {
	counted := new(tally)
	s := realmtest.New(t, realmtest.NewStore(t), realm.Config{Metrics: counted, Realms: realmtest.Complete(realm.Settings{
		Path: "/", Journeys: realmtest.Journeys(realmtest.Tree("Login", realmtest.Place("m", measuring{}, "outcome", journey.Failure))),
	})})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	if _, err := s.At(t, "/").Authenticate(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	if counted.lines["count / logins"] != 1 || counted.lines["time / delay"] != 1 {
		t.Errorf("counted %v", counted.lines)
	}
}
