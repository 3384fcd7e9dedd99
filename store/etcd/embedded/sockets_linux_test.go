package embedded_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/store/etcd/embedded"
)

// sockets lists the sockets that this process has open, of whatever kind: its
// descriptors name each by an inode.
func sockets(t *testing.T) []string {
	t.Helper()
	descriptors, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(descriptors) == 0 {
		t.Fatalf("no descriptors to look at: %v", err)
	}
	var found []string
	for _, d := range descriptors {
		// One may be closed meanwhile, that by which the folder was read.
		if what, err := os.Readlink(d); err == nil && strings.HasPrefix(what, "socket:") {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	return found
}

// TestNobodyCanConnect: an etcd without authentication that listens, on a
// port or on a socket in the abstract namespace, hands every session to every
// local user. The embedded one has no socket at all.
func TestNobodyCanConnect(t *testing.T) {
	before := sockets(t)
	server := start(t, embedded.Config{Dir: t.TempDir()})
	if _, err := server.Client().Put(t.Context(), "k", "v"); err != nil {
		t.Fatal(err)
	}
	if after := sockets(t); !slices.Equal(before, after) {
		t.Errorf("sockets before %q and after %q", before, after)
	}
	// The look would find them.
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": "@amgate-test-abstract"} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(before, sockets(t)) {
			t.Errorf("a listener on %s is not noticed", network)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
