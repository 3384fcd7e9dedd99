package guard

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// SECURITY 27: two lists of names never have one record, however they are cut.
func TestDistinctNamesHaveDistinctRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, 'a'}), 0, 5, -1)
		fields := rapid.SliceOfN(text, 2, 4) // a kind, a realm and names
		a, b := fields.Draw(t, "a"), fields.Draw(t, "b")
		if i := rapid.IntRange(0, 8).Draw(t, "move"); i < len(a[1]) && len(a) > 2 {
			// The attack itself: the same text, cut elsewhere.
			b = append([]string{a[0], a[1][:i], a[1][i:] + a[2]}, a[3:]...)
		}
		one, other := &records{realm: a[1]}, &records{realm: b[1]}
		if (one.key(a[0], a[2:]...) == other.key(b[0], b[2:]...)) != slices.Equal(a, b) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}
