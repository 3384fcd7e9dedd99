// Package integration tests amgate as its users run it: real processes with
// real configurations on loopback, and real clients in front of them.
//
// The harness: [TestMain] builds the binary once, with the race detector.
// [start] runs it with a Caddyfile in a folder of its own. [client] speaks
// AM's REST protocol to it, and [runScript] lets a script of the folder
// clients do so. Every secret that passes is remembered ([remember]), and
// after the last test all logs are searched for them.
package integration

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// suite is what all tests share.
var suite struct {
	// dir holds a folder for each process. It goes away unless tests failed.
	dir string
	// build makes the binary at the first call.
	build func() (path string, err error)
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runSuite(m))
}

func runSuite(m *testing.M) int {
	// Not under os.TempDir with a long name: paths of sockets are limited to
	// about a hundred bytes.
	dir, err := os.MkdirTemp("", "amgate-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	suite.dir = dir
	suite.build = sync.OnceValues(buildBinary)

	code := m.Run()
	if found := searchLogs(dir); len(found) > 0 {
		fmt.Fprintln(os.Stderr, "FAIL: the logs of the processes hold what they must not:")
		for _, f := range found {
			fmt.Fprintln(os.Stderr, "\t"+f)
		}
		code = 1
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "the processes' folders are kept in", dir)
		return code
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// root is the repository's folder: tests run in their own.
var root = func() string {
	dir, err := filepath.Abs("..")
	if err != nil {
		panic(err)
	}
	return dir
}()

func buildBinary() (string, error) {
	path := filepath.Join(suite.dir, "amgate")
	args := []string{"build", "-race", "-o", path, "./cmd/amgate"}
	if *chaos {
		args = slices.Delete(args, 1, 2) // its figures are those of the product
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	return path, buildError(cmd.CombinedOutput())
}

// buildError is how a build failed.
func buildError(out []byte, err error) error {
	if err != nil {
		return fmt.Errorf("building amgate: %w\n%s", err, out)
	}
	return nil
}

// binary is the path of amgate, built with the race detector.
func binary(t testing.TB) string {
	t.Helper()
	path, err := suite.build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a subcommand of amgate in a folder until it ends, and returns its
// standard output and what it wrote to standard error.
func run(t testing.TB, dir string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary(t), args...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// mustRun is run for a command that has to succeed.
func mustRun(t testing.TB, dir string, args ...string) (stdout string) {
	t.Helper()
	stdout, stderr, err := run(t, dir, args...)
	if err != nil {
		t.Fatalf("amgate %v: %v\n%s%s", args, err, stdout, stderr)
	}
	return stdout
}

// environment keeps what a process of amgate writes by itself inside its
// folder. SSL_CERT_FILE and the like are not passed on: no process of the
// suite has anybody to trust.
func environment(dir string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + dir,
		"XDG_DATA_HOME=" + filepath.Join(dir, "xdg", "data"),
		"XDG_CONFIG_HOME=" + filepath.Join(dir, "xdg", "config"),
	}
}

// newDir makes a folder with a short path inside the suite's.
func newDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(suite.dir, "p")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var ports struct {
	sync.Mutex
	given map[int]bool
}

// freePort returns a loopback port that nobody listens on and that no other
// test was given. It lies below the range from which the kernel takes the
// ports of outgoing connections.
func freePort(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = make(map[int]bool)
	}
	for range 1000 {
		port := 20000 + rand.IntN(10000)
		if ports.given[port] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		ports.given[port] = true
		return strconv.Itoa(port)
	}
	t.Fatal("no free port between 20000 and 30000")
	return ""
}

// eventually waits until the condition holds, and fails the test with what
// it last complained about if that takes longer than the limit.
func eventually(t testing.TB, limit time.Duration, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", limit, err)
		}
		time.Sleep(pause)
	}
}

// must is for calls that cannot fail in a working test.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
