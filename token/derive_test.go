package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestDistinctFieldsGiveDistinctMACInput: Envoy's HMAC over fields without
// separators (CVE-2023-35941) let digits move from a host to an expiry. Two
// lists of fields must never be the same bytes (SECURITY row 27).
func TestDistinctFieldsGiveDistinctMACInput(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Small alphabets and bytes that look like lengths make collisions
		// likely for anything that is not canonical.
		field := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, 'a'}), 0, 5, -1)
		a := rapid.SliceOfN(field, 0, 4).Draw(t, "a")
		b := rapid.SliceOfN(field, 0, 4).Draw(t, "b")
		if i := rapid.IntRange(0, 8).Draw(t, "move"); len(a) > 1 && i < len(a[0]) {
			// The attack itself: the same text, cut elsewhere.
			b = append([]string{a[0][:i], a[0][i:] + a[1]}, a[2:]...)
		}
		same := slices.Equal(a, b)
		if slices.Equal(appendFields(nil, a...), appendFields(nil, b...)) != same {
			t.Fatalf("%q and %q", a, b)
		}
	})
}

func TestPooledMACIsHMAC(t *testing.T) {
	t.Parallel()
	key := [32]byte{1, 2, 3}
	m := newMAC(key)
	for _, fields := range [][]string{{}, {""}, {"a", "b"}, {"ab"}, {string(make([]byte, 300))}, {"a", "b"}} {
		h := hmac.New(sha256.New, key[:])
		h.Write(appendFields(nil, fields...))
		if got := m.sum(fields...); !hmac.Equal(got[:], h.Sum(nil)) {
			t.Errorf("%q: %x", fields, got)
		}
	}
}

// BenchmarkMAC compares the pooled state with what else there is: a new HMAC
// for each message.
func BenchmarkMAC(b *testing.B) {
	key := [32]byte{1, 2, 3}
	head := string(make([]byte, headSize))
	b.Run("pooled", func(b *testing.B) {
		b.ReportAllocs()
		m := newMAC(key)
		for b.Loop() {
			m.sum("CTS", head)
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h := hmac.New(sha256.New, key[:])
			h.Write(appendFields(nil, "CTS", head))
			h.Sum(nil)
		}
	})
	b.Run("two one-shot hashes", func(b *testing.B) {
		b.ReportAllocs()
		var inner [64 + 31]byte
		var outer [64 + 32]byte
		for b.Loop() {
			sum := sha256.Sum256(inner[:])
			copy(outer[64:], sum[:])
			sha256.Sum256(outer[:])
		}
	})
}
