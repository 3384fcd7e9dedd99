package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/amgate/amgate/caddymodule"
)

// drain takes a node out, as an operator does who lets journeys finish for a
// time, and returns what the command printed.
func (p *process) drain(finish time.Duration) (stdout string) {
	p.t.Helper()
	return mustRun(p.t, p.dir, "drain", "--timeout", finish.String(), "--address", "unix/"+p.adminSocket())
}

// undrain brings a node back.
func (p *process) undrain() {
	p.t.Helper()
	mustRun(p.t, p.dir, "drain", "--undo", "--address", "unix/"+p.adminSocket())
}

// drained tells how far a node is drained.
func (p *process) drained() caddymodule.DrainState {
	p.t.Helper()
	return p.askDrain(http.MethodGet, "")
}

// beginDrain has a node drained and does not wait for it.
func (p *process) beginDrain(finish time.Duration) {
	p.t.Helper()
	p.askDrain(http.MethodPost, fmt.Sprintf(`{"timeout": %q}`, finish))
}

func (p *process) askDrain(method, order string) (state caddymodule.DrainState) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://127.0.0.1"+caddymodule.DrainPath, strings.NewReader(order))
	must(p.t, err)
	admin := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.adminSocket())
	}}
	res, err := admin.RoundTrip(req)
	must(p.t, err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %s", method, caddymodule.DrainPath, res.Status)
	}
	must(p.t, json.NewDecoder(res.Body).Decode(&state))
	return state
}

// health is the status of one of the process's health endpoints, and whether the
// client is to close its connection.
func (p *process) health(endpoint string) (status int, closing bool) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+"/am/json/health/"+endpoint, nil)
	must(p.t, err)
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	must(p.t, err)
	defer res.Body.Close()
	return res.StatusCode, res.Close
}

// park begins journeys at a process; the next question of each is for the
// password.
func (c *cluster) park(t *testing.T, at *process, n int) (steps []step) {
	t.Helper()
	for i := range n {
		client := at.client("/alpha")
		if i%2 == 1 {
			client = client.withoutCookies()
		}
		steps = append(steps, client.answer(client.begin("TwoSteps").step(t), c.user.name).step(t))
	}
	return steps
}

// finish sends the last step of a journey to a process, and then once more: the
// journey ends, it does not start again, and a step counts once.
func (c *cluster) finish(t *testing.T, at *process, s step) {
	t.Helper()
	client := at.client("/alpha").withoutCookies()
	if token := client.answer(s, c.user.password).success(t).TokenID; !client.valid(token) {
		t.Error("the journey yields no session")
	}
	if again := client.answer(s, c.user.password); again.status != http.StatusUnauthorized {
		t.Errorf("a step that was answered is answered with %s", again)
	}
}

// noRestarts complains if a node let a journey start again.
func (c *cluster) noRestarts(t *testing.T) {
	t.Helper()
	for _, node := range c.nodes {
		if n := strings.Count(node.log(), "a journey starts again"); n > 0 {
			t.Errorf("a node let %d journeys start again", n)
		}
	}
}

// TestDrainBehindAnEdge drains one of three nodes while journeys are under way:
// none is interrupted, and the node gets no request any more until it is back.
func TestDrainBehindAnEdge(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 3, journeySessions: "in_memory", directory: true})
	c.awaitNodes(t, 3)
	steps := c.park(t, c.edge, 30)

	walking := c.keepWalking(t, 3)
	out := c.nodes[0].drain(time.Second)
	walked, restarts := walking()
	state := c.nodes[0].drained()
	if !state.Drained || state.Journeys != 0 || state.HandedOver == 0 || state.HandedOver >= 30 {
		t.Errorf("the node is %+v", state)
	}
	if want := fmt.Sprintf("drained; journeys handed over: %d\n", state.HandedOver); !strings.HasSuffix(out, want) {
		t.Errorf("the command printed %q, not %q at last", out, want)
	}
	c.awaitNodes(t, 2)
	before := c.nodes[0].requests(t)
	for _, s := range steps[:20] {
		c.finish(t, c.edge, s)
	}
	if n := restarts + int64(c.walkTwoSteps(t, 30)); n != 0 || walked == 0 {
		t.Errorf("%d journeys started again, of %d and 30", n, walked)
	}
	if n := c.nodes[0].requests(t) - before; n != 0 {
		t.Errorf("a node that is drained gets %d requests", n)
	}

	c.nodes[0].undrain()
	c.awaitNodes(t, 3)
	for _, s := range steps[20:] {
		c.finish(t, c.edge, s)
	}
	if n := c.walkTwoSteps(t, 30); n != 0 {
		t.Errorf("when the node is back, %d journeys started again", n)
	}
	if c.nodes[0].requests(t) == before {
		t.Error("the node that is back gets no request")
	}
	c.noRestarts(t)
}

// TestDrainWithoutAnEdge drains a node behind a balancer that knows nothing of
// journeys, and goes on sending it requests: it passes on what begins there, is
// not ready, and goes on serving. A reload meanwhile changes nothing.
func TestDrainWithoutAnEdge(t *testing.T) {
	c := startNodes(t, 3)
	one := c.nodes[0]
	steps := c.park(t, one, 9)
	one.beginDrain(10 * time.Minute)
	for _, node := range c.nodes[1:] {
		if status, closing := node.health("ready"); status != http.StatusOK || closing {
			t.Errorf("the other nodes are ready with %d, and close connections: %t", status, closing)
		}
	}
	if status, closing := one.health("ready"); status != http.StatusServiceUnavailable || !closing {
		t.Errorf("a node that is draining is ready with %d, and closes connections: %t", status, closing)
	}
	if status, _ := one.health("live"); status != http.StatusOK {
		t.Errorf("a node that is draining is live with %d", status)
	}
	begun := c.park(t, one, 4)
	if page := one.client("/alpha").navigate(one.url + "/am/XUI/?realm=/alpha"); page.status != http.StatusOK {
		t.Errorf("the login page of a node that is draining is answered with %s", page)
	}
	if state := one.drained(); !state.Draining || state.Drained || state.Journeys != 9 {
		t.Errorf("with five journeys that began there it is %+v", state)
	}
	must(t, one.reload())
	if state := one.drained(); !state.Draining || state.Drained || state.Journeys != 9 {
		t.Errorf("after a reload it is %+v", state)
	}
	for i, node := range c.nodes {
		c.finish(t, node, steps[i]) // they go on, wherever they arrive
	}
	one.beginDrain(0) // it can only get shorter
	eventually(t, 30*time.Second, func() error {
		if state := one.drained(); !state.Drained || state.HandedOver != 6 {
			return fmt.Errorf("it is %+v", state)
		}
		return nil
	})
	must(t, one.reload())
	if state := one.drained(); !state.Drained {
		t.Errorf("after another reload it is %+v", state)
	}
	begun = append(begun, c.park(t, one, 4)...)
	if state := one.drained(); state.Journeys != 0 {
		t.Errorf("with journeys that began there it is %+v", state)
	}
	for i, s := range append(steps[3:], begun...) {
		c.finish(t, c.nodes[i%3], s)
	}
	if n := strings.Count(one.log(), "this node is draining: it takes no new journeys"); n != 1 {
		t.Errorf("it was drained %d times", n)
	}
	one.undrain()
	if status, closing := one.health("ready"); status != http.StatusOK || closing {
		t.Errorf("a node that is back is ready with %d, and closes connections: %t", status, closing)
	}
	c.noRestarts(t)
}

// TestEndOfANodeHandsOver: a node that is told to end hands its journeys over,
// and ends by itself.
func TestEndOfANodeHandsOver(t *testing.T) {
	c := startNodes(t, 2)
	steps := c.park(t, c.nodes[0], 6)
	c.nodes[0].stop()
	for _, s := range steps[:3] {
		c.finish(t, c.nodes[1], s)
	}
	c.nodes[0].start()
	for i, s := range steps[3:] {
		c.finish(t, c.nodes[i%2], s)
	}
	// The last one, too: there is nobody then to let them finish.
	steps = c.park(t, c.nodes[1], 2)
	c.nodes[0].stop()
	c.nodes[1].stop()
	c.nodes[0].start()
	for _, s := range steps {
		c.finish(t, c.nodes[0], s)
	}
	c.noRestarts(t)
}

// TestRestartOfASingleProcess: journeys in the memory of a process that has its
// store in itself go on when it is stopped and started again.
func TestRestartOfASingleProcess(t *testing.T) {
	t.Parallel()
	dir, demo := newDir(t), newUser("demo")
	writeUsers(t, dir, demo)
	am := "http://localhost:" + freePort(t)
	p := start(t, spec{
		dir: dir, url: am,
		am: `
		identities file users.json
		journey_sessions in_memory`,
		sites: fmt.Sprintf("%s {\n\timport logged\n\tam_server /am/*\n}\n", am),
	})
	client := p.client("/")
	first := client.begin("Login").step(t)
	p.stop()
	p.start()
	if done := client.answer(first, demo.name, demo.password).success(t); done.TokenID == "" {
		t.Error("the journey from before does not come to its end")
	}
	if strings.Contains(p.log(), "a journey starts again") {
		t.Error("the journey starts again")
	}
}

// TestDrainWhileTheStoreIsAway: journeys go on in memory while the store does
// not answer, and are handed over when it does. None is lost.
func TestDrainWhileTheStoreIsAway(t *testing.T) {
	for name, outage := range map[string]func(*cluster) (end func()){
		"frozen": func(c *cluster) func() {
			c.etcd.Freeze(0)
			return func() { c.etcd.Thaw(0) }
		},
		"killed": func(c *cluster) func() {
			c.etcd.Kill(0)
			return func() { c.etcd.Start(0) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := startNodes(t, 2)
			one := c.nodes[0]
			steps := c.park(t, one, 4)
			client := one.client("/alpha")
			begun := client.begin("TwoSteps").step(t)
			end := outage(c)
			one.beginDrain(0)
			eventually(t, 30*time.Second, func() error {
				if state := one.drained(); state.Trouble == "" || state.Drained || state.Journeys != 5 {
					return fmt.Errorf("without the store the node is %+v", state)
				}
				return nil
			})
			steps = append(steps, client.answer(begun, c.user.name).step(t))
			end()
			eventually(t, 60*time.Second, func() error {
				if state := one.drained(); !state.Drained || state.HandedOver != 5 {
					return fmt.Errorf("with the store again the node is %+v", state)
				}
				return nil
			})
			for i, s := range steps {
				c.finish(t, c.nodes[i%2], s)
			}
			c.noRestarts(t)
		})
	}
}

// TestSecondInterruptEndsAtOnce: who cannot wait for journeys to finish presses
// Ctrl-C once more.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	c := startNodes(t, 2)
	one := c.nodes[0]
	one.rewrite("advertise", "drain_timeout 10m\n\t\t\tadvertise")
	must(t, one.reload())
	c.park(t, one, 1)
	must(t, one.cmd.Process.Signal(syscall.SIGINT))
	eventually(t, 30*time.Second, func() error {
		if !strings.Contains(one.log(), "this node is draining") {
			return errors.New("it is not draining")
		}
		return nil
	})
	must(t, one.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-one.done:
	case <-time.After(stopLimit):
		t.Fatal("it does not end")
	}
	if exit, ok := errors.AsType[*exec.ExitError](one.err); !ok || exit.ExitCode() != 2 {
		t.Errorf("it ended with %v", one.err)
	}
}
