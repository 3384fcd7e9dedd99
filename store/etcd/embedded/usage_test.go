package embedded

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
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

// TestDefragmentEndsTheAlarm: when its quota is reached etcd refuses writes
// until somebody says that there is room again, over restarts too; nobody but
// this process can.
func TestDefragmentEndsTheAlarm(t *testing.T) {
	dir := t.TempDir()
	server := open(t, dir)
	ring := &etcdserverpb.AlarmRequest{
		Action: etcdserverpb.AlarmRequest_ACTIVATE, Alarm: etcdserverpb.AlarmType_NOSPACE,
		MemberID: uint64(server.etcd.Server.MemberID()),
	}
	if _, err := server.etcd.Server.Alarm(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	server = open(t, dir)
	if _, err := server.Client().Put(t.Context(), "k", "v"); !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Fatalf("a write to a full store: %v", err)
	}
	if err := server.Defragment(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Client().Put(t.Context(), "k", "v"); err != nil {
		t.Errorf("a write after there is room: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *Server {
	t.Helper()
	server, err := Start(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}
