package journey_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
)

// inner stands for another journey.
type inner struct {
	tree    string
	onError bool
}

func (n inner) InnerTree() string { return n.tree }

func (n inner) Outcomes() []string {
	if n.onError {
		return []string{journey.InnerTrue, journey.InnerFalse, journey.InnerError}
	}
	return []string{journey.InnerTrue, journey.InnerFalse}
}

func (inner) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Action{}, errors.New("an inner node was called")
}

// step asks a name and leaves by what was typed.
type step struct{ outcomes []string }

func (n step) Outcomes() []string { return n.outcomes }

func (n step) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	answer, ok := callback.First[callback.Name](in.Answers)
	switch {
	case !ok:
		return journey.Ask(callback.Name{Prompt: in.NodeID}), nil
	case answer.Value == "fail":
		return journey.Action{}, errors.New("broken")
	case answer.Value == "fault":
		return journey.Action{}, journey.ErrService
	}
	in.State.PutShared("via", in.State.String("via")+in.NodeID+">")
	return journey.Goto(answer.Value), nil
}

func placed(id string, n journey.Node, next ...string) *journey.Placed {
	p := &journey.Placed{ID: id, Type: fmt.Sprintf("%T", n), Name: "the " + id, Node: n, Next: map[string]string{}}
	for i, outcome := range n.Outcomes() {
		p.Next[outcome] = next[i]
	}
	return p
}

func treeOf(name string, nodes ...*journey.Placed) *journey.Tree {
	t := &journey.Tree{Name: name, Entry: nodes[0].ID, Nodes: map[string]*journey.Placed{}}
	for _, p := range nodes {
		t.Nodes[p.ID] = p
	}
	return t
}

func treesOf(trees ...*journey.Tree) map[string]*journey.Tree {
	byName := make(map[string]*journey.Tree)
	for _, t := range trees {
		byName[t.Name] = t
	}
	return byName
}

// A journey of three levels, whose innermost is used twice.
func nested() map[string]*journey.Tree {
	return treesOf(
		treeOf("outer",
			placed("first", inner{"middle", true}, "second", journey.Failure, "repair"),
			placed("second", inner{"leaf", false}, journey.Success, "first"),
			placed("repair", step{[]string{"ok"}}, journey.Success)),
		treeOf("middle", placed("again", inner{"leaf", false}, journey.Success, "again2"),
			placed("again2", inner{"leaf", false}, journey.Success, journey.Failure)),
		treeOf("leaf", placed("ask", step{[]string{"yes", "no"}}, journey.Success, journey.Failure)),
		&journey.Tree{Name: "nothing", Entry: journey.Success},
	)
}

func TestLinkPutsInnerJourneysInPlace(t *testing.T) {
	trees := nested()
	linked, broken := journey.Link(trees)
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	outer := linked["outer"]
	if err := outer.Check(); err != nil {
		t.Fatal(err)
	}
	want := []string{"first/again/ask", "first/again2/ask", "repair", "second/ask"}
	if got := slices.Sorted(maps.Keys(outer.Nodes)); !slices.Equal(got, want) || outer.Entry != "first/again/ask" {
		t.Fatalf("nodes %v from %s; want %v", got, outer.Entry, want)
	}
	for id, next := range map[string]map[string]string{
		"first/again/ask":  {"yes": "second/ask", "no": "first/again2/ask"},
		"first/again2/ask": {"yes": "second/ask", "no": journey.Failure},
		"second/ask":       {"yes": journey.Success, "no": "first/again/ask"},
	} {
		if got := outer.Nodes[id].Next; !maps.Equal(got, next) {
			t.Errorf("%s leads to %v; want %v", id, got, next)
		}
	}
	if p := outer.Nodes["first/again/ask"]; p.OnError != "repair" || p.Tree != "leaf" {
		t.Errorf("on error to %q, of tree %q", p.OnError, p.Tree)
	}
	if _, ok := trees["outer"].Nodes["first"]; !ok || len(trees["outer"].Nodes) != 3 {
		t.Error("the tree that was given is changed")
	}
}

func TestLinkRefuses(t *testing.T) {
	ask := func() *journey.Placed { return placed("ask", step{[]string{"ok"}}, journey.Success) }
	deep := make([]*journey.Tree, 0, 20)
	deep = append(deep, treeOf("t0", ask()))
	for i := 1; i < 20; i++ {
		below := fmt.Sprintf("t%d", i-1)
		deep = append(deep, treeOf(fmt.Sprintf("t%d", i),
			placed("a", inner{below, false}, "b", "b"), placed("b", inner{below, false}, journey.Success, journey.Failure)))
	}
	disabled := treeOf("off", ask())
	disabled.Disabled = true
	for name, tc := range map[string]struct {
		trees map[string]*journey.Tree
		tree  string
		want  string
	}{
		"itself":   {treesOf(treeOf("a", placed("i", inner{"a", false}, journey.Success, journey.Failure))), "a", "a → a"},
		"a circle": {treesOf(treeOf("a", placed("i", inner{"b", false}, journey.Success, journey.Failure)), treeOf("b", placed("i", inner{"a", false}, journey.Success, journey.Failure))), "a", "a → b → a"},
		"missing":  {treesOf(treeOf("a", placed("i", inner{"b", false}, journey.Success, journey.Failure))), "a", `node i: there is no journey "b"`},
		"disabled": {treesOf(disabled, treeOf("a", placed("i", inner{"off", false}, journey.Success, journey.Failure))), "a", `"off" is disabled`},
		"too many": {treesOf(deep...), "t19", "more than 2000 nodes"},
		"doing nothing for ever": {treesOf(
			&journey.Tree{Name: "nothing", Entry: journey.Success},
			treeOf("a", placed("x", inner{"nothing", false}, "y", journey.Failure), placed("y", inner{"nothing", false}, "x", journey.Failure)),
		), "a", "node x: from it inner journeys that do nothing lead to one another"},
		"taken": {treesOf(treeOf("b", ask()), treeOf("a", placed("i", inner{"b", false}, "i/ask", journey.Failure), placed("i/ask", step{[]string{"ok"}}, journey.Success))), "a", "taken"},
	} {
		t.Run(name, func(t *testing.T) {
			linked, broken := journey.Link(tc.trees)
			if err := broken[tc.tree]; err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v; want %q", err, tc.want)
			}
			if linked[tc.tree] != nil {
				t.Error("it is linked all the same")
			}
		})
	}
}

// inner journeys that do nothing lead straight on.
func TestLinkThroughEmptyJourneys(t *testing.T) {
	linked, broken := journey.Link(treesOf(
		&journey.Tree{Name: "nothing", Entry: journey.Success},
		treeOf("a", placed("x", inner{"nothing", false}, "y", journey.Failure),
			placed("y", inner{"nothing", false}, "ask", journey.Failure), placed("ask", step{[]string{"ok"}}, "x")),
	))
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	if a := linked["a"]; a.Entry != "ask" || a.Nodes["ask"].Next["ok"] != "ask" || len(a.Nodes) != 1 {
		t.Errorf("%+v", a)
	}
}

// An error in an inner journey leads to the error outcome, where there is one;
// a fault never does: it leaves the step answerable.
func TestErrorOfAnInnerJourney(t *testing.T) {
	linked, _ := journey.Link(nested())
	engine := journey.NewEngine(journey.EngineConfig{Users: journeytest.Users(nil), Logger: slog.New(slog.DiscardHandler)})
	answer := func(s *journey.Snapshot, with string) (journey.Result, error) {
		return engine.Advance(t.Context(), linked["outer"], s, journey.Turn{Answers: journeytest.Answers(s.Asked, with)})
	}
	s := &journey.Snapshot{ID: journey.NewID()}
	if _, err := engine.Advance(t.Context(), linked["outer"], s, journey.Turn{}); err != nil || s.Node != "first/again/ask" {
		t.Fatal(s.Node, err)
	}
	if _, err := answer(s, "fault"); !errors.Is(err, journey.ErrService) || s.Node != "first/again/ask" {
		t.Fatalf("after a fault at %s: %v", s.Node, err)
	}
	if _, err := answer(s, "fail"); err != nil || s.Node != "repair" {
		t.Fatalf("after an error at %s: %v", s.Node, err)
	}
	node, _ := s.Shared[journey.KeyErrorNode].(map[string]any)
	if node["id"] != "first/again/ask" || node["displayName"] != "the ask" || s.Shared[journey.KeyErrorMessage] == nil {
		t.Errorf("the state says %v, %v", node, s.Shared[journey.KeyErrorMessage])
	}

	s = &journey.Snapshot{ID: journey.NewID(), Node: "second/ask", Asked: s.Asked, Findings: journey.Findings{ErrorMessage: "sorry", ErrorDetails: map[string]any{"a": 1.0}}}
	var stopped *journey.StoppedError
	if _, err := answer(s, "fail"); !errors.As(err, &stopped) || stopped.Message != "sorry" || stopped.Details["a"] != 1.0 {
		t.Errorf("without an error outcome: %v", err)
	}
}
