package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amgate/amgate/store/storetest/etcdproc"
)

// TestMoveToACluster does what docs/how-to/move-to-a-cluster.md says: who is
// signed in and who is half-way through a journey on the embedded store goes
// on, with the same cookie, on a cluster of three. What was ended stays so.
func TestMoveToACluster(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	p := s.people(t)
	ended := s.client("/alpha")
	gone := ended.login(s.bjensen)
	if r := ended.session("logout", gone); r.status != http.StatusOK {
		t.Fatalf("logout: %s", r)
	}
	if r := p.client.get(s.url + "/whoami"); r.status != http.StatusOK {
		t.Fatalf("before the move: %s", r)
	}
	s.stop()

	mustRun(t, s.dir, "store", "snapshot", "--folder", "data/cts", "cts-snapshot")
	key, err := os.ReadFile(filepath.Join(s.dir, "data", "cts.signing_key"))
	must(t, err)
	writeFile(t, filepath.Join(s.dir, "moved.signing_key"), string(key))
	// What is left of the old store must not help.
	must(t, os.Rename(filepath.Join(s.dir, "data"), filepath.Join(s.dir, "old")))

	etcd := etcdproc.Start(t, etcdproc.Options{Members: 3, Snapshot: filepath.Join(s.dir, "cts-snapshot")})
	config, err := os.ReadFile(s.configPath())
	must(t, err)
	moved := strings.Replace(string(config), "\tam {\n", fmt.Sprintf("\tam {\n\t\tstore etcd %s\n\t\tsigning_key {file.%s}\n",
		strings.Join(etcd.Endpoints(), " "), filepath.Join(s.dir, "moved.signing_key")), 1)
	if moved == string(config) {
		t.Fatal("the configuration has no am block")
	}
	writeFile(t, s.configPath(), moved)
	s.process.start()

	if r := p.client.get(s.url + "/whoami"); r.status != http.StatusOK {
		t.Errorf("with the cookie, after the move: %s", r)
	}
	p.goOn(t)
	if s.client("/alpha").valid(gone) {
		t.Error("a session that was ended before the move is back")
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", "cts")); err == nil {
		t.Error("there is an embedded store again")
	}
}
