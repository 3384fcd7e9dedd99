package realm

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey"
)

// SECURITY 27: distinct journeys and distinct secrets have distinct bindings.
func TestDistinctBindings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Map(rapid.IntRange(0, 20), func(i int) (id journey.ID) { // alike but for one byte
			if i < len(id) {
				id[i] = 1
			}
			return id
		})
		secret := rapid.SampledFrom([]string{NewBrowserSecret(), NewBrowserSecret()})
		a, b := id.Draw(t, "journey"), id.Draw(t, "other journey")
		one, other := secret.Draw(t, "secret"), secret.Draw(t, "other secret")
		if (binding(a, one) == binding(b, other)) != (a == b && one == other) {
			t.Fatalf("%v %s and %v %s", a, one, b, other)
		}
	})
}
