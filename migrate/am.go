package migrate

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/google/uuid"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
)

// The ids by which AM's trees name their two ends.
const (
	successID = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"
	failureID = "e301438c-0bd0-429c-ab0c-66126501069a"
)

type object = map[string]any

// AM writes journeys as an export that AM's tools import. The trees must not be
// linked. Ids that are no UUIDs become some, always the same.
func AM(w io.Writer, trees []*journey.Tree) error {
	all := make(object)
	for _, t := range trees {
		e := exporter{tree: t, nodes: object{}, inner: object{}}
		tree, err := e.export()
		if err != nil {
			return fmt.Errorf("journey %s: %w", t.Name, err)
		}
		all[t.Name] = object{
			"tree": tree, "nodes": e.nodes, "innerNodes": e.inner, "scripts": object{}, "emailTemplates": object{},
			"socialIdentityProviders": object{}, "themes": []any{}, "saml2Entities": object{}, "circlesOfTrust": object{},
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(object{"meta": object{"exportTool": "amgate"}, "trees": all})
}

// exporter writes one journey.
type exporter struct {
	tree         *journey.Tree
	nodes, inner object
}

// Distances in AM's editor.
const (
	columnWidth = 220
	rowHeight   = 160
)

func (e *exporter) export() (object, error) {
	t := e.tree
	places := object{}
	order := walk(t)
	for i, id := range order {
		p := t.Nodes[id]
		spec, ok := nodes.Lookup(p.Type)
		if !ok {
			return nil, fmt.Errorf("node %s: AM has no node of the type %s", id, p.Type)
		}
		connections := make(map[string]string, len(p.Next))
		for outcome, next := range p.Next {
			connections[outcome] = e.id(next)
		}
		places[e.id(id)] = object{
			"nodeType": spec.Type, "displayName": display(p.Name, spec, id), "connections": connections,
			"x": columnWidth * (1 + i%6), "y": rowHeight * (i / 6),
		}
		node, err := e.node(id, spec, p.Node)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", id, err)
		}
		e.nodes[e.id(id)] = node
	}
	tree := object{
		"_id": t.Name, "description": t.Description, "entryNodeId": e.id(t.Entry), "nodes": places,
		"enabled": !t.Disabled, "innerTreeOnly": t.InnerOnly, "noSession": t.NoSession, "mustRun": t.MustRun,
		"staticNodes": object{
			"startNode": object{"x": 50, "y": 25},
			successID:   object{"x": columnWidth * 7, "y": 25}, failureID: object{"x": columnWidth * 7, "y": 25 + rowHeight},
		},
		"uiConfig": object{},
	}
	for name, d := range map[string]float64{
		"treeTimeout": t.Timeout.Minutes(), "maximumSessionTime": t.MaxTime.Minutes(), "maximumIdleTime": t.IdleTime.Minutes(),
	} {
		if d > 0 {
			tree[name] = max(1, int(d)) // AM counts minutes
		}
	}
	return tree, nil
}

// node is a node's object; those that are on it go to the inner nodes.
func (e *exporter) node(path string, spec nodes.Spec, n journey.Node) (object, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, err
	}
	maps.DeleteFunc(o, func(_ string, value any) bool { return value == nil })
	outcomes := []object{}
	for _, outcome := range n.Outcomes() {
		outcomes = append(outcomes, object{"id": outcome, "displayName": outcome})
	}
	o["_id"], o["_outcomes"] = e.id(path), outcomes
	o["_type"] = object{"_id": spec.Type, "name": spec.Title, "collection": true}
	parent, ok := n.(journey.Parent)
	if !ok {
		return o, nil
	}
	list := []object{}
	for _, child := range parent.Parts() {
		spec, ok := nodes.Lookup(child.Type)
		if !ok {
			return nil, fmt.Errorf("%s: AM has no node of the type %s", child.ID, child.Type)
		}
		path := path + "/" + child.ID
		if e.inner[e.id(path)], err = e.node(path, spec, child.Node); err != nil {
			return nil, err
		}
		list = append(list, object{"_id": e.id(path), "nodeType": spec.Type, "displayName": display(child.Name, spec, child.ID)})
	}
	o["nodes"] = list
	return o, nil
}

// display is a node's display name; where it has none, or only its id, AM's
// name of the type with the id.
func display(name string, spec nodes.Spec, id string) string {
	if name != "" && name != id {
		return name
	}
	if _, err := uuid.Parse(id); err == nil {
		return spec.Title
	}
	return spec.Title + " " + id
}

// space is that of the UUIDs which stand for ids of journeys here.
var space = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/amgate/amgate"))

// id is what AM calls a node, of a page by "page/node", or an end.
func (e *exporter) id(path string) string {
	switch path {
	case journey.Success:
		return successID
	case journey.Failure:
		return failureID
	}
	if id, err := uuid.Parse(path); err == nil {
		return id.String()
	}
	if _, child, ok := strings.Cut(path, "/"); ok {
		if id, err := uuid.Parse(child); err == nil {
			return id.String()
		}
	}
	return uuid.NewSHA1(space, []byte(e.tree.Name+"\n"+path)).String()
}
