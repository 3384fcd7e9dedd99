package graph

import (
	"cmp"
	"slices"
)

// item is a box, or a point through which a wire passes a layer.
type item struct {
	box   *box // nil for a point
	layer int
	order int // from the top
	x, y  float64
	w, h  float64

	before, after []*link
}

// link joins items of neighbouring layers, the left one first. from and to are
// how far below the tops of the items it begins and ends.
type link struct {
	left, right *item
	from, to    float64
}

// wire is an outcome on its way: the links that it consists of, from the left
// to the right. A wire that leads back, against the layers, has none.
type wire struct {
	source, target *item
	port           int
	links          []*link
}

// drawing is a picture in layers from the left to the right.
type drawing struct {
	layers [][]*item
	wires  []*wire
	// back are the wires that lead back.
	back []*wire
	w, h float64
}

// arrange puts the boxes into layers (K. Sugiyama et al., "Methods for visual
// understanding of hierarchical system structures", 1981): wires lead to the
// right, but for those that close a loop; each layer is in an order with few
// crossings.
func arrange(boxes []*box) *drawing {
	items := make(map[string]*item, len(boxes))
	for _, b := range boxes {
		w, h := size(b)
		items[b.id] = &item{box: b, w: w, h: h}
	}
	d := new(drawing)
	for _, b := range boxes {
		for i, p := range b.ports {
			d.wires = append(d.wires, &wire{source: items[b.id], target: items[p.to], port: i})
		}
	}
	d.rank(boxes, items)
	for _, b := range boxes {
		d.add(items[b.id])
	}
	d.connect()
	d.sort()
	return d
}

// rank gives each item its layer: one more than the last from which a wire
// leads there. Both ends are in the last layer.
func (d *drawing) rank(boxes []*box, items map[string]*item) {
	out := make(map[*item][]*wire)
	for _, w := range d.wires {
		out[w.source] = append(out[w.source], w)
	}
	const (
		unseen = iota
		open
		done
	)
	state := make(map[*item]int)
	var sorted []*item // sources before targets
	var visit func(*item)
	visit = func(at *item) {
		state[at] = open
		for _, w := range out[at] {
			switch state[w.target] {
			case unseen:
				visit(w.target)
			case open:
				d.back = append(d.back, w)
			}
		}
		state[at] = done
		sorted = append(sorted, at)
	}
	for _, b := range boxes {
		if at := items[b.id]; state[at] == unseen {
			visit(at)
		}
	}
	slices.Reverse(sorted)
	last := 0
	for _, at := range sorted {
		for _, w := range out[at] {
			if !slices.Contains(d.back, w) {
				w.target.layer = max(w.target.layer, at.layer+1)
			}
		}
		last = max(last, at.layer)
	}
	for _, at := range sorted {
		if at.box.kind == kindSuccess || at.box.kind == kindFailure {
			at.layer = last
		}
	}
	d.wires = slices.DeleteFunc(d.wires, func(w *wire) bool { return slices.Contains(d.back, w) })
}

func (d *drawing) add(at *item) {
	for len(d.layers) <= at.layer {
		d.layers = append(d.layers, nil)
	}
	at.order = len(d.layers[at.layer])
	d.layers[at.layer] = append(d.layers[at.layer], at)
}

// connect makes the links of the wires, with a point in each layer between.
func (d *drawing) connect() {
	for _, w := range d.wires {
		left, from := w.source, portY(w.source.box, w.port)
		for left.layer < w.target.layer {
			right, to := w.target, entryY(w.target.box)
			if left.layer+1 < w.target.layer {
				right, to = &item{layer: left.layer + 1, h: pointGap}, pointGap/2
				d.add(right)
			}
			l := &link{left: left, right: right, from: from, to: to}
			left.after, right.before = append(left.after, l), append(right.before, l)
			w.links = append(w.links, l)
			left, from = right, to
		}
	}
}

// rounds is how often the layers are put in order, there and back.
const rounds = 12

// sort orders each layer by the middle of what the items are linked with, and
// keeps the order with the fewest crossings.
func (d *drawing) sort() {
	best, fewest := d.orders(), d.crossings()
	for range rounds {
		for i := range d.layers {
			order(d.layers[i], func(at *item) []float64 { return neighbours(at.before, true) })
		}
		for i := range slices.Backward(d.layers) {
			order(d.layers[i], func(at *item) []float64 { return neighbours(at.after, false) })
		}
		if n := d.crossings(); n < fewest {
			best, fewest = d.orders(), n
		}
	}
	for i, layer := range best {
		d.layers[i] = layer
		number(layer)
	}
}

// neighbours are the places of the items to the left, or to the right, with a
// little for the height at which the links leave them.
func neighbours(links []*link, left bool) []float64 {
	var places []float64
	for _, l := range links {
		if left {
			places = append(places, float64(l.left.order)+l.from/(l.left.h+1)/2)
		} else {
			places = append(places, float64(l.right.order)+l.to/(l.right.h+1)/2)
		}
	}
	return places
}

// order sorts a layer by the mean of the places; an item without any stays
// where it is.
func order(layer []*item, places func(*item) []float64) {
	mean := make(map[*item]float64, len(layer))
	for _, at := range layer {
		mean[at] = average(places(at), float64(at.order))
	}
	slices.SortStableFunc(layer, func(a, b *item) int { return cmp.Compare(mean[a], mean[b]) })
	number(layer)
}

func average(values []float64, none float64) float64 {
	if len(values) == 0 {
		return none
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func number(layer []*item) {
	for i, at := range layer {
		at.order = i
	}
}

func (d *drawing) orders() [][]*item {
	orders := make([][]*item, len(d.layers))
	for i, layer := range d.layers {
		orders[i] = slices.Clone(layer)
	}
	return orders
}

// crossings counts the pairs of links that cross.
func (d *drawing) crossings() int {
	count := 0
	for _, layer := range d.layers {
		var links []*link
		for _, at := range layer {
			links = append(links, at.after...)
		}
		for i, a := range links {
			for _, b := range links[:i] {
				left := cmp.Or(cmp.Compare(a.left.order, b.left.order), cmp.Compare(a.from, b.from))
				right := cmp.Or(cmp.Compare(a.right.order, b.right.order), cmp.Compare(a.to, b.to))
				if left*right < 0 {
					count++
				}
			}
		}
	}
	return count
}
