package treefile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
)

// needy needs a mail server; inner stands for another journey.
type (
	needy struct{ step }
	inner struct {
		step
		tree string
	}
)

func (needy) Needs() []journey.Need { return []journey.Need{{Kind: journey.NeedMail}} }
func (i inner) InnerTree() string   { return i.tree }
func (inner) Outcomes() []string    { return []string{journey.InnerTrue, journey.InnerFalse} }
func tree(n journey.Node) *journey.Tree {
	next := map[string]string{}
	for _, o := range n.Outcomes() {
		next[o] = journey.Success
	}
	return &journey.Tree{Entry: "node", Nodes: map[string]*journey.Placed{"node": {ID: "node", Type: "T", Node: n, Next: next}}}
}

// step is a node that goes on.
type step struct{ *nodes.Username }

// set is a set of journeys: those in files, by name. A journey whose name begins
// with "bad" cannot run here.
func set(t *testing.T, trees map[string]*journey.Tree) *treefile.Set {
	t.Helper()
	s := new(treefile.Set)
	for name, tree := range trees {
		tree.Name, tree.Source = name, name+".json"
		j := &treefile.Journey{Tree: tree}
		if strings.HasPrefix(name, "bad") {
			tree.Disabled = true
			j.Problems = []treefile.Problem{{File: tree.Source, Journey: name, Text: "it is bad"}}
		}
		s.Journeys = append(s.Journeys, j)
	}
	return s
}

func named(trees map[string]*journey.Tree) map[string]*journey.Tree {
	for name, tree := range trees {
		tree.Name = name
	}
	return trees
}

func TestJudge(t *testing.T) {
	type trees = map[string]*journey.Tree
	off := func(t *journey.Tree) *journey.Tree { t.Disabled = true; return t }
	innerOnly := func(t *journey.Tree) *journey.Tree { t.InnerOnly = true; return t }
	mail := new(journeytest.Realm).Services()
	for name, c := range map[string]struct {
		files trees
		realm treefile.Realm
		// runs are the names of the journeys that run, disabled what is said
		// of others, refused what Err says.
		runs, disabled, refused string
	}{
		"all runs":                  {trees{"a": tree(step{})}, treefile.Realm{Default: "a", Inline: trees{"b": tree(step{})}}, "a b", "", ""},
		"a bad one is left out":     {trees{"a": tree(step{}), "bad": tree(step{})}, treefile.Realm{Default: "a"}, "a", "bad.json: journey bad: it is bad", ""},
		"unless all must run":       {trees{"bad": tree(step{})}, treefile.Realm{Strict: true}, "", "it is bad", "journey bad cannot run here, and all must (strict):\nbad.json: journey bad: it is bad"},
		"or it is the default":      {trees{"bad": tree(step{})}, treefile.Realm{Default: "bad"}, "", "it is bad", "the default journey bad cannot run here:\nbad.json"},
		"no default":                {nil, treefile.Realm{Default: "x"}, "", "", "default_journey x: there is no such journey"},
		"a disabled default":        {trees{"a": off(tree(step{}))}, treefile.Realm{Default: "a"}, "a", "", "the default journey a is disabled; enable it"},
		"a default inside others":   {trees{"a": innerOnly(tree(step{}))}, treefile.Realm{Default: "a"}, "a", "", "may only run inside others"},
		"inner to an enabled one":   {trees{"a": tree(inner{tree: "bad"}), "bad": tree(step{})}, treefile.Realm{}, "", `journey a: node node (T): property tree: the journey "bad" cannot run here`, "journey a is enabled and needs the journey bad, which cannot run here"},
		"inner to a disabled one":   {trees{"a": off(tree(inner{tree: "bad"})), "bad": tree(step{})}, treefile.Realm{}, "", "it is bad", ""},
		"inner to another bad one":  {trees{"bad1": tree(inner{tree: "bad2"}), "bad2": tree(step{})}, treefile.Realm{}, "", "it is bad", ""},
		"an inner one is missing":   {trees{"a": tree(inner{tree: "b"}), "c": tree(step{})}, treefile.Realm{}, "c", `there is no journey "b" in this realm; load it too`, ""},
		"an inner one is disabled":  {trees{"a": tree(inner{tree: "b"}), "b": off(tree(step{}))}, treefile.Realm{}, "b", `the journey "b" is disabled; enable it`, ""},
		"a journey in itself":       {trees{"a": tree(inner{tree: "a"})}, treefile.Realm{}, "", "it contains itself: a → a", ""},
		"what a bad one needs":      {trees{"a": tree(inner{tree: "b"}), "b": tree(inner{tree: "c"})}, treefile.Realm{}, "", `there is no journey "c"`, ""},
		"no mail server":            {trees{"a": tree(needy{}), "b": tree(step{})}, treefile.Realm{Services: new(journey.Services)}, "b", "a.json: journey a: node node (T): it needs mail", ""},
		"a mail server":             {trees{"a": tree(needy{})}, treefile.Realm{Services: mail}, "a", "", ""},
		"inline must run":           {nil, treefile.Realm{Services: new(journey.Services), Inline: trees{"a": tree(needy{})}}, "", "it needs mail", "journey a cannot run:\njourney a: node node (T): it needs mail"},
		"inline and in a file":      {trees{"a": tree(step{})}, treefile.Realm{Inline: trees{"a": tree(step{})}}, "a", "", "journey a is in the configuration and in a.json; remove one of them"},
		"the built-in one":          {nil, treefile.Realm{Default: "a", BuiltIn: trees{"a": tree(step{})}}, "a", "", ""},
		"a file's own of that name": {trees{"bad": tree(step{})}, treefile.Realm{BuiltIn: trees{"bad": tree(step{})}}, "", "it is bad", ""},
	} {
		t.Run(name, func(t *testing.T) {
			named(c.realm.Inline)
			named(c.realm.BuiltIn)
			v := set(t, c.files).Judge(c.realm)
			var runs []string
			for name := range v.Journeys {
				runs = append(runs, name)
			}
			slices.Sort(runs)
			if got := strings.Join(runs, " "); got != c.runs {
				t.Errorf("these run: %s; want %s", got, c.runs)
			}
			var disabled []string
			for _, p := range v.Disabled {
				disabled = append(disabled, p.String())
			}
			if got := strings.Join(disabled, "\n"); !strings.Contains(got, c.disabled) || (c.disabled == "") != (got == "") {
				t.Errorf("disabled: %s\nwant %s", got, c.disabled)
			}
			if (c.refused == "") != (v.Err == nil) || v.Err != nil && !strings.Contains(v.Err.Error(), c.refused) {
				t.Errorf("refused: %v\nwant %s", v.Err, c.refused)
			}
		})
	}
}

// TestJudgeWithoutFiles: a realm without files has no Set.
func TestJudgeWithoutFiles(t *testing.T) {
	var none *treefile.Set
	v := none.Judge(treefile.Realm{Default: "Login", BuiltIn: map[string]*journey.Tree{"Login": nodes.Login()}})
	if v.Err != nil || len(v.Journeys) != 1 {
		t.Errorf("%+v", v)
	}
}

// TestWholeKeepsWhatWasDropped: who looks at a journey sees all of it.
func TestWholeKeepsWhatWasDropped(t *testing.T) {
	j := load(t, replaced(t, `"false": "again"`, `"false": "`+failureID+`"`))
	if len(j.Tree.Nodes) != 2 || len(j.Whole().Nodes) != 3 {
		t.Errorf("%d nodes of %d", len(j.Tree.Nodes), len(j.Whole().Nodes))
	}
}
