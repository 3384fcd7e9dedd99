package integration

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// TestJourneysStayOnTheirNode walks in-memory journeys of two steps through
// an edge in front of two nodes: none starts again. Half of the clients keep
// no cookies.
func TestJourneysStayOnTheirNode(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory"})
	if restarts := c.walkTwoSteps(t, 1000); restarts != 0 {
		t.Errorf("%d of 1,000 journeys started again", restarts)
	}
	for _, node := range c.nodes {
		if n := node.requests(t); n < 600 {
			t.Errorf("a node served %d requests only: journeys are not spread", n)
		}
	}
}

// TestRandomRoutingLosesJourneys shows that the test above can fail: with
// Caddy's random policy in place of am_sticky, journeys start again.
func TestRandomRoutingLosesJourneys(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory", policy: "random"})
	if restarts := c.walkTwoSteps(t, 50); restarts == 0 {
		t.Error("no journey started again, though steps were sent to random nodes")
	}
}

// walkTwoSteps walks n journeys, several at once, and returns how many were
// sent back to their first step.
func (c *cluster) walkTwoSteps(t *testing.T, n int) int {
	t.Helper()
	var restarts atomic.Int64
	var wg sync.WaitGroup
	work := make(chan int, n)
	for i := range n {
		work <- i
	}
	close(work)
	for range 8 {
		wg.Go(func() {
			for i := range work {
				client := c.edge.client("/alpha")
				if i%2 == 1 {
					client = client.withoutCookies()
				}
				if err := c.walkOnce(t, client, &restarts); err != nil {
					t.Error(err)
				}
				client.http.CloseIdleConnections()
			}
		})
	}
	wg.Wait()
	return int(restarts.Load())
}

func (c *cluster) walkOnce(t *testing.T, client *client, restarts *atomic.Int64) error {
	r, err := client.tryBegin("TwoSteps")
	if err != nil {
		return err
	}
	for _, answer := range []struct{ asked, value string }{
		{"NameCallback", c.user.name}, {"PasswordCallback", c.user.password},
	} {
		s := r.step(t)
		if len(s.Callbacks) != 1 || s.Callbacks[0].Type != answer.asked {
			restarts.Add(1)
			return nil
		}
		if r, err = client.tryAnswer(s, answer.value); err != nil {
			return err
		}
	}
	if r.status != http.StatusOK || len(r.body) == 0 {
		t.Errorf("a journey ended with %s", r)
		return nil
	}
	var end struct {
		step
		success
	}
	r.decode(t, &end)
	if end.TokenID == "" {
		restarts.Add(1)
	}
	return nil
}
