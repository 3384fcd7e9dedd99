package realm

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const (
	ownOrigin     = "https://login.example.com"
	allowedOrigin = "https://app.example.com:8443"
)

func redirecting() *Realm {
	return &Realm{Settings: Settings{Path: "/alpha", GotoAllow: []string{allowedOrigin, "HTTP://Plain.Example.com:80"}}}
}

func TestGoto(t *testing.T) {
	for _, tt := range []struct {
		raw  string
		want bool
	}{
		{"/", true},
		{"/app?x=1&y=%2F#frag", true},
		{"/am/XUI/?realm=/alpha&goto=https://evil.example", true},
		{ownOrigin, true},
		{ownOrigin + "/path", true},
		{"HTTPS://LOGIN.example.com/path", true},
		{ownOrigin + ":443/path?q", true},
		{allowedOrigin + "/x", true},
		{"http://plain.example.com/x", true},
		{"http://plain.example.com:80#f", true},
		{"", false},
		{"app", false},
		{"?x", false},
		{"//evil.example", false},
		{ownOrigin + ":8443/", false},
		{"http://login.example.com/", false},
		{"https://app.example.com/", false},
		{"/" + strings.Repeat("a", MaxGoto), false},
	} {
		if got, ok := redirecting().Goto(tt.raw, ownOrigin); ok != tt.want || ok && got != tt.raw {
			t.Errorf("Goto(%q) = %q, %v; want %v", tt.raw, got, ok, tt.want)
		}
	}
}

// Attackers send people a login link whose goto leads elsewhere after the
// password was typed; with a token or a fresh session cookie in play that is a
// theft. Each hostile form here was an open redirect in some product. Whatever
// is accepted must mean an allowed origin to every parser that may read it.
func TestGotoNeverLeadsToAnotherOrigin(t *testing.T) {
	r := redirecting()
	hostile := hostileGotos()
	if len(hostile) < 200 {
		t.Fatalf("the corpus has only %d entries", len(hostile))
	}
	for _, raw := range hostile {
		got, ok := r.Goto(raw, ownOrigin)
		if !ok {
			continue
		}
		for name, origin := range map[string]string{
			"net/url": goOrigin(got), "WHATWG": browserOrigin(got), "RFC 3986": rfcOrigin(got),
		} {
			switch origin {
			case ownOrigin, allowedOrigin, "http://plain.example.com":
			default:
				t.Errorf("Goto accepts %q, which leads to %s as %s reads it", raw, origin, name)
			}
		}
	}
}

func FuzzGoto(f *testing.F) {
	for _, raw := range hostileGotos() {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := redirecting().Goto(raw, ownOrigin)
		if !ok {
			return
		}
		if got != raw {
			t.Fatalf("Goto changed %q to %q", raw, got)
		}
		if o := browserOrigin(got); o != ownOrigin && o != allowedOrigin && o != "http://plain.example.com" {
			t.Fatalf("Goto accepts %q, which leads a browser to %s", raw, o)
		}
	})
}

func hostileGotos() []string {
	var all []string
	prefixes := []string{
		"//", "///", "////", "/\\", "\\/", "\\\\", "/\t/", "/\n/", "/\r/", "\t//", " //", "\x00//", "\x01//",
		"http:", "https:", "http:/", "https:/", "http://", "https://", "https:///", "https:\\\\", "https:/\\", "hTTps://",
		"javascript://", "data:text/html,//", "ftp://", "ws://", "blob:https://", "view-source:https://", "file://",
		"https://login.example.com@", "https://login.example.com:443@", "https://login.example.com%40", "https://@", "https://:@",
		"https://login.example.com\\@", "https://login.example.com#@", "https://login.example.com?@", "https://user:pw@",
		"/%09/", "/%5c", "/%2f%2f", "%2f%2f", "/;//", "/.//", "/..//", "./", "../", "?//", "#//",
		"https://login.example.com.", "https://login.example.com", "https://xlogin.example.com.", "https://app.example.com:8443.",
		"https://app.example.com:8443@", "https://app.example.com:08443", "https://app.example.com:", "https://app.example.com:8443:",
	}
	hosts := []string{"evil.example", "evil.example/", "evil.example:443/x", "[::1]", "ⓔvil.example"}
	for _, p := range prefixes {
		for _, h := range hosts {
			all = append(all, p+h)
		}
	}
	return append(all,
		"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "about:blank",
		"https://login.example.com:65536/", "https://login.example.com:0443/", "https://[login.example.com]/", "https://login。example.com/",
		"https://login.example.com\r\nLocation: https://evil.example", "/\r\nSet-Cookie: a=b", "https://0x7f.1/", "https://*.example.com/",
		"https://example.com/", "https://.login.example.com/", "https://login.example.com../", "https://login..example.com/",
	)
}

// goOrigin is where Go's parser sees the URL lead from the login page.
func goOrigin(raw string) string {
	self, _ := url.Parse(ownOrigin + "/am/XUI/")
	u, err := self.Parse(raw)
	if err != nil {
		return "error " + err.Error()
	}
	return CanonicalOrigin(u.Scheme + "://" + u.Host)
}

// rfcOrigin splits by the regular expression of RFC 3986, appendix B.
func rfcOrigin(raw string) string {
	m := regexp.MustCompile(`^(([^:/?#]+):)?(//([^/?#]*))?`).FindStringSubmatch(raw)
	if m[1] == "" && m[3] == "" {
		return ownOrigin
	}
	_, host, userinfo := strings.Cut(m[4], "@")
	if !userinfo {
		host = m[4]
	}
	return CanonicalOrigin(m[2] + "://" + host)
}

// browserOrigin follows the URL Standard's parser as far as the origin goes:
// it trims, drops tabs and newlines, takes backslashes for slashes, any number
// of slashes before the host, and the last @ as the end of user information.
func browserOrigin(raw string) string {
	s := strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	scheme, rest, absolute := strings.Cut(s, ":")
	if !absolute || !regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*$`).MatchString(scheme) {
		scheme, rest = "https", s
	}
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return scheme + ":"
	}
	path := strings.ReplaceAll(rest, "\\", "/")
	if rest == s && !strings.HasPrefix(path, "//") {
		return ownOrigin
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	authority, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	return CanonicalOrigin(scheme + "://" + authority[strings.LastIndexByte(authority, '@')+1:])
}

func TestCheckOrigin(t *testing.T) {
	for origin, good := range map[string]bool{
		"https://app.example.com": true, "http://localhost:3000": true, "https://[::1]:8443": true,
		"https://app.example.com/": false, "app.example.com": false, "*": false, "https://*.example.com": false,
		"https://user@app.example.com": false, "ftp://x": false, "https://": false, "https://a:99999999": false, "null": false,
	} {
		if err := CheckOrigin(origin); (err == nil) != good {
			t.Errorf("CheckOrigin(%q) = %v", origin, err)
		}
	}
}
