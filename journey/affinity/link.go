package affinity

import "strings"

// The link of a suspended journey carries the affinity behind the reference to
// the journey, in the one parameter that every client sends back. It has no dot
// there: nothing but letters, digits, "-" and "_" survives everywhere.

// LinkSize is the length in bytes of an affinity in a link.
const LinkSize = TextSize - len(".")

// ForLink is an affinity's text as a link has it.
func ForLink(text string) string { return strings.Replace(text, ".", "", 1) }

// FromLink is the text of which ForLink made what has LinkSize bytes.
func FromLink(tail string) string { return tail[:encodedID] + "." + tail[encodedID:] }

// OfLink reads the affinity at the end of what a link carries. A link from
// before links had one has none.
func (r *Router) OfLink(carried string) (Affinity, bool) {
	if len(carried) < LinkSize {
		return Affinity{}, false
	}
	return r.Parse(FromLink(carried[len(carried)-LinkSize:]))
}
