package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// telling is an option of a Gateway that tells the app properties.
func telling(properties ...string) func(*Config) {
	return func(c *Config) { c.Properties = properties }
}

// admitted is who a gateway takes the bearer of a session with these
// properties for.
func (s site) admitted(t testing.TB, g *Gateway, properties ...string) Identity {
	t.Helper()
	id, err := g.Check(t.Context(), get("/", cookieName, s.signIn(t, "/alpha", "bjensen", properties...)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// propertyHeaders are those of the request that g forwards for id.
func propertyHeaders(g *Gateway, id Identity, sent ...string) http.Header {
	r := get("/", sent...)
	g.Prepare(r, id)
	maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return !strings.HasPrefix(name, headerProperty) })
	return r.Header
}

// An app is told the properties that its gateway lists, and no others, of
// either kind of sessions.
func TestPropertiesReachTheApp(t *testing.T) {
	for kind, s := range map[string]site{"server": open(t), "client": open(t, carried)} {
		t.Run(kind, func(t *testing.T) { propertiesReachTheApp(t, s) })
	}
}

func propertiesReachTheApp(t *testing.T, s site) {
	g := guard(t, s.At(t, "/alpha"), telling("color", "shirt.size", "AuthLevel", "Organization", "unset"))
	id := s.admitted(t, g, "color", "red", "shirt.size", "XL", "risk", "high", "unset", "")
	want := http.Header{
		"X-Am-Property-Color": {"red"}, "X-Am-Property-Shirt-Size": {"XL"}, "X-Am-Property-Authlevel": {"0"}, "X-Am-Property-Organization": {"/alpha"},
	}
	if got := propertyHeaders(g, id); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the app sees %v, want %v", got, want)
	}
	for name, want := range map[string]string{"color": "red", "shirt.size": "XL", "AuthLevel": "0", "unset": ""} {
		if got, ok := id.Placeholder("property." + name); got != want || !ok {
			t.Errorf("the placeholder of %s: %q, %v, want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"risk", "Color", "", "am.protected.webhooks"} {
		if got, ok := id.Placeholder("property." + name); ok {
			t.Errorf("there is a placeholder of %q: %q", name, got)
		}
	}
	if got := propertyHeaders(guard(t, s.At(t, "/alpha")), s.admitted(t, guard(t, s.At(t, "/alpha")), "color", "red")); len(got) > 0 {
		t.Errorf("without a list the app sees %v", got)
	}
	if got := propertyHeaders(g, Identity{}); len(got) > 0 {
		t.Errorf("of nobody the app sees %v", got)
	}
}

// TestPropertyInjectsNoHeader. The attack: a user who may set a property of
// the own session writes the end of a header line into it, and behind that a
// header of another's; or a comma for an app that splits at it, or a
// placeholder. And a client sends a header that the app takes for a property
// of a session that has none.
func TestPropertyInjectsNoHeader(t *testing.T) {
	t.Setenv("SECRET", "hunter2")
	s := open(t)
	g := guard(t, s.At(t, "/alpha"), telling("color"))
	for value, want := range map[string]string{
		"red\r\nX-AM-User: root": "red%0D%0AX-AM-User:%20root",
		"red\nX-AM-User: root":   "red%0AX-AM-User:%20root",
		"red\x00":                "red%00",
		"rød":                    "r%C3%B8d",
		"a,b":                    "a%2Cb",
		"100%":                   "100%25",
		"{env.SECRET}":           "%7Benv.SECRET%7D",
		" ":                      "%20",
	} {
		id := s.admitted(t, g, "color", value)
		want := http.Header{"X-Am-Property-Color": {want}}
		if got := propertyHeaders(g, id, "X-AM-Property-Color", "blue", "X_AM_Property_Color", "blue"); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%q: the app sees %q, want %q", value, got, want)
		}
		if got, _ := id.Placeholder("property.color"); got != value {
			t.Errorf("%q: the placeholder is %q", value, got)
		}
		seen := upstreamOf(t, g, id, get("/", "Connection", "X-AM-Property-Color"))
		if got := seen["X-Am-Property-Color"]; !slices.Equal(got, want["X-Am-Property-Color"]) {
			t.Errorf("%q: behind a proxy the app sees %q", value, got)
		}
	}
	id := s.admitted(t, g)
	if got := propertyHeaders(g, id, "X-AM-Property-Color", "blue", "X-Am-Property-Other", "blue"); len(got) > 0 {
		t.Errorf("of a session without properties the app sees %v", got)
	}
}

// TestPropertyHeadersAreBounded. The attack: a user fills the own session with
// properties that are allowed, and the app refuses the head of every request.
func TestPropertyHeadersAreBounded(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/alpha"), telling("a", "b", "c"))
	for _, tt := range []struct {
		a, b, c int // lengths of the values
		want    string
	}{
		{10, 10, 10, "abc"},
		{5000, 10, 10, "bc"},
		{2000, 2500, 1000, "ac"},
		{2000, 2000, 1000, "ab"},
		{4080, 10, 10, "a"},
		{4082, 10, 10, "bc"},
	} {
		id := s.admitted(t, g, "a", strings.Repeat("x", tt.a), "b", strings.Repeat("x", tt.b), "c", strings.Repeat("x", tt.c))
		var got string
		size := 0
		for _, name := range []string{"a", "b", "c"} {
			header := headerProperty + strings.ToUpper(name)
			for _, value := range propertyHeaders(g, id)[header] {
				got += name
				size += len(header) + len(value)
			}
		}
		if got != tt.want || size > maxPropertyHeaders {
			t.Errorf("%d, %d and %d bytes: the app sees %s, %d bytes, want %s", tt.a, tt.b, tt.c, got, size, tt.want)
		}
	}
}

func TestCheckProperties(t *testing.T) {
	for want, names := range map[string][]string{
		"does not begin with am.protected.": {"color", "am.protected.webhooks"},
		"a name has 1 to 255 bytes":         {""},
		"has no letter or digit":            {"é.-"},
		"would have the same header":        {"shirt.size", "Shirt_Size"},
	} {
		err := Config{Properties: names}.Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", names, err, want)
		}
	}
	if err := (Config{Properties: []string{"color", "shirt.size", "AMCtxId", "größe", "sun.am.UniversalIdentifier"}}).Check(); err != nil {
		t.Error(err)
	}
}
