package session_test

import (
	"bytes"
	"testing"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/token"
)

// A new key seals what is written, and no more: a session that is only looked up
// stays under the key that it was written with, and one that changes is sealed
// anew. So that the old key is needed for as long as nobody writes
// (docs/decisions/0005).
func TestChangedSessionIsSealedWithTheNewestKey(t *testing.T) {
	w := newWorld(t)
	old, err := token.NewSecret(bytes.Repeat([]byte("s"), 32)) // that of newRing
	if err != nil {
		t.Fatal(err)
	}
	both := []token.Secret{token.GenerateSecret(), old}
	rotated, err := token.NewRing([]byte("installation one"), both[1:], map[string][]token.Secret{"/": both[1:], "/alpha": both})
	if err != nil {
		t.Fatal(err)
	}
	sealedWith := func() string {
		t.Helper()
		sessions, _ := w.records(t)
		if len(sessions) != 1 {
			t.Fatalf("%d sessions", len(sessions))
		}
		return string(sessions[0].Value[1:9])
	}
	tok, _ := w.node(t).issue(t, grant())
	first := sealedWith()
	n := w.nodeOn(t, w.store, func(cfg *session.Config) { cfg.Keys = rotated })
	s, err := n.Lookup(t.Context(), tok, session.Touch)
	if err != nil {
		t.Fatal(err)
	}
	if sealedWith() != first {
		t.Error("a look-up sealed the session anew")
	}
	if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"color": "red"}}); err != nil {
		t.Fatal(err)
	}
	keys, _ := rotated.Realm("/alpha")
	if newest := keys.SealKeys()[0].ID; sealedWith() == first || sealedWith() != newest {
		t.Errorf("the changed session is sealed with %q, want %q", sealedWith(), newest)
	}
}
