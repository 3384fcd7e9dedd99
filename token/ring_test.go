package token_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/token"
)

// secret is a fixed secret, different for each n.
func secret(tb testing.TB, n byte) token.Secret {
	tb.Helper()
	s, err := token.NewSecret(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func ring(tb testing.TB, installation string, root byte, realms map[string][]token.Secret) *token.Ring {
	tb.Helper()
	r, err := token.NewRing([]byte(installation), []token.Secret{secret(tb, root)}, realms)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func keys(tb testing.TB, r *token.Ring, realm string) *token.Keys {
	tb.Helper()
	k, ok := r.Realm(realm)
	if !ok {
		tb.Fatalf("no realm %s", realm)
	}
	return k
}

const here, elsewhere = "installation-one", "installation-two"

var head = [20]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}

func TestNewRingRefuses(t *testing.T) {
	t.Parallel()
	s := []token.Secret{secret(t, 1)}
	for _, tc := range []struct {
		name         string
		installation string
		root         []token.Secret
		realms       map[string][]token.Secret
		want         string
	}{
		{"short installation id", "short", s, nil, "installation id of 5 bytes"},
		{"no root secret", here, nil, nil, "root secrets: none"},
		{"zero root secret", here, []token.Secret{{}}, nil, "root secrets: one of them is empty"},
		{"realm without secret", here, s, map[string][]token.Secret{"/alpha": nil}, "realm /alpha: none"},
		{"zero realm secret", here, s, map[string][]token.Secret{"/alpha": {s[0], {}}}, "realm /alpha: one of them is empty"},
	} {
		_, err := token.NewRing([]byte(tc.installation), tc.root, tc.realms)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

// TestNothingSignedElsewhereIsAccepted: two installations under the same
// secret (a test system with the production's key), two realms under the same
// secret, and another secret. What one made must mean nothing to the other
// (SECURITY row 10: a token of realm A is never valid in B).
func TestNothingSignedElsewhereIsAccepted(t *testing.T) {
	t.Parallel()
	same := map[string][]token.Secret{"/": {secret(t, 2)}, "/alpha": {secret(t, 2)}}
	mine := ring(t, here, 1, same)
	alpha := keys(t, mine, "/alpha")
	for name, theirs := range map[string]*token.Keys{
		"another installation": keys(t, ring(t, elsewhere, 1, same), "/alpha"),
		"another realm":        keys(t, mine, "/"),
		"another secret":       keys(t, ring(t, here, 1, map[string][]token.Secret{"/alpha": {secret(t, 3)}}), "/alpha"),
	} {
		tok := theirs.Mint(token.CTS, head)
		if _, err := alpha.OpenReference(token.CTS, tok); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: Keys.OpenReference: %v, want ErrInvalid", name, err)
		}
		ref, err := mine.OpenReference(tok)
		if name == "another realm" {
			if err != nil || ref.Realm != "/" {
				t.Errorf("%s: Ring.OpenReference: %+v, %v", name, ref, err)
			}
		} else if !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: Ring.OpenReference: %v, want ErrInvalid", name, err)
		}
		if theirs.DeriveHead([]byte("seed")) == alpha.DeriveHead([]byte("seed")) {
			t.Errorf("%s: the same head", name)
		}
		if theirs.SealKeys()[0] == alpha.SealKeys()[0] {
			t.Errorf("%s: the same seal key", name)
		}
		a := token.AuthID{Realm: "/alpha", SessionID: "s", Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)}
		if name == "another realm" {
			a.Realm = "/"
		}
		signed, err := theirs.SignAuthID(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alpha.ParseAuthID(signed); !errors.Is(err, token.ErrSignature) {
			t.Errorf("%s: ParseAuthID: %v, want ErrSignature", name, err)
		}
	}
	if mine.Derive("x") == ring(t, elsewhere, 1, same).Derive("x") {
		t.Error("two installations derive the same key")
	}
}

func TestDerivedKeysDiffer(t *testing.T) {
	t.Parallel()
	root := secret(t, 1)
	r := ring(t, here, 1, map[string][]token.Secret{"/": {root}})
	sealKey := keys(t, r, "/").SealKeys()[0].Key
	seen := map[[32]byte]string{}
	for name, key := range map[string][32]byte{
		"root a": token.DeriveRoot(root, "a"), "root b": token.DeriveRoot(root, "b"), "root seal": token.DeriveRoot(root, "seal"),
		"installation a": r.Derive("a"), "installation seal": r.Derive("seal"), "realm seal": sealKey,
		"lasting a": r.DeriveLasting("a"), "lasting seal": r.DeriveLasting("seal"),
		"lasting a elsewhere": ring(t, elsewhere, 1, nil).DeriveLasting("a"),
	} {
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s are one key", name, other)
		}
		seen[key] = name
	}
	if r.Derive("a") != ring(t, here, 1, nil).Derive("a") {
		t.Error("a derivation is not repeatable")
	}
	if r.DeriveLasting("a") != ring(t, here, 2, nil).DeriveLasting("a") {
		t.Error("a lasting derivation does not outlive a rotation")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	older, newer := secret(t, 2), secret(t, 3)
	before := keys(t, ring(t, here, 1, map[string][]token.Secret{"/": {older}}), "/")
	between := ring(t, here, 1, map[string][]token.Secret{"/": {newer, older, newer}})
	after := keys(t, ring(t, here, 1, map[string][]token.Secret{"/": {newer}}), "/")
	both := keys(t, between, "/")

	old := before.Mint(token.CTS, head)
	ref, err := between.OpenReference(old)
	if err != nil || ref.Head != head || ref.KeyID != before.SealKeys()[0].ID {
		t.Errorf("a token of the older key: %+v, %v", ref, err)
	}
	if _, err := after.OpenReference(token.CTS, old); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a token of a dropped key: %v", err)
	}
	if _, err := after.OpenReference(token.CTS, both.Mint(token.CTS, head)); err != nil {
		t.Errorf("the newest secret does not sign: %v", err)
	}
	a := token.AuthID{Realm: "/", SessionID: "s", Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)}
	signed, err := before.SignAuthID(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := both.ParseAuthID(signed); err != nil {
		t.Errorf("an authId of the older key: %v", err)
	}
	if _, err := after.ParseAuthID(signed); !errors.Is(err, token.ErrSignature) {
		t.Errorf("an authId of a dropped key: %v", err)
	}
	seal := both.SealKeys()
	if len(seal) != 2 || seal[0] != after.SealKeys()[0] || seal[1] != before.SealKeys()[0] {
		t.Errorf("the keys to seal with are %d, or not newest first", len(seal))
	}
}
