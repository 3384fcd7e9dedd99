package treefile

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"unicode"

	"github.com/amgate/amgate/journey"
)

// Types are the types of nodes that can run here.
type Types interface {
	// Decode makes a node of a type from AM's JSON. unknown are the
	// properties that it has no use for. Errors are *journey.PropertyError
	// where a property is wrong, several joined by errors.Join.
	Decode(kind string, raw json.RawMessage) (node journey.Node, unknown []string, err error)
	// Proves lists the outcomes of a type of node that vouch for something
	// the client had to know, have or be. known is false if there is no such
	// type.
	Proves(kind string) (outcomes []string, known bool)
}

// Set is what was found in files.
type Set struct {
	// Journeys are sorted by name.
	Journeys []*Journey
	// Templates are the mail templates of the exports by name, in IDM's JSON.
	Templates map[string]json.RawMessage
}

// Journey is a journey from a file.
type Journey struct {
	// Tree is whole, but disabled if there are Problems: nodes that cannot
	// run here are in it as nodes that always fail.
	Tree *journey.Tree
	// Problems are why the journey cannot run here, Warnings what was
	// ignored or amended.
	Problems, Warnings []Problem

	dropped map[string]*journey.Placed // no path leads to them
	digest  [32]byte                   // of what it was made of
}

// Whole is the tree with the nodes to which no path leads, for whoever wants to
// see all of it.
func (j *Journey) Whole() *journey.Tree {
	whole := *j.Tree
	whole.Nodes = maps.Clone(whole.Nodes)
	maps.Copy(whole.Nodes, j.dropped)
	return &whole
}

// Problem says what is wrong with a journey, where, and what would be right.
// The places are empty where they do not apply.
type Problem struct {
	// File is where the journey was written.
	File string `json:"file,omitempty"`
	// Journey is its name; Node the id of a node, Name its display name and
	// Type its type.
	Journey string `json:"journey,omitempty"`
	Node    string `json:"node,omitempty"`
	Name    string `json:"name,omitempty"`
	Type    string `json:"type,omitempty"`
	// Property is the member of the node's JSON, or of the tree's.
	Property string `json:"property,omitempty"`
	Text     string `json:"text"`
}

// String is the problem in one line.
func (p Problem) String() string {
	var b strings.Builder
	part := func(format string, args ...any) { fmt.Fprintf(&b, format+": ", args...) }
	if p.File != "" {
		part("%s", p.File)
	}
	if p.Journey != "" {
		part("journey %s", printable(p.Journey))
	}
	switch {
	case p.Node != "" && p.Name != "":
		part("node %s %s (%s)", printable(p.Node), strconv.Quote(p.Name), printable(p.Type))
	case p.Node != "" && p.Type != "":
		part("node %s (%s)", printable(p.Node), printable(p.Type))
	case p.Node != "":
		part("node %s", printable(p.Node))
	}
	if p.Property != "" {
		part("property %s", printable(p.Property))
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, b.String()+p.Text)
}

// LogValue gives each place an attribute of its own.
func (p Problem) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, a := range [][2]string{
		{"file", p.File}, {"journey", p.Journey}, {"node", p.Node}, {"name", p.Name},
		{"type", p.Type}, {"property", p.Property}, {"text", p.Text},
	} {
		if a[1] != "" {
			attrs = append(attrs, slog.String(a[0], a[1]))
		}
	}
	return slog.GroupValue(attrs...)
}

var (
	_ fmt.Stringer   = Problem{}
	_ slog.LogValuer = Problem{}
)

// printable is a text of a file as a message may show it: on one line, and not
// long.
func printable(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) || s == "" {
		return strconv.Quote(s)
	}
	return s
}
