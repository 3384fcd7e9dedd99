package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Nodes of two versions work side by side: each reads what the other writes.
func TestNodeIsWrittenAsItWas(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]written{
		`{"name":"am-1","address":"am-1:8080","secure":true,"version":"v1.2.3","journeys":7,"draining":true}`: {Node: Node{
			Name: "am-1", Address: "am-1:8080", Secure: true, Version: "v1.2.3", Journeys: 7, Draining: true,
		}},
		`{"name":"am-2","address":"am-2:80","journeys":0,"left":true}`: {Node: Node{Name: "am-2", Address: "am-2:80"}, Left: true},
	} {
		got, err := decode([]byte("\x01" + text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
		if again := string(want.encode()); again != "\x01"+text {
			t.Errorf("written as %q, was %q", again, text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x01{\"name\":\"am-1\",\"address\":\"am-1:8080\",\"journeys\":7}"))
	f.Add([]byte("\x02{}"))
	f.Add([]byte("\x01null"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		w, err := decode(plain)
		if err != nil {
			return
		}
		if again, err := decode(w.encode()); err != nil || again != w {
			t.Errorf("%q is %+v, and then %+v, %v", plain, w, again, err)
		}
	})
}
