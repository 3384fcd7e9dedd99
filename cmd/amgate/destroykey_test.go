package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestConfirm: only the path itself lets a key be destroyed.
func TestConfirm(t *testing.T) {
	for answer, ok := range map[string]bool{
		"/alpha\n": true, "/alpha": true, " /alpha \r\n": true,
		"": false, "\n": false, "y\n": false, "yes\n": false, "/\n": false, "/alpha/beta\n": false, "/ALPHA\n": false,
	} {
		var asked bytes.Buffer
		err := confirm(strings.NewReader(answer), &asked, "/alpha")
		if (err == nil) != ok {
			t.Errorf("%q: %v", answer, err)
		}
		if !strings.Contains(asked.String(), "realm /alpha end") {
			t.Errorf("it asks %q", &asked)
		}
	}
}

// TestDestroyKeyRefuses: what is no realm reaches no gateway.
func TestDestroyKeyRefuses(t *testing.T) {
	cmd := destroyKeyCommand()
	cmd.SetArgs([]string{"--yes", "--address", "unix//nowhere", "alpha"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "does not begin with a slash") {
		t.Error(err)
	}
}
