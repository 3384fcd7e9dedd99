package etcdproc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// build returns the path of an etcd binary of the version that go.mod
// requires. The server's root package is the etcd command.
func build(ctx context.Context) (string, error) {
	return buildOnce(ctx, "etcd", "go.etcd.io/etcd/server/v3")
}

// Etcdctl returns the path of an etcdctl binary. No package of ours needs its
// module, so it has a go.mod of its own.
func Etcdctl(tb testing.TB) string {
	tb.Helper()
	root, err := goTool(tb.Context(), "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	binary, err := buildOnce(tb.Context(), "etcdctl", "go.etcd.io/etcd/etcdctl/v3",
		"-modfile="+filepath.Join(root, "tools", "etcd", "go.mod"))
	if err != nil {
		tb.Fatalf("etcdproc: build etcdctl: %v", err)
	}
	return binary
}

// buildOnce returns the path of the command that is a module's root package, of
// the version that is required. It is built once and kept in the user's cache
// folder; test processes that want it at the same time wait for the first of
// them.
func buildOnce(ctx context.Context, name, module string, flags ...string) (string, error) {
	version, err := goTool(ctx, append(append([]string{"list"}, flags...), "-m", "-f", "{{.Version}}", module)...)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "amgate-test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, name+"-"+version)
	lock, err := fileutil.LockFile(binary+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	// Renamed when complete, so that an interrupted build leaves no binary.
	if _, err := goTool(ctx, append(append([]string{"build"}, flags...), "-o", binary+".new", module)...); err != nil {
		return "", err
	}
	return binary, os.Rename(binary+".new", binary)
}

// goTool runs the go command and returns what it printed.
func goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, problems.String())
	}
	return strings.TrimSpace(string(out)), nil
}
