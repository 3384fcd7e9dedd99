package rest

import (
	"strconv"
	"strings"
)

// version is the resource version that a request asks for; zero if it asks
// for none. All versions are accepted: what differs between them here is
// little, and clients ask for ones that their own documents do not know.
type version struct{ major, minor int }

// parseVersion reads Accept-API-Version: "resource=2.0, protocol=1.0" in
// either order. What cannot be read counts as not asked.
func parseVersion(header string) version {
	for part := range strings.SplitSeq(header[:min(len(header), maxShown)], ",") {
		name, value, _ := strings.Cut(part, "=")
		if strings.TrimSpace(name) != "resource" {
			continue
		}
		major, minor, dotted := strings.Cut(strings.TrimSpace(value), ".")
		var v version
		var ok bool
		if v.major, ok = parseNumber(major); !ok {
			return version{}
		}
		if v.minor, ok = parseNumber(minor); !ok && dotted {
			return version{}
		}
		return v
	}
	return version{}
}

// parseNumber reads one to three digits.
func parseNumber(digits string) (n int, ok bool) {
	if len(digits) == 0 || len(digits) > 3 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// atMost reports whether a version of this major number or an older one was
// asked for.
func (v version) atMost(major int) bool { return v != version{} && v.major <= major }

// or is v, or the other if none was asked for.
func (v version) or(other version) version {
	if v == (version{}) {
		return other
	}
	return v
}

// String is the value of Content-API-Version.
func (v version) String() string {
	return "resource=" + strconv.Itoa(v.major) + "." + strconv.Itoa(v.minor)
}
