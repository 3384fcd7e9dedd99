package gateway

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

func TestHeaderList(t *testing.T) {
	for _, test := range []struct {
		roles []string
		want  string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"staff"}, "staff"},
		{[]string{"staff", "", "admin"}, "staff,admin"},
		{[]string{"staff,admin"}, "staff%2Cadmin"},
		{[]string{"a b", "100%", "é\r\n", "{env.X}"}, "a%20b,100%25,%C3%A9%0D%0A,%7Benv.X%7D"},
		{[]string{"cn=ops;dc=example", "ops@example.com", "/alpha"}, "cn=ops;dc=example,ops@example.com,/alpha"},
	} {
		if got := headerList(test.roles); got != test.want {
			t.Errorf("%q: %q, want %q", test.roles, got, test.want)
		}
	}
}

// FuzzHeaderValue: a value is safe in a header and in a list, and any URL
// decoder gives back what went in; so two different users never look alike.
func FuzzHeaderValue(f *testing.F) {
	for _, seed := range []string{"bjensen", "jürgen", "a,b", "{env.X}", "a\r\nX-AM-Roles: admin", " admin ", "%41", "\x00\x7f\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := headerValue(s)
		if !httpguts.ValidHeaderFieldValue(v) || strings.ContainsAny(v, ", {}\r\n") || !isASCII(v) {
			t.Errorf("%q becomes %q", s, v)
		}
		if back, err := url.PathUnescape(v); err != nil || back != s {
			t.Errorf("%q becomes %q, which is read as %q (%v)", s, v, back, err)
		}
	})
}
