// Package graph draws journeys: as an SVG that a browser shows, and in the
// language of Graphviz.
package graph
