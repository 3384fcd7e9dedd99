package treefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/amgate/amgate/journey"
)

// The ids by which AM's trees name their two ends.
const (
	successID = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"
	failureID = "e301438c-0bd0-429c-ab0c-66126501069a"
)

// place is a node in a tree's "nodes": what is there under which name, and how
// it is wired.
type place struct {
	kind, name  string
	connections map[string]string
}

// builder makes a journey of an export.
type builder struct {
	*export
	types  Types
	made   *Journey
	places map[string]place
	// problems and warnings of each placed node count if it is reached.
	problems, warnings map[string][]Problem
}

// build makes the journey. It is disabled if there are problems.
func build(e *export, types Types) *Journey {
	b := &builder{
		export: e, types: types,
		made: &Journey{
			Tree:    &journey.Tree{Name: e.name, Source: e.file, Nodes: make(map[string]*journey.Placed)},
			dropped: make(map[string]*journey.Placed), digest: e.digest(),
		},
		places: make(map[string]place), problems: make(map[string][]Problem), warnings: make(map[string][]Problem),
	}
	b.settings()
	b.readPlaces()
	for _, id := range slices.Sorted(maps.Keys(b.places)) {
		b.put(id, b.places[id])
	}
	b.enter()
	for _, id := range slices.Sorted(maps.Keys(b.places)) {
		b.wire(id, b.places[id])
	}
	b.prune()
	j := b.made
	if len(j.Problems) == 0 {
		b.checkWhole()
	}
	j.Tree.Disabled = j.Tree.Disabled || len(j.Problems) > 0
	return j
}

// digest is the same for two exports of the same journey.
func (e *export) digest() [32]byte {
	delete(e.tree, "_rev")
	text, _ := json.Marshal([]any{e.tree, e.nodes}) // it was JSON; members are sorted
	var compact bytes.Buffer
	_ = json.Compact(&compact, text)
	return sha256.Sum256(compact.Bytes())
}

// problem adds why the journey cannot run here.
func (j *Journey) problem(p Problem) { j.Problems = append(j.Problems, j.placed(p)) }

// warn adds what was ignored or amended.
func (j *Journey) warn(p Problem) { j.Warnings = append(j.Warnings, j.placed(p)) }

func (j *Journey) placed(p Problem) Problem {
	p.File, p.Journey = j.Tree.Source, j.Tree.Name
	return p
}

// properties makes a Problem of each error, and names the property if the
// error does.
func properties(p Problem, err error) []Problem {
	if _, ok := err.(joined); ok {
		var all []Problem
		for _, one := range several(err) {
			all = append(all, properties(p, one)...)
		}
		return all
	}
	p.Text = err.Error()
	if wrong, ok := errors.AsType[*journey.PropertyError](err); ok {
		p.Property, p.Text = wrong.Property, wrong.Err.Error()
	}
	return []Problem{p}
}

// settings reads what holds for the whole journey.
func (b *builder) settings() {
	t := b.made.Tree
	enabled, transactional := true, false
	var description string
	for name, into := range map[string]any{
		"description": &description, "enabled": &enabled, "transactionalOnly": &transactional,
		"innerTreeOnly": &t.InnerOnly, "noSession": &t.NoSession, "mustRun": &t.MustRun,
	} {
		b.wrong(b.tree.read(name, into))
	}
	for name, into := range map[string]*time.Duration{
		"treeTimeout": &t.Timeout, "maximumSessionTime": &t.MaxTime, "maximumIdleTime": &t.IdleTime,
	} {
		b.wrong(b.minutes(name, into))
	}
	t.Description, t.Disabled = text(description), !enabled
	if transactional {
		b.made.problem(Problem{Property: "transactionalOnly", Text: "amgate has no transactions; a journey can run on its own when this is false"})
	}
	slices.SortFunc(b.made.Problems, func(p, q Problem) int { return strings.Compare(p.Property, q.Property) })
}

func (b *builder) wrong(err error) {
	if err != nil {
		for _, p := range properties(Problem{}, err) {
			b.made.problem(p)
		}
	}
}

// minutes reads a number of minutes, as AM's trees have them. 0 is no bound of
// the journey's own.
func (b *builder) minutes(name string, into *time.Duration) error {
	const most = 1 << 31 // minutes, 4000 years; AM has no end as 2147483647
	var number json.Number
	if err := b.tree.read(name, &number); err != nil || number == "" {
		return err
	}
	n, err := number.Int64()
	if err != nil || n < 0 || n >= most {
		return &journey.PropertyError{Property: name, Err: fmt.Errorf("a whole number of minutes is needed, from 0 to %d", most-1)}
	}
	*into = time.Duration(n) * time.Minute
	return nil
}

// readPlaces reads the tree's nodes and wires.
func (b *builder) readPlaces() {
	var nodes map[string]object
	b.wrong(b.tree.read("nodes", &nodes))
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		var p place
		for name, into := range map[string]any{
			"nodeType": &p.kind, "displayName": &p.name, "connections": &p.connections,
		} {
			if err := nodes[id].read(name, into); err != nil {
				b.problems[id] = append(b.problems[id], properties(Problem{Node: id}, err)...)
			}
		}
		if id == "" || len(id) > 100 || strings.Contains(id, "/") || id == journey.Success || id == journey.Failure ||
			id == successID || id == failureID {
			b.made.problem(Problem{Node: id, Text: "a node cannot have this id; AM's are UUIDs"})
			continue
		}
		b.places[id] = p
	}
}

// put makes a node and puts it in its place.
func (b *builder) put(id string, p place) {
	where := Problem{Node: id, Name: p.name, Type: p.kind}
	b.made.Tree.Nodes[id] = &journey.Placed{
		ID: id, Type: p.kind, Name: p.name,
		Node: b.node(where),
		Next: make(map[string]string),
	}
}

// enter finds the node, or end, where the journey begins.
func (b *builder) enter() {
	t := b.made.Tree
	if err := b.tree.read("entryNodeId", &t.Entry); err != nil {
		b.wrong(err)
		return
	}
	var known bool
	if t.Entry, known = b.target(t.Entry); !known {
		b.made.problem(Problem{Property: "entryNodeId", Text: fmt.Sprintf("there is no node %s; name one of the tree's nodes", printable(t.Entry))})
	}
}

// target is the node, or end, that AM's tree names by id.
func (b *builder) target(id string) (target string, known bool) {
	switch id {
	case successID:
		return journey.Success, true
	case failureID:
		return journey.Failure, true
	}
	_, known = b.places[id]
	return id, known
}

// wire connects the outcomes of a node. Those without a connection lead to
// failure.
func (b *builder) wire(id string, p place) {
	placed := b.made.Tree.Nodes[id]
	where := Problem{Node: id, Name: p.name, Type: p.kind, Property: "connections"}
	outcomes := placed.Node.Outcomes()
	for _, outcome := range slices.Sorted(maps.Keys(p.connections)) {
		to, known := b.target(p.connections[outcome])
		switch {
		case !slices.Contains(outcomes, outcome) && len(b.problems[id]) == 0:
			where.Text = fmt.Sprintf("the node has no outcome %s, so its connection is ignored; the outcomes are: %s",
				printable(outcome), strings.Join(outcomes, ", "))
			b.warnings[id] = append(b.warnings[id], where)
		case !known:
			where.Text = fmt.Sprintf("the outcome %s leads to node %s, which the tree does not have", printable(outcome), printable(to))
			b.problems[id] = append(b.problems[id], where)
			placed.Next[outcome] = journey.Failure
		default:
			placed.Next[outcome] = to
		}
	}
	for _, outcome := range outcomes {
		if placed.Next[outcome] == "" {
			placed.Next[outcome] = journey.Failure
			where.Text = fmt.Sprintf("the outcome %s is not connected; it leads to failure", printable(outcome))
			b.warnings[id] = append(b.warnings[id], where)
		}
	}
}

// prune drops the nodes to which no path leads, and takes over the problems of
// the others.
func (b *builder) prune() {
	t := b.made.Tree
	reached := t.Reachable(t.Entry)
	for _, id := range slices.Sorted(maps.Keys(b.places)) {
		if !reached[id] {
			b.made.dropped[id] = t.Nodes[id]
			delete(t.Nodes, id)
			b.made.warn(Problem{Node: id, Name: b.places[id].name, Type: b.places[id].kind, Text: "no path leads to it, so it is left out"})
			continue
		}
		for _, p := range b.problems[id] {
			b.made.problem(p)
		}
		for _, p := range b.warnings[id] {
			b.made.warn(p)
		}
	}
}

// checkWhole finds what the journey as a whole lacks. AM runs one that always
// fails.
func (b *builder) checkWhole() {
	err := b.made.Tree.Check()
	if err == nil {
		return
	}
	for _, err := range several(err) {
		p := Problem{Text: strings.TrimPrefix(err.Error(), "journey "+b.name+": ")}
		if errors.Is(err, journey.ErrNoSuccess) {
			b.made.warn(p)
		} else {
			b.made.problem(p)
		}
	}
}

// joined is an error made by errors.Join.
type joined interface{ Unwrap() []error }

// several are the errors that errors.Join joined.
func several(err error) []error {
	if all, ok := err.(joined); ok {
		return all.Unwrap()
	}
	return []error{err}
}
