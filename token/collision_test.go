package token

import (
	"bytes"
	"strings"
	"testing"
)

// TestKeysOfOneIDAreRefused. The attack: what is kept of one issuer's keys under
// their ids answers for another's, and a client is somebody else (SECURITY 21,
// OpenAM CVE-2026-47426). A key id is short, so two realms may come to the same
// by chance, or by choice of whoever sets a secret. Then the one's keys must not
// take the place of the other's: no ring is made.
func TestKeysOfOneIDAreRefused(t *testing.T) {
	t.Parallel()
	secrets := make([]Secret, 2)
	for i := range secrets {
		var err error
		if secrets[i], err = NewSecret(bytes.Repeat([]byte{byte(i + 1)}, 32)); err != nil {
			t.Fatal(err)
		}
	}
	ring, err := NewRing([]byte("an installation's id"), secrets[:1], map[string][]Secret{"/alpha": secrets[:1]})
	if err != nil {
		t.Fatal(err)
	}
	alpha := ring.realms["/alpha"].keys[0]
	beta := ring.newKey("/beta", secrets[1])
	ring.byID[[keyIDSize]byte([]byte(beta.id))] = alpha // as if its id were the same
	err = ring.add("/beta", secrets[1:])
	if err == nil || !strings.Contains(err.Error(), "/alpha and /beta have a key of the same id") {
		t.Errorf("%v", err)
	}
	if ring.byID[[keyIDSize]byte([]byte(beta.id))] != alpha {
		t.Error("the key was replaced")
	}
	if _, ok := ring.realms["/beta"]; ok {
		t.Error("the realm has keys")
	}
}
