package graph

import "slices"

// Sizes, in pixels.
const (
	margin     = 24.0
	padding    = 12.0 // inside a box, left and right
	titleLine  = 20.0
	smallLine  = 17.0
	portLine   = 20.0
	boxTop     = 8.0
	layerGap   = 76.0
	boxGap     = 26.0
	pointGap   = 14.0
	laneGap    = 14.0
	minWidth   = 130.0
	maxWidth   = 290.0
	titleSize  = 16.0 // 14, and a little more for bold letters
	smallSize  = 12.0
	headHeight = 34.0 // of the title of the drawing
)

// size is how large a box must be for what is written in it.
func size(b *box) (w, h float64) {
	switch b.kind {
	case kindStart:
		return 54, 54
	case kindSuccess, kindFailure:
		return 96, 40
	}
	w = max(minWidth, textWidth(b.title, titleSize), textWidth(b.subtitle, smallSize))
	for _, part := range b.parts {
		w = max(w, textWidth("• "+part, smallSize))
	}
	for _, p := range b.ports {
		w = max(w, textWidth(p.outcome, smallSize))
	}
	return min(w+2*padding, maxWidth), portsTop(b) + float64(len(b.ports))*portLine + boxTop/2
}

// portsTop is where the outcomes begin, below the top of the box.
func portsTop(b *box) float64 {
	return boxTop + titleLine + smallLine + float64(len(b.parts))*smallLine + 6
}

// portY is how far below the top of its box a wire begins.
func portY(b *box, i int) float64 {
	if b.kind == kindStart {
		return 27
	}
	return portsTop(b) + (float64(i)+0.5)*portLine
}

// entryY is how far below the top of a box wires end.
func entryY(b *box) float64 {
	switch b.kind {
	case kindSuccess, kindFailure:
		return 20
	case kindStart:
		return 27
	}
	return boxTop + titleLine
}

// place gives each item its position. Layers are columns; within one the items
// are as near as they can be to what they are linked with.
func (d *drawing) place() {
	x := margin
	for _, layer := range d.layers {
		width := 0.0
		for _, at := range layer {
			width = max(width, at.w)
		}
		for _, at := range layer {
			at.x = x + (width-at.w)/2
			if at.box == nil {
				at.x, at.w = x, width
			}
		}
		x += width + layerGap
	}
	d.w = x - layerGap + margin
	for range rounds {
		for _, layer := range d.layers {
			settle(layer, func(at *item) (ys []float64) { return wishes(at.before, nil) })
		}
		for _, layer := range slices.Backward(d.layers) {
			settle(layer, func(at *item) (ys []float64) { return wishes(nil, at.after) })
		}
	}
	for _, layer := range d.layers {
		settle(layer, func(at *item) (ys []float64) { return wishes(at.before, at.after) })
	}
	d.lift()
}

// wishes are the tops at which an item's links would be level.
func wishes(before, after []*link) (ys []float64) {
	for _, l := range before {
		ys = append(ys, l.left.y+l.from-l.to)
	}
	for _, l := range after {
		ys = append(ys, l.right.y+l.to-l.from)
	}
	return ys
}

// settle puts the items of a layer as near to their wishes as their order and
// sizes allow: the least squares are those of an isotonic regression, found by
// pooling neighbours that are in each other's way.
func settle(layer []*item, wishes func(*item) []float64) {
	type pool struct {
		sum   float64
		count float64
		first int
	}
	offsets := make([]float64, len(layer))
	var pools []pool
	for i, at := range layer {
		if i > 0 {
			offsets[i] = offsets[i-1] + layer[i-1].h + gap(layer[i-1], at)
		}
		pools = append(pools, pool{sum: average(wishes(at), at.y) - offsets[i], count: 1, first: i})
		for n := len(pools); n > 1 && pools[n-2].sum/pools[n-2].count > pools[n-1].sum/pools[n-1].count; n = len(pools) {
			pools[n-2].sum += pools[n-1].sum
			pools[n-2].count += pools[n-1].count
			pools = pools[:n-1]
		}
	}
	for n, p := range pools {
		end := len(layer)
		if n+1 < len(pools) {
			end = pools[n+1].first
		}
		for i := p.first; i < end; i++ {
			layer[i].y = p.sum/p.count + offsets[i]
		}
	}
}

func gap(a, b *item) float64 {
	if a.box == nil || b.box == nil {
		return pointGap
	}
	return boxGap
}

// lift moves everything to the top of the drawing and finds its height.
func (d *drawing) lift() {
	top, bottom := 0.0, 0.0
	for i, layer := range d.layers {
		first, last := layer[0], layer[len(layer)-1]
		if i == 0 {
			top, bottom = first.y, last.y+last.h
		}
		top, bottom = min(top, first.y), max(bottom, last.y+last.h)
	}
	for _, layer := range d.layers {
		for _, at := range layer {
			at.y += margin + headHeight - top
		}
	}
	d.h = bottom - top + 2*margin + headHeight
	if len(d.back) > 0 {
		d.h += float64(len(d.back))*laneGap + margin/2
	}
}
