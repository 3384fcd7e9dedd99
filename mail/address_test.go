package mail_test

import (
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/amgate/amgate/mail"
)

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]string{
		"bjensen@example.com":                     "bjensen@example.com",
		"b.jensen+am@mail.example.com":            "b.jensen+am@mail.example.com",
		"bjensen@localhost":                       "bjensen@localhost",
		"bjensen@bücher.example":                  "bjensen@xn--bcher-kva.example",
		"":                                        "",
		"bjensen":                                 "",
		"@example.com":                            "",
		"bjensen@":                                "",
		" bjensen@example.com":                    "",
		"bjensen@example.com ":                    "",
		"<bjensen@example.com>":                   "",
		"Barbara <bjensen@example.com>":           "",
		"bjensen@example.com (Barbara)":           "",
		"a@b@example.com":                         "",
		`"a@b"@example.com`:                       "",
		`"a b"@example.com`:                       "",
		"a@example.com,b@example.com":             "",
		"a@example.com;b@example.com":             "",
		"a@[127.0.0.1]":                           "",
		"a@example.com\r\nBcc: b@x.example":       "",
		"a@example.com\x00":                       "",
		"größe@example.com":                       "",
		"a@exa mple.com":                          "",
		"a@-example.com":                          "",
		"group: a@example.com;":                   "",
		strings.Repeat("a", 250) + "@example.com": "",
	} {
		got, err := mail.ParseAddress(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", in, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "a@") {
			t.Errorf("the error repeats %q: %v", in, err)
		}
	}
}

// What happened: an address with several "@" passed a rule about its domain
// (oauth2-proxy GHSA-c5c4-8r6x-56w3). SECURITY 15: what is taken for one
// address is one for the standard library, and the same.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"bjensen@example.com", `"a@b"@example.com`, "a@b@c", "a@x (b@y)", "=?utf-8?q?a=40b?=@x.example", "a@x,b@y",
		"a@x\r\nTo: b@y", "a@[1.2.3.4]", "a@bücher.example", "<a@x>", "A <a@x>", "a@x\u200b.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		address, err := mail.ParseAddress(s)
		if err != nil {
			return
		}
		if strings.Count(address, "@") != 1 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>(),;:\"\\[]", r) }) {
			t.Errorf("%q became %q", s, address)
		}
		for _, form := range []string{s, address} {
			list, err := netmail.ParseAddressList(form)
			if err != nil || len(list) != 1 || list[0].Name != "" || list[0].Address != form {
				t.Errorf("%q is %v, %v for the standard library", form, list, err)
			}
		}
		if again, err := mail.ParseAddress(address); again != address || err != nil {
			t.Errorf("%q became %q, and that %q, %v", s, address, again, err)
		}
	})
}
