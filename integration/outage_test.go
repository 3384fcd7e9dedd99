package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestKilledGatewayLosesNothing kills the process without warning: sessions,
// and journeys of a realm that keeps them on the server, go on.
func TestKilledGatewayLosesNothing(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	p := s.people(t)
	s.kill()
	s.process.start()
	p.goOn(t)
}

// TestDataFolderInUse starts a second process on the data of the first.
func TestDataFolderInUse(t *testing.T) {
	t.Parallel()
	s := startOneSite(t, "server")
	began := time.Now()
	stdout, stderr, err := run(t, s.dir, "run", "--config", s.configPath(), "--adapter", "caddyfile")
	if err == nil {
		t.Fatal("the second process runs")
	}
	if said := stdout + stderr; !strings.Contains(said, "in use") || !strings.Contains(said, "data") {
		t.Errorf("it does not say what is wrong:\n%s", said)
	}
	if took := time.Since(began); took > startLimit {
		t.Errorf("it took %v to say so", took)
	}
	if !s.client("/alpha").valid(s.client("/alpha").login(s.bjensen)) {
		t.Error("the first process was harmed")
	}
}

// An outage is never a logout: while the store does not answer, requests with
// a token get 200, if it is cached and within the freshness, or 503. They never
// get 401 or the login page, and no cookie is cleared (Kratos issue 4581;
// oauth2-proxy logged everybody out when Redis was away).
func TestStoreOutageIsNeverALogout(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{nodes: 1, journeySessions: "server"})
	edge := c.edge.url + "/app"

	seen := c.edge.client("/alpha")
	seen.login(c.user)
	if r := seen.get(edge); r.status != http.StatusOK {
		t.Fatalf("before the outage: %s", r)
	}
	unseen := c.edge.client("/alpha") // its session is in no cache
	unseen.login(c.user)
	waiting := c.edge.client("/alpha")
	step := waiting.begin("").step(t)

	c.etcd.Stop(0)
	sawUnavailable := false
	for deadline := time.Now().Add(6 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, r := range []reply{seen.get(edge), seen.navigate(edge), unseen.get(edge), unseen.navigate(edge)} {
			switch r.status {
			case http.StatusOK:
			case http.StatusServiceUnavailable:
				sawUnavailable = true
				if r.header.Get("Retry-After") == "" {
					t.Fatal("a 503 without Retry-After")
				}
			default:
				t.Fatalf("during the outage: %s", r)
			}
			if set := r.header.Values("Set-Cookie"); len(set) > 0 {
				t.Fatalf("during the outage a cookie is set: %d lines", len(set))
			}
		}
	}
	if !sawUnavailable {
		t.Error("the store was away for three times the freshness, and every request was let through")
	}
	if r := waiting.answer(step, c.user.name, c.user.password); r.status != http.StatusServiceUnavailable {
		t.Errorf("a step during the outage: %s", r)
	}
	if r := waiting.send(http.MethodGet, edge, "", http.Header{"Authorization": {"Bearer forged"}}); r.status != http.StatusUnauthorized {
		t.Errorf("a request without any token of ours is answered %s", r)
	}

	c.etcd.Start(0)
	// The edge answers health/ready through a node, which may find the store
	// again before the edge does. So it is asked for what counts.
	eventually(t, 20*time.Second, func() error { return c.edge.ready() })
	for _, client := range []*client{seen, unseen} {
		eventually(t, 20*time.Second, func() error {
			r := client.get(edge)
			switch r.status {
			case http.StatusOK:
				return nil
			case http.StatusServiceUnavailable:
				return fmt.Errorf("after the outage: %s", r)
			}
			t.Fatalf("after the outage: %s", r)
			return nil
		})
	}
	waiting.answer(step, c.user.name, c.user.password).success(t)
}

// TestStartWithoutStore starts a node while its store is away: it says 503,
// and serves as soon as the store is there.
func TestStartWithoutStore(t *testing.T) {
	t.Parallel()
	c := startCluster(t, clusterSpec{nodes: 1, journeySessions: "server"})
	token := c.edge.client("/alpha").login(c.user)
	c.nodes[0].stop()
	c.etcd.Stop(0)

	c.nodes[0].launch()
	node := c.nodes[0].client("/alpha")
	eventually(t, startLimit, func() error {
		r, err := node.try(http.MethodPost, node.endpoint("authenticate"), "", authenticateHeader())
		if err == nil && r.status != http.StatusServiceUnavailable {
			t.Fatalf("without its store the node answers %s", r)
		}
		return err
	})
	c.etcd.Start(0)
	c.nodes[0].waitReady()
	if !node.valid(token) {
		t.Error("the session did not survive")
	}
}
