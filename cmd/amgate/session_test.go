package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/caddymodule"
)

// What a user chose, such as a name, does nothing to the terminal that shows
// it, and begins no line of its own.
func TestSessionsAreSafeForATerminal(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	evil := "x\x1b]0;title\x07\u009b31m\r\nroot\tx"
	line := caddymodule.SessionLine{
		Handle: "shandle:x", Realm: "/", Username: evil, Created: now, LastAccess: now,
		IdleExpires: now.Add(-time.Second), MaxExpires: now.Add(90*time.Minute + time.Millisecond),
	}
	var out bytes.Buffer
	if err := writeSessions(&out, []caddymodule.SessionLine{line}, now); err != nil {
		t.Fatal(err)
	}
	details := caddymodule.SessionDetails{SessionLine: line, Properties: map[string]string{evil: evil}}
	if err := writeSession(&out, details, now); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\u009b\r\t") || strings.Count(out.String(), "\n") != 2+15 {
		t.Errorf("%q", out.String())
	}
	if !strings.Contains(out.String(), "  0s  ") || !strings.Contains(out.String(), "1h30m0s") {
		t.Errorf("the times are not there: %s", &out)
	}
}
