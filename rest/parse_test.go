package rest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/amgate/amgate/realm"
)

func TestSplitPath(t *testing.T) {
	for _, tt := range []struct {
		path string
		want []string
	}{
		{"realms/root/realms/alpha/authenticate", []string{"realms", "root", "realms", "alpha", "authenticate"}},
		{"realms//alpha/authenticate", []string{"realms", "alpha", "authenticate"}},
		{"sessions/", []string{"sessions"}},
		{"serverinfo/%2A", []string{"serverinfo", "*"}},
		{"sessions/a.*AAJTSQ.*", []string{"sessions", "a.*AAJTSQ.*"}},
		{"", nil},
	} {
		if got, ok := splitPath(tt.path); !ok || !slices.Equal(got, tt.want) {
			t.Errorf("splitPath(%q) = %q, %v, want %q", tt.path, got, ok, tt.want)
		}
	}
	for _, path := range []string{
		"alpha%2Fbeta/authenticate", "alpha%5Cbeta", "./authenticate", "alpha/../authenticate", "alpha/%2e%2e/authenticate",
		"alpha%00", "alpha%0a", "alpha%zz", "alpha%", `alpha\beta`, "alpha%ff",
	} {
		if got, ok := splitPath(path); ok {
			t.Errorf("splitPath(%q) = %q, want a refusal", path, got)
		}
	}
}

// FuzzSplitPath: an accepted path has no segment that another parser could
// take for two, for a parent or for nothing.
func FuzzSplitPath(f *testing.F) {
	for _, seed := range []string{"realms/root/authenticate", "a//b", "%2e%2e/%2f", "sessions/x.*A*", `a\b`, "%00", "%c0%af"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		segments, ok := splitPath(path)
		if !ok && segments != nil {
			t.Fatalf("splitPath(%q) refuses and answers %q", path, segments)
		}
		for _, s := range segments {
			if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\\x00\r\n") {
				t.Errorf("splitPath(%q) has the segment %q", path, s)
			}
		}
	})
}

func TestParseVersion(t *testing.T) {
	for header, want := range map[string]version{
		"resource=2.0, protocol=1.0": {2, 0},
		"protocol=1.0,resource=2.1":  {2, 1},
		"resource=4":                 {4, 0},
		" resource = 5.1 ":           {5, 1},
		"":                           {},
		"protocol=1.0":               {},
		"resource=":                  {},
		"resource=2.":                {},
		"resource=-1.0":              {},
		"resource=2.0.0":             {},
		"resource=9999.0":            {},
		"resource=\r\n":              {},
	} {
		if got := parseVersion(header); got != want {
			t.Errorf("parseVersion(%q) = %v, want %v", header, got, want)
		}
	}
}

// FuzzParseVersion: what is answered is read as what it is, so nothing of a
// header's own text reaches a reply's headers.
func FuzzParseVersion(f *testing.F) {
	for _, seed := range []string{"resource=2.0, protocol=1.0", "resource=999.999", "resource=1.1\r\nSet-Cookie: a=b", ",=,="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		v := parseVersion(header)
		if v != (version{}) && parseVersion(v.String()) != v {
			t.Errorf("parseVersion(%q) = %v, which prints as %q", header, v, v)
		}
	})
}

func TestReadBody(t *testing.T) {
	const jsonType = "application/json;charset=UTF-8"
	for _, tt := range []struct {
		name, contentType, body string
		wantEmpty               bool
		wantStatus              int // 0: accepted
	}{
		{"absent", "", "", true, 0},
		{"absent but typed", jsonType, "", true, 0},
		{"empty form", "application/x-www-form-urlencoded", "", true, 0},
		{"blank", "text/plain", " \r\n", true, 0},
		{"empty object", jsonType, "{}", false, 0},
		{"unknown members", jsonType, `{"status":200,"ok":true,"authId":"x"}`, false, 0},
		{"form", "application/x-www-form-urlencoded", "a=b", false, 415},
		{"JSON as text", "text/plain", "{}", false, 415},
		{"JSON without a type", "", "{}", false, 415},
		{"list", jsonType, "[]", false, 400},
		{"null", jsonType, "null", false, 400},
		{"broken", jsonType, `{"authId":`, false, 400},
		{"two values", jsonType, `{}{}`, false, 400},
		{"number for text", jsonType, `{"authId":1}`, false, 400},
		{"deep", jsonType, `{"callbacks":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, false, 400},
		{"deep in text", jsonType, `{"authId":"` + strings.Repeat(`[\"{`, 100) + `"}`, false, 0},
		{"over the cap", jsonType, `{"authId":"` + strings.Repeat("x", maxBody) + `"}`, false, 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			var got answered
			empty, err := readBody(httptest.NewRecorder(), r, &got)
			if empty != tt.wantEmpty || statusOf(err) != tt.wantStatus {
				t.Errorf("empty %v, status %d (%v), want %v, %d", empty, statusOf(err), err, tt.wantEmpty, tt.wantStatus)
			}
		})
	}
}

// statusOf is the status that an error becomes; 0 for none.
func statusOf(err error) int {
	if err == nil {
		return 0
	}
	a := New(realm.Front{Logger: discard})
	return a.refuse(&call{Request: httptest.NewRequest("POST", "/", nil)}, err).status
}

// FuzzReadBody: whatever is sent, a body is empty, understood, or refused as
// the client's fault; and one that is understood nests no deeper than it may.
func FuzzReadBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"authId":"a.b.c","callbacks":[{"type":"NameCallback","input":[{"name":"IDToken1","value":"x"}]}]}`,
		`{"authId":null}`, `{"authId":"\ud800"}`, `{"callbacks":"` + "\xff" + `"}`, "[[[[", `{"a":"\\\"["}`,
	} {
		f.Add(seed, "application/json")
	}
	f.Add("{}", "text/plain")
	f.Fuzz(func(t *testing.T, body, contentType string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		var got answered
		empty, err := readBody(httptest.NewRecorder(), r, &got)
		if err != nil {
			if s := statusOf(err); s != http.StatusBadRequest && s != http.StatusUnsupportedMediaType {
				t.Fatalf("status %d", s)
			}
			return
		}
		if empty != (strings.TrimSpace(body) == "") {
			t.Errorf("%q: empty is %v", body, empty)
		}
		if n := nesting(t, []byte(body)); n > maxDepth {
			t.Errorf("%q: %d levels", body, n)
		}
	})
}

// FuzzTooDeep: of what is JSON it is known how deep it nests, whatever its texts
// hold.
func FuzzTooDeep(f *testing.F) {
	for _, inner := range []string{`1`, `"["`, `"\""`, `"\\"`, `"\\\"["`, `{"a\\":["\"]"]}`, `"`, `"\`, `"a\\","[`} {
		for _, n := range []int{0, maxDepth - 1, maxDepth, maxDepth + 1} {
			f.Add([]byte(strings.Repeat("[", n) + inner + strings.Repeat("]", n)))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := tooDeep(text)
		if jsontext.Value(text).IsValid(tolerant) && got != (nesting(t, text) > maxDepth) {
			t.Errorf("%q nests %d levels; too deep: %v", text, nesting(t, text), got)
		}
	})
}

// nesting is how deep JSON nests.
func nesting(t *testing.T, text []byte) (most int) {
	t.Helper()
	for dec := jsontext.NewDecoder(bytes.NewReader(text), tolerant); ; most = max(most, dec.StackDepth()) {
		if _, err := dec.ReadToken(); errors.Is(err, io.EOF) {
			return most
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("a\r\n\x00ü" + strings.Repeat("x", 500)); len(got) > maxShown || !strings.HasPrefix(got, "a???") {
		t.Errorf("printable = %q", got)
	}
}

func TestObjectKeepsOrder(t *testing.T) {
	got, err := encode(object{{"z", "<a&b>"}, {"a", object{{"y", nil}, {"x", []int{1}}}}, {"m", true}})
	if want := `{"z":"<a&b>","a":{"y":null,"x":[1]},"m":true}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
