package gateway

import (
	"slices"
	"strings"
)

const hexDigits = "0123456789ABCDEF"

// headerValue writes s as it may stand in a header: every byte that is not
// printable ASCII is percent-encoded as in a URL, and so are the space, the
// percent sign, the comma and braces. The result cannot break a header line
// or its list, is not expanded by anything on its way that knows {…}, and any
// URL decoder (decodeURIComponent, unquote, rawurldecode) gives s back.
// Ordinary names, mail addresses and realm paths are left as they are.
func headerValue(s string) string { return percentEncode(s, standsInHeader) }

// headerList writes names as a comma-separated list of header values, and
// leaves out empty ones. It uses the slice up.
func headerList(names []string) string {
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	for i, name := range names {
		names[i] = headerValue(name)
	}
	return strings.Join(names, ",")
}

func standsInHeader(c byte) bool {
	switch c {
	case '%', ',', '{', '}':
		return false
	}
	return c > ' ' && c < 0x7f
}

// standsInURL is false for the bytes that URL parsers disagree about, and
// that realm.Goto therefore refuses.
func standsInURL(c byte) bool { return c > ' ' && c < 0x7f && c != '\\' }

// percentEncode replaces the bytes for which plain is false. It allocates
// only if there are any.
func percentEncode(s string, plain func(byte) bool) string {
	odd := 0
	for i := range len(s) {
		if !plain(s[i]) {
			odd++
		}
	}
	if odd == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 2*odd)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}
