package graph

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/amgate/amgate/journey"
)

// style holds everywhere in the drawing; it has no other.
const style = `
.bg{fill:#fff}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1b1f24}
.head{font-size:18px;font-weight:600}
.title{font-size:14px;font-weight:600}
.small{font-size:12px;fill:#57606a}
.port{font-size:12px;text-anchor:end}
.end{font-size:14px;font-weight:600;text-anchor:middle}
.box{fill:#f6f8fa;stroke:#57606a;stroke-width:1.2}
.page{fill:#eef4ff;stroke:#3366aa}
.inner{fill:#fff8e5;stroke:#8a6100}
.success{fill:#e3f6e8;stroke:#1a7f37}
.failure{fill:#fdeaea;stroke:#b42318}
.lost{stroke-dasharray:5 4}
.rule{stroke:#d0d7de}
.wire{fill:none;stroke:#57606a;stroke-width:1.5}
.back{stroke:#8250df}
.dot{fill:#57606a}
`

// SVG writes a journey as a drawing, with what it shows in words for who cannot
// see it.
func SVG(w io.Writer, t *journey.Tree) error {
	boxes, err := picture(t)
	if err != nil {
		return err
	}
	d := arrange(boxes)
	d.place()
	heading := "Journey " + t.Name
	d.w = max(d.w, textWidth(heading, 18)+2*margin)
	p := new(svg)
	p.line(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">`, d.w, d.h, d.w, d.h)
	p.line(`<title id="title">%s</title>`, escape(heading))
	p.line(`<desc id="desc">%s</desc>`, escape(summary(boxes)))
	p.line(`<style>%s</style>`, style)
	p.line(`<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="#57606a"/></marker><marker id="arrow-back" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="#8250df"/></marker></defs>`)
	p.line(`<rect class="bg" width="%.0f" height="%.0f"/>`, d.w, d.h)
	p.text("head", margin, margin+12, heading)
	for _, w := range d.wires {
		p.wire(w)
	}
	for i, w := range d.back {
		p.back(w, d.h-margin/2-float64(i+1)*laneGap, i)
	}
	for _, layer := range d.layers {
		for _, at := range layer {
			if at.box != nil {
				p.box(at)
			}
		}
	}
	p.line(`</svg>`)
	_, err = w.Write(p.Bytes())
	return err
}

// svg is a drawing that is being written.
type svg struct{ bytes.Buffer }

func (p *svg) line(format string, args ...any) { fmt.Fprintf(&p.Buffer, format+"\n", args...) }

// text writes a text at its baseline.
func (p *svg) text(class string, x, y float64, text string) {
	p.line(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, escape(text))
}

// wire draws a wire from the left to the right. In the column of a box that it
// passes it is straight.
func (p *svg) wire(w *wire) {
	var path strings.Builder
	for i, l := range w.links {
		x1, y1 := l.left.x+l.left.w, l.left.y+l.from
		x2, y2 := l.right.x, l.right.y+l.to
		if i == 0 {
			fmt.Fprintf(&path, "M%.1f %.1f", x1, y1)
		} else {
			fmt.Fprintf(&path, "H%.1f", x1)
		}
		bend := (x2 - x1) / 2
		fmt.Fprintf(&path, "C%.1f %.1f %.1f %.1f %.1f %.1f", x1+bend, y1, x2-bend, y2, x2, y2)
	}
	p.line(`<path class="wire" d="%s" marker-end="url(#arrow)"/>`, path.String())
}

// back draws a wire that leads back, in a lane below the boxes.
func (p *svg) back(w *wire, lane float64, i int) {
	const r = 8
	out := float64(12 + 6*(i%6)) // wires do not lie on one another
	x1, y1 := w.source.x+w.source.w, w.source.y+portY(w.source.box, w.port)
	x2, y2 := w.target.x, w.target.y+entryY(w.target.box)
	right, left := x1+out, x2-out-8
	p.line(`<path class="wire back" d="M%.1f %.1fH%.1fq%d 0 %d %dV%.1fq0 %d -%d %dH%.1fq-%d 0 -%d -%dV%.1fq0 -%d %d -%dH%.1f" marker-end="url(#arrow-back)"/>`,
		x1, y1, right-r, r, r, r, lane-r, r, r, r, left+r, r, r, r, y2+r, r, r, r, x2)
}

func (p *svg) box(at *item) {
	b := at.box
	p.line(`<g><title>%s</title>`, escape(hint(b)))
	defer p.line(`</g>`)
	class := map[kind]string{
		kindPage: " page", kindInner: " inner", kindSuccess: " success", kindFailure: " failure",
	}[b.kind]
	if b.lost {
		class += " lost"
	}
	switch b.kind {
	case kindStart:
		p.line(`<circle class="box" cx="%.1f" cy="%.1f" r="27"/>`, at.x+27, at.y+27)
		p.text("end", at.x+27, at.y+32, b.title)
		return
	case kindSuccess, kindFailure:
		p.line(`<rect class="box%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="20"/>`, class, at.x, at.y, at.w, at.h)
		p.text("end", at.x+at.w/2, at.y+25, b.title)
		return
	}
	p.line(`<rect class="box%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="6"/>`, class, at.x, at.y, at.w, at.h)
	if b.kind == kindInner {
		p.line(`<rect class="box%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="4" fill-opacity="0"/>`, class, at.x+3, at.y+3, at.w-6, at.h-6)
	}
	p.inside(at)
}

// inside writes what is in a box: name, type, what is on a page, outcomes.
func (p *svg) inside(at *item) {
	b, most := at.box, at.w-2*padding
	x, y := at.x+padding, at.y+boxTop
	p.text("title", x, y+14, shorten(b.title, titleSize, most))
	y += titleLine
	p.text("small", x, y+12, shorten(b.subtitle, smallSize, most))
	y += smallLine
	for _, part := range b.parts {
		p.text("small", x, y+12, shorten("• "+part, smallSize, most))
		y += smallLine
	}
	if len(b.ports) > 0 {
		p.line(`<path class="rule" d="M%.1f %.1fH%.1f"/>`, at.x+6, at.y+portsTop(b)-2, at.x+at.w-6)
	}
	for i, port := range b.ports {
		y := at.y + portY(b, i)
		p.text("port", at.x+at.w-padding, y+4, shorten(port.outcome, smallSize, most))
		p.line(`<circle class="dot" cx="%.1f" cy="%.1f" r="3"/>`, at.x+at.w, y)
	}
}

// hint is what is shown of a box under the pointer: everything, unshortened.
func hint(b *box) string {
	lines := []string{b.title}
	if b.subtitle != "" {
		lines = append(lines, b.subtitle, b.id)
	}
	lines = append(lines, b.parts...)
	if b.lost {
		lines = append(lines, "no path leads here")
	}
	return strings.Join(lines, "\n")
}

// escape makes a text safe between tags and in attributes.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
