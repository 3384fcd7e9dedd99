package treefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// forms says what a file may hold.
const forms = `an export has "trees" or "tree" at its top, a plain tree "entryNodeId" and "nodes"`

// export is one journey as a file has it.
type export struct {
	name, file string
	tree       object
	// nodes are the objects of all nodes by id, those on pages too.
	nodes map[string]json.RawMessage
	// scripts are the names of the scripts by id.
	scripts   map[string]string
	templates map[string]json.RawMessage
	// bare says that the nodes are not in the same file.
	bare bool
}

// parseExports reads the journeys of a file.
func parseExports(file string, data []byte) ([]*export, error) {
	top, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	fail := func(err error) error { return fmt.Errorf("%s: %w", file, err) }
	if _, several := top["trees"]; several {
		var trees map[string]object
		if err := top.read("trees", &trees); err != nil {
			return nil, fail(err)
		}
		var exports []*export
		for _, name := range slices.Sorted(maps.Keys(trees)) {
			e, err := parseExport(file, trees[name])
			if err != nil {
				return nil, fail(fmt.Errorf("journey %s: %w", printable(name), err))
			}
			e.name = name
			exports = append(exports, e)
		}
		return exports, nil
	}
	var e *export
	switch {
	case top["tree"] != nil:
		e, err = parseExport(file, top)
	case top["entryNodeId"] != nil:
		e = &export{file: file, tree: top, bare: true}
	default:
		err = errors.New("there is no journey in it: " + forms)
	}
	if err == nil {
		err = e.tree.read("_id", &e.name)
	}
	if err != nil {
		return nil, fail(err)
	}
	if e.name == "" {
		e.name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	return []*export{e}, nil
}

// parseExport reads the members of one journey: its tree, nodes, scripts and
// mail templates. What else there is, such as themes, is for others.
func parseExport(file string, o object) (*export, error) {
	e := &export{file: file, nodes: make(map[string]json.RawMessage), scripts: make(map[string]string)}
	var nodes, inner, scripts object
	for name, into := range map[string]*object{
		"tree": &e.tree, "nodes": &nodes, "innerNodes": &inner, "scripts": &scripts,
	} {
		if err := o.read(name, into); err != nil {
			return nil, err
		}
	}
	if e.tree == nil {
		return nil, &journey.PropertyError{Property: "tree", Err: errors.New("it is missing; it says which nodes there are and how they are wired")}
	}
	maps.Copy(e.nodes, nodes)
	for id, raw := range inner {
		if _, twice := e.nodes[id]; twice {
			return nil, fmt.Errorf("node %s is in nodes and in innerNodes; it must be in one of them", printable(id))
		}
		e.nodes[id] = raw
	}
	for id, raw := range scripts {
		var script struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal(raw, &script) // the name is for messages
		e.scripts[id] = script.Name
	}
	// Whoever uses the templates judges them.
	return e, o.read("emailTemplates", &e.templates)
}

// addNodes reads the nodes of a plain tree from a folder: each in a file of its
// own, those on pages in folders below. The ids in the files count, not the
// files' names. A folder that is not there has none.
func (e *export) addNodes(folder string) error {
	e.nodes = make(map[string]json.RawMessage)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	files, err := walk(folder, 0)
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := read(file)
		if err != nil {
			return err
		}
		o, err := parse(file, data)
		if err != nil {
			return err
		}
		var id string
		if err := o.read("_id", &id); err != nil || id == "" {
			return fmt.Errorf("%s: a node needs an _id", file)
		}
		if _, twice := e.nodes[id]; twice {
			return fmt.Errorf("%s: node %s is in another file of %s too", file, printable(id), folder)
		}
		e.nodes[id] = data
	}
	return nil
}
