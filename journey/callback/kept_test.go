package callback_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/amgate/amgate/journey/callback"
)

// A journey that rests in memory is not encoded; no node may notice.
func TestKeptIsWhatEncodingGivesBack(t *testing.T) {
	for _, sample := range samples {
		id := 7
		l := callback.List{{Callback: sample.callback, ID: &id}, {Callback: callback.TextOutput{Message: "x"}}}
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var want callback.List
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		kept, size, err := l.Kept()
		if err != nil || !sameList(kept, want) {
			t.Errorf("%s: %v\ngot  %#v\nwant %#v", sample.callback.Type(), err, kept, want)
		}
		if size == 0 || size > 8*len(text) {
			t.Errorf("%s: a size of %d for %s", sample.callback.Type(), size, text)
		}
	}
}

// sameList compares lists, but does not tell a nil list or map of a callback
// from an empty one: no client can.
func sameList(a, b callback.List) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := reflect.ValueOf(a[i].Callback), reflect.ValueOf(b[i].Callback)
		if x.Type() != y.Type() || !reflect.DeepEqual(a[i].ID, b[i].ID) {
			return false
		}
		for f := range x.NumField() {
			v, w := x.Field(f), y.Field(f)
			empty := (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 && w.Len() == 0
			if !empty && !reflect.DeepEqual(v.Interface(), w.Interface()) {
				return false
			}
		}
	}
	return true
}

func TestKeptRefusesForeignCallbacks(t *testing.T) {
	for _, foreign := range []callback.Callback{nil, foreign{}} {
		if kept, _, err := (callback.List{{Callback: foreign}}).Kept(); err == nil {
			t.Errorf("%#v was kept as %#v", foreign, kept)
		}
	}
}

// foreign is a callback of another package.
type foreign struct{ callback.Name }

func (foreign) Type() string { return "ForeignCallback" }
