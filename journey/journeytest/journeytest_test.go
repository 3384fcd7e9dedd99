package journeytest_test

import (
	"strings"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/identitytest"
	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/journey/journeytest"
)

func TestUsers(t *testing.T) {
	identitytest.Run(t, func(_ *testing.T, people []identitytest.Person) identity.Store {
		var users journeytest.Users
		for _, p := range people {
			users = append(users, journeytest.Person(p))
		}
		return users
	})
}

// The generator is only as good as what it covers.
func TestHostileCoversWhatItSays(t *testing.T) {
	asked := callback.List{{Callback: callback.Name{}}, {Callback: callback.Password{}}}
	var all strings.Builder
	seen := map[string]bool{}
	for name, raw := range journeytest.Hostile(asked) {
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		all.Write(raw)
	}
	for _, c := range callback.Types() {
		if !strings.Contains(all.String(), c.Type()) {
			t.Errorf("no answer has a %s", c.Type())
		}
	}
	if len(seen) < 60 {
		t.Errorf("only %d answers", len(seen))
	}
	for range journeytest.Hostile(asked) {
		break // a caller may stop
	}
}
