package journey

import (
	"maps"
	"slices"
)

// State is what a journey has learned, in AM's three drawers. Values are
// what JSON can hold. A State belongs to one call at a time.
type State struct {
	transient, secure, shared map[string]any
}

// NewState returns a state with copies of the two drawers that outlive a
// step.
func NewState(shared, secure map[string]any) *State {
	s := &State{transient: map[string]any{}, secure: map[string]any{}, shared: map[string]any{}}
	maps.Copy(s.shared, shared)
	maps.Copy(s.secure, secure)
	return s
}

// Get looks a value up: first among the transient ones, then the secure
// ones, then the shared ones.
func (s *State) Get(key string) (any, bool) {
	for _, drawer := range []map[string]any{s.transient, s.secure, s.shared} {
		if v, ok := drawer[key]; ok {
			return v, true
		}
	}
	return nil, false
}

// String is Get for a text; "" if there is none.
func (s *State) String(key string) string {
	v, _ := s.Get(key)
	text, _ := v.(string)
	return text
}

// Int is Get for a whole number; 0 if there is none. JSON gives numbers back
// as float64.
func (s *State) Int(key string) int {
	v, _ := s.Get(key)
	switch n := v.(type) {
	case int:
		return n
	case float64:
		return int(n)
	}
	return 0
}

// Shared is Get for a value that may be shown: there is none if the value is
// transient or secure.
func (s *State) Shared(key string) (any, bool) {
	for _, drawer := range []map[string]any{s.transient, s.secure} {
		if _, hidden := drawer[key]; hidden {
			return nil, false
		}
	}
	v, ok := s.shared[key]
	return v, ok
}

// Keys lists the keys of all values, sorted.
func (s *State) Keys() []string {
	keys := make(map[string]struct{})
	for _, drawer := range []map[string]any{s.transient, s.secure, s.shared} {
		for key := range drawer {
			keys[key] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// PutShared keeps a value for the whole journey.
func (s *State) PutShared(key string, value any) { s.shared[key] = value }

// PutTransient keeps a value until the step is answered; longer, in the
// secure drawer, if a node that can still be reached declares that it reads
// the key.
func (s *State) PutTransient(key string, value any) { s.transient[key] = value }

// Remove forgets a value, in whichever drawer it is.
func (s *State) Remove(key string) {
	for _, drawer := range []map[string]any{s.transient, s.secure, s.shared} {
		delete(drawer, key)
	}
}

// Keys of the state that AM's nodes agree on.
const (
	KeyUsername   = "username"
	KeyPassword   = "password"
	KeyRealm      = "realm"
	KeyAuthLevel  = "authLevel"
	KeySuccessURL = "successUrl"
	KeyFailureURL = "failureUrl"
	// KeyTargetAuthLevel is the level that an advice asks for.
	KeyTargetAuthLevel = "targetAuthLevel"
	// KeyErrorNode and KeyErrorMessage say which node of an inner journey
	// could not decide.
	KeyErrorNode    = "errorNode"
	KeyErrorMessage = "errorMessage"
	// KeyLockoutMessage is what a decision tells a user who is locked out, if
	// the journey fails.
	KeyLockoutMessage = "lockoutMessage"
	// KeyObjectAttributes is what was collected about the user, by attribute.
	KeyObjectAttributes = "objectAttributes"
)
