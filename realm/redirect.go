package realm

import (
	"fmt"
	"strings"
)

// MaxGoto is how long a goto may be; AM's maxUrlLength.
const MaxGoto = 2000

// Goto judges a redirect that a client asks for. It may lead to a path of
// the host that the client speaks to ("/app?x=1"), to an absolute URL of
// origin, or of an origin that the realm allows. Everything else is refused:
// the reply is false, and the caller uses its default.
//
// The rule is stricter than what browsers repair: a URL that two parsers could
// read differently (a backslash, a control character, white space, user
// information, anything not ASCII) is refused before it is taken apart.
// origin is "" or a scheme and host, "https://login.example.com".
func (r *Realm) Goto(raw, origin string) (string, bool) {
	if raw == "" || len(raw) > MaxGoto || strings.ContainsFunc(raw, isAmbiguous) {
		return "", false
	}
	if raw[0] == '/' {
		return raw, !strings.HasPrefix(raw, "//")
	}
	target, rest, ok := splitOrigin(raw)
	if !ok || rest != "" && !strings.ContainsRune("/?#", rune(rest[0])) {
		return "", false
	}
	if target == CanonicalOrigin(origin) {
		return raw, true
	}
	for _, allowed := range r.GotoAllow {
		if target == CanonicalOrigin(allowed) {
			return raw, true
		}
	}
	return "", false
}

// isAmbiguous finds the characters that parsers disagree about.
func isAmbiguous(c rune) bool { return c <= ' ' || c == '\\' || c >= 0x7f }

// CheckOrigin tells what is wrong with an origin in a configuration: it must
// be http or https, a host and at most a port.
func CheckOrigin(origin string) error {
	_, rest, ok := splitOrigin(origin)
	if !ok || rest != "" {
		return fmt.Errorf("%q is not an origin; write a scheme and a host, for example https://app.example.com", origin)
	}
	return nil
}

// CanonicalOrigin is the form in which origins are compared: lower case,
// without the scheme's own port. It is "" for what is no origin.
func CanonicalOrigin(origin string) string {
	canonical, rest, ok := splitOrigin(origin)
	if !ok || rest != "" {
		return ""
	}
	return canonical
}

// splitOrigin takes an absolute http or https URL apart into its canonical
// origin and whatever follows.
func splitOrigin(raw string) (origin, rest string, ok bool) {
	scheme, after, found := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !found || scheme != "http" && scheme != "https" {
		return "", "", false
	}
	authority := after
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		authority, rest = after[:i], after[i:]
	}
	authority = strings.ToLower(authority)
	host, port := splitPort(authority)
	if !isHost(host) || !isPort(port) {
		return "", "", false
	}
	if port == ":80" && scheme == "http" || port == ":443" && scheme == "https" {
		port = ""
	}
	return scheme + "://" + host + port, rest, true
}

// splitPort cuts ":8443" off an authority. The port keeps its colon, so that
// an empty one (":") is seen and refused.
func splitPort(authority string) (host, port string) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.HasSuffix(authority, "]") {
		return authority, ""
	}
	return authority[:i], authority[i:]
}

func isHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && inner != "" && strings.Trim(inner, "0123456789abcdef:.") == ""
	}
	if host == "" || host[0] == '.' || host[0] == '-' || strings.Contains(host, "..") {
		return false
	}
	return !strings.ContainsFunc(host, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.')
	})
}

func isPort(port string) bool {
	return port == "" || len(port) >= 2 && len(port) <= 6 && port[0] == ':' &&
		port[1] != '0' && strings.Trim(port[1:], "0123456789") == ""
}
