package embedded

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestNearlyFull(t *testing.T) {
	for _, tc := range []struct {
		size, quota int64
		want        bool
	}{{0, 100, false}, {59, 100, false}, {60, 100, true}, {100, 100, true}, {quota * 6 / 10, quota, false}, {quota, quota, true}} {
		if got := (Usage{Size: tc.size, Quota: tc.quota}).Nearly(); got != tc.want {
			t.Errorf("%d of %d: %v, want %v", tc.size, tc.quota, got, tc.want)
		}
	}
}

// TestWarnsOnceForEachTime: a warning a minute would bury what else is logged,
// and one for good would miss that the room shrank again.
func TestWarnsOnceForEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var now atomic.Int64
		usage := func() Usage { return Usage{Size: now.Load(), InUse: 41, Quota: 100} }
		ctx, cancel := context.WithCancel(t.Context())
		go watchUsage(ctx, usage, slog.New(slog.NewTextHandler(&log, nil)))
		step := func(size int64, want int) {
			t.Helper()
			now.Store(size)
			time.Sleep(3 * lookInterval)
			synctest.Wait()
			if got := strings.Count(log.String(), "nears its quota"); got != want {
				t.Errorf("at %d: %d warnings, want %d", size, got, want)
			}
		}
		step(59, 0)
		step(60, 1)
		step(70, 1)
		step(30, 1) // defragmented
		step(61, 2)
		for _, part := range []string{"amgate store defrag", "in_use=41", "size=61", "quota=100"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("the warning does not say %q: %s", part, &log)
			}
		}
		cancel()
	})
}
