package token_test

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/amgate/amgate/token"
)

func TestMintOpenLink(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	link := k.MintLink(head)
	if got, err := k.OpenLink(link); err != nil || got != head {
		t.Errorf("%x, %v", got, err)
	}
	if url.QueryEscape(link) != link || !regexp.MustCompile(`^[A-Za-z0-9_-]{62}$`).MatchString(link) {
		t.Errorf("%q does not survive a mail's link", link)
	}
}

// TestForgedLinksAreRefused: whoever has no link cannot make one, not even of
// the other things that we give to clients (SECURITY rows 3 and 5).
func TestForgedLinksAreRefused(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	link := k.MintLink(head)
	other := keys(t, ring(t, here, 1, map[string][]token.Secret{"/beta": {secret(t, 4)}}), "/beta")
	sameKey := keys(t, ring(t, elsewhere, 1, map[string][]token.Secret{"/alpha": {secret(t, 2)}}), "/alpha")
	for name, bad := range map[string]string{
		"empty": "", "short": link[:61], "long": link + "A", "dots": strings.Repeat(".", 62), "zeros": strings.Repeat("A", 62),
		"a session's token": k.Mint(token.CTS, head), "a journey's reference": k.Mint(token.CTSAuth, head),
		"another realm's": other.MintLink(head), "another installation's with the same key": sameKey.MintLink(head),
		"line break": link[:61] + "\n",
	} {
		if got, err := k.OpenLink(bad); !errors.Is(err, token.ErrInvalid) || got != [20]byte{} {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	for i := range len(link) {
		for bit := range 8 {
			bad := []byte(link)
			bad[i] ^= 1 << bit
			if _, err := k.OpenLink(string(bad)); err == nil {
				t.Fatalf("character %d may be %q for %q", i, bad[i], link[i])
			}
		}
	}
}

func FuzzOpenLink(f *testing.F) {
	_, k := oneRealm(f)
	f.Add(k.MintLink(head))
	f.Add(k.MintLink([20]byte{}))
	f.Add(k.Mint(token.CTSAuth, head))
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := k.OpenLink(s); err == nil && k.MintLink(got) != s {
			t.Errorf("%q is not what we write for %x", s, got)
		}
	})
}

// TestCarryIsAMs compares the form with what was recorded of a real server in
// JWT mode, but for KI, which is ours.
func TestCarryIsAMs(t *testing.T) {
	t.Parallel()
	_, k := oneRealm(t)
	claim := k.Carry("a.b")
	parts := strings.Split(claim, "*")
	if len(parts) != 3 || parts[0] != "" || parts[2] != "a.b" {
		t.Fatalf("%q", claim)
	}
	want := "\x00\x02SI\x00\x0201\x00\x04type\x00\x08JWT_AUTH\x00\x02S1\x00\x00\x00\x02KI\x00\x08" + k.SealKeys()[0].ID
	if got := decode(t, strings.TrimRight(parts[1], ".")); got != want {
		t.Errorf("the extensions are %q, want %q", got, want)
	}
	for text, ok := range map[string]bool{claim: true, k.Carry(""): true, "*" + parts[1]: false, "": false, k.Mint(token.CTSAuth, head): false} {
		if sealed, got := k.Carried(text); got != ok || ok && k.Carry(sealed) != text {
			t.Errorf("%q: %q, %t", text, sealed, got)
		}
	}
}
