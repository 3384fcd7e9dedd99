package journey_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
)

// fixed is a node that is made of its outcomes.
type fixed struct {
	outcomes []string
	check    error
}

func (f *fixed) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Goto(f.outcomes[0]), nil
}
func (f *fixed) Outcomes() []string { return f.outcomes }
func (f *fixed) Check() error       { return f.check }

var _ journey.Checker = (*fixed)(nil)

// place puts a node into a tree; wires are outcome and target in turn.
func place(t *journey.Tree, id string, n journey.Node, wires ...string) {
	if t.Nodes == nil {
		t.Nodes = map[string]*journey.Placed{}
	}
	next := map[string]string{}
	for i := 0; i+1 < len(wires); i += 2 {
		next[wires[i]] = wires[i+1]
	}
	t.Nodes[id] = &journey.Placed{ID: id, Type: "Test", Node: n, Next: next}
}

// login is a sound tree, to be spoilt.
func login() *journey.Tree {
	t := &journey.Tree{Name: "Login", Entry: "ask"}
	place(t, "ask", &fixed{outcomes: []string{"outcome"}}, "outcome", "check")
	place(t, "check", &fixed{outcomes: []string{"true", "false"}}, "true", journey.Success, "false", "again")
	place(t, "again", &fixed{outcomes: []string{"Retry", "Reject"}}, "Retry", "ask", "Reject", journey.Failure)
	return t
}

func TestCheckFindsEveryMistake(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*journey.Tree)
		want  []string // parts of the message, one for each problem
	}{
		"nothing": {func(*journey.Tree) {}, nil},
		"no name": {func(t *journey.Tree) { t.Name = "" }, []string{"it has no name"}},
		"no nodes": {
			func(t *journey.Tree) { t.Nodes = nil },
			[]string{"journey Login: it has no nodes"},
		},
		"a negative timeout": {
			func(t *journey.Tree) { t.Timeout = -time.Second },
			[]string{"timeout is -1s"},
		},
		"an entry that is not there": {
			func(t *journey.Tree) { t.Entry = "start" },
			[]string{`begins at node "start", which does not exist; the nodes are: again, ask, check, success, failure`},
		},
		"an outcome that leads nowhere": {
			func(t *journey.Tree) { delete(t.Nodes["check"].Next, "false") },
			[]string{`node check: the outcome "false" leads nowhere`, "node again: no path leads to it"},
		},
		"an outcome that leads to no node": {
			func(t *journey.Tree) { t.Nodes["again"].Next["Retry"] = "aks" },
			[]string{`node again: the outcome "Retry" leads to node "aks", which does not exist; the nodes are: again, ask`},
		},
		"a wire of no outcome": {
			func(t *journey.Tree) { t.Nodes["ask"].Next["done"] = journey.Success },
			[]string{`node ask: there is no outcome "done"; the outcomes are: outcome`},
		},
		"a node that cannot be reached": {
			func(t *journey.Tree) {
				place(t, "lonely", &fixed{outcomes: []string{"outcome"}}, "outcome", journey.Success)
			},
			[]string{"node lonely: no path leads to it from the entry ask"},
		},
		"no way to success": {
			func(t *journey.Tree) { t.Nodes["check"].Next["true"] = journey.Failure },
			[]string{"no path leads to success"},
		},
		"an outcome that is there twice": {
			func(t *journey.Tree) { t.Nodes["ask"].Node = &fixed{outcomes: []string{"outcome", "outcome"}} },
			[]string{`node ask: the outcome "outcome" is there twice`},
		},
		"a node that finds itself wrong": {
			func(t *journey.Tree) {
				t.Nodes["ask"].Node = &fixed{outcomes: []string{"outcome"}, check: errors.New("limit 0: at least 1 is needed")}
			},
			[]string{"journey Login: node ask: limit 0: at least 1 is needed"},
		},
		"a node of another id": {
			func(t *journey.Tree) { t.Nodes["ask"].ID = "aks" },
			[]string{`node ask: it calls itself "aks"`},
		},
		"an end among the nodes": {
			func(t *journey.Tree) {
				place(t, journey.Success, &fixed{outcomes: []string{"x"}}, "x", journey.Failure)
			},
			[]string{`node "success": this id is taken`},
		},
		"no node": {
			func(t *journey.Tree) { t.Nodes["again"].Node = nil },
			[]string{"node again: there is no node under this id"},
		},
		"several things": {
			func(t *journey.Tree) {
				delete(t.Nodes["ask"].Next, "outcome")
				t.Nodes["again"].Next["x"] = "y"
			},
			[]string{
				`node again: there is no outcome "x"`, `node ask: the outcome "outcome" leads nowhere`,
				"node again: no path", "node check: no path", "no path leads to success",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := login()
			test.spoil(tree)
			err := tree.Check()
			var problems []string
			if err != nil {
				problems = strings.Split(err.Error(), "\n")
			}
			if len(problems) != len(test.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(problems), len(test.want), err)
			}
			for i, want := range test.want {
				if !strings.Contains(problems[i], want) {
					t.Errorf("got  %s\nwant …%s…", problems[i], want)
				}
			}
		})
	}
}

func TestMatchOutcome(t *testing.T) {
	for wish, want := range map[string]string{
		"Retry": "Retry", "retry": "Retry", "REJECT": "Reject", "true": "true", "TRUE": "TRUE",
		"True": "", "again": "", "": "",
	} {
		got, ok := journey.MatchOutcome([]string{"Retry", "Reject", "true", "TRUE"}, wish)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %t; want %q", wish, got, ok, want)
		}
	}
}
