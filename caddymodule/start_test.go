package caddymodule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestRequestsAwaitTheStart: Caddy may serve sites before the app has started;
// what comes then waits for it, for two seconds at most.
func TestRequestsAwaitTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &App{started: make(chan struct{})}
		took := func() time.Duration {
			began := time.Now()
			app.awaitStart(t.Context())
			return time.Since(began)
		}
		if got := took(); got != 2*time.Second {
			t.Errorf("of an app that does not start, %v", got)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		app.awaitStart(gone)
		time.AfterFunc(time.Second, func() { close(app.started) })
		for _, want := range []time.Duration{time.Second, 0} {
			if got := took(); got != want {
				t.Errorf("took %v, want %v", got, want)
			}
		}
	})
}
