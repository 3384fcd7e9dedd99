package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// maxAddress is the longest address that SMTP can carry (RFC 5321, 4.5.3.1.3,
// without the angle brackets).
const maxAddress = 254

var errAddress = errors.New("not an address such as bjensen@example.com")

// ParseAddress reads the address of one recipient: name, one "@" and domain,
// and nothing else. It refuses what net/mail reads as something other than it
// looks: names to be shown, comments, quoted parts with an "@" or spaces,
// lists, domains in brackets. The domain is returned in ASCII (RFC 5891). The
// error does not hold what was given.
func ParseAddress(s string) (string, error) {
	if len(s) > maxAddress {
		return "", fmt.Errorf("%w: it has %d bytes, at most %d are allowed", errAddress, len(s), maxAddress)
	}
	parsed, err := netmail.ParseAddress(s)
	if err != nil || parsed.Address != s || strings.Count(s, "@") != 1 {
		return "", errAddress
	}
	local, domain, _ := strings.Cut(s, "@")
	if strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", fmt.Errorf("%w: its first part is not of printable ASCII", errAddress)
	}
	if domain, err = idna.Lookup.ToASCII(domain); err != nil || !isDomain(domain) {
		return "", fmt.Errorf("%w: its domain is none", errAddress)
	}
	if s = local + "@" + domain; len(s) > maxAddress {
		return "", errAddress
	}
	return s, nil
}

// isDomain reports whether s is a domain name in ASCII (RFC 5321, 4.1.2).
// Characters that nobody sees may have left it empty labels.
func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// parseSender reads an address that may have a name before it.
func parseSender(s string) (*netmail.Address, error) {
	parsed, err := netmail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("%q is %w", s, errAddress)
	}
	if parsed.Address, err = ParseAddress(parsed.Address); err != nil {
		return nil, fmt.Errorf("%q is %w", s, err)
	}
	return parsed, nil
}
