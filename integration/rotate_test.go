package integration

import (
	"strings"
	"testing"

	"github.com/amgate/amgate/token"
)

// TestKeysAreRotatedUnderJourneys: while the keys of the installation and of a realm
// are rotated, one process after the other, journeys in memory go on behind the
// edge, and those whose node is lost afterwards go on elsewhere, though what
// their clients carry was sealed under the older key.
func TestKeysAreRotatedUnderJourneys(t *testing.T) {
	t.Run("in memory", func(t *testing.T) { rotateUnderJourneys(t, "in_memory") })
	t.Run("surviving", func(t *testing.T) { rotateUnderJourneys(t, survives) })
}

func rotateUnderJourneys(t *testing.T, sessions string) {
	own := token.GenerateSecret().Base64()
	c := startCluster(t, clusterSpec{
		nodes: 2, edges: 2, journeySessions: sessions, directory: true, realm: "signing_key " + own,
	})
	c.awaitNodes(t, 2)
	newest, newestOwn := token.GenerateSecret().Base64(), token.GenerateSecret().Base64()
	type walk struct {
		client *client
		asked  step
	}
	begun := func() (walks []walk) {
		for i := range 12 {
			client := c.edges[i%2].client("/alpha")
			if i%3 == 0 {
				client = client.withoutCookies()
			}
			walks = append(walks, walk{client, client.answer(client.begin("TwoSteps").step(t), c.user.name).step(t)})
		}
		return walks
	}
	ended := func(walks []walk, when string) {
		t.Helper()
		for _, w := range walks {
			if r := w.client.answer(w.asked, c.user.password); !strings.Contains(string(r.body), "tokenId") {
				t.Errorf("%s a journey that had begun before is answered with %s", when, r)
			}
		}
	}
	first, second, third, lost := begun(), begun(), begun(), begun()
	c.rekey(c.key, c.key+" "+newest)
	c.rekey(own, own+" "+newestOwn)
	ended(first, "when the new keys are accepted")
	c.rekey(c.key+" "+newest, newest+" "+c.key)
	c.rekey(own+" "+newestOwn, newestOwn+" "+own)
	ended(second, "when the new keys are used")
	c.rekey(newest+" "+c.key, newest)
	ended(third, "when the installation's old key is gone")
	when := "when all is over"
	if sessions == survives {
		c.nodes[0].kill()
		when = "when a node is lost after that"
	}
	ended(lost, when)
}

// rekey writes another signing_key for one into the configuration of all
// processes, and reloads them one after the other.
func (c *cluster) rekey(from, to string) {
	for _, p := range append(c.nodes, c.edges...) {
		p.rewrite("signing_key "+from+"\n", "signing_key "+to+"\n")
		must(p.t, p.reload())
	}
}
