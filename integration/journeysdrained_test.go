package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestNoJourneyLostByDraining drains a node with many journeys in its memory,
// among them some that have sent mail, and ends it, while clients go on: none
// of them notices.
func TestNoJourneyLostByDraining(t *testing.T) {
	withMail := journeysIn(20, 100)
	m, spec := startMail(t, withMail)
	spec.nodes, spec.directory = 3, true
	c := startNet(t, spec)
	drained := c.nodes[0]
	walks := c.walks(journeysIn(180, 900), chosen, []*process{drained})
	for i, w := range c.walks(withMail, coded, []*process{drained}) {
		w.user, w.mails = spec.users[i], m
		walks = append(walks, w)
	}
	must(t, forAll(walks, 16, func(w *walk) error {
		if err := w.begin(); err != nil {
			return err
		}
		return w.advance(rand.IntN(len(w.way)))
	}))
	for i, w := range walks {
		w.to, w.again = inTurn(c.edges, i), unanswered
	}
	traffic := c.startTraffic(4, chosen)
	hurry := len(walks) / 10 // go on while it drains, at any moment
	var going sync.WaitGroup
	going.Go(func() {
		if err := forAll(walks[:hurry], 4, func(w *walk) error {
			time.Sleep(rand.N(200 * time.Millisecond))
			return w.finish()
		}); err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	drained.drain(time.Second)
	t.Logf("drained in %v", time.Since(began).Round(time.Millisecond))
	drained.stop()
	going.Wait()
	if err := forAll(walks[hurry:], 16, (*walk).finish); err != nil {
		t.Error(err)
	}
	others := traffic.end()
	wantUninterrupted(t, walks)
	for _, u := range spec.users {
		if n := len(m.to(u)); n != 1 {
			t.Errorf("%s got %d mails", u.name, n)
		}
	}
	c.noRestarts(t)
	t.Logf("%d journeys at the node, %d elsewhere", len(walks), len(others))
}

// TestNoJourneyLostByRollingRestart restarts all nodes and edges one after the
// other while clients log in and have sessions: no login fails, no session is
// lost.
func TestNoJourneyLostByRollingRestart(t *testing.T) {
	c := startNet(t, clusterSpec{nodes: 3, directory: true})
	tokens := make([]string, 20)
	for i := range tokens {
		tokens[i] = c.edge.client("/alpha").login(c.user)
	}
	traffic := c.startTraffic(8, chosen)
	ctx, stop := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looked := 0
	base := c.edge.client("/alpha").another(false)
	base.http.Transport.(*http.Transport).DisableKeepAlives = true
	looking.Go(func() {
		for ; pause(ctx, 10*time.Millisecond); looked++ {
			if err := c.stillIn(base, tokens[looked%len(tokens)], looked); err != nil {
				t.Error(err)
			}
		}
	})
	for range journeysIn(1, 3) {
		for _, p := range slices.Concat(c.nodes, c.edges) {
			began := time.Now()
			p.stop()
			stopped := time.Now()
			p.start()
			t.Logf("%s: stopped in %v, started in %v", p.url, stopped.Sub(began).Round(time.Millisecond), time.Since(stopped).Round(time.Millisecond))
		}
	}
	stop()
	looking.Wait()
	walks := traffic.end()
	for i, token := range tokens {
		for _, edge := range c.edges {
			must(t, c.stillIn(base, token, i))
			if !edge.client("/alpha").valid(token) {
				t.Error("a session is lost")
			}
		}
	}
	c.noRestarts(t)
	t.Logf("%d logins, %d look-ups", len(walks), looked)
}

// stillIn asks an edge for the protected app with a session, the n-th or, if
// that is down, the other one.
func (c *cluster) stillIn(client *client, token string, n int) error {
	for deadline := time.Now().Add(patienceOfWalks); ; n++ {
		r, err := client.try(http.MethodGet, c.edges[n%len(c.edges)].url+"/", "", http.Header{"Cookie": {cookieName + "=" + token}})
		switch {
		case err != nil && time.Now().Before(deadline):
			continue
		case err != nil:
			return err
		case r.status != http.StatusOK || string(r.body) != "Hello "+c.user.name:
			return fmt.Errorf("a session is answered with %s", r)
		}
		return nil
	}
}
