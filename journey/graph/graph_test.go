package graph

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey"
)

// node has two outcomes and is never called.
type node struct{}

func (node) Process(context.Context, *journey.Input) (journey.Action, error) {
	return journey.Action{}, nil
}
func (node) Outcomes() []string { return []string{"true", "false"} }

// inner stands for another journey; page has a node on it.
type (
	inner struct{ node }
	page  struct{ node }
)

func (inner) InnerTree() string      { return "Other" }
func (page) Add(journey.Child) error { return nil }
func (page) Parts() []journey.Child {
	return []journey.Child{{ID: "1", Type: "UsernameCollectorNode", Name: "User <b>name</b>"}, {ID: "2", Type: "PasswordCollectorNode"}}
}

func placed(id string, n journey.Node, yes, no string) *journey.Placed {
	return &journey.Placed{ID: id, Type: "Type" + id, Name: "The " + id, Node: n, Next: map[string]string{"true": yes, "false": no}}
}

func example() *journey.Tree {
	return &journey.Tree{Name: "Example", Entry: "page", Nodes: map[string]*journey.Placed{
		"page":  placed("page", page{}, "inner", "again"),
		"inner": placed("inner", inner{}, journey.Success, journey.Failure),
		"again": placed("again", node{}, "page", journey.Failure),
		"lost":  placed("lost", node{}, "lost", "inner"),
	}}
}

func TestDOT(t *testing.T) {
	var b strings.Builder
	if err := DOT(&b, example()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`digraph "Example" {`,
		`"page" [label="The page\nTypepage\n• User <b>name</b>\n• PasswordCollectorNode"];`,
		`"inner" [label="The inner\nTypeinner\n• journey Other", peripheries=2];`,
		`"lost" [label="The lost\nTypelost", style="rounded,dashed"];`,
		`"" -> "page" [label=""];`, `"again" -> "page" [label="true"];`, `"inner" -> "success" [label="true"];`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing in\n%s", want, b.String())
		}
	}
}

// TestSVGSaysWhatItShows: who cannot see the drawing reads the same.
func TestSVGSaysWhatItShows(t *testing.T) {
	var b strings.Builder
	if err := SVG(&b, example()); err != nil {
		t.Fatal(err)
	}
	texts := svgTexts(t, b.String())
	for element, want := range map[string]string{
		"title": "Journey Example",
		"desc":  "It begins at The page. The page: true leads to The inner, false leads to The again. The inner: true leads to Success, false leads to Failure.",
		"text":  "• User <b>name</b>",
	} {
		if !strings.Contains(texts[element], want) {
			t.Errorf("no %s says %q:\n%s", element, want, texts[element])
		}
	}
	if !strings.Contains(b.String(), `role="img" aria-labelledby="title desc"`) {
		t.Error("the drawing does not say that title and desc describe it")
	}
}

// svgTexts are the texts of the drawing by the element that they are in. It
// fails for anything but well-formed XML without script.
func svgTexts(t interface{ Fatalf(string, ...any) }, svg string) map[string]string {
	texts := make(map[string]string)
	dec := xml.NewDecoder(strings.NewReader(svg))
	var in []string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			in = append(in, token.Name.Local)
			if token.Name.Local == "script" || token.Name.Local == "b" {
				t.Fatalf("a text became markup:\n%s", svg)
			}
		case xml.EndElement:
			in = in[:len(in)-1]
		case xml.CharData:
			if len(in) > 0 {
				texts[in[len(in)-1]] += string(token) + "\n"
			}
		}
	}
}

// TestDrawings draws journeys of every shape. Boxes do not lie on one another
// and not outside, wires lead to the right or below everything, and whatever
// the names are, they stay text.
func TestDrawings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 25).Draw(t, "nodes")
		ids := []string{journey.Success, journey.Failure}
		for i := range n {
			ids = append(ids, fmt.Sprint("n", i))
		}
		name := rapid.OneOf(rapid.SampledFrom([]string{`"><script>alert(1)</script>`, `\"]; evil [`, "", "]]>", "a\x00\nb"}), rapid.StringN(0, 60, -1))
		tree := &journey.Tree{Name: name.Draw(t, "name"), Entry: rapid.SampledFrom(ids).Draw(t, "entry"), Nodes: map[string]*journey.Placed{}}
		for _, id := range ids[2:] {
			p := placed(id, node{}, rapid.SampledFrom(ids).Draw(t, "yes"), rapid.SampledFrom(ids).Draw(t, "no"))
			p.Name, p.Type = name.Draw(t, "name"), name.Draw(t, "type")
			tree.Nodes[id] = p
		}
		boxes, err := picture(tree)
		if err != nil {
			t.Fatal(err)
		}
		checkDrawing(t, arrange(boxes), len(boxes))

		var svg, dot strings.Builder
		if err := errors.Join(SVG(&svg, tree), DOT(&dot, tree)); err != nil {
			t.Fatal(err)
		}
		svgTexts(t, svg.String())
		for line := range strings.Lines(dot.String()) {
			if strings.Count(strings.NewReplacer(`\\`, "", `\"`, "").Replace(line), `"`)%2 != 0 {
				t.Fatalf("a text leaves its quotes: %s", line)
			}
		}
	})
}

func checkDrawing(t *rapid.T, d *drawing, boxes int) {
	d.place()
	drawn := 0
	for i, layer := range d.layers {
		for j, at := range layer {
			if at.box != nil {
				drawn++
			}
			if at.layer != i || at.x < margin-0.1 || at.y < margin-0.1 || at.x+at.w > d.w || at.y+at.h > d.h {
				t.Fatalf("item %d of layer %d is outside: %+v in %v × %v", j, i, at, d.w, d.h)
			}
			if j > 0 && layer[j-1].y+layer[j-1].h > at.y+0.01 {
				t.Fatalf("items %d and %d of layer %d lie on one another", j-1, j, i)
			}
		}
	}
	if drawn != boxes {
		t.Fatalf("%d of %d boxes are drawn", drawn, boxes)
	}
	for _, w := range d.wires {
		if len(w.links) != w.target.layer-w.source.layer || len(w.links) == 0 {
			t.Fatalf("a wire from layer %d to %d has %d links", w.source.layer, w.target.layer, len(w.links))
		}
	}
}

func TestTooLargeToDraw(t *testing.T) {
	tree := &journey.Tree{Name: "Huge", Nodes: map[string]*journey.Placed{}}
	for i := range maxBoxes + 1 {
		tree.Nodes[fmt.Sprint(i)] = placed(fmt.Sprint(i), node{}, journey.Success, journey.Failure)
	}
	for name, draw := range map[string]func(io.Writer, *journey.Tree) error{"SVG": SVG, "DOT": DOT} {
		if err := draw(io.Discard, tree); err == nil || !strings.Contains(err.Error(), "at most 500 can be drawn") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
