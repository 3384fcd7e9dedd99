package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestDropCookies(t *testing.T) {
	g := guard(t, unstarted("/"))
	for _, test := range []struct {
		name     string
		in, want []string
	}{
		{"none", nil, nil},
		{"others stay byte for byte", []string{`a=1;b="x; y" ;  c`, ";;d=é"}, []string{`a=1;b="x; y" ;  c`, ";;d=é"}},
		{"first", []string{cookieName + "=x; a=1; b=2"}, []string{"a=1; b=2"}},
		{"last", []string{"a=1; b=2; " + cookieName + "=x"}, []string{"a=1; b=2"}},
		{"between", []string{"a=1; " + cookieName + "=x;b=2"}, []string{"a=1;b=2"}},
		{"duplicates", []string{cookieName + "=x; a=1; " + cookieName + "=y", cookieName + "=z", "b=2"}, []string{"a=1", "b=2"}},
		{"all of ours", []string{cookieName + "=x; amlbcookie=01; __Host-amgate=c;amgate=c"}, nil},
		{"other spacing", []string{"\t" + cookieName + " = x ;a=1;"}, []string{"a=1;"}},
		{"only separators left", []string{cookieName + "=x; ; "}, nil},
		{"similar names", []string{"x" + cookieName + "=1; amgate2=2; AMLBCOOKIE=3"}, []string{"x" + cookieName + "=1; amgate2=2; AMLBCOOKIE=3"}},
		{"our name as a value", []string{"a=" + cookieName}, []string{"a=" + cookieName}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{}
			if test.in != nil {
				h["Cookie"] = slices.Clone(test.in)
			}
			g.dropCookies(h)
			if got, present := h["Cookie"]; !slices.Equal(got, test.want) || present != (test.want != nil) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// FuzzDropCookies: no cookie of ours survives, as any parser reads it, and
// all others do, in their order and with every byte.
func FuzzDropCookies(f *testing.F) {
	f.Add("a=1; " + cookieName + "=x;b=2")
	f.Add(cookieName + "=; amlbcookie=01")
	f.Add("\t__Host-amgate \t=;;;amgate")
	f.Fuzz(func(t *testing.T, line string) {
		g := guard(t, unstarted("/"))
		h := http.Header{"Cookie": {line}}
		g.dropCookies(h)
		for _, c := range (&http.Request{Header: h}).Cookies() {
			if slices.Contains([]string{cookieName, "amlbcookie", "__Host-amgate", "amgate"}, c.Name) {
				t.Errorf("%q leaves %q", line, h["Cookie"])
			}
		}
		if got, want := others(strings.Join(h["Cookie"], ";")), others(line); !slices.Equal(got, want) {
			t.Errorf("%q keeps %q of %q", line, got, want)
		}
	})
}

// others are the cookies of a line that are not ours.
func others(line string) (kept []string) {
	for pair := range strings.SplitSeq(line, ";") {
		pair = strings.TrimLeft(pair, " \t")
		name, _, _ := strings.Cut(pair, "=")
		switch strings.TrimRight(name, " \t") {
		case "", cookieName, "amlbcookie", "__Host-amgate", "amgate":
			if !strings.HasPrefix(pair, "=") {
				continue
			}
		}
		kept = append(kept, pair)
	}
	return kept
}
