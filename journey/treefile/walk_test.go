package treefile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/treefile"
)

const (
	goodName     = "demo"
	goodPassword = "Ch4ng31t"
)

// TestSharedJourneysWalk drives the engine through every real export that runs,
// from its start until each outcome has been taken that its graph allows, and
// each end been reached.
func TestSharedJourneysWalk(t *testing.T) {
	for _, c := range collections {
		set := collection(t, c.prefix)
		_, services := lent()
		verdict := set.Judge(treefile.Realm{Services: services})
		for _, name := range slices.Sorted(maps.Keys(verdict.Journeys)) {
			t.Run(c.prefix+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { walkAll(t, verdict.Journeys[name]) })
			})
		}
	}
}

// edge is an outcome of a node.
type edge struct{ node, outcome string }

// explorer takes every way through a journey: from each step that it has come
// to it goes on with every answer that it can think of.
type explorer struct {
	t      *testing.T
	tree   *journey.Tree
	engine *journey.Engine
	taken  map[edge]bool
	ends   map[string]bool // succeeded, failed
	seen   map[string]bool
	todo   []waiting
	steps  int
}

// waiting is a journey that waits for an answer.
type waiting struct {
	snapshot string // its JSON, as a keeper has it
	client   *journey.Client
}

// maxSteps bounds the answers that are tried.
const maxSteps = 20_000

func walkAll(t *testing.T, tree *journey.Tree) {
	_, services := lent()
	x := &explorer{t: t, tree: tree, taken: map[edge]bool{}, ends: map[string]bool{}, seen: map[string]bool{}}
	x.engine = journey.NewEngine(journey.EngineConfig{
		Users: people(), Services: services, Logger: slog.New(slog.DiscardHandler),
		Observe: func(_ context.Context, v journey.Visit) {
			if v.Outcome != "" {
				x.taken[edge{v.NodeID, v.Outcome}] = true
			}
		},
	})
	for _, start := range starts() {
		now := time.Now()
		x.advance(&journey.Snapshot{
			ID: journey.NewID(), Start: journey.Start{Realm: "/"}, Tree: tree.Name, Started: now, Deadline: now.Add(5 * time.Minute),
			Params: journey.Params{NoSession: start.noSession},
		}, journey.Turn{Client: start.client, Session: start.session})
	}
	want := x.possible()
	for len(x.todo) > 0 && x.steps < maxSteps && x.missing(want) != "" {
		next := x.todo[0]
		x.todo = x.todo[1:]
		x.answer(next)
	}
	if missing := x.missing(want); missing != "" {
		t.Errorf("after %d answers this never happened: %s", x.steps, missing)
	}
	t.Logf("%d outcomes in %d answers; ends: %v", len(want), x.steps, slices.Sorted(maps.Keys(x.ends)))
}

// start is what a client brings along when a journey begins.
type start struct {
	client  *journey.Client
	session *journey.Session
	// noSession is for journeys that identify nobody: they succeed only so.
	noSession bool
}

func starts() []start {
	plain := func() *journey.Client {
		return &journey.Client{Header: http.Header{}, Secure: true}
	}
	var all []start
	all = append(all, start{client: plain()}, start{client: plain(), noSession: true})
	all = append(all, start{client: plain(), session: &journey.Session{
		UserID: goodName + "-id", Username: goodName, Journey: "Login", Properties: map[string]string{"UserToken": goodName},
	}})
	for _, who := range [][2]string{{goodName, goodPassword}, {goodName, "wrong"}, {"agent", goodPassword}} {
		c := plain()
		c.Header.Set("X-OpenAM-Username", who[0])
		c.Header.Set("X-OpenAM-Password", who[1])
		all = append(all, start{client: c})
	}
	return all
}

// advance takes one step and notes where it led.
func (x *explorer) advance(s *journey.Snapshot, turn journey.Turn) {
	x.steps++
	result, err := x.engine.Advance(x.t.Context(), x.tree, s, turn)
	switch {
	case err != nil:
		x.t.Errorf("an honest answer stopped the journey: %v", err)
	case result.Succeeded != nil:
		x.ends["succeeded"] = true
		x.again(turn.Client, result.Cookies)
	case result.Failed != nil:
		x.ends["failed"] = true
	case result.Suspended != nil:
		if send := result.Suspended.Send; send != nil {
			if err := send(x.t.Context(), "https://am.example.com/am/XUI/?suspendedId=x"); err != nil {
				x.t.Errorf("the link was not sent: %v", err)
			}
		}
		s.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(time.Hour)}
		x.push(s, turn.Client)
	default:
		x.push(s, turn.Client)
	}
}

// again begins the journey once more with the cookies that it set.
func (x *explorer) again(client *journey.Client, cookies []*http.Cookie) {
	key := "cookies"
	for _, c := range cookies {
		key += " " + c.Name
	}
	if len(cookies) == 0 || x.seen[key] {
		return
	}
	x.seen[key] = true
	with := *client
	with.Cookies = append(slices.Clone(client.Cookies), cookies...)
	now := time.Now()
	x.advance(&journey.Snapshot{
		ID: journey.NewID(), Start: journey.Start{Realm: "/"}, Tree: x.tree.Name, Started: now, Deadline: now.Add(5 * time.Minute),
	}, journey.Turn{Client: &with})
}

// push adds a step to go on from, unless there was one like it.
func (x *explorer) push(s *journey.Snapshot, client *journey.Client) {
	text, err := json.Marshal(s)
	if err != nil {
		x.t.Fatalf("a snapshot is no JSON: %v", err)
	}
	like := *s
	like.ID, like.Started, like.Deadline, like.Step, like.Suspended = journey.ID{}, time.Time{}, time.Time{}, 0, nil
	key, err := json.Marshal(like)
	if err != nil {
		x.t.Fatal(err)
	}
	if !x.seen[string(key)] {
		x.seen[string(key)] = true
		x.todo = append(x.todo, waiting{snapshot: string(text), client: client})
	}
}

// answer goes on from a step with every answer.
func (x *explorer) answer(from waiting) {
	var asked journey.Snapshot
	x.restore(from, &asked)
	if asked.Suspended != nil {
		x.advance(&asked, journey.Turn{Client: from.client})
		return
	}
	if slices.ContainsFunc(asked.Asked, func(item callback.Item) bool { return item.Callback.Type() == "PollingWaitCallback" }) {
		time.Sleep(time.Minute) // the clock is the bubble's
	}
	for _, answers := range answersTo(&asked) {
		var s journey.Snapshot
		x.restore(from, &s)
		x.advance(&s, journey.Turn{Client: from.client, Answers: answers})
	}
}

func (x *explorer) restore(from waiting, s *journey.Snapshot) {
	if err := json.Unmarshal([]byte(from.snapshot), s); err != nil {
		x.t.Fatalf("a snapshot cannot be read back: %v", err)
	}
}

// possible are the outcomes that can be taken: those of all nodes to which such
// outcomes lead.
func (x *explorer) possible() map[edge]bool {
	want := map[edge]bool{}
	seen := map[string]bool{}
	for todo := []string{x.tree.Entry}; len(todo) > 0; todo = todo[1:] {
		p := x.tree.Nodes[todo[0]]
		if p == nil || seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		for outcome, next := range p.Next {
			want[edge{p.ID, outcome}] = true
			todo = append(todo, next)
		}
	}
	return want
}

// missing lists the outcomes that were not taken, and the ends to which they
// lead and that were not reached.
func (x *explorer) missing(want map[edge]bool) string {
	var missing []string
	for e := range want {
		p := x.tree.Nodes[e.node]
		next := p.Next[e.outcome]
		if !x.taken[e] || next == journey.Success && !x.ends["succeeded"] || next == journey.Failure && !x.ends["failed"] {
			missing = append(missing, fmt.Sprintf("%s of %s %q (%s)", e.outcome, e.node, p.Name, p.Type))
		}
	}
	slices.Sort(missing)
	return strings.Join(missing, ", ")
}

// answersTo are answers to what a step asks: of somebody who may sign in, of
// somebody who may not, and of somebody who is nobody; with each choice.
func answersTo(s *journey.Snapshot) []json.RawMessage {
	choices := 1
	for _, item := range s.Asked {
		switch c := item.Callback.(type) {
		case callback.Choice:
			choices = max(choices, len(c.Choices))
		case callback.Confirmation:
			choices = max(choices, len(c.Options))
		}
	}
	var all []json.RawMessage
	for _, who := range []string{goodName, "locked", "nobody"} {
		for choice := range choices {
			filled := make(callback.List, len(s.Asked))
			for i, item := range s.Asked {
				c, err := item.Callback.Fill(inputs(item.Callback, s, who, choice, i))
				if err != nil {
					c = item.Callback // the choice is not this one's
				}
				filled[i] = callback.Item{Callback: c, ID: item.ID}
			}
			if text, err := marshalAnswers(filled); err == nil && !slices.ContainsFunc(all, func(other json.RawMessage) bool { return string(other) == string(text) }) {
				all = append(all, text)
			}
		}
	}
	return all
}

// inputs are what somebody fills into the n-th callback.
func inputs(c callback.Callback, s *journey.Snapshot, who string, choice, n int) map[string]any {
	password := goodPassword
	if code, ok := s.Secure["oneTimePassword"].(string); ok {
		password = code
	}
	if who == "nobody" {
		password = "wrong"
	}
	switch c := c.(type) {
	case callback.Name:
		return map[string]any{"": who}
	case callback.ValidatedCreateUsername:
		return map[string]any{"": who}
	case callback.Password:
		return map[string]any{"": password}
	case callback.ValidatedCreatePassword:
		return map[string]any{"": password}
	case callback.StringAttributeInput:
		value := who
		if c.Name == "mail" {
			value = who + "@example.com"
		}
		return map[string]any{"": value}
	case callback.BooleanAttributeInput:
		return map[string]any{"": true}
	case callback.NumberAttributeInput:
		return map[string]any{"": 7.0}
	case callback.Choice, callback.Confirmation:
		return map[string]any{"": float64(choice)}
	case callback.TermsAndConditions:
		return map[string]any{"": true}
	case callback.KbaCreate:
		question := fmt.Sprintf("What is %d?", n) // no question may be there twice
		if n < len(c.PredefinedQuestions) {
			question = c.PredefinedQuestions[n]
		}
		return map[string]any{"question": question, "answer": "because"}
	case callback.DeviceProfile:
		return map[string]any{"": `{"identifier": "device", "metadata": {}}`}
	case callback.HiddenValue:
		return map[string]any{"": "value"}
	}
	return nil
}

// marshalAnswers is what a client sends: with the secrets that callbacks never
// print.
func marshalAnswers(filled callback.List) (json.RawMessage, error) {
	text, err := json.Marshal(filled)
	if err != nil {
		return nil, err
	}
	var wire []map[string]any
	if err := json.Unmarshal(text, &wire); err != nil {
		return nil, err
	}
	for i, item := range filled {
		input := func(suffix, value string) map[string]any {
			return map[string]any{"name": callback.InputName(i+1, suffix), "value": value}
		}
		switch c := item.Callback.(type) {
		case callback.Password:
			wire[i]["input"] = []any{input("", c.Value)}
		case callback.ValidatedCreatePassword:
			wire[i]["input"] = []any{input("", string(c.Value))}
		case callback.KbaCreate:
			wire[i]["input"] = []any{input("question", c.Question), input("answer", string(c.Answer))}
		}
	}
	return json.Marshal(wire)
}
