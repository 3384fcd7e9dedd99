package graph

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/amgate/amgate/journey"
)

// DOT writes a journey in the language of Graphviz.
func DOT(w io.Writer, t *journey.Tree) error {
	boxes, err := picture(t)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n\trankdir=LR;\n\tnode [shape=box, style=rounded, fontname=\"sans-serif\"];\n\tedge [fontname=\"sans-serif\", fontsize=10];\n", dotQuote(t.Name))
	for _, box := range boxes {
		lines := []string{box.title}
		if box.subtitle != "" && box.subtitle != box.title {
			lines = append(lines, box.subtitle)
		}
		for _, part := range box.parts {
			lines = append(lines, "• "+part)
		}
		fmt.Fprintf(&b, "\t%s [label=%s%s];\n", dotQuote(box.id), dotQuote(lines...), dotLooks(box))
	}
	for _, box := range boxes {
		for _, p := range box.ports {
			fmt.Fprintf(&b, "\t%s -> %s [label=%s];\n", dotQuote(box.id), dotQuote(p.to), dotQuote(p.outcome))
		}
	}
	b.WriteString("}\n")
	_, err = io.WriteString(w, b.String())
	return err
}

// dotLooks are the attributes by which boxes of a kind differ.
func dotLooks(b *box) string {
	looks := map[kind]string{
		kindStart: ", shape=circle", kindSuccess: ", shape=oval, color=darkgreen", kindFailure: ", shape=oval, color=firebrick",
		kindInner: ", peripheries=2",
	}[b.kind]
	if b.lost {
		looks += `, style="rounded,dashed"`
	}
	return looks
}

// dotQuote is a quoted string of lines. Whatever is in them is text.
func dotQuote(lines ...string) string {
	for i, line := range lines {
		line = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == unicode.ReplacementChar {
				return ' '
			}
			return r
		}, line)
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(line)
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
