package integration

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	amcluster "github.com/amgate/amgate/cluster"
)

// command runs a command of amgate on a running process.
func (p *process) command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t), append(args, "--address", "unix/"+p.adminSocket())...)
	cmd.Dir, cmd.Env = p.dir, environment(p.dir)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// explainKey is a key of somebody who may be told of nodes.
func (p *process) explainKey(t *testing.T, d time.Duration) string {
	t.Helper()
	key, err := p.command(t, "explain-key", "--for", d.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, key)
	}
	return remember("a key to explanations", key)
}

// TestExplain: whoever has a key is told which way a request went and why: to
// the node of a journey, from another node to that one, past a node that is dead.
func TestExplain(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory {\nsurvive_node_loss\n}", directory: true})
	c.awaitNodes(t, 2)
	key := c.edge.explainKey(t, time.Minute)
	asking := c.edge.client("/alpha").with(amcluster.ExplainHeader, key)

	begun := asking.begin("TwoSteps")
	first := begun.step(t)
	said := begun.header.Get(amcluster.ExplainHeader)
	m := regexp.MustCompile(`^edge;name="edge-1";node="(am-[12])";address="127\.0\.0\.1:\d+";why=(hash|bounded-load);tries=1, node;name="(am-[12])";why=here$`).
		FindStringSubmatch(said)
	if m == nil || m[1] != m[3] {
		t.Fatalf("of a journey that begins it says %q", said)
	}
	home, other := 0, 1
	if m[1] == "am-2" {
		home, other = 1, 0
	}
	answered := asking.answer(first, c.user.name)
	second := answered.step(t)
	if said, want := answered.header.Get(amcluster.ExplainHeader), fmt.Sprintf(`edge;name="edge-1";node=%q;address=%q;why=pin;tries=1, node;name=%[1]q;why=here`,
		m[1], strings.TrimPrefix(c.nodes[home].url, "http://")); said != want {
		t.Errorf("of a step it says %q, want %q", said, want)
	}

	direct := c.nodes[other].client("/alpha").with(amcluster.ExplainHeader, key)
	third := direct.answer(second, "wrong password")
	if said, want := third.header.Get(amcluster.ExplainHeader), fmt.Sprintf(`node;name="am-%d";why=passed-on, node;name="am-%d";why=owner-hop`,
		other+1, home+1); said != want {
		t.Errorf("of a step at another node it says %q, want %q", said, want)
	}

	begun = asking.begin("TwoSteps")
	first = begun.step(t)
	cookie, _ := begun.cookie("amlbcookie")
	lives := regexp.MustCompile(`lives +on am-[12], 127\.0\.0\.1:\d+, with \d+ journeys in memory\nnext step +on am-[12], .*\(pin\)`)
	for _, by := range []string{first.AuthID, cookie.Value} {
		if out, err := c.edge.command(t, "explain", by); err != nil || !lives.MatchString(out) {
			t.Errorf("by %.10s: %v\n%s", by, err, out)
		}
	}
	if out, err := c.edge.command(t, "explain", "nonsense"); err == nil || !strings.Contains(out, "amlbcookie") {
		t.Errorf("of what is no journey: %v\n%s", err, out)
	}

	mine := c.nodes[home].client("/alpha").begin("TwoSteps").step(t)
	c.nodes[home].kill()
	taken := direct.answer(mine, c.user.name)
	for taken.status == http.StatusServiceUnavailable { // sent over a connection that the kill had not closed yet
		taken = direct.answer(mine, c.user.name)
	}
	if said, want := taken.header.Get(amcluster.ExplainHeader), fmt.Sprintf(`node;name="am-%d";why=taken-over`, other+1); said != want {
		t.Errorf("of a step that another node took over it says %q, want %q", said, want)
	}
	c.nodes[other].kill()
	if r := asking.begin("TwoSteps"); r.status < 500 || !strings.HasPrefix(r.header.Get(amcluster.ExplainHeader), `edge;name="edge-1"`) {
		t.Errorf("without a node: %s, %q", r, r.header.Get(amcluster.ExplainHeader))
	}
}

// TestNoReplyNamesANode: without a key that is good no reply has the name or
// the address of a node, whatever it answers, and a key is in no log.
func TestNoReplyNamesANode(t *testing.T) {
	c := startCluster(t, clusterSpec{nodes: 2, journeySessions: "in_memory", directory: true})
	c.awaitNodes(t, 2)
	stranger := newCluster(t, clusterSpec{})
	foreign := stranger.addNode(t, clusterSpec{journeySessions: "in_memory"}).explainKey(t, time.Minute)
	short := c.edge.explainKey(t, time.Second)
	time.Sleep(2 * time.Second)

	names := []string{"am-1", "am-2"}
	for _, node := range c.nodes {
		names = append(names, strings.TrimPrefix(node.url, "http://"))
	}
	check := func(what string, r reply) {
		t.Helper()
		text := fmt.Sprint(r.header) + string(r.body)
		for _, name := range names {
			if strings.Contains(text, name) {
				t.Errorf("%s: the reply has %s: %d %s", what, name, r.status, text)
			}
		}
		if said := r.header.Get(amcluster.ExplainHeader); said != "" {
			t.Errorf("%s: it explains %q", what, said)
		}
	}
	for what, key := range map[string]string{
		"no key": "", "a forged key": "amx1." + strings.Repeat("A", 43), "a key that is over": short, "another installation's key": foreign,
		"an answer for a key": `node;name="am-1"`,
	} {
		for _, at := range []*process{c.edge, c.nodes[0]} {
			client := at.client("/alpha")
			if key != "" {
				client = client.with(amcluster.ExplainHeader, key)
			}
			begun := client.begin("TwoSteps")
			check(what, begun)
			step := begun.step(t)
			hopped := c.nodes[1].client("/alpha").with(amcluster.ExplainHeader, key).answer(step, c.user.name)
			check(what, hopped)
			check(what, client.answer(step, c.user.name))
			check(what, client.get(client.am+"/XUI/?realm=/alpha"))
			check(what, client.get(client.endpoint("serverinfo/*")))
			check(what, client.get(client.am+"/nowhere"))
		}
	}
	c.nodes[0].kill()
	c.nodes[1].kill()
	r := c.edge.client("/alpha").begin("TwoSteps")
	check("no node", r)
	if r.status != http.StatusBadGateway && r.status != http.StatusServiceUnavailable {
		t.Errorf("without a node: %s", r)
	}
}
