package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	amcluster "github.com/amgate/amgate/cluster"
)

// sendRaw sends a step's request with these headers and whatever comes after
// them, closes the sending half of the connection if told so, and returns the
// reply.
func (p *process) sendRaw(t *testing.T, headers, body string, ends bool) reply {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /am/json/realms/root/realms/alpha/authenticate HTTP/1.1\r\nHost: localhost\r\n"+
		"Content-Type: application/json\r\nAccept-API-Version: resource=2.1\r\n%s\r\n%s", headers, body)
	must(t, err)
	if ends {
		must(t, conn.(*net.TCPConn).CloseWrite())
	}
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer res.Body.Close()
	r := reply{status: res.StatusCode, header: res.Header}
	_, _ = fmt.Fscan(res.Body, &r.body)
	return r
}

var edgeSays = regexp.MustCompile(`^edge;name="edge-1";node="(am-\d)";address="[^"]*";why=([a-z-]+);tries=(\d)`)

// TestBrokenBodiesTakeNoNodeOut: anonymous clients send bodies that are broken,
// too short or never complete, more of them than there are nodes. An edge holds
// none of that against a node: all of them go on serving, steps reach the node of
// their journey, and the client hears what was wrong.
func TestBrokenBodiesTakeNoNodeOut(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory", directory: true})
	c.awaitNodes(t, 2)
	c.edge.rewrite("grace_period 2s", "grace_period 2s\n\tservers {\n\t\ttimeouts {\n\t\t\tread_body 1s\n\t\t}\n\t}")
	c.edge.rewrite("am_proxy /am/*", "request_body {\n\t\tmax_size 1MiB\n\t}\n\tam_proxy /am/*")
	must(t, c.edge.reload())
	asking := c.edge.client("/alpha").with(amcluster.ExplainHeader, c.edge.explainKey(t, 5*time.Minute))

	const chunked = "Transfer-Encoding: chunked\r\n"
	for name, broken := range map[string]struct {
		headers, body string
		ends          bool
		status        int
	}{
		"malformed chunk":          {chunked, "2\r\n{}\r\nZZ\r\n", false, http.StatusBadRequest},
		"chunks that end too soon": {chunked, "2\r\n{}\r\n", true, http.StatusBadRequest},
		"short body":               {"Content-Length: 1000\r\n", "{}", true, http.StatusBadRequest},
		"short body, not searched": {"Content-Length: 100000\r\n", "{}", true, http.StatusBadRequest},
		"chunks that never end":    {chunked, "2\r\n{}\r\n", false, http.StatusRequestTimeout},
		"body that never ends":     {"Content-Length: 1000\r\n", "{}", false, http.StatusRequestTimeout},
		"chunks without an end":    {chunked, "200000\r\n" + strings.Repeat("x", 1<<20+64<<10), false, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			begun := asking.withoutCookies().begin("TwoSteps")
			first, home := begun.step(t), edgeSays.FindStringSubmatch(begun.header.Get(amcluster.ExplainHeader))
			if home == nil {
				t.Fatalf("it begins by %q", begun.header.Get(amcluster.ExplainHeader))
			}
			cookie, _ := begun.cookie("amlbcookie")
			for i := range 6 {
				headers := broken.headers
				if i%2 == 1 { // at the very node of the journey
					headers += "Cookie: amlbcookie=" + cookie.Value + "\r\n"
				}
				r := c.edge.sendRaw(t, headers, broken.body, broken.ends)
				if r.status != broken.status || !strings.HasPrefix(string(r.body), fmt.Sprintf(`{"code":%d,`, broken.status)) {
					t.Errorf("it is answered with %s, want %d", r, broken.status)
				}
			}
			answered := asking.withoutCookies().answer(first, c.user.name)
			said := edgeSays.FindStringSubmatch(answered.header.Get(amcluster.ExplainHeader))
			if said == nil || said[1] != home[1] || said[2] != "pin" || said[3] != "1" {
				t.Errorf("the step of a journey on %s went by %q, and was answered with %s",
					home[1], answered.header.Get(amcluster.ExplainHeader), answered)
			}
			serving := map[string]bool{}
			for range 20 {
				if said := edgeSays.FindStringSubmatch(asking.withoutCookies().begin("TwoSteps").header.Get(amcluster.ExplainHeader)); said != nil {
					serving[said[1]] = true
				}
			}
			if len(serving) != len(c.nodes) {
				t.Errorf("afterwards only %v serve", serving)
			}
		})
	}
}

// TestHungNodeBehindAnEdge: a node accepts a step and does not answer. The client
// hears so in time, and that it may try again; that leads on elsewhere.
func TestHungNodeBehindAnEdge(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory", directory: true})
	c.awaitNodes(t, 2)
	asking := c.edge.client("/alpha").with(amcluster.ExplainHeader, c.edge.explainKey(t, 5*time.Minute)).withoutCookies()
	begun := asking.begin("TwoSteps")
	home := edgeSays.FindStringSubmatch(begun.header.Get(amcluster.ExplainHeader))
	if home == nil {
		t.Fatalf("it begins by %q", begun.header.Get(amcluster.ExplainHeader))
	}
	hung := c.nodes[home[1][len("am-")]-'1']
	hung.freeze()
	defer hung.thaw()
	c.isOutage(t, asking.answer(begun.step(t), c.user.name), http.StatusGatewayTimeout)
	eventually(t, time.Minute, func() error {
		r := asking.answer(begun.step(t), c.user.name)
		if r.status != http.StatusOK {
			return fmt.Errorf("the step is answered with %s", r)
		}
		if asked := r.step(t).Callbacks[0].Type; asked != "NameCallback" {
			t.Errorf("the journey of the node that hangs went on with a %s", asked)
		}
		return nil
	})
}

// isOutage checks that an edge says in AM's form that no node answers, and when
// to try again.
func (c *cluster) isOutage(t *testing.T, r reply, status int) {
	t.Helper()
	var said struct {
		Code            int
		Reason, Message string
	}
	r.decode(t, &said)
	if r.status != status || said.Code != status || said.Reason != http.StatusText(status) || said.Message == "" ||
		r.header.Get("Retry-After") == "" || len(r.header["Set-Cookie"]) > 0 {
		t.Errorf("the edge answers %s with Retry-After %q, want a %d", r, r.header.Get("Retry-After"), status)
	}
}

// TestNodesThatAreBack: all nodes were down and are back. An edge that has them
// marked as failed sends requests there all the same.
func TestNodesThatAreBack(t *testing.T) {
	for _, directory := range []bool{false, true} {
		t.Run(fmt.Sprintf("found %t", directory), func(t *testing.T) {
			c := startCluster(t, clusterSpec{
				nodes: 2, journeySessions: "in_memory", directory: directory, policy: "am_sticky\n\t\tfail_duration 10m",
			})
			c.awaitNodes(t, 2)
			for _, node := range c.nodes {
				node.kill()
			}
			for range 3 { // the first marks both
				c.isOutage(t, c.edge.client("/alpha").begin("TwoSteps"), http.StatusBadGateway)
			}
			page := c.edge.client("/alpha").navigate(c.edge.url + "/am/XUI/?realm=/alpha")
			if page.status != http.StatusBadGateway || page.header.Get("Retry-After") == "" || len(page.body) != 0 {
				t.Errorf("a page is answered with %s", page)
			}
			c.edge.rewrite("respond \"Hello", "handle_errors {\n\t\trespond ours {err.status_code}\n\t}\n\trespond \"Hello")
			must(t, c.edge.reload())
			if r := c.edge.client("/alpha").begin("TwoSteps"); string(r.body) != "ours" || r.header.Get("Retry-After") == "" {
				t.Errorf("with handle_errors it is answered with %s", r)
			}
			for _, node := range c.nodes {
				node.start()
			}
			c.edge.client("/alpha").login(c.user)
		})
	}
}
