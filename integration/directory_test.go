package integration

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestEdgeFindsTheNodes: an edge that names no node finds those that there are,
// takes in one that comes while journeys are under way without interrupting
// any, and forgets one that ends.
func TestEdgeFindsTheNodes(t *testing.T) {
	spec := clusterSpec{nodes: 2, journeySessions: "in_memory", directory: true}
	c := startCluster(t, spec)
	c.awaitNodes(t, 2)
	if restarts := c.walkTwoSteps(t, 200); restarts != 0 {
		t.Errorf("%d journeys of 200 started again", restarts)
	}

	walking := c.keepWalking(t, 4)
	third := c.addNode(t, spec)
	eventually(t, 30*time.Second, func() error {
		if third.requests(t) == 0 {
			return fmt.Errorf("the node that came gets no request")
		}
		return nil
	})
	if walked, restarts := walking(); restarts != 0 || walked == 0 {
		t.Errorf("%d journeys of %d started again when a node came", restarts, walked)
	}

	third.stop()
	c.awaitNodes(t, 2)
	if restarts := c.walkTwoSteps(t, 50); restarts != 0 {
		t.Errorf("%d journeys of 50 started again after a node had ended", restarts)
	}
}

// TestOutageFreezesTheDirectory: without the store the edge still knows the
// nodes, and journeys in memory go on.
func TestOutageFreezesTheDirectory(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory", directory: true})
	c.awaitNodes(t, 2)
	client := c.edge.client("/alpha")
	first := client.begin("TwoSteps").step(t)
	c.etcd.Kill(0)
	time.Sleep(8 * time.Second) // longer than a lease
	second := client.answer(first, c.user.name).step(t)
	if second.Callbacks[0].Type != "PasswordCallback" {
		t.Errorf("the journey went on with a %s", second.Callbacks[0].Type)
	}
	c.etcd.Start(0)
	c.edge.waitReady()
	eventually(t, 30*time.Second, func() error {
		if r := client.answer(second, c.user.password); r.status != 200 {
			return fmt.Errorf("the last step is answered with %s", r)
		}
		return nil
	})
}

// keepWalking has n clients walk journeys through the edge, one after the other,
// until end is called. It says how many there were, and how many started again.
func (c *cluster) keepWalking(t *testing.T, n int) (end func() (walked, restarts int64)) {
	t.Helper()
	var started, done atomic.Int64
	var walking sync.WaitGroup
	stop := make(chan struct{})
	for range n {
		walking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				client := c.edge.client("/alpha").withoutCookies()
				if err := c.walkOnce(t, client, &started); err != nil {
					t.Error(err)
					return
				}
				client.http.CloseIdleConnections()
				done.Add(1)
			}
		})
	}
	return func() (int64, int64) {
		close(stop)
		walking.Wait()
		return done.Load(), started.Load()
	}
}

// awaitNodes waits until the edge has heard of n nodes and of the end of the
// others.
func (c *cluster) awaitNodes(t *testing.T, n int) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		log := c.edge.log()
		if known := strings.Count(log, `"a node is there"`) - strings.Count(log, `"a node is gone"`); known != n {
			return fmt.Errorf("the edge knows %d nodes, want %d", known, n)
		}
		return nil
	})
}

// TestEdgeWithoutNodesSaysSoOnce: while an edge finds no node its log is not filled
// by requests, and says what may be wrong.
func TestEdgeWithoutNodesSaysSoOnce(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 1, journeySessions: "in_memory", directory: true})
	c.awaitNodes(t, 1)
	c.edge.client("/alpha").login(c.user)
	c.nodes[0].stop()
	c.awaitNodes(t, 0)
	for range 5 {
		if r, err := c.edge.client("/alpha").tryBegin("TwoSteps"); err != nil || r.status != 503 {
			t.Errorf("without a node a request is answered with %s, %v", r, err)
		}
	}
	log := c.edge.log()
	if n := strings.Count(log, "the directory has no AM node"); n != 1 {
		t.Errorf("the edge says %d times that it has no node", n)
	}
	if strings.Contains(log, "falling back to static upstreams") {
		t.Error("the edge speaks of upstreams that it does not have")
	}
}
