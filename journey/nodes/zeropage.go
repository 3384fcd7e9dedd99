package nodes

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"unicode/utf8"

	"github.com/amgate/amgate/journey"
)

// ZeroPageLogin takes user name and password from request headers, so that a
// program can sign in without a single callback. The outcome is "true" if one
// of them is there. Values may be RFC 2047 encoded words.
type ZeroPageLogin struct {
	UsernameHeader string `json:"usernameHeader" option:"username_header" doc:"The header with the user name."`
	PasswordHeader string `json:"passwordHeader" option:"password_header" doc:"The header with the password."`
	// AllowWithoutReferer is off to accept the headers only from pages that
	// Referrers lists, exactly as the Referer header spells them.
	AllowWithoutReferer bool     `json:"allowWithoutReferer" option:"allow_without_referer" doc:"Accept the headers whatever the request's Referer is."`
	Referrers           []string `json:"referrerWhiteList" option:"referrer" doc:"Pages from which the headers are accepted when allow_without_referer is off, compared exactly."`
}

var (
	_ journey.Node     = (*ZeroPageLogin)(nil)
	_ journey.Declarer = (*ZeroPageLogin)(nil)
	_ journey.Checker  = (*ZeroPageLogin)(nil)
)

func newZeroPageLogin() journey.Node {
	return &ZeroPageLogin{
		UsernameHeader: "X-OpenAM-Username", PasswordHeader: "X-OpenAM-Password", AllowWithoutReferer: true,
	}
}

// Process implements journey.Node.
func (n *ZeroPageLogin) Process(_ context.Context, in *journey.Input) (journey.Action, error) {
	header := in.Client.Header
	if !n.AllowWithoutReferer && !slices.Contains(n.Referrers, header.Get("Referer")) {
		return journey.Goto(outcomeFalse), nil
	}
	name, hasName, err := credential(header, n.UsernameHeader)
	if err != nil {
		return journey.Action{}, err
	}
	password, hasPassword, err := credential(header, n.PasswordHeader)
	if err != nil {
		return journey.Action{}, err
	}
	if hasName {
		in.State.PutShared(journey.KeyUsername, name)
	}
	if hasPassword {
		in.State.PutTransient(journey.KeyPassword, password)
	}
	return journey.Goto(outcomeOf(hasName || hasPassword)), nil
}

// credential reads a header that may be there once. An empty one counts as
// absent. Errors never repeat the value.
func credential(h http.Header, name string) (value string, present bool, err error) {
	values := h.Values(name)
	switch {
	case len(values) > 1:
		return "", false, fmt.Errorf("the header %s is there %d times; it may be there once", name, len(values))
	case len(values) == 0 || values[0] == "":
		return "", false, nil
	}
	value, err = new(mime.WordDecoder).DecodeHeader(values[0])
	if err != nil {
		return "", false, fmt.Errorf("the header %s is an encoded word in a charset other than UTF-8, ISO-8859-1 and US-ASCII", name)
	}
	if !utf8.ValidString(value) {
		value = fromLatin1(value)
	}
	return value, true, nil
}

// fromLatin1 reads bytes as ISO-8859-1, what raw bytes in an HTTP header were
// before they were UTF-8.
func fromLatin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// Outcomes implements journey.Node.
func (*ZeroPageLogin) Outcomes() []string { return []string{outcomeTrue, outcomeFalse} }

// Reads implements journey.Declarer.
func (*ZeroPageLogin) Reads() []string { return nil }

// Writes implements journey.Declarer.
func (*ZeroPageLogin) Writes() []string { return []string{journey.KeyUsername, journey.KeyPassword} }

// Check implements journey.Checker.
func (n *ZeroPageLogin) Check() error {
	switch {
	case n.UsernameHeader == "" || n.PasswordHeader == "":
		return errors.New("username_header and password_header must both name a header")
	case textproto.CanonicalMIMEHeaderKey(n.UsernameHeader) == textproto.CanonicalMIMEHeaderKey(n.PasswordHeader):
		return fmt.Errorf("username_header and password_header are both %s; they must differ", n.UsernameHeader)
	case !n.AllowWithoutReferer && len(n.Referrers) == 0:
		return errors.New("allow_without_referer is off, but no referrer is listed; the headers would never be accepted")
	}
	return nil
}
