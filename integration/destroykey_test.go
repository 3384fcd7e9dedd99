package integration

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDestroyedRealmKey destroys a realm's key by the command, on one of the
// running processes: on all of them the realm's sessions and journeys end,
// those in caches too, and people sign in again. Another realm goes on.
func TestDestroyedRealmKey(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{nodes: 1, journeySessions: "server"})
	node, app := c.nodes[0], c.edge.url+"/"
	alpha := c.edge.client("/alpha")
	token := alpha.login(c.user)
	if r := alpha.get(app); r.status != http.StatusOK {
		t.Fatalf("before: %s", r)
	}
	elsewhere := node.client("/").login(c.user)
	waiting := node.client("/alpha")
	step := waiting.begin("").step(t)

	destroy := func(stdin string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary(t),
			append([]string{"realm", "destroy-key", "--address", "unix/" + node.adminSocket()}, args...)...)
		cmd.Dir, cmd.Env, cmd.Stdin = node.dir, environment(node.dir), strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := destroy("yes\n", "/alpha"); err == nil || !strings.Contains(out, "nothing was done") {
		t.Errorf("without the realm's path: %v\n%s", err, out)
	}
	if out, err := destroy("", "--yes", "/never"); err == nil || !strings.Contains(out, "no generated key") {
		t.Errorf("a realm that was never there: %v\n%s", err, out)
	}
	if !alpha.valid(token) {
		t.Fatal("a command that was refused did something")
	}
	if out, err := destroy("/alpha\n", "/alpha"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	// The edge hears of it by its watch.
	eventually(t, 10*time.Second, func() error {
		if r := alpha.get(app); r.status != http.StatusUnauthorized {
			return fmt.Errorf("at the edge: %s", r)
		}
		return nil
	})
	eventually(t, 10*time.Second, func() error {
		if node.client("/alpha").valid(token) {
			return fmt.Errorf("the node still takes the session")
		}
		return nil
	})
	if r := waiting.answer(step, c.user.name, c.user.password); r.status != http.StatusBadRequest {
		t.Errorf("a journey of before: %s", r)
	}
	if !node.client("/").valid(elsewhere) {
		t.Error("a session of another realm is gone")
	}
	again := c.edge.client("/alpha")
	again.login(c.user)
	if r := again.get(app); r.status != http.StatusOK {
		t.Errorf("a new session: %s", r)
	}
	// Nor does it come back with the processes.
	for _, p := range []*process{node, c.edge} {
		p.stop()
		p.start()
	}
	if node.client("/alpha").valid(token) {
		t.Error("after a restart the session is back")
	}
	if r := again.get(app); r.status != http.StatusOK {
		t.Errorf("after a restart, the new session: %s", r)
	}
}
