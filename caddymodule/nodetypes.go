package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
)

// NodeTypes are the types of nodes that a journey's file may have: those that
// amgate ships, and Caddy modules am.nodes.* of others. A module that Decode
// makes is cleaned up with the Context.
type NodeTypes struct{ Context caddy.Context }

// AMNode is a module am.nodes.* that says which type of AM's nodes it is, so
// that journeys in AM's format may have it. A module that does not say is found
// by its own name. Types that amgate ships cannot be replaced.
type AMNode interface {
	journey.Node
	// AMType is the type's id, "BadgeNode".
	AMType() string
}

// Prover is a module am.nodes.* that vouches for something the client had to
// know, have or be. In a journey's file it must not have properties that it
// does not know.
type Prover interface {
	journey.Node
	// Proves lists the outcomes that vouch.
	Proves() []string
}

// module finds the Caddy module of a type of node that amgate does not ship,
// and makes an empty one.
func (NodeTypes) module(kind string) (id string, node journey.Node, found bool) {
	for _, info := range caddy.GetModules("am.nodes") {
		node, ok := info.New().(journey.Node)
		if !ok {
			continue // among them our own: they are wrapped
		}
		if typeOf(info.ID, node) == kind {
			return string(info.ID), node, true
		}
	}
	return "", nil, false
}

// typeOf is the type of a node that a module is.
func typeOf(id caddy.ModuleID, node journey.Node) string {
	if typed, ok := node.(AMNode); ok {
		return typed.AMType()
	}
	return id.Name()
}

// Proves implements treefile.Types.
func (n NodeTypes) Proves(kind string) (outcomes []string, known bool) {
	if outcomes, known := (nodes.Types{}).Proves(kind); known {
		return outcomes, true
	}
	_, node, known := n.module(kind)
	if p, ok := node.(Prover); ok {
		outcomes = p.Proves()
	}
	return outcomes, known
}

// Decode implements treefile.Types. What begins with "_" is AM's bookkeeping,
// and null is the module's default.
func (n NodeTypes) Decode(kind string, raw json.RawMessage) (node journey.Node, unknown []string, err error) {
	if _, known := (nodes.Types{}).Proves(kind); known {
		return nodes.Types{}.Decode(kind, raw)
	}
	id, empty, found := n.module(kind)
	if !found {
		return nil, nil, fmt.Errorf("there is no node of the type %s", kind)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return nil, nil, errors.New("a node must be a JSON object")
	}
	for name, value := range members {
		if strings.HasPrefix(name, "_") || string(value) == "null" {
			delete(members, name)
		}
	}
	own, err := json.Marshal(members)
	if err != nil {
		return nil, nil, err
	}
	// Caddy's own error does not tell which property it was.
	if err := caddy.StrictUnmarshalJSON(own, empty); err != nil {
		return nil, nil, propertyError(err)
	}
	mod, err := n.Context.LoadModuleByID(id, own)
	if err != nil {
		return nil, nil, err
	}
	return mod.(journey.Node), nil, nil
}

// propertyError names the property that encoding/json found wrong.
func propertyError(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return &journey.PropertyError{Property: wrong.Field, Err: fmt.Errorf("a %s does not fit; it must be %s", wrong.Value, wrong.Type)}
	}
	if name, ok := strings.CutPrefix(err.Error(), `json: unknown field "`); ok {
		return &journey.PropertyError{Property: strings.TrimSuffix(name, `"`), Err: errors.New("the node does not know it; remove it if it does not matter")}
	}
	return err
}

var _ treefile.Types = NodeTypes{}
