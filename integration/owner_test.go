package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	amcluster "github.com/amgate/amgate/cluster"
)

// startNodes runs nodes that know each other, with journeys in memory and
// nothing in front of them.
func startNodes(t *testing.T, n int) *cluster {
	t.Helper()
	c := startGateways(t, clusterSpec{nodes: n, journeySessions: "in_memory"})
	for _, node := range c.nodes {
		eventually(t, 30*time.Second, func() error {
			if known := strings.Count(node.log(), `"a node is there"`); known < n {
				return fmt.Errorf("a node knows %d of %d nodes", known, n)
			}
			return nil
		})
	}
	return c
}

// TestStepsMayReachAnyNode: behind a balancer that knows nothing of journeys
// no journey starts again, though each step reaches another node.
func TestStepsMayReachAnyNode(t *testing.T) {
	c := startNodes(t, 3)
	for i := range 60 {
		at := func(step int) *client { return c.nodes[(i+step)%3].client("/alpha").withoutCookies() }
		first := at(0).begin("TwoSteps").step(t)
		second := at(1).answer(first, c.user.name).step(t)
		if asked := second.Callbacks[0].Type; asked != "PasswordCallback" {
			t.Fatalf("journey %d went on with a %s", i, asked)
		}
		at(2).answer(second, c.user.password).success(t)
		// A step that was answered is refused wherever it is sent again.
		for step := range 3 {
			if r := at(step).answer(second, c.user.password); r.status != http.StatusUnauthorized {
				t.Fatalf("a step that was answered is answered with %s", r)
			}
		}
	}
}

// TestOwnerThatIsGone: a journey whose node was killed starts again where its
// next step arrives.
func TestOwnerThatIsGone(t *testing.T) {
	c := startNodes(t, 2)
	first := c.nodes[0].client("/alpha").begin("TwoSteps").step(t)
	second := c.nodes[0].client("/alpha").answer(first, c.user.name).step(t)
	c.nodes[0].kill()
	other := c.nodes[1].client("/alpha")
	again := other.answer(second, c.user.password).step(t)
	if asked := again.Callbacks[0].Type; asked != "NameCallback" {
		t.Errorf("the journey went on with a %s", asked)
	}
	other.answer(other.answer(again, c.user.name).step(t), c.user.password).success(t)
	if !strings.Contains(c.nodes[1].log(), "cannot be reached; the journey goes on here if it was handed over or survives, and starts again if not") {
		t.Error("nothing in the log tells why the journey started again")
	}
}

// TestOwnerThatHangs: a journey whose node accepts the step and does not answer
// is not lost; the client hears that it may send the step again, and then goes on.
func TestOwnerThatHangs(t *testing.T) {
	c := startNodes(t, 2)
	first := c.nodes[0].client("/alpha").begin("TwoSteps").step(t)
	other := c.nodes[1].client("/alpha")
	c.nodes[0].freeze()
	r := other.answer(first, c.user.name)
	c.nodes[0].thaw()
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("while its node hangs a step is answered with %s", r)
	}
	eventually(t, 30*time.Second, func() error {
		switch r := other.answer(first, c.user.name); r.status {
		case http.StatusServiceUnavailable:
			return fmt.Errorf("the node does not answer yet: %s", r)
		case http.StatusUnauthorized: // the node went on with the step that it had accepted
			return nil
		default:
			if asked := r.step(t).Callbacks[0].Type; asked != "PasswordCallback" {
				t.Errorf("the journey went on with a %s", asked)
			}
			return nil
		}
	})
}

// TestClientCannotStopTheHop: neither a header that only nodes may send nor one
// that asks to drop it changes who the client is to the node that has the
// journey, or that the step gets there.
func TestClientCannotStopTheHop(t *testing.T) {
	c := startNodes(t, 2)
	first := c.nodes[0].client("/alpha").begin("TwoSteps").step(t)
	other := c.nodes[1].client("/alpha").from("127.0.0.2").
		with(amcluster.PassHeader, "1795656000000,192.0.2.1,true,AAAA").with("Connection", amcluster.PassHeader)
	if asked := other.answer(first, c.user.name).step(t).Callbacks[0].Type; asked != "PasswordCallback" {
		t.Errorf("the journey went on with a %s", asked)
	}
	eventually(t, 10*time.Second, func() error {
		if !strings.Contains(c.nodes[0].log(), `"ip":"127.0.0.2"`) {
			return fmt.Errorf("the node that has the journey does not know the client's address")
		}
		return nil
	})
}

// TestNodeThatIsNotReachedSaysSo: a node that advertises an address where
// nobody serves warns, and one that is reached does not.
func TestNodeThatIsNotReachedSaysSo(t *testing.T) {
	c := startGateways(t, clusterSpec{nodes: 1, journeySessions: "in_memory"})
	node := c.nodes[0]
	const warning = "this node does not reach itself"
	time.Sleep(3 * time.Second)
	if strings.Contains(node.log(), warning) {
		t.Error("a node that is reached warns")
	}
	node.rewrite("advertise http://localhost:", "advertise http://localhost:1")
	must(t, node.reload())
	eventually(t, 60*time.Second, func() error {
		if !strings.Contains(node.log(), warning) {
			return fmt.Errorf("a node that is not reached says nothing")
		}
		return nil
	})
}
