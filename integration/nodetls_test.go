package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/store/storetest/etcdproc"
)

// TestNodesWithTLS: an edge that speaks plain HTTP to a node that has https, or the
// other way round, says what to write; once that is written, journeys stay on nodes
// of both kinds, which learn the host that the client asked for, and pass steps on
// to each other.
func TestNodesWithTLS(t *testing.T) {
	authority := etcdproc.NewAuthority(t)
	certificate := authority.Issue(t, "am-1", time.Hour)
	port, securePort := freePort(t), freePort(t)
	spec := clusterSpec{journeySessions: "in_memory", directory: true, env: []string{"SSL_CERT_FILE=" + authority.File}}
	c := newCluster(t, spec)
	plain := c.addNode(t, spec)
	spec.advertise = "https://127.0.0.1:" + securePort
	secure := c.startMember(t, "am-secure", "127.0.0.1:"+port, spec, fmt.Sprintf(`
http://:%s {
	am_server /am/*
}
https://:%s {
	import logged
	tls %s %s
	am_server /am/*
}
`, port, securePort, certificate.File, certificate.Key))
	c.nodes = append(c.nodes, secure)
	spec.advertise = ""
	address := "localhost:" + freePort(t)
	c.edge = c.startMember(t, "edge", address, spec, fmt.Sprintf("http://%s {\n\tam_proxy /am/*\n}\n", address))
	c.edges = []*process{c.edge}

	c.says("a node advertises https, but am_proxy speaks plain HTTP")
	c.edge.rewrite("am_proxy /am/*", "am_proxy /am/* {\ntransport http {\ntls_trust_pool file "+authority.File+"\n}\n}")
	must(t, c.edge.reload())
	c.says("a node advertises http, but am_proxy speaks TLS")
	c.edge.rewrite("transport http {", "transport http {\ntls_except_ports "+plain.url[strings.LastIndexByte(plain.url, ':')+1:])
	must(t, c.edge.reload())
	c.awaitNodes(t, 2)

	if restarts := c.walkTwoSteps(t, 60); restarts != 0 {
		t.Errorf("%d journeys of 60 started again", restarts)
	}
	for _, node := range c.nodes {
		if !strings.Contains(node.log(), `"host":"`+address+`"`) {
			t.Errorf("the node at %s does not know the host that the client asked for", node.url)
		}
	}
	for i, node := range c.nodes {
		first := node.client("/alpha").begin("TwoSteps").step(t)
		next := c.nodes[1-i].client("/alpha").answer(first, c.user.name).step(t)
		if asked := next.Callbacks[0].Type; asked != "PasswordCallback" {
			t.Errorf("a journey of %s started again at the other node", node.url)
		}
	}
}

// says waits until the log of the edge says something, while requests come.
func (c *cluster) says(text string) {
	eventually(c.edge.t, 30*time.Second, func() error {
		if _, err := c.edge.client("/alpha").tryBegin("TwoSteps"); err != nil {
			return err
		}
		if !strings.Contains(c.edge.log(), text) {
			return fmt.Errorf("the edge does not say %q", text)
		}
		return nil
	})
}
