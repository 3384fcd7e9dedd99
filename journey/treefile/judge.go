package treefile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// Realm is what the journeys of a realm are judged by.
type Realm struct {
	// Inline are the journeys that the configuration itself has, by name.
	// They must run.
	Inline map[string]*journey.Tree
	// BuiltIn are journeys that give way to others of their name.
	BuiltIn map[string]*journey.Tree
	// Default is the name of the default journey; "" for none.
	Default string
	// Services are what the realm lends to nodes; nil if that does not
	// matter yet.
	Services *journey.Services
	// Strict demands that every journey of a file runs.
	Strict bool
}

// Verdict says which journeys of a realm run.
type Verdict struct {
	// Journeys are those that can run, linked. Those that AM has disabled are
	// among them.
	Journeys map[string]*journey.Tree
	// Disabled is why others cannot run here, Warnings what else an operator
	// should know. Both are sorted by journey.
	Disabled, Warnings []Problem
	// Err is why the configuration must be refused, nil if it may be used.
	Err error
}

// Judge decides which of the journeys in files and configuration run. One of a
// file that cannot run is left out, unless it is the default journey, or inner
// to one that AM has enabled and that could run otherwise, or all must run. A
// nil Set has no journeys.
func (s *Set) Judge(r Realm) Verdict {
	j := judge{
		realm: r, all: make(map[string]*journey.Tree),
		files: make(map[string]bool), problems: make(map[string][]Problem),
	}
	maps.Copy(j.all, r.BuiltIn)
	if s != nil {
		for _, file := range s.Journeys {
			j.file(file)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Inline)) {
		if j.files[name] {
			j.refuse("%sjourney %s is in the configuration and in %s; remove one of them", from(r.Inline[name]), printable(name), j.all[name].Source)
			continue
		}
		j.all[name] = r.Inline[name]
	}
	j.services()
	j.link()
	j.demands()
	for _, name := range slices.Sorted(maps.Keys(j.problems)) {
		j.verdict.Disabled = append(j.verdict.Disabled, j.problems[name]...)
	}
	j.verdict.Err = errors.Join(j.errs...)
	return j.verdict
}

// judge is a judgement in progress.
type judge struct {
	realm Realm
	all   map[string]*journey.Tree
	files map[string]bool // the names of those from files
	// problems are why journeys cannot run; own are the names of those that
	// could not run whatever the others were.
	problems map[string][]Problem
	own      map[string]bool
	errs     []error
	verdict  Verdict
}

func (j *judge) refuse(format string, args ...any) {
	j.errs = append(j.errs, fmt.Errorf(format, args...))
}

func (j *judge) file(f *Journey) {
	name := f.Tree.Name
	j.all[name], j.files[name] = f.Tree, true
	j.verdict.Warnings = append(j.verdict.Warnings, f.Warnings...)
	if len(f.Problems) > 0 {
		j.problems[name] = slices.Clone(f.Problems)
	}
}

func (j *judge) problem(t *journey.Tree, p Problem) {
	p.File, p.Journey = t.Source, t.Name
	j.problems[t.Name] = append(j.problems[t.Name], p)
}

// at is a problem of a node.
func at(p *journey.Placed) Problem { return Problem{Node: p.ID, Name: p.Name, Type: p.Type} }

// services finds the journeys that need what the realm does not have.
func (j *judge) services() {
	for _, name := range slices.Sorted(maps.Keys(j.all)) {
		t := j.all[name]
		if j.realm.Services == nil || len(j.problems[name]) > 0 {
			continue
		}
		for _, p := range placed(t) {
			r, ok := p.Node.(journey.Requirer)
			if !ok {
				continue
			}
			for _, need := range r.Needs() {
				if err := j.realm.Services.Check(need); err != nil {
					problem := at(p)
					problem.Text = err.Error()
					j.problem(t, problem)
				}
			}
		}
	}
	j.own = make(map[string]bool, len(j.problems))
	for name := range j.problems {
		j.own[name] = true
	}
}

// placed are the nodes of a journey by id.
func placed(t *journey.Tree) []*journey.Placed {
	nodes := make([]*journey.Placed, 0, len(t.Nodes))
	for _, id := range slices.Sorted(maps.Keys(t.Nodes)) {
		nodes = append(nodes, t.Nodes[id])
	}
	return nodes
}

// link puts the inner journeys in their places.
func (j *judge) link() {
	trees := maps.Clone(j.all)
	for name := range j.own {
		off := *trees[name]
		off.Disabled = true
		trees[name] = &off
	}
	linked, broken := journey.Link(trees)
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		if !j.own[name] {
			j.broken(trees, name, broken)
		}
	}
	j.verdict.Journeys = linked
	for name := range j.problems {
		delete(linked, name)
	}
}

// broken names the nodes that make it impossible to link a journey.
func (j *judge) broken(trees map[string]*journey.Tree, name string, broken map[string]error) {
	found := false
	for _, p := range placed(trees[name]) {
		inner, ok := p.Node.(journey.Inner)
		if !ok {
			continue
		}
		problem := at(p)
		problem.Property = "tree"
		switch wanted := inner.InnerTree(); {
		case trees[wanted] == nil:
			problem.Text = fmt.Sprintf("there is no journey %q in this realm; load it too", wanted)
		case j.own[wanted]:
			problem.Text = fmt.Sprintf("the journey %q cannot run here", wanted)
		case trees[wanted].Disabled:
			problem.Text = fmt.Sprintf("the journey %q is disabled; enable it", wanted)
		default:
			continue
		}
		j.problem(trees[name], problem)
		found = true
	}
	if !found {
		j.problem(trees[name], Problem{Text: strings.TrimPrefix(broken[name].Error(), "journey "+name+": ")})
	}
}

// demands refuses a configuration whose missing journeys would be missed.
func (j *judge) demands() {
	j.demandDefault()
	for _, name := range slices.Sorted(maps.Keys(j.all)) {
		switch {
		case !j.files[name] && len(j.problems[name]) > 0:
			j.refuse("journey %s cannot run:\n%w", printable(name), j.why(name))
		case j.realm.Strict && len(j.problems[name]) > 0:
			j.refuse("journey %s cannot run here, and all must (strict):\n%w", printable(name), j.why(name))
		case !j.own[name] && !j.all[name].Disabled:
			j.demandInner(j.all[name])
		}
	}
}

func (j *judge) demandDefault() {
	name := j.realm.Default
	t, there := j.all[name]
	switch {
	case name == "":
	case !there:
		j.refuse("default_journey %s: there is no such journey in this realm", printable(name))
	case len(j.problems[name]) > 0:
		j.refuse("the default journey %s cannot run here:\n%w", printable(name), j.why(name))
	case t.Disabled:
		j.refuse("%sthe default journey %s is disabled; enable it, or name another one by default_journey", from(t), printable(name))
	case t.InnerOnly:
		j.refuse("%sthe default journey %s may only run inside others; name another one by default_journey", from(t), printable(name))
	}
}

// from is where a journey was written, before what is said of it.
func from(t *journey.Tree) string {
	if t.Source == "" {
		return ""
	}
	return t.Source + ": "
}

// demandInner refuses a journey that would run, but for an inner one that
// cannot.
func (j *judge) demandInner(t *journey.Tree) {
	for _, p := range placed(t) {
		if inner, ok := p.Node.(journey.Inner); ok && j.own[inner.InnerTree()] {
			j.refuse("journey %s is enabled and needs the journey %s, which cannot run here; disable the first, or mend the second:\n%w",
				printable(t.Name), printable(inner.InnerTree()), j.why(inner.InnerTree()))
		}
	}
}

// why is what keeps a journey from running.
func (j *judge) why(name string) error {
	errs := make([]error, len(j.problems[name]))
	for i, p := range j.problems[name] {
		errs[i] = errors.New(p.String())
	}
	return errors.Join(errs...)
}
