package affinity

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// SECURITY 27: what one use of the key has signed is good for no other use, and
// for no other text.
func TestDistinctUsesHaveDistinctSums(t *testing.T) {
	t.Parallel()
	uses := []string{useMAC, usePin, useRank, useAddress}
	for _, one := range uses {
		if slices.ContainsFunc(uses, func(other string) bool { return one != other && strings.HasPrefix(other, one) }) {
			t.Errorf("another use begins with %q", one)
		}
	}
	r := New([32]byte{1})
	rapid.Check(t, func(t *rapid.T) {
		use := rapid.SampledFrom(uses)
		text := rapid.OneOf(rapid.StringOfN(rapid.SampledFrom([]rune{0, 'a', ':'}), 0, 5, -1),
			rapid.Custom(func(t *rapid.T) string { return use.Draw(t, "label")[9:] + "a" }))
		a, b := use.Draw(t, "use"), use.Draw(t, "other use")
		one, other := text.Draw(t, "text"), text.Draw(t, "other text")
		if (r.sum(a, one) == r.sum(b, other)) != (a == b && one == other) {
			t.Fatalf("%q %q and %q %q", a, one, b, other)
		}
	})
}

// What is signed of an affinity has a fixed length, so that its parts do not
// run into each other.
func TestDistinctAffinitiesHaveDistinctTexts(t *testing.T) {
	t.Parallel()
	r := New([32]byte{1})
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1}), idSize+pinSize, idSize+pinSize)
		affinity := func(b []byte) Affinity { return Affinity{ID: [idSize]byte(b), Pin: Pin(b[idSize:])} }
		a, b := affinity(bytes.Draw(t, "a")), affinity(bytes.Draw(t, "b"))
		if (r.mac(&a) == r.mac(&b)) != (a == b) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}
