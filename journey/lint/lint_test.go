package lint_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/lint"
)

// kinds are the types of nodes of these tests.
type kinds map[string]lint.Traits

func (k kinds) Traits(kind string, _ journey.Node) (lint.Traits, bool) {
	t, known := k[kind]
	return t, known
}

var types = kinds{
	"ask":    {Asks: true},
	"check":  {Proves: []string{"true"}},
	"mail":   {Asks: true, Proves: []string{"outcome"}},
	"silent": {},
	"limit":  {Limited: []string{"retry"}},
	"page":   {},
}

// node has the outcomes that are wired; it is never called. parts are on it.
type node struct{ parts []journey.Child }

func (*node) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Action{}, nil
}
func (*node) Outcomes() []string { return nil }

// page is a node with others on it.
type page struct{ node }

func (p *page) Add(c journey.Child) error { p.parts = append(p.parts, c); return nil }
func (p *page) Parts() []journey.Child    { return p.parts }

// tree reads a journey of lines such as "name ask outcome>check", which begins
// at the first one. A type such as page(ask,check) has nodes on it, and the
// outcome "!" is that of an error.
func tree(lines string) *journey.Tree {
	t := &journey.Tree{Name: "J", Nodes: map[string]*journey.Placed{}}
	for line := range strings.Lines(lines) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if t.Entry == "" {
			t.Entry = words[0]
		}
		kind, parts, isPage := strings.Cut(words[1], "(")
		p := &journey.Placed{ID: words[0], Type: kind, Node: &node{}, Next: map[string]string{}}
		if isPage {
			page := new(page)
			for i, part := range strings.Split(strings.TrimSuffix(parts, ")"), ",") {
				_ = page.Add(journey.Child{ID: fmt.Sprint(i), Type: part})
			}
			p.Node = page
		}
		for _, wire := range words[2:] {
			outcome, to, _ := strings.Cut(wire, ">")
			if outcome == "!" {
				p.OnError = to
			} else {
				p.Next[outcome] = to
			}
		}
		t.Nodes[p.ID] = p
	}
	return t
}

func TestJourney(t *testing.T) {
	for name, c := range map[string]struct{ tree, want string }{
		"nothing": {`
			name  ask    outcome>check
			check check  true>success false>again
			again limit  retry>name reject>failure`, ""},
		"success without a check": {`
			name  ask    outcome>check
			check check  true>success false>skip
			skip  silent outcome>success`,
			"error: journey J: success can be reached without any proof of who the client is: name –outcome→ check –false→ skip –outcome→ success [unproved]"},
		"a link in a mail is a proof": {"name ask outcome>mail\nmail mail outcome>success", ""},
		"an error is no proof": {`
			check check true>success false>failure !>success`,
			"error: journey J: success can be reached without any proof of who the client is: check –error→ success [unproved]"},
		"a page proves by its last node":     {"p page(ask,check) true>success false>failure", ""},
		"and fails by it":                    {"p page(ask,check) false>success true>failure", "error: journey J: success can be reached without any proof of who the client is: p –false→ success [unproved]"},
		"and by any other":                   {"p page(mail,ask) outcome>success", ""},
		"one that is not ours may be enough": {"name ask outcome>own\nown mine outcome>success", "warning: journey J: whether this path proves who the client is depends on nodes that are not amgate's: name –outcome→ own –outcome→ success [unproved]"},
		"no way leads there": {`
			check check true>success false>failure
			lost  ask outcome>check`,
			"warning: journey J: node lost (ask): no path leads to it; wire an outcome to it, or remove it [unreachable]"},
		"a loop without an exit": {`
			check check true>success false>a
			pre   ask outcome>a
			a     ask outcome>b
			b     ask outcome>a`, `
			warning: journey J: node pre (ask): no path leads to it; wire an outcome to it, or remove it [unreachable]
			error: journey J: node a (ask): whoever comes here can only go round: a, b; wire an outcome to a node outside of it, or to an end [no-exit]`},
		"a way into it": {`
			check check true>success false>pre
			pre   ask outcome>a
			a     ask outcome>a`, `
			error: journey J: node a (ask): whoever comes here can only go round: a; wire an outcome to a node outside of it, or to an end [no-exit]
			error: journey J: node pre (ask): neither success nor failure can be reached from here; wire one of the nodes that follow to an end [dead-end]`},
		"a node without outcomes": {"check check true>success false>end\nend silent", "error: journey J: node end (silent): neither success nor failure can be reached from here; wire one of the nodes that follow to an end [dead-end]"},
		"a loop that asks nothing": {`
			name  ask outcome>check
			check check true>success false>set
			set   silent outcome>check`,
			"error: journey J: node check (check): this loop asks nothing, and a journey in it ends with an error after 200 nodes: check, set; put a node that asks into it, or a retry limit [silent-loop]"},
		"a node that leads to itself": {"check check true>success false>check", "error: journey J: node check (check): this loop asks nothing, and a journey in it ends with an error after 200 nodes: check; put a node that asks into it, or a retry limit [silent-loop]"},
		"a loop that a limit ends":    {"check check true>success false>again\nagain limit retry>check reject>failure", ""},
		"a limit that does not end it": {"check check true>success false>again\nagain limit retry>failure reject>check",
			"error: journey J: node again (limit): this loop asks nothing, and a journey in it ends with an error after 200 nodes: again, check; put a node that asks into it, or a retry limit [silent-loop]"},
		"a page that asks in a loop": {"p page(silent,check) true>success false>q\nq page(ask) outcome>p", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range lint.Journey(tree(c.tree), types) {
				got = append(got, f.String())
			}
			var want []string
			for line := range strings.Lines(c.want) {
				if line = strings.TrimSpace(line); line != "" {
					want = append(want, line)
				}
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestNoProofIsNeeded: of journeys that make no session, and of those that run
// inside others only, no proof is asked.
func TestNoProofIsNeeded(t *testing.T) {
	for name, change := range map[string]func(*journey.Tree){
		"no session":  func(t *journey.Tree) { t.NoSession = true },
		"inside only": func(t *journey.Tree) { t.InnerOnly = true },
	} {
		j := tree("name ask outcome>success")
		change(j)
		if found := lint.Journey(j, types); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
	for _, entry := range []string{journey.Success, journey.Failure} {
		found := lint.Journey(&journey.Tree{Name: "J", Entry: entry}, types)
		if (len(found) > 0) != (entry == journey.Success) {
			t.Errorf("a journey that is %s at once: %v", entry, found)
		}
	}
}

// TestAnExampleNamesItsNodes: a program can follow the path of a finding.
func TestAnExampleNamesItsNodes(t *testing.T) {
	found := lint.Journey(tree("name ask outcome>skip\nskip silent outcome>success"), types)
	if len(found) != 1 || fmt.Sprint(found[0].Path) != "[name skip]" {
		t.Errorf("%+v", found)
	}
}
