package reaper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/reaper"
	"github.com/amgate/amgate/store/storetest/etcdproc"
)

// endpointVariable makes a process of this test a node that sweeps the etcd
// there until its input ends.
const endpointVariable = "AMGATE_TEST_REAPER"

func TestMain(m *testing.M) {
	if endpoint := os.Getenv(endpointVariable); endpoint != "" {
		if err := sweepUntilEOF(endpoint); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func sweepUntilEOF(endpoint string) error {
	st, err := etcd.New(etcd.Config{Endpoints: []string{endpoint}, Prefix: "/am"})
	if err != nil {
		return err
	}
	r := reaper.New(reaper.Config{Store: st, Interval: time.Second})
	r.Use(new(tolling))
	_, err = io.Copy(io.Discard, os.Stdin)
	r.Close()
	return errors.Join(err, st.Close())
}

// startNode starts a process that sweeps. kill is kill -9.
func startNode(t *testing.T, endpoint string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0]) // #nosec G204 -- this test
	cmd.Env = append(os.Environ(), endpointVariable+"="+endpoint)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // so that it ends with this process
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		}
	})
	return func() {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
}

// TestLeaderIsKilledInASweep: whatever a leader was doing when it was killed,
// or deposed without knowing it, everything that was over is gone in the end
// and was told of exactly once.
func TestLeaderIsKilledInASweep(t *testing.T) {
	endpoint := etcdproc.Start(t, etcdproc.Options{}).Endpoints()[0]
	st, err := etcd.New(etcd.Config{Endpoints: []string{endpoint}, Prefix: "/am"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	const n, kills = 20_000, 4
	over := make([]string, n)
	for i := range over {
		over[i] = fmt.Sprintf("t/%06d", i)
	}
	for some := range slices.Chunk(over, store.MaxOps) {
		ops := make([]store.Op, len(some))
		for i, name := range some {
			ops[i] = store.Put(store.Key(name), []byte("over"), time.Time{})
		}
		if _, err := st.Commit(t.Context(), ops...); err != nil {
			t.Fatal(err)
		}
	}
	killLeader := startNode(t, endpoint)
	for round := range kills {
		told := awaitTold(t, st, (round+1)*n/(kills+2))
		// As if its term were over: a node that lives goes on in the belief
		// that it leads, beside the one that follows.
		follow := startNode(t, endpoint)
		if _, err := st.Commit(t.Context(), store.Delete(reaper.LeaderKey)); err != nil {
			t.Fatal(err)
		}
		if round%2 == 1 {
			killLeader()
			killLeader = follow
		} else {
			defer killLeader()
			killLeader = follow
		}
		t.Logf("after %d of %d: the leader has to go", told, n)
	}
	awaitTold(t, st, n)
	told, err := toldOf(t.Context(), st)
	if err != nil || !slices.Equal(told, over) {
		t.Errorf("told of %d, of %d different ones, %v; want %d", len(told), len(slices.Compact(told)), err, n)
	}
	if left := left(t, st, "t/"); left > 0 {
		t.Errorf("%d are left", left)
	}
	killLeader()
}

// awaitTold waits until so many were told of.
func awaitTold(t *testing.T, st store.Scanner, n int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		told, err := toldOf(ctx, st)
		if err != nil {
			t.Fatal(err)
		}
		if len(told) >= n {
			return len(told)
		}
		time.Sleep(time.Millisecond)
	}
}
