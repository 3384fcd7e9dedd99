package journey_test

import (
	"slices"
	"testing"

	"github.com/amgate/amgate/journey"
)

func TestStateReadsDrawersInOrder(t *testing.T) {
	shared := map[string]any{"a": "shared", "b": "shared", "c": "shared", "n": 3.0}
	s := journey.NewState(shared, map[string]any{"a": "secure", "b": "secure"})
	s.PutTransient("a", "transient")
	for key, want := range map[string]string{"a": "transient", "b": "secure", "c": "shared", "d": "", "n": ""} {
		if got := s.String(key); got != want {
			t.Errorf("%s is %q; want %q", key, got, want)
		}
	}
	s.PutShared("m", 4)
	if s.Int("n") != 3 || s.Int("m") != 4 || s.Int("a") != 0 || s.Int("z") != 0 {
		t.Errorf("numbers %d, %d, %d, %d", s.Int("n"), s.Int("m"), s.Int("a"), s.Int("z"))
	}
	if got := s.Keys(); !slices.Equal(got, []string{"a", "b", "c", "m", "n"}) {
		t.Errorf("keys %v", got)
	}
	for key, want := range map[string]any{"a": nil, "b": nil, "c": "shared", "m": 4, "z": nil} {
		if got, ok := s.Shared(key); got != want || ok != (want != nil) {
			t.Errorf("%s: shared %v, %t; want %v", key, got, ok, want)
		}
	}
	s.Remove("a")
	if _, found := s.Get("a"); found {
		t.Error("a removed value is still there")
	}
	if shared["a"] != "shared" || len(shared) != 4 {
		t.Errorf("the caller's map was changed: %v", shared)
	}
}

func TestIDReadsBack(t *testing.T) {
	id := journey.NewID()
	text, err := id.MarshalText()
	if err != nil || len(text) != 27 || string(text) != id.String() {
		t.Fatalf("%s, error %v", text, err)
	}
	var back journey.ID
	if err := back.UnmarshalText(text); err != nil || back != id {
		t.Errorf("%v, error %v", back, err)
	}
	for _, bad := range []string{"", "x", id.String()[1:], id.String() + "A", "!" + id.String()[1:]} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if journey.NewID() == id {
		t.Error("two ids are equal")
	}
}
