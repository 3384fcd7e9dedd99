package affinity_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey/affinity"
)

var (
	ours   = affinity.New([32]byte{1})
	theirs = affinity.New([32]byte{2})
)

func TestFormatParse(t *testing.T) {
	t.Parallel()
	for _, pin := range []affinity.Pin{{}, ours.Pin("am-1:8080")} {
		a := ours.Begin()
		a.Pin = pin
		text := ours.Format(a)
		if len(text) != affinity.TextSize || text[12] != '.' {
			t.Errorf("the text is %q", text)
		}
		if got, ok := ours.Parse(text); !ok || got != a {
			t.Errorf("%q is %+v, %t, want %+v", text, got, ok, a)
		}
	}
}

func TestBeginIsRandom(t *testing.T) {
	t.Parallel()
	if ours.Begin().ID == ours.Begin().ID {
		t.Error("the same id twice")
	}
}

// TestGolden pins the text form, which lives in browsers and authIds across
// an upgrade of the edges.
func TestGolden(t *testing.T) {
	t.Parallel()
	a := affinity.Affinity{ID: [9]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, Pin: ours.Pin("am-1:8080")}
	const want = "AQIDBAUGBwgJ.oMNMMpa08TxgU_b-Hmp_W51f"
	if got := ours.Format(a); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPinIgnoresCase(t *testing.T) {
	t.Parallel()
	if ours.Pin("AM-1.Example.COM:8080") != ours.Pin("am-1.example.com:8080") {
		t.Error("two pins for one node")
	}
	if ours.Pin("am-1:8080") == ours.Pin("am-2:8080") || ours.Pin("am-1:8080") == theirs.Pin("am-1:8080") {
		t.Error("one pin for two nodes")
	}
	if ours.NewNode("AM-1:80").Pin != ours.Pin("am-1:80") {
		t.Error("a node's pin is not its pin")
	}
}

// TestNobodyElseMakesAnAffinity: a client that could choose a node would aim
// all its load at one, or probe which nodes there are. Every bit counts, and
// another cluster's affinities mean nothing.
func TestNobodyElseMakesAnAffinity(t *testing.T) {
	t.Parallel()
	a := affinity.Affinity{ID: [9]byte{1}, Pin: ours.Pin("am-1:8080")}
	text := ours.Format(a)
	if _, ok := theirs.Parse(text); ok {
		t.Error("another cluster accepts it")
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range text {
		if i == 12 {
			continue
		}
		at := strings.IndexByte(alphabet, text[i])
		for bit := range 6 {
			bad := text[:i] + alphabet[at^1<<bit:at^1<<bit+1] + text[i+1:]
			if _, ok := ours.Parse(bad); ok {
				t.Errorf("%q is accepted, which differs from %q in place %d", bad, text, i)
			}
		}
		if _, ok := ours.Parse(text[:i]); ok {
			t.Errorf("cut to %d bytes it is accepted", i)
		}
		if _, ok := ours.Parse(text[:i] + "\n" + text[i+1:]); ok {
			t.Errorf("a line break in place %d is accepted", i)
		}
	}
	other := ours.Format(ours.Begin())
	for name, bad := range map[string]string{
		"empty": "", "the pin of another": other[:13] + text[13:], "long": text + "A", "padded": text + "=",
		"a megabyte of dots": strings.Repeat(".", 1<<20), "AM's own value": "01", "line break": text + "\n",
	} {
		if _, ok := ours.Parse(bad); ok {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pin := range []affinity.Pin{{}, ours.Pin("am-1:8080")} {
		f.Add(ours.Format(affinity.Affinity{ID: [9]byte{1}, Pin: pin}))
		f.Add(theirs.Format(affinity.Affinity{ID: [9]byte{1}, Pin: pin}))
	}
	f.Add("01")
	f.Fuzz(func(t *testing.T, text string) {
		if a, ok := ours.Parse(text); ok && ours.Format(a) != text {
			t.Errorf("%q is accepted, but its text is %q", text, ours.Format(a))
		}
	})
}

func jws(payload string) string {
	return "eyJ0eXAiOiJKV1QifQ." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".sig"
}

func TestFromAuthID(t *testing.T) {
	t.Parallel()
	text := ours.Format(ours.Begin())
	for _, tc := range []struct {
		name, authID string
		want         bool
	}{
		{"ours", jws(`{"otk":"x","realm":"/","sessionId":"s","affinity":"` + text + `","exp":1}`), true},
		{"without", jws(`{"otk":"x"}`), false},
		{"not a string", jws(`{"affinity":1}`), false},
		{"too long", jws(`{"affinity":"` + text + `x"}`), false},
		{"not JSON", jws(text), false},
		{"not base64", "a.***.b", false},
		{"two parts", "a.b", false},
		{"four parts", jws(`{"affinity":"`+text+`"}`) + ".x", false},
		{"over the cap", jws(`{"affinity":"` + text + `","x":"` + strings.Repeat("x", 64<<10) + `"}`), false},
		{"a megabyte of dots", strings.Repeat(".", 1<<20), false},
		{"deep", jws(strings.Repeat("[", 40_000)), false},
		{"empty", "", false},
	} {
		got, ok := affinity.FromAuthID([]byte(tc.authID))
		if ok != tc.want || ok && got != text {
			t.Errorf("%s: %q, %t", tc.name, got, ok)
		}
	}
}

func FuzzFromAuthID(f *testing.F) {
	f.Add(jws(`{"affinity":"` + ours.Format(affinity.Affinity{ID: [9]byte{1}}) + `"}`))
	f.Add(jws(`{"affinity":1}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, authID string) {
		text, ok := affinity.FromAuthID([]byte(authID))
		if ok != (len(text) == affinity.TextSize) {
			t.Errorf("%q, %t", text, ok)
		}
		ours.Parse(text)
	})
}

func BenchmarkParse(b *testing.B) {
	text := ours.Format(ours.Begin())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := ours.Parse(text); !ok {
			b.Fatal("refused")
		}
	}
}
