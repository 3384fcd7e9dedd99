package gateway

import (
	"net/http"
	"net/textproto"
	"strings"
)

// The headers by which an app learns who the user is, in the form that
// http.Header keeps: X-AM-User, X-AM-Realm, X-AM-Roles, X-AM-Auth-Level; and
// X-AM-Property-… of properties.go.
const (
	headerUser  = "X-Am-User"
	headerRealm = "X-Am-Realm"
	headerRoles = "X-Am-Roles"
	headerLevel = "X-Am-Auth-Level"
)

// identityNames are the names of those headers, folded.
//
// A name is folded to its letters and digits, in lower case. CGI, WSGI, PHP
// and others map various other characters onto one ("X_AM.User" becomes
// HTTP_X_AM_USER), and each has its own list of them. Whatever a backend
// folds onto a name of ours is equal to it here, and no list needs care.
var identityNames = [...]string{"xamuser", "xamrealm", "xamroles", "xamauthlevel"}

// propertyFamily begins the folded names of property headers. They all are
// ours, whether or not anybody is told the property.
const propertyFamily = "xamproperty"

// isIdentityName reports whether a backend could read the header name as one
// of ours.
func isIdentityName(name string) bool {
	if name == "" || isAlphanumeric(name[0]) && name[0]|0x20 != 'x' {
		return false // nearly all names
	}
	if _, ok := cutFolded(name, propertyFamily); ok {
		return true
	}
	for _, folded := range identityNames {
		if rest, ok := cutFolded(name, folded); ok && !strings.ContainsFunc(rest, isAlphanumericRune) {
			return true
		}
	}
	return false
}

// ShieldConnection removes names from the header Connection by which a client would
// make a proxy drop what an edge says: those of amgate's own headers and of the
// forwarded ones.
func ShieldConnection(h http.Header) { dropListed(h, "Connection", isShielded) }

// isShielded reports whether a name in a Connection header would make a proxy
// behind us remove what the edge or a proxy in front of us says about the
// client: an identity header or anything else of the family X-AM-, the
// sticky X-AM-Affinity among them, or a forwarded header.
func isShielded(name string) bool {
	for _, family := range [...]string{"xam", "xforwarded", "forwarded", "xrealip"} {
		if _, ok := cutFolded(name, family); ok {
			return true
		}
	}
	return false
}

// cutFolded removes from name the leading characters that fold to folded.
func cutFolded(name, folded string) (rest string, ok bool) {
	i := 0
	for ; i < len(name) && folded != ""; i++ {
		c := name[i]
		if !isAlphanumeric(c) {
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != folded[0] {
			return name, false
		}
		folded = folded[1:]
	}
	return name[i:], folded == ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

func isAlphanumericRune(r rune) bool { return r < 0x80 && isAlphanumeric(byte(r)) }

// dropIdentity removes every header that a backend could read as one of ours.
func dropIdentity(h http.Header) {
	for name := range h {
		if isIdentityName(name) {
			delete(h, name)
		}
	}
}

// dropListed removes the names for which drop is true from the lists of names
// that the header key holds (Connection, Trailer).
func dropListed(h http.Header, key string, drop func(name string) bool) {
	lines := h[key]
	if len(lines) == 0 || !anyListed(lines, drop) {
		return
	}
	var kept []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name != "" && !drop(name) {
				kept = append(kept, name)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, key)
		return
	}
	h[key] = []string{strings.Join(kept, ", ")}
}

func anyListed(lines []string, drop func(name string) bool) bool {
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if drop(name) {
				return true
			}
		}
	}
	return false
}
