package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

// TestProgress: a command that is quick says nothing; one that takes long says
// how far it is, and one that does not know, that it goes on.
func TestProgress(t *testing.T) {
	for _, tc := range []struct {
		name      string
		took      time.Duration
		done, all int64
		want      string
	}{
		{"quick", patience - time.Millisecond, 1, 2, ""},
		{"long", 2*patience + time.Millisecond, 512 << 20, 2 << 30,
			"work: 25 % of 2048 MiB, 2s\nwork: 25 % of 2048 MiB, 4s\n"},
		{"of unknown length", patience + time.Millisecond, 7, -1, "work: 2s\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := startProgress(&out, "work")
				p.set(tc.done, tc.all)
				time.Sleep(tc.took)
				p.stop()
				if got := out.String(); got != tc.want {
					t.Errorf("%q, want %q", got, tc.want)
				}
			})
		})
	}
}
