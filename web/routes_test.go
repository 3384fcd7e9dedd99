package web

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestPagesAreKnown holds the inventory of the pages that everybody may open:
// a new one has to be written here, with its methods. All others are the
// console's, which lets nobody in but administrators whatever the address.
// (SECURITY 9)
func TestPagesAreKnown(t *testing.T) {
	var got []string
	for _, path := range slices.Sorted(maps.Keys(routes)) {
		got = append(got, path+" "+strings.Join(routes[path].methods, ","))
	}
	want := []string{
		"/ GET,HEAD",
		"/UI/Login GET,HEAD",
		"/UI/Logout GET,POST",
		"/XUI GET,HEAD",
		"/XUI/ GET,HEAD,POST",
		"/XUI/index.html GET,HEAD,POST",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages are %q", got)
	}
}
