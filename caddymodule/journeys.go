package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey"
)

// Journey is a tree of nodes written in the configuration: nodes, then wires.
// It begins at its first node.
type Journey struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Timeout bounds the journey; MaxTime and IdleTimeout are those of the
	// session that it makes.
	Timeout     caddy.Duration `json:"timeout,omitempty"`
	MaxTime     caddy.Duration `json:"max_time,omitempty"`
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`
	// Disabled journeys do not run, InnerOnly ones only inside others,
	// NoSession ones make no session, and MustRun ones run also for a client
	// whose session would do.
	Disabled  bool           `json:"disabled,omitempty"`
	InnerOnly bool           `json:"inner_only,omitempty"`
	NoSession bool           `json:"no_session,omitempty"`
	MustRun   bool           `json:"must_run,omitempty"`
	Nodes     []*JourneyNode `json:"nodes"`
	Wires     []Wire         `json:"wires,omitempty"`
	// Source is where the journey was written, "Caddyfile:12", for messages.
	Source string `json:"source,omitempty"`
}

// JourneyNode is a node under the id by which the journey's wires name it.
type JourneyNode struct {
	ID string `json:"id"`
	// NodeRaw is the node: a module am.nodes.*.
	NodeRaw json.RawMessage `json:"node" caddy:"namespace=am.nodes inline_key=type"`
	Source  string          `json:"source,omitempty"`
}

// Wire leads from an outcome of a node to another node, or to an end of the
// journey. Without an outcome it stands for all that have no wire.
type Wire struct {
	From    string `json:"from"`
	Outcome string `json:"outcome,omitempty"`
	To      string `json:"to"`
	Source  string `json:"source,omitempty"`
}

// tree builds the journey and judges it whole.
func (j *Journey) tree(ctx caddy.Context) (*journey.Tree, error) {
	tree := &journey.Tree{
		Name: j.Name, Description: j.Description,
		Timeout: time.Duration(j.Timeout), MaxTime: time.Duration(j.MaxTime), IdleTime: time.Duration(j.IdleTimeout),
		Disabled: j.Disabled, InnerOnly: j.InnerOnly, NoSession: j.NoSession, MustRun: j.MustRun,
		Nodes: make(map[string]*journey.Placed), Source: j.Source,
	}
	if len(j.Nodes) == 0 {
		return nil, at(j.Source, fmt.Errorf("journey %s has no nodes", j.Name))
	}
	tree.Entry = j.Nodes[0].ID
	var errs []error
	for _, n := range j.Nodes {
		node, kind, err := n.load(ctx)
		if err != nil {
			errs = append(errs, at(n.Source, fmt.Errorf("journey %s, node %s: %w", j.Name, n.ID, err)))
			continue
		}
		tree.Nodes[n.ID] = &journey.Placed{ID: n.ID, Type: kind, Node: node, Next: make(map[string]string)}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, w := range j.Wires {
		if err := w.connect(tree); err != nil {
			errs = append(errs, at(w.Source, fmt.Errorf("journey %s: %w", j.Name, err)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tree, at(j.Source, tree.Check())
}

// load makes the node of its module, and says which type it is: AM's id, or the
// module's name if it has none.
func (n *JourneyNode) load(ctx caddy.Context) (journey.Node, string, error) {
	mod, err := ctx.LoadModule(n, "NodeRaw")
	if err != nil {
		return nil, "", err
	}
	if own, ok := mod.(*builtinNode); ok {
		return own.node, own.spec.Type, nil
	}
	node, ok := mod.(journey.Node)
	if !ok {
		return nil, "", fmt.Errorf("module %T is no node of a journey", mod)
	}
	return node, typeOf(mod.(caddy.Module).CaddyModule().ID, node), nil
}

// connect adds the wire to the tree. Outcomes are matched without regard to
// case where that is unambiguous: AM's are Retry and Reject, true and TRUE.
func (w Wire) connect(tree *journey.Tree) error {
	from, ok := tree.Nodes[w.From]
	if !ok {
		return fmt.Errorf("a wire begins at %s, and there is no such node", w.From)
	}
	outcomes := from.Node.Outcomes()
	if w.Outcome != "" {
		outcome, ok := journey.MatchOutcome(outcomes, w.Outcome)
		if !ok {
			return fmt.Errorf("node %s has no outcome %s; it has: %s", w.From, w.Outcome, strings.Join(outcomes, ", "))
		}
		outcomes = []string{outcome}
	}
	added := false
	for _, outcome := range outcomes {
		if _, wired := from.Next[outcome]; !wired {
			from.Next[outcome], added = w.To, true
		}
	}
	if !added {
		return fmt.Errorf("the wire %s %s is already specified", w.From, w.Outcome)
	}
	return nil
}

// at puts the place where something was written before an error about it, and
// before each of several.
func at(source string, err error) error {
	if err == nil || source == "" {
		return err
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, one := range several.Unwrap() {
			errs = append(errs, at(source, one))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s: %w", source, err)
}

// source is the place of the current token, "Caddyfile:12".
func source(d *caddyfile.Dispenser) string { return fmt.Sprintf("%s:%d", d.File(), d.Line()) }

// parseJourney reads a journey from Caddyfile tokens. Syntax:
//
//	journey <name> {
//		<option of the journey>...
//		node <id> <type> [<arguments...>] {
//			<option of the node>...
//		}
//		<node> [<outcome>] -> <node>|success|failure
//	}
func parseJourney(d *caddyfile.Dispenser, r *Realm) error {
	j := &Journey{Source: source(d)}
	if !d.Args(&j.Name) || d.NextArg() {
		return d.ArgErr()
	}
	for _, other := range r.Journeys {
		if other.Name == j.Name {
			return d.Errf("journey %s is already specified", j.Name)
		}
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if wire, ok := parseWire(d); ok {
			j.Wires = append(j.Wires, wire)
			continue
		}
		if err := parseOption(d, "journey "+j.Name, journeyOptions, j, seen); err != nil {
			return err
		}
	}
	r.Journeys = append(r.Journeys, j)
	return nil
}

var journeyOptions = []option[*Journey]{
	{
		name: "node", args: "<id> <type> { … }", many: true,
		doc: "A node and its options. The journey begins at the first.",
		set: func(d *caddyfile.Dispenser, j *Journey) error {
			node, err := parseNode(d)
			if err != nil {
				return err
			}
			for _, other := range j.Nodes {
				if other.ID == node.ID {
					return d.Errf("journey %s: node %s is already specified", j.Name, node.ID)
				}
			}
			j.Nodes = append(j.Nodes, node)
			return nil
		},
	},
	{
		name: arrowUsage, many: true,
		doc: "A wire: where an outcome of a node leads. Without an outcome it stands for all that have no wire.",
		set: func(d *caddyfile.Dispenser, j *Journey) error {
			return d.Errf("journey %s: a wire is written: %s", j.Name, arrowUsage)
		},
	},
	{
		name: "description", args: "<text>", doc: "What the journey is for.",
		set: text(func(j *Journey) *string { return &j.Description }),
	},
	{
		name: "timeout", args: "<duration>", def: "the realm's", doc: "How long the journey may take.",
		set: duration(func(j *Journey) *caddyDuration { return &j.Timeout }),
	},
	{
		name: "max_time", args: "<duration>", def: "the realm's", doc: "How long a session of this journey lasts at most.",
		set: duration(func(j *Journey) *caddyDuration { return &j.MaxTime }),
	},
	{
		name: "idle_timeout", args: "<duration>", def: "the realm's", doc: "How long a session of this journey lasts without being used.",
		set: duration(func(j *Journey) *caddyDuration { return &j.IdleTimeout }),
	},
	{
		name: "disabled", doc: "The journey does not run.",
		set: flag(func(j *Journey) *bool { return &j.Disabled }),
	},
	{
		name: "inner_only", doc: "The journey runs only inside others.",
		set: flag(func(j *Journey) *bool { return &j.InnerOnly }),
	},
	{
		name: "no_session", doc: "The journey succeeds without making a session.",
		set: flag(func(j *Journey) *bool { return &j.NoSession }),
	},
	{
		name: "must_run", doc: "The journey runs also for a client whose session would do. The default journey cannot have it.",
		set: flag(func(j *Journey) *bool { return &j.MustRun }),
	},
}

// parseWire reads a line that holds an arrow in the place where a wire has
// it. d stays where it is if the line is none.
func parseWire(d *caddyfile.Dispenser) (Wire, bool) {
	w := Wire{From: d.Val(), Source: source(d)}
	look := *d
	switch args := look.RemainingArgs(); {
	case len(args) == 2 && args[0] == arrow:
		w.To = args[1]
	case len(args) == 3 && args[1] == arrow:
		w.Outcome, w.To = args[0], args[2]
	default:
		return Wire{}, false
	}
	*d = look
	return w, true
}

const (
	arrow      = "->"
	arrowUsage = "<node> [<outcome>] -> <node>|success|failure"
)

// parseNode reads one node line, which begins at the word node.
func parseNode(d *caddyfile.Dispenser) (*JourneyNode, error) {
	n := &JourneyNode{Source: source(d)}
	if !d.Args(&n.ID) {
		return nil, d.ArgErr()
	}
	if n.ID == journey.Success || n.ID == journey.Failure {
		return nil, d.Errf("a node cannot be called %s: that is an end of the journey", n.ID)
	}
	var err error
	n.NodeRaw, err = unmarshalGuest(d, "am.nodes.", "type")
	return n, err
}
