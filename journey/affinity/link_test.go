package affinity_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey/affinity"
)

// An affinity survives in a link, behind whatever else it carries, without a
// character that mail programs take for the link's end.
func TestAffinityInALink(t *testing.T) {
	t.Parallel()
	a := ours.Begin()
	a.Pin = ours.Pin("am-1:8080")
	tail := affinity.ForLink(ours.Format(a))
	if len(tail) != affinity.LinkSize || url.QueryEscape(tail) != tail || strings.Contains(tail, ".") {
		t.Errorf("in a link it is %q", tail)
	}
	if affinity.FromLink(tail) != ours.Format(a) {
		t.Errorf("%q comes back as %q", tail, affinity.FromLink(tail))
	}
	reference := strings.Repeat("x", 62)
	for carried, want := range map[string]bool{
		reference + tail: true, tail: true, reference: false, reference + tail[1:]: false, tail[1:]: false, "": false,
		reference + affinity.ForLink(theirs.Format(a)): false,
	} {
		if got, ok := ours.OfLink(carried); ok != want || ok && got != a {
			t.Errorf("%q: %+v, %t", carried, got, ok)
		}
	}
}
