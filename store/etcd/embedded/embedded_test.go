package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
)

// writerDir, in the environment, makes this test binary a process that
// writes to the folder it names until it is killed, beginning with the record
// whose number is in writerFrom.
const (
	writerDir  = "AMGATE_TEST_WRITER_DIR"
	writerFrom = "AMGATE_TEST_WRITER_FROM"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

// writeForEver prints the number of each record once it is acknowledged.
func writeForEver(dir string) error {
	server, err := embedded.Start(context.Background(), embedded.Config{Dir: dir})
	if err != nil {
		return err
	}
	s, err := etcd.New(etcd.Config{Client: server.Client()})
	if err != nil {
		return err
	}
	// Nobody refers to server from here on. Its lock on the folder must not
	// go to the garbage collector, as it once did.
	runtime.GC()
	n, err := strconv.Atoi(os.Getenv(writerFrom))
	if err != nil {
		return err
	}
	for ; ; n++ {
		k := store.Key(fmt.Sprintf("s/%d", n))
		_, err := s.Commit(context.Background(), store.Create(k, fmt.Append(nil, n), time.Time{}))
		// What a killed writer did not come to acknowledge may be stored.
		if err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
		fmt.Println(n)
	}
}

func start(t *testing.T, cfg embedded.Config) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return server
}

// TestKillLosesNothingAcknowledged: who was told that a session is stored
// finds it after a crash, and after the crashes that follow, each at another
// moment; and no crash leaves a lock behind.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	// One is killed at its first write, right after it read the log of others.
	for _, atLeast := range []int{100, 1, 37, 150} {
		acknowledged = writeUntilKilled(t, dir, acknowledged, atLeast)
	}
	server := start(t, embedded.Config{Dir: dir})
	s, err := etcd.New(etcd.Config{Client: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range acknowledged {
		r, _, err := s.Get(t.Context(), store.Key(fmt.Sprintf("s/%d", n)), store.Fresh)
		if err != nil || string(r.Value) != fmt.Sprint(n) {
			t.Fatalf("record %d of %d: %q, %v", n, acknowledged, r.Value, err)
		}
	}
}

// writeUntilKilled has a process write records from a number on, kills it when
// it has written some, and returns the number of the next that it did not
// acknowledge.
func writeUntilKilled(t *testing.T, dir string, from, atLeast int) int {
	t.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), writerDir+"="+dir, writerFrom+"="+strconv.Itoa(from))
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	writer.Stderr = t.Output()
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := from
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if got := lines.Text(); got != fmt.Sprint(acknowledged) {
			t.Errorf("line %d is %q", acknowledged, got)
		}
		if acknowledged++; acknowledged == from+atLeast {
			_, err := embedded.Start(t.Context(), embedded.Config{Dir: dir})
			wantInUse(t, err, dir, writer.Process.Pid)
			if err := writer.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := writer.Wait(); err == nil || acknowledged < from+atLeast {
		t.Fatalf("the writer was not killed: %v after %d records", err, acknowledged-from)
	}
	return acknowledged
}

// wantInUse demands the error that names folder and process.
func wantInUse(t *testing.T, err error, dir string, pid int) {
	t.Helper()
	inUse, ok := errors.AsType[*embedded.InUseError](err)
	if !ok || inUse.Dir != dir || inUse.PID != pid {
		t.Errorf("start on a folder in use: %v, want *InUseError for %s and %d", err, dir, pid)
		return
	}
	for _, part := range []string{dir, fmt.Sprintf("pid %d", pid), "in use"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the message %q does not say %q", err, part)
		}
	}
}

// TestFolderInUseIsRefused: etcd by itself would wait without a word. The
// refused attempt must not take the folder from its owner either.
func TestFolderInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	owner := start(t, embedded.Config{Dir: dir})
	for range 2 {
		_, err := embedded.Start(t.Context(), embedded.Config{Dir: dir})
		wantInUse(t, err, dir, os.Getpid())
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(t.Context(), embedded.Config{Dir: link})
	wantInUse(t, err, link, os.Getpid())
	if _, err := owner.Client().Get(t.Context(), "k"); err != nil {
		t.Errorf("the owner no longer answers: %v", err)
	}
}

func TestCloseAndStartAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	first := start(t, embedded.Config{Dir: dir})
	if _, err := first.Client().Put(t.Context(), "k", "v"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Fatalf("close: %v", err)
	}
	second := start(t, embedded.Config{Dir: dir})
	resp, err := second.Client().Get(t.Context(), "k")
	if err != nil || len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != "v" {
		t.Errorf("after a restart: %v, %v", resp, err)
	}
}

// TestDataIsPrivate: the folder holds every session.
func TestDataIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	start(t, embedded.Config{Dir: dir})
	for path, want := range map[string]os.FileMode{
		dir:                                  0o700 | os.ModeDir,
		filepath.Join(dir, "amgate.lock"):    0o600,
		filepath.Join(dir, "member"):         0o700 | os.ModeDir,
		filepath.Join(dir, "member/snap/db"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%s is %v, want %v", path, info.Mode(), want)
		}
	}
}

func TestStartRefuses(t *testing.T) {
	if _, err := embedded.Start(t.Context(), embedded.Config{}); err == nil {
		t.Error("started without a folder")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(t.Context(), embedded.Config{Dir: file}); err == nil {
		t.Error("started on a file")
	}
}

// endsSoon is a context that has not ended when it is first asked.
type endsSoon struct {
	context.Context
	asked bool
}

func (c *endsSoon) Err() error {
	if !c.asked {
		c.asked = true
		return nil
	}
	return c.Context.Err()
}

// TestGivingUpLeavesNothingRunning: whether the context ends before etcd is
// started or while it starts, the folder is free again afterwards.
func TestGivingUpLeavesNothingRunning(t *testing.T) {
	dir := t.TempDir()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{ended, &endsSoon{Context: ended}} {
		if s, err := embedded.Start(ctx, embedded.Config{Dir: dir}); err == nil {
			s.Close() // it may have been ready as fast
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("start: %v, want context.Canceled", err)
		}
	}
	start(t, embedded.Config{Dir: dir})
}

// TestFirstStartThatWasCutOff: etcd never becomes ready on a log that was begun
// and names no member, so what is left of a first start is thrown away, by the
// next start and by a restore. What a start has succeeded on never is.
func TestFirstStartThatWasCutOff(t *testing.T) {
	cutOff := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "cts")
		left := filepath.Join(dir, "member", "wal", "0.tmp")
		if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{left, filepath.Join(dir, "amgate.unborn")} {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if has, err := embedded.HasData(dir); has || err != nil {
			t.Fatalf("data: %v, %v", has, err)
		}
		return dir
	}
	t.Run("start", func(t *testing.T) {
		dir := cutOff(t)
		server := start(t, embedded.Config{Dir: dir})
		if _, err := os.Stat(filepath.Join(dir, "amgate.unborn")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("whoever has a client may have written, and the next start would begin anew: %v", err)
		}
		if _, err := server.Client().Put(t.Context(), "k", "v"); err != nil {
			t.Fatal(err)
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		resp, err := start(t, embedded.Config{Dir: dir}).Client().Get(t.Context(), "k")
		if err != nil || len(resp.Kvs) != 1 {
			t.Errorf("after a restart: %v, %v", resp, err)
		}
	})
	t.Run("restore", func(t *testing.T) {
		file, dir := snapshotOf(t, 1), cutOff(t)
		if err := embedded.Restore(file, dir); err != nil {
			t.Fatal(err)
		}
		resp, err := start(t, embedded.Config{Dir: dir}).Client().Get(t.Context(), "k/0")
		if err != nil || len(resp.Kvs) != 1 {
			t.Errorf("after a start: %v, %v", resp, err)
		}
	})
}

// TestNoWarningAtEachStart: warnings that come every time teach an operator to
// read none. These two are about a listener and a login that there are not.
func TestNoWarningAtEachStart(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	server := start(t, embedded.Config{Dir: t.TempDir(), Logger: logger})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, warning := range []string{"single port", "simple token"} {
		if strings.Contains(log.String(), warning) {
			t.Errorf("logged %q:\n%s", warning, &log)
		}
	}
}
