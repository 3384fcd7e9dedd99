package journey

import "maps"

// Object is what the drawers hold together of an object, such as
// KeyObjectAttributes, to its depth: transient members hide secure ones, and
// those hide shared ones (AM's nodeState.getObject). It is a copy.
func (s *State) Object(key string) map[string]any {
	whole := make(map[string]any)
	for _, drawer := range []map[string]any{s.shared, s.secure, s.transient} {
		if object, ok := drawer[key].(map[string]any); ok {
			overlay(whole, object)
		}
	}
	return whole
}

// SharedObject is the part of Object that may be shown: its shared members. It
// is a copy.
func (s *State) SharedObject(key string) map[string]any {
	shown := make(map[string]any)
	if object, ok := s.shared[key].(map[string]any); ok {
		overlay(shown, object)
	}
	return shown
}

// overlay writes the members of more into object, which is nobody else's.
func overlay(object, more map[string]any) {
	for name, value := range more {
		inner, ok := value.(map[string]any)
		if !ok {
			object[name] = value
			continue
		}
		below := make(map[string]any)
		if old, ok := object[name].(map[string]any); ok {
			overlay(below, old)
		}
		overlay(below, inner)
		object[name] = below
	}
}

// PutSharedMember is PutShared for a member of an object. The path leads to it
// from the object of that key; objects on the way are made.
func (s *State) PutSharedMember(value any, key string, path ...string) {
	put(s.shared, value, append([]string{key}, path...))
}

// PutTransientMember is PutTransient for a member of an object, beside the
// object's other members that are transient or secure.
func (s *State) PutTransientMember(value any, key string, path ...string) {
	kept := make(map[string]any)
	for _, drawer := range []map[string]any{s.secure, s.transient} {
		if object, ok := drawer[key].(map[string]any); ok {
			overlay(kept, object)
		}
	}
	s.transient[key] = kept
	put(s.transient, value, append([]string{key}, path...))
}

// put sets the value at a path. The objects on the way are replaced by copies,
// since a state shares them with the step before.
func put(object map[string]any, value any, path []string) {
	for _, name := range path[:len(path)-1] {
		below := make(map[string]any)
		if old, ok := object[name].(map[string]any); ok {
			maps.Copy(below, old)
		}
		object[name] = below
		object = below
	}
	object[path[len(path)-1]] = value
}
