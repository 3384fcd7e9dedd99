package journey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/store"
)

// node is a node made of functions.
type node struct {
	process       func(context.Context, *journey.Input) (journey.Action, error)
	outcomes      []string
	reads, writes []string
}

func (n *node) Process(ctx context.Context, in *journey.Input) (journey.Action, error) {
	return n.process(ctx, in)
}

func (n *node) Outcomes() []string {
	if n.outcomes == nil {
		return []string{"outcome"}
	}
	return n.outcomes
}
func (n *node) Reads() []string  { return n.reads }
func (n *node) Writes() []string { return n.writes }

var _ journey.Declarer = (*node)(nil)

// asker asks for a password and puts the answer into the transient state.
func asker(writes ...string) *node {
	return &node{writes: writes, process: func(_ context.Context, in *journey.Input) (journey.Action, error) {
		answer, ok := callback.First[callback.Password](in.Answers)
		if !ok {
			return journey.Ask(callback.Password{Prompt: "Password"}), nil
		}
		in.State.PutTransient("password", answer.Value)
		return journey.Goto("outcome"), nil
	}}
}

// does is a node that decides at once.
func does(process func(*journey.Input) journey.Action) *node {
	return &node{process: func(_ context.Context, in *journey.Input) (journey.Action, error) { return process(in), nil }}
}

// identifies is a node that says whom it found.
func identifies(name string) *node {
	return &node{process: func(ctx context.Context, in *journey.Input) (journey.Action, error) {
		user, err := in.Users.ByName(ctx, name)
		return journey.Goto("outcome").WithSubject(user), err
	}}
}

// bench is an engine with its log and its people.
type bench struct {
	testing.TB
	engine *journey.Engine
	log    bytes.Buffer
	tree   *journey.Tree
	snap   *journey.Snapshot
}

func newBench(tb testing.TB, users identity.Store, nodes ...*node) *bench {
	b := &bench{TB: tb, tree: &journey.Tree{Name: "Test"}}
	b.engine = journey.NewEngine(journey.EngineConfig{Users: users, Logger: slog.New(slog.NewTextHandler(&b.log, nil))})
	b.chain(nodes...)
	b.snap = newSnapshot()
	return b
}

// A journey cannot be suspended again and again for ever, for each suspension
// adds its time to the journey's.
func TestSuspensionsAreBounded(t *testing.T) {
	mail := &node{process: func(_ context.Context, in *journey.Input) (journey.Action, error) {
		if in.Resumed {
			return journey.Goto("outcome"), nil
		}
		return journey.Suspend("Look into your mail", 0, nil), nil
	}}
	b := newBench(t, journeytest.Users(nil), mail)
	b.tree.Nodes["n1"].Next["outcome"] = "n1"
	own := b.snap.Deadline.Sub(b.snap.Started)
	for i := range journey.MaxSuspensions {
		result, err := b.engine.Advance(t.Context(), b.tree, b.snap, journey.Turn{})
		if err != nil || result.Suspended == nil {
			t.Fatalf("suspension %d: %+v, %v", i+1, result, err)
		}
		at := time.Now().Add(-time.Hour)
		b.snap.Suspended = &journey.Suspension{At: at, Until: at.Add(2 * time.Hour)}
	}
	_, err := b.engine.Advance(t.Context(), b.tree, b.snap, journey.Turn{})
	if _, stopped := errors.AsType[*journey.StoppedError](err); !stopped || !strings.Contains(err.Error(), "after 10 times") {
		t.Errorf("error %v", err)
	}
	if total := b.snap.Deadline.Sub(b.snap.Started) - own; total < 9*time.Hour || total > 10*time.Hour {
		t.Errorf("suspensions of an hour each have added %v to the journey's time", total)
	}
}

// chain makes a tree of nodes n1, n2, … in a row, then success.
func (b *bench) chain(nodes ...*node) {
	for i, n := range nodes {
		next := fmt.Sprintf("n%d", i+2)
		if i == len(nodes)-1 {
			next = journey.Success
		}
		place(b.tree, fmt.Sprintf("n%d", i+1), n, "outcome", next)
	}
	b.tree.Entry = "n1"
}

func newSnapshot() *journey.Snapshot {
	now := time.Now()
	return &journey.Snapshot{
		ID: journey.NewID(), Start: journey.Start{Realm: "/alpha"}, Tree: "Test",
		Started: now, Deadline: now.Add(time.Minute),
	}
}

var client = &journey.Client{Address: netip.MustParseAddr("192.0.2.1"), Languages: []string{"en"}}

func (b *bench) advance(inputs ...any) (journey.Result, error) {
	b.Helper()
	return b.engine.Advance(b.Context(), b.tree, b.snap, journey.Turn{Client: client, Answers: journeytest.Answers(b.snap.Asked, inputs...)})
}

// want advances and fails the test on an error.
func (b *bench) want(inputs ...any) journey.Result {
	b.Helper()
	result, err := b.advance(inputs...)
	if err != nil {
		b.Fatal(err)
	}
	return result
}

func demo() journeytest.Users { return journeytest.Demo("demo", "right") }

func TestAdvanceAsksAnswersAndSucceeds(t *testing.T) {
	b := newBench(t, demo(), asker(), identifies("demo"), does(func(in *journey.Input) journey.Action {
		in.State.PutShared(journey.KeyAuthLevel, 7)
		in.State.PutShared(journey.KeySuccessURL, "/welcome")
		return journey.Goto("outcome").WithAuthType("A").WithAuthType("B").WithAuthType("A").
			WithProperty("p", "1").WithProperty("q", "2")
	}), asker())
	place(b.tree, "n1", &node{process: func(_ context.Context, in *journey.Input) (journey.Action, error) {
		if in.Answers == nil {
			return journey.Ask(callback.Name{}).WithPage("stage", "header", "description"), nil
		}
		return journey.Goto("outcome").WithProperty("p", "0"), nil
	}}, "outcome", "n2")

	if result := b.want(); !result.Asked || result.Succeeded != nil || result.Failed != nil {
		t.Fatalf("%+v", result)
	}
	s := b.snap
	if s.Node != "n1" || len(s.Asked) != 1 || s.Stage != "stage" || s.Header != "header" || s.Description != "description" || s.Step != 0 {
		t.Fatalf("%+v", s)
	}
	if s.Shared[journey.KeyRealm] != "/alpha" || s.Shared[journey.KeyAuthLevel] != 0 {
		t.Errorf("shared state %v", s.Shared)
	}
	b.keep()
	if result := b.want("x"); !result.Asked {
		t.Fatalf("%+v", result)
	}
	s = b.snap
	if s.Node != "n4" || s.Stage != "" || s.Step != 1 || s.Subject != "demo" || !slices.Equal(s.AuthTypes, []string{"A", "B"}) {
		t.Fatalf("%+v", s)
	}
	b.keep()
	result := b.want("x")
	want := &journey.Succeeded{
		Subject: &demo()[0].User, AuthLevel: 7, SuccessURL: "/welcome",
		Findings: journey.Findings{Properties: map[string]string{"p": "1", "q": "2"}, AuthTypes: []string{"A", "B"}},
	}
	if !reflect.DeepEqual(result, journey.Result{Succeeded: want}) {
		t.Errorf("%+v\nwant %+v", result.Succeeded, want)
	}
}

// keep sends the snapshot through JSON, as keepers do.
func (b *bench) keep() {
	b.Helper()
	text, err := json.Marshal(b.snap)
	if err != nil {
		b.Fatal(err)
	}
	b.snap = new(journey.Snapshot)
	if err := json.Unmarshal(text, b.snap); err != nil {
		b.Fatal(err)
	}
}

func TestInputSaysWhereTheJourneyIs(t *testing.T) {
	var inputs []journey.Input
	b := newBench(t, demo(), &node{process: func(_ context.Context, in *journey.Input) (journey.Action, error) {
		inputs = append(inputs, *in)
		return journey.Ask(callback.Name{}), nil
	}})
	b.snap.Params.Locale = "de"
	b.want()
	b.want("x")
	for i, in := range inputs {
		if in.Realm != "/alpha" || in.Journey != "Test" || in.NodeID != "n1" || in.JourneyID != b.snap.ID.String() || in.Step != i {
			t.Errorf("input %d: %+v", i, in)
		}
		if in.Client.Address != client.Address || !slices.Equal(in.Client.Languages, []string{"de", "en"}) {
			t.Errorf("input %d: client %+v", i, in.Client)
		}
	}
	if inputs[0].Answers != nil || len(inputs[1].Answers) != 1 {
		t.Errorf("answers %v, then %v", inputs[0].Answers, inputs[1].Answers)
	}
	if len(client.Languages) != 1 {
		t.Error("the caller's client was changed")
	}
}

// SECURITY 1: a step that was not answered as asked must not be passed.
func TestAdvanceKeepsAskingWhatIsNotAnswered(t *testing.T) {
	b := newBench(t, demo(), asker(), identifies("demo"))
	b.want()
	before := *b.snap
	for name, raw := range journeytest.Hostile(b.snap.Asked) {
		result, err := b.engine.Advance(t.Context(), b.tree, b.snap, journey.Turn{Answers: raw})
		switch {
		case err != nil && !errors.Is(err, callback.ErrAnswer):
			t.Errorf("%s: %v", name, err)
		case err != nil && !reflect.DeepEqual(*b.snap, before):
			t.Errorf("%s: the refused answer changed the journey", name)
		case err == nil && result.Asked:
			t.Errorf("%s: asked again", name)
		case err == nil:
			copied := before
			b.snap = &copied
		}
	}
}

// Faults of a backend decide nothing: the journey is as it was, and the same
// answer goes through once they are over.
func TestFaultsLeaveTheSnapshotUntouched(t *testing.T) {
	for _, fault := range []error{store.ErrUnavailable, identity.ErrUnavailable, identity.ErrBusy} {
		var down error
		b := newBench(t, demo(), asker(), does(func(in *journey.Input) journey.Action {
			in.State.PutShared("trace", true)
			return journey.Goto("outcome").WithProperty("trace", "x").WithAuthType("trace")
		}), &node{process: func(context.Context, *journey.Input) (journey.Action, error) {
			return journey.Goto("outcome"), down
		}}, identifies("demo"))
		b.want()
		b.snap.Properties = map[string]string{"trace": "before"}
		b.snap.AuthTypes = append(make([]string, 0, 4), "before")
		b.keep()
		before, err := json.Marshal(b.snap)
		if err != nil {
			t.Fatal(err)
		}
		down = fmt.Errorf("wrapped: %w", fault)
		if _, err := b.advance("x"); !errors.Is(err, fault) || !strings.Contains(err.Error(), "journey Test: node n3") {
			t.Fatalf("error %v; want %v at node n3", err, fault)
		}
		if after, err := json.Marshal(b.snap); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%v: error %v, the snapshot changed from\n%s\nto\n%s", fault, err, before, after)
		}
		down = nil
		if result := b.want("x"); result.Succeeded == nil {
			t.Errorf("%v: after the fault: %+v", fault, result)
		}
	}
}

func TestAdvanceHonoursContext(t *testing.T) {
	b := newBench(t, demo(), identifies("demo"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.engine.Advance(ctx, b.tree, b.snap, journey.Turn{Client: client}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestMistakesEndTheJourneyWithAnError(t *testing.T) {
	for name, test := range map[string]struct {
		nodes []*node
		want  string
	}{
		"an outcome that is not announced": {
			[]*node{does(func(*journey.Input) journey.Action { return journey.Goto("true") })},
			`node n1: it chose the outcome "true", but its outcomes are: outcome`,
		},
		"neither asked nor decided": {
			[]*node{does(func(*journey.Input) journey.Action { return journey.Action{} })},
			`it chose the outcome ""`,
		},
		"asked nothing": {
			[]*node{does(func(*journey.Input) journey.Action { return journey.Ask() })},
			"node n1: it asks without a callback",
		},
		"asked with nil": {
			[]*node{does(func(*journey.Input) journey.Action { return journey.Ask(nil) })},
			"cannot be kept",
		},
		"asked with a callback of its own": {
			[]*node{does(func(*journey.Input) journey.Action { return journey.Ask(own{}) })},
			"type journey_test.own, which cannot be kept",
		},
		"put into the state what JSON cannot hold": {
			[]*node{does(func(in *journey.Input) journey.Action {
				in.State.PutShared("channel", make(chan int))
				return journey.Ask(callback.Name{})
			})},
			`node n1: the state "channel" holds a chan int`,
		},
		"could not decide": {
			[]*node{{process: func(context.Context, *journey.Input) (journey.Action, error) {
				return journey.Goto("outcome"), errors.New("no key")
			}}},
			"journey Test: node n1: no key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, demo(), test.nodes...)
			if result, err := b.advance(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, error %v; want one about %s", result, err, test.want)
			}
		})
	}
}

// own is a callback of a third party, of a name that is taken.
type own struct{ callback.Name }

func TestLoopsEnd(t *testing.T) {
	b := newBench(t, demo(), does(func(*journey.Input) journey.Action { return journey.Goto("outcome") }),
		does(func(*journey.Input) journey.Action { return journey.Goto("outcome") }))
	b.tree.Nodes["n2"].Next["outcome"] = "n1"
	if _, err := b.advance(); err == nil || !strings.Contains(err.Error(), "there is a loop among: n1, n2") {
		t.Errorf("error %v", err)
	}
}

func TestNodeThatIsNoLongerThere(t *testing.T) {
	b := newBench(t, demo(), asker(), identifies("demo"))
	b.want()
	delete(b.tree.Nodes, "n1") // the configuration was reloaded meanwhile
	if _, err := b.advance("x"); err == nil || !strings.Contains(err.Error(), "node n1: it is no longer part of the journey") {
		t.Errorf("error %v", err)
	}
}

// A panic in a node must kill neither the process nor the secrecy of what was
// answered: neither the log nor the error may show it.
func TestPanicIsAnErrorWithoutAnswers(t *testing.T) {
	const answer = "correct-horse"
	for name, blow := range map[string]func(string){
		"with the answer": func(s string) { panic("cannot use " + s) },
		"with an error":   func(s string) { panic(errors.New(s)) },
		"of the runtime":  func(s string) { _ = []byte(s)[len(s)] },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, demo(), &node{process: func(_ context.Context, in *journey.Input) (journey.Action, error) {
				if p, ok := callback.First[callback.Password](in.Answers); ok {
					blow(p.Value)
				}
				return journey.Ask(callback.Password{}), nil
			}})
			b.want()
			_, err := b.advance(answer)
			if err == nil || !strings.Contains(err.Error(), "journey Test: node n1: panicked") || strings.Contains(err.Error(), answer) {
				t.Errorf("error %v", err)
			}
			if log := b.log.String(); !strings.Contains(log, "node=n1") || strings.Contains(log, answer) {
				t.Errorf("log %s", log)
			}
		})
	}
}

// One tree and one engine serve all journeys at once.
func TestJourneysRunInParallel(t *testing.T) {
	b := newBench(t, demo(), asker(), &node{process: func(_ context.Context, in *journey.Input) (journey.Action, error) {
		in.State.PutShared("seen", in.State.String("password"))
		return journey.Ask(callback.Name{}), nil
	}})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			s, me := newSnapshot(), fmt.Sprint("secret ", i)
			for _, answer := range []string{"", me} {
				if _, err := b.engine.Advance(t.Context(), b.tree, s, journey.Turn{Client: client, Answers: journeytest.Answers(s.Asked, answer)}); err != nil {
					t.Error(err)
				}
			}
			if s.Shared["seen"] != me {
				t.Errorf("%s became %v", me, s.Shared["seen"])
			}
		})
	}
	wg.Wait()
}

func BenchmarkAdvance(b *testing.B) {
	bench := newBench(b, demo(), asker(), identifies("demo"), asker())
	bench.want()
	asked := *bench.snap
	raw := journeytest.Answers(asked.Asked, "x")
	b.ReportAllocs()
	for b.Loop() {
		s := asked
		if _, err := bench.engine.Advance(b.Context(), bench.tree, &s, journey.Turn{Client: client, Answers: raw}); err != nil {
			b.Fatal(err)
		}
	}
}
