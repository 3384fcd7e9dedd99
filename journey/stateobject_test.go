package journey_test

import (
	"reflect"
	"testing"

	"github.com/amgate/amgate/journey"
)

type object = map[string]any

func TestStateObjectIsOfAllDrawers(t *testing.T) {
	shared := object{"o": object{"a": "shared", "b": "shared", "in": object{"x": 1.0}}, "text": "no object"}
	secure := object{"o": object{"b": "secure", "c": "secure"}}
	s := journey.NewState(shared, secure)
	s.PutTransientMember("transient", "o", "c")
	s.PutSharedMember(2.0, "o", "in", "y")
	s.PutSharedMember(true, "o", "new", "deep", "er")
	want := object{
		"a": "shared", "b": "secure", "c": "transient",
		"in": object{"x": 1.0, "y": 2.0}, "new": object{"deep": object{"er": true}},
	}
	if got := s.Object("o"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
	// A transient value hides the secure one of its key when it is kept: it
	// brings along the members that it does not have itself.
	if got, _ := s.Get("o"); !reflect.DeepEqual(got, object{"b": "secure", "c": "transient"}) {
		t.Errorf("transient %v", got)
	}
	s.Object("o")["in"].(object)["x"] = "changed"
	if s.Object("o")["in"].(object)["x"] != 1.0 {
		t.Error("the object is no copy")
	}
	s.PutSharedMember("x", "text", "y")
	if got := s.Object("text"); !reflect.DeepEqual(got, object{"y": "x"}) {
		t.Errorf("%v", got)
	}
	if got := s.Object("none"); len(got) != 0 {
		t.Errorf("an object that is not there has %v", got)
	}
	// A step that fails must leave the step before as it was.
	if before := (object{"a": "shared", "b": "shared", "in": object{"x": 1.0}}); !reflect.DeepEqual(shared["o"], before) ||
		!reflect.DeepEqual(secure["o"], object{"b": "secure", "c": "secure"}) || shared["text"] != "no object" {
		t.Errorf("the caller's maps were changed: %v, %v", shared, secure)
	}
}
