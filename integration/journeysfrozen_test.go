package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// twins are two answers to the last step of a journey: that of a client that
// waits no longer for a node that hangs, and its other answer, or the first one
// once more, that reaches the node all the same.
type twins struct {
	taker, frozen *walk
	// wrong says that the client's answer led to a failure; the other one is
	// right.
	wrong bool
}

// TestFrozenNodeCannotFinishBesideTheTaker: a node that hangs is held dead, and
// others take its journeys over. When it goes on it still has them in memory,
// and has answers that were sent to it meanwhile: it leads no journey to another
// session than the one that it led to already, and none to a session that has
// failed.
func TestFrozenNodeCannotFinishBesideTheTaker(t *testing.T) {
	k := startKilled(t, survives, 200)
	victim := k.nodes[0]
	early, late, atOnce := k.pairs(victim), k.pairs(victim), k.pairs(victim)
	victim.freeze()
	var asking sync.WaitGroup
	asking.Go(func() { k.each(early, func(p *twins) { p.frozen.try(victim) }) })
	eventually(t, 60*time.Second, func() error {
		for _, p := range append(k.edges, k.nodes[1:]...) {
			if !strings.Contains(p.log(), `"a node is gone"`) {
				return fmt.Errorf("%s has not given the frozen node up", p.url)
			}
		}
		return nil
	})
	k.each(append(early, late...), func(p *twins) { p.taker.try(k.edges[0]) })
	victim.thaw()
	k.each(late, func(p *twins) { p.frozen.try(victim) })
	asking.Go(func() { k.each(atOnce, func(p *twins) { p.taker.try(k.edges[1]) }) })
	k.each(atOnce, func(p *twins) { p.frozen.try(victim) })
	asking.Wait()

	for _, p := range append(early, late...) {
		if failed := p.taker.token == ""; failed != p.wrong {
			t.Errorf("%s: taken over, and answered by a session: %t, want %t", p.taker.name, !failed, !p.wrong)
		}
		if p.frozen.token != "" && p.frozen.token != p.taker.token {
			t.Errorf("%s: the frozen node led it to a session of its own", p.taker.name)
		}
	}
	for _, p := range atOnce {
		if p.frozen.token != "" && p.taker.token != "" && p.frozen.token != p.taker.token {
			t.Errorf("%s: two nodes at once led it to two sessions", p.taker.name)
		}
		if p.frozen.token == "" && p.taker.token == "" && !p.wrong {
			t.Errorf("%s: two nodes at once led it to no session", p.taker.name)
		}
	}
	k.noRestarts(t)
}

// pairs begins journeys at a node: each sample, and some that fail.
func (k *killed) pairs(at *process) (all []*twins) {
	k.Helper()
	for range journeysIn(1, 5) {
		for n := range longest(k.samples) {
			for _, w := range k.begin(n, at, false) {
				if n == len(w.way)-1 {
					frozen := *w
					all = append(all, &twins{taker: w, frozen: &frozen})
				}
			}
		}
	}
	const last = 1
	failing := sample{"TwoSteps", []stop{{"Name", sayName}, {"Password", say("wrong")}}}
	for range journeysIn(8, 40) {
		for _, w := range k.beginOf([]sample{failing}, last, at, false) {
			frozen := *w
			frozen.way = []stop{w.way[0], {"Password", sayPassword}}
			all = append(all, &twins{taker: w, frozen: &frozen, wrong: true})
		}
	}
	return all
}

// each does something with all twins at once.
func (k *killed) each(all []*twins, do func(*twins)) {
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() { do(p) })
	}
	wg.Wait()
}

// try answers the last step at a process until it is served. It may be refused.
func (w *walk) try(at *process) {
	values := w.way[w.at].answer(w)
	w.to = func() *process { return at }
	r, err := w.request(func(c *client) (reply, error) { return c.tryAnswer(w.step, values...) })
	if err == nil && r.status == http.StatusUnauthorized {
		return
	}
	if err := w.answered(r, err); err != nil {
		w.client.t.Error(err)
	}
}
