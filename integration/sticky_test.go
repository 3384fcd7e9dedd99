package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
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
// Caddy's random policy in place of am_sticky, and nodes that cannot pass steps on
// to each other, journeys start again.
func TestRandomRoutingLosesJourneys(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory", policy: "random", apart: true})
	if restarts := c.walkTwoSteps(t, 50); restarts == 0 {
		t.Error("no journey started again, though steps were sent to random nodes")
	}
}

// A dead node costs a retry, not an error: journeys that were on it start
// again on the other one, those of the other one go on.
func TestDeadNodeCostsARetry(t *testing.T) {
	for name, directory := range map[string]bool{"named": false, "found": true} {
		t.Run(name, func(t *testing.T) { testDeadNode(t, directory) })
	}
}

func testDeadNode(t *testing.T, directory bool) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory", directory: directory})
	if directory {
		c.awaitNodes(t, 2)
	}
	type walk struct {
		client *client
		step   step
	}
	walks := make([]walk, 40)
	for i := range walks {
		w := walk{client: c.edge.client("/alpha")}
		w.step = w.client.begin("TwoSteps").step(t)
		walks[i] = w
	}
	c.nodes[0].kill()
	wentOn, startedAgain := 0, 0
	for _, w := range walks {
		switch next := w.client.answer(w.step, c.user.name).step(t); next.Callbacks[0].Type {
		case "PasswordCallback":
			wentOn++
			w.client.answer(next, c.user.password).success(t)
		case "NameCallback":
			startedAgain++
			w.client.answer(w.client.answer(next, c.user.name).step(t), c.user.password).success(t)
		}
	}
	if wentOn == 0 || startedAgain == 0 {
		t.Errorf("%d journeys went on and %d started again; each node should have had some", wentOn, startedAgain)
	}
}

// An edge that knows a node by another address than it advertises makes pins
// that mean nothing: the node says so.
func TestNodeSaysThatItsAddressIsWrittenDifferently(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 1, journeySessions: "in_memory"})
	const complaint = "another address than it advertises"
	c.edge.client("/alpha").login(c.user)
	for _, text := range []string{"forged:80", "forged:80 AAAAAAAAAAAAAAAA", "forged:80\t"} {
		c.nodes[0].client("/alpha").with("X-AM-Upstream", text).login(c.user)
		c.edge.client("/alpha").with("X-AM-Upstream", text).login(c.user)
	}
	if log := c.nodes[0].log(); strings.Contains(log, complaint) {
		t.Error("the node complains though both addresses are alike, or because a client says that they are not")
	}
	c.edge.rewrite("am_proxy /am/* 127.0.0.1:", "am_proxy /am/* localhost:")
	must(t, c.edge.reload())
	c.edge.client("/alpha").login(c.user)
	if !strings.Contains(c.nodes[0].log(), complaint) {
		t.Error("the node does not say that its address is written differently")
	}
}

// TestClientCannotHideWhatTheEdgeSays: a header Connection of the client does not
// make the edge drop the journey that it tells the node (SECURITY 37): what begins
// is no journey of the id that the cookie has from the last one.
func TestClientCannotHideWhatTheEdgeSays(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 1, journeySessions: "in_memory"})
	client := c.edge.client("/alpha")
	idOf := func(r reply) string {
		cookie, ok := r.cookie("amlbcookie")
		if !ok {
			t.Fatalf("a journey begins without its cookie: %s", r)
		}
		id, _, _ := strings.Cut(cookie.Value, ".")
		return id
	}
	last := idOf(client.begin("TwoSteps"))
	for _, names := range []string{"X-AM-Affinity", "close, x-am-affinity", "X_AM-Affinity,X-Am-Affinity"} {
		next := idOf(client.with("Connection", names).begin("TwoSteps"))
		if next == last {
			t.Errorf("with Connection: %s the node does not hear what the edge says", names)
		}
		last = next
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

// TestHostileBodiesStallNobody: clients that send bodies slowly, or bodies that
// are too large, hold up nobody else at the edge; what comes in chunks is not
// searched, and its journey goes on all the same.
func TestHostileBodiesStallNobody(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory"})
	address := strings.TrimPrefix(c.edge.url, "http://")
	uri := "/am/json/realms/root/realms/alpha/authenticate"
	var slow []net.Conn
	for range 200 {
		conn, err := net.Dial("tcp", address)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 65536\r\n\r\n{\"authId\":\"", uri, address)
		must(t, err)
		slow = append(slow, conn)
	}
	if restarts := c.walkTwoSteps(t, 40); restarts != 0 {
		t.Errorf("%d of 40 journeys started again beside slow clients", restarts)
	}
	client := c.edge.client("/alpha").withoutCookies().with("Connection", "X-Am-Affinity, X-Am-Upstream")
	first := client.begin("TwoSteps").step(t)

	large := client.send(http.MethodPost, c.edge.url+uri, `{"pad":"`+strings.Repeat("x", 2<<20)+`"}`, authenticateHeader())
	if large.status < 400 || large.status >= 500 {
		t.Errorf("a body of 2 MiB is answered with %d", large.status)
	}
	first.Callbacks[0].Input[0].Value = c.user.name
	body, err := json.Marshal(first)
	must(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.edge.url+uri, io.MultiReader(bytes.NewReader(body)))
	must(t, err)
	req.Header = authenticateHeader()
	resp, err := client.http.Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	if !strings.Contains(string(text), "PasswordCallback") {
		t.Errorf("a step in chunks is answered with %d %s", resp.StatusCode, text)
	}

	// Whoever was slow is answered when the rest comes.
	_, err = io.WriteString(slow[0], strings.Repeat("x", 65536-13)+`"}`)
	must(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(slow[0]), nil)
	must(t, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("an authId that is none is answered with %d", answer.StatusCode)
	}
}
