package guard

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// golden checks that a record of version 1 is read as what it was, and still
// written alike: older nodes of a rolling upgrade read it too.
func golden[T any](t *testing.T, text string, want T) {
	t.Helper()
	plain := []byte("\x01" + text)
	got, err := decode[T](plain)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
	}
	if again := encode(want); !bytes.Equal(again, plain) {
		t.Errorf("written as %q, was %q", again, plain)
	}
}

// Lockouts and counters outlive a release.
func TestRecordsAreAsTheyWere(t *testing.T) {
	at := time.Date(2026, 11, 25, 20, 30, 0, 5e6, time.UTC)
	golden(t, `{"value":3,"attempts":[{"id":"AQID","value":3}]}`, counter{Value: 3, Attempts: []attempt{{ID: []byte{1, 2, 3}, Value: 3}}})
	golden(t, `{"value":0}`, counter{})
	golden(t, `{"since":"2026-11-25T20:30:00.005Z"}`, off{Since: at})
	golden(t, `{"locked":"2026-11-25T20:30:00.005Z"}`, checks{Locked: at})
	golden(t, `{"checks":[{"id":"a","at":"2026-11-25T20:30:00.005Z","open":true}]}`, checks{Checks: []check{{ID: "a", At: at, Open: true}}})
}
