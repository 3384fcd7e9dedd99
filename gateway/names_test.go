package gateway

import (
	"net/http"
	"strings"
	"testing"
)

// backends are ways in which servers behind us turn a header's name into the
// name of a variable, taken from CGI (RFC 3875 §4.1.18) and its descendants.
var backends = map[string]func(string) string{
	"exact": strings.ToLower,
	"CGI": func(name string) string { // and WSGI, Rack
		return strings.ReplaceAll(strings.ToLower(name), "_", "-")
	},
	"PHP": func(name string) string {
		return strings.NewReplacer("_", "-", ".", "-", " ", "-", "[", "-").Replace(strings.ToLower(name))
	},
	"Apache": func(name string) string { // everything that is no letter or digit
		return strings.Map(func(c rune) rune {
			if c < 0x80 && isAlphanumeric(byte(c)) {
				return c
			}
			return '-'
		}, strings.ToLower(name))
	},
	"trimming": func(name string) string {
		return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
	},
}

var trusted = []string{"x-am-user", "x-am-realm", "x-am-roles", "x-am-auth-level", "x-am-property-color"}

// readAs returns the trusted header that some backend reads the name as.
func readAs(name string) (trustedName, backend string) {
	for backend, fold := range backends {
		for _, want := range trusted {
			if fold(name) == want {
				return want, backend
			}
		}
	}
	return "", ""
}

func TestIdentityNames(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Am-User": true, "x_am.USER": true, " X-AM-Roles\t": true, "XAMRealm": true, "X-AM-Auth_Level": true,
		"X~AM!Auth|Level": true, "_X-AM-User": true, "X-Am-Property-Color": true, "x.am_property": true, "X-AMProperty-é": true,
		"": false, "-": false, "X": false, "X-AM": false, "X-AM-Use": false, "X-AM-Users": false, "XX-AM-User": false,
		"User": false, "Xylophone": false, "X-Forwarded-User": false, "X-AM-Affinity": false, "X-AM-Proper": false, "X-Property-Color": false,
	} {
		if got := isIdentityName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// FuzzIdentityName: whatever one of the backends reads as a trusted name is
// removed, and what differs from all of them in a letter or digit stays.
func FuzzIdentityName(f *testing.F) {
	for _, seed := range []string{"X-Am-User", "x_am_user", "X.AM.Roles", " x-am-realm ", "X-AM-AUTH_LEVEL", "Xam", "X[AM[User", "é", "x_am.property-color"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want, backend := readAs(name)
		got := isIdentityName(name)
		if want != "" && !got {
			t.Errorf("%q passes, and %s reads it as %s", name, backend, want)
		}
		letters := strings.Map(func(c rune) rune {
			if c < 0x80 && isAlphanumeric(byte(c)) {
				return c
			}
			return -1
		}, strings.ToLower(name))
		known := strings.Contains(" xamuser xamrealm xamroles xamauthlevel ", " "+letters+" ") || strings.HasPrefix(letters, "xamproperty")
		if letters != "" && got != known && isASCII(name) {
			t.Errorf("%q: %v", name, got)
		}
	})
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(c rune) bool { return c >= 0x80 }) }

func TestDropListed(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"nothing of ours stays as it is", "keep-alive,Upgrade", "keep-alive,Upgrade"},
		{"ours goes", "keep-alive, X-AM-User, Upgrade", "keep-alive, Upgrade"},
		{"alone", " x_am_user ", ""},
	} {
		h := http.Header{"Connection": {test.in}}
		dropListed(h, "Connection", isShielded)
		if got := h.Get("Connection"); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if _, present := h["Connection"]; present != (test.want != "") {
			t.Errorf("%s: an emptied header is %v", test.name, present)
		}
	}
}
