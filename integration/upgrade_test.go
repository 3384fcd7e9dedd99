package integration

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/token"
)

// olderVersion is the commit whose binary is upgraded: the last one before
// etcd stores were finished. Take a release as soon as there is one.
const olderVersion = "762e8b33821dffb4a396c70a008bd2bb1f55414b"

// olderBinary builds it from the repository's history, and skips the test
// where there is none.
func olderBinary(t *testing.T) string {
	t.Helper()
	if err := exec.Command("git", "-C", root, "cat-file", "-e", olderVersion+"^{commit}").Run(); err != nil {
		t.Skipf("the history of the repository, from which the older version is built, is not here: git cat-file: %v", err)
	}
	dir := newDir(t)
	source := filepath.Join(dir, "source")
	must(t, os.Mkdir(source, 0o700))
	archive := filepath.Join(dir, "source.tar")
	path := filepath.Join(dir, "amgate-older")
	for _, command := range [][]string{
		{"git", "-C", root, "archive", "--output", archive, olderVersion},
		{"tar", "-C", source, "-xf", archive},
		{"go", "-C", source, "build", "-o", path, "./cmd/amgate"},
	} {
		must(t, buildError(exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()))
	}
	return path
}

// TestRollingUpgrade replaces the binary of two nodes on one store, one after
// the other. At each stage every session is known on both, a logout on either
// is seen by the other, and a journey begun on either goes on on the other.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds an older version, which takes half a minute")
	}
	older := olderBinary(t)
	etcd, key, who := etcdproc.Start(t, etcdproc.Options{Members: 1}), token.GenerateSecret().Base64(), newUser("bjensen")
	var nodes []*process
	for i := range 2 {
		dir, addr := newDir(t), "localhost:"+freePort(t)
		writeUsers(t, dir, who)
		nodes = append(nodes, start(t, spec{
			dir: dir, url: "http://" + addr, binary: older,
			am: fmt.Sprintf(`
		node am-%d
		store etcd %s
		signing_key %s
		realm /alpha {
			identities file users.json
			journey_sessions server
		}
		realm /carried {
			identities file users.json
			journey_sessions client
		}`, i, strings.Join(etcd.Endpoints(), " "), key),
			sites: fmt.Sprintf(`
http://%s {
	import logged
	am_server /am/*
	am_auth {
		realm /alpha
	}
	respond "Hello {http.auth.user.id}"
}
`, addr),
		}))
	}
	var long []*client // from the beginning to the end
	stage := func(name string) {
		t.Helper()
		for i, here := range nodes {
			there := nodes[1-i]
			signedIn := here.client("/alpha")
			signedIn.login(who)
			long = append(long, signedIn)
			for _, c := range long { // cookies are the host's, whatever the port
				for _, n := range nodes {
					if r := c.get(n.url + "/"); r.status != http.StatusOK {
						t.Errorf("%s: a session at %s: %s", name, n.url, r)
					}
				}
			}
			for _, realm := range []string{"/alpha", "/carried"} {
				step := here.client(realm).begin("").step(t)
				there.client(realm).answer(step, who.name, who.password).success(t)
			}
			gone := here.client("/alpha")
			token := gone.login(who)
			if !there.client("/alpha").valid(token) || !here.client("/alpha").valid(token) {
				t.Fatalf("%s: a new session is not known everywhere", name)
			}
			if r := gone.session("logout", token); r.status != http.StatusOK {
				t.Fatalf("%s: logout: %s", name, r)
			}
			eventually(t, 10*time.Second, func() error {
				if there.client("/alpha").valid(token) {
					return fmt.Errorf("%s: a session that was ended at %s is still good at %s", name, here.url, there.url)
				}
				return nil
			})
		}
	}
	stage("both older")
	for i, n := range nodes {
		step := n.client("/alpha").begin("").step(t)
		n.stop()
		n.binary = binary(t)
		n.start()
		n.client("/alpha").answer(step, who.name, who.password).success(t)
		stage(fmt.Sprintf("%d of 2 newer", i+1))
	}
}
