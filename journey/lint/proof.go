package lint

import (
	"slices"
	"strings"

	"github.com/amgate/amgate/journey"
)

// unproved finds a path to success on which no node vouches for the client: an
// error if that is certain, a warning if only nodes that are not known here
// could.
func (l *linter) unproved() {
	path := l.path(func(e edge) bool { return !l.proves(e, true) })
	if path != nil {
		f := l.find(Error, RuleUnproved, "", "success can be reached without any proof of who the client is: %s", l.story(path))
		f.Path = stations(path)
		return
	}
	if l.tree.Entry == journey.Success {
		l.find(Error, RuleUnproved, "", "it succeeds at once, without any proof of who the client is")
		return
	}
	if path = l.path(func(e edge) bool { return !l.proves(e, false) }); path != nil {
		f := l.find(Warning, RuleUnproved, "", "whether this path proves who the client is depends on nodes that are not amgate's: %s", l.story(path))
		f.Path = stations(path)
	}
}

// proves reports whether a node that is left by an edge has vouched for the
// client; unknown is the answer for a node that is not known.
func (l *linter) proves(e edge, unknown bool) bool {
	p := l.tree.Nodes[e.from]
	if p == nil {
		return false
	}
	parts := partsOf(p)
	for i, part := range parts {
		t, known := l.types.Traits(part.Type, part.Node)
		switch {
		case !known && unknown:
			return true
		case e.outcome == "":
			// An error is no proof, whatever the node is.
		case i < len(parts)-1:
			// Only the last node of a page decides; the others have one outcome.
			if len(t.Proves) > 0 {
				return true
			}
		case slices.Contains(t.Proves, e.outcome):
			return true
		}
	}
	return false
}

// path is the shortest way from the entry to success over edges that count;
// nil if there is none.
func (l *linter) path(counts func(edge) bool) []edge {
	came := map[string]edge{l.tree.Entry: {}}
	for todo := []string{l.tree.Entry}; len(todo) > 0; todo = todo[1:] {
		for _, e := range l.edges[todo[0]] {
			if _, seen := came[e.to]; !seen && counts(e) {
				came[e.to] = e
				todo = append(todo, e.to)
			}
		}
	}
	var path []edge
	for at := journey.Success; at != l.tree.Entry; {
		e, ok := came[at]
		if !ok {
			return nil
		}
		path = append(path, e)
		at = e.from
	}
	slices.Reverse(path)
	return path
}

// story is a path as a person tells it.
func (l *linter) story(path []edge) string {
	var b strings.Builder
	for _, e := range path {
		outcome := e.outcome
		if outcome == "" {
			outcome = "error"
		}
		b.WriteString(l.name(e.from) + " –" + quoted(outcome) + "→ ")
	}
	return b.String() + path[len(path)-1].to
}

// stations are the nodes of a path.
func stations(path []edge) []string {
	ids := make([]string, len(path))
	for i, e := range path {
		ids[i] = e.from
	}
	return ids
}
