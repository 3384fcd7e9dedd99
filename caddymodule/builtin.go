package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
)

func init() {
	for _, spec := range nodes.All() {
		caddy.RegisterModule(&builtinNode{spec: spec})
	}
}

// builtinNode adapts each node that amgate ships to a Caddy module of the
// namespace am.nodes. Its JSON is the node's own; a page has its children, as
// a journey has its nodes, in "nodes".
type builtinNode struct {
	spec     nodes.Spec
	node     journey.Node
	children []*JourneyNode
}

// CaddyModule returns the Caddy module information.
func (b *builtinNode) CaddyModule() caddy.ModuleInfo {
	spec := b.spec
	return caddy.ModuleInfo{
		ID:  caddy.ModuleID("am.nodes." + spec.Name),
		New: func() caddy.Module { return &builtinNode{spec: spec, node: spec.New()} },
	}
}

// Provision gives a page its children.
func (b *builtinNode) Provision(ctx caddy.Context) error {
	parent, ok := b.node.(nodes.Parent)
	if !ok {
		return nil
	}
	for _, child := range b.children {
		node, kind, err := child.load(ctx)
		if err != nil {
			return at(child.Source, fmt.Errorf("node %s: %w", child.ID, err))
		}
		if err := parent.Add(nodes.Child{ID: child.ID, Type: kind, Name: child.ID, Node: node}); err != nil {
			return at(child.Source, err)
		}
	}
	return nil
}

// childrenMember is where a page's JSON has its children.
const childrenMember = "nodes"

// MarshalJSON writes the node's own JSON, and a page's children.
func (b *builtinNode) MarshalJSON() ([]byte, error) {
	own, err := json.Marshal(b.node)
	if _, ok := b.node.(nodes.Parent); !ok || err != nil {
		return own, err
	}
	var members map[string]any
	if err := json.Unmarshal(own, &members); err != nil {
		return nil, err
	}
	members[childrenMember] = b.children
	return json.Marshal(members)
}

// UnmarshalJSON reads what MarshalJSON wrote. An unknown member is an error.
func (b *builtinNode) UnmarshalJSON(data []byte) error {
	if _, ok := b.node.(nodes.Parent); ok {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(data, &members); err != nil {
			return err
		}
		if raw, ok := members[childrenMember]; ok {
			if err := json.Unmarshal(raw, &b.children); err != nil {
				return err
			}
			delete(members, childrenMember)
		}
		var err error
		if data, err = json.Marshal(members); err != nil {
			return err
		}
	}
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	return strict.Decode(b.node)
}

// UnmarshalCaddyfile sets up a node from Caddyfile tokens. Syntax:
//
//	<type> {
//		<option> <arguments...>
//		node <id> <type> { … }    # on a page only
//	}
func (b *builtinNode) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the type
	if d.NextArg() {
		return d.Errf("node %s takes no argument %q; its options go into a block", b.spec.Name, d.Val())
	}
	_, isParent := b.node.(nodes.Parent)
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if isParent && name == "node" {
			child, err := parseNode(d)
			if err != nil {
				return err
			}
			b.children = append(b.children, child)
			continue
		}
		if seen[name] && !b.repeats(name) {
			return d.Errf("option %s is already specified", name)
		}
		seen[name] = true
		if err := b.spec.Set(b.node, name, d.RemainingArgs()); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

func (b *builtinNode) repeats(name string) bool {
	for _, o := range b.spec.Options {
		if o.Name == name {
			return o.Kind.Repeats()
		}
	}
	return false
}

// Interface guards
var (
	_ caddy.Module          = (*builtinNode)(nil)
	_ caddy.Provisioner     = (*builtinNode)(nil)
	_ caddyfile.Unmarshaler = (*builtinNode)(nil)
)
