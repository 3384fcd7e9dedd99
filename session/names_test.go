package session

import (
	"testing"

	"pgregory.net/rapid"
)

// SECURITY 27: users of distinct realms or ids have distinct indexes, however
// the text of both is cut.
func TestDistinctUsersHaveDistinctHashes(t *testing.T) {
	t.Parallel()
	key := &[32]byte{1}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, '/', 'a'}), 0, 5, -1)
		realm, id := text.Draw(t, "realm"), text.Draw(t, "id")
		otherRealm, otherID := text.Draw(t, "other realm"), text.Draw(t, "other id")
		if i := rapid.IntRange(0, 8).Draw(t, "move"); i < len(realm) {
			// The attack itself: the same text, cut elsewhere.
			otherRealm, otherID = realm[:i], realm[i:]+id
		}
		same := realm == otherRealm && id == otherID
		if (userHash(key, realm, id) == userHash(key, otherRealm, otherID)) != same {
			t.Fatalf("%q %q and %q %q", realm, id, otherRealm, otherID)
		}
	})
}
