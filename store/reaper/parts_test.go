package reaper

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/store"
)

// Whatever a key is made of, it lies in exactly one part.
func TestPartsDivideAllKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := "u/" + store.Key(rapid.OneOf(rapid.String(), rapid.StringMatching(`[-_0-9A-Za-z]{0,3}`)).Draw(t, "key"))
		for _, n := range []int{0, 1, manyRecords + 1, mostRecords + 1} {
			in := 0
			for _, part := range parts("u/", n) {
				if part.Has(key) {
					in++
				}
			}
			if in != 1 {
				t.Errorf("of %d records, %q lies in %d parts", n, key, in)
			}
		}
	})
	for n, want := range map[int]int{0: 65, 1: 1, manyRecords + 1: 65, mostRecords + 1: 4097} {
		if got := len(parts("u/", n)); got != want {
			t.Errorf("%d records are scanned in %d parts, want %d", n, got, want)
		}
	}
}
