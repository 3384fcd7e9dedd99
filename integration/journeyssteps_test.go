package integration

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/integration/history"
)

// TestStepsOfADrainingNode sends each step of journeys several times at once, to
// all nodes and edges, while their node drains and comes back: each is answered
// once, by whom it may be, and refused afterwards.
func TestStepsOfADrainingNode(t *testing.T) {
	c := startNet(t, clusterSpec{nodes: 3, directory: true})
	c.answerSteps(t, func(func(*process)) {
		for i := range journeysIn(3, 12) {
			node := c.nodes[i%len(c.nodes)]
			node.drain(rand.N(300 * time.Millisecond))
			node.stop()
			node.start()
		}
	})
}

// TestStepsOfKilledNodes does the same with nodes that are killed, whose
// journeys others take over: with each kill one older step is answered again, at
// most, and no journey leads to two sessions.
func TestStepsOfKilledNodes(t *testing.T) {
	c := startNet(t, clusterSpec{nodes: 3, directory: true, journeySessions: survives})
	c.answerSteps(t, func(lose func(*process)) {
		for i := range journeysIn(3, 12) {
			node := c.nodes[i%len(c.nodes)]
			time.Sleep(rand.N(time.Second))
			lose(node)
			node.start()
		}
	})
}

// answerSteps lets clients answer steps until it has done what happens
// meanwhile, which may lose nodes, and judges what they were told.
func (c *cluster) answerSteps(t *testing.T, meanwhile func(lose func(*process))) {
	t.Helper()
	h := history.NewRecorder()
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for i := range journeysIn(8, 16) {
		base := c.edge.client("/alpha")
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				c.answerTwice(t, h, base.another(false), fmt.Sprintf("%d.%d", i, n))
			}
		})
	}
	journeys := history.Journey{Steps: len(chosen.way)}
	meanwhile(func(node *process) {
		loss := history.Span{From: h.Now()}
		node.kill()
		loss.To = h.Now()
		journeys.Losses = append(journeys.Losses, loss)
	})
	stop()
	clients.Wait()
	ops := h.Ops()
	outcomes := make(map[history.Outcome]int)
	for _, op := range ops {
		outcomes[op.Outcome]++
	}
	if err := journeys.CheckSteps(ops); err != nil {
		t.Error(err)
	}
	t.Logf("%d answers: %v", len(ops), outcomes)
}

// answerTwice walks a journey whose every step several clients answer at once,
// at any node or edge, and some an older one, and notes what they are told.
func (c *cluster) answerTwice(t *testing.T, h *history.Recorder, client *client, journey string) {
	doors := slices.Concat(c.edges, c.nodes)
	w := &walk{sample: chosen, client: client, user: c.user, to: func() *process { return pick(c.edges) }, again: unserved}
	if err := w.begin(); err != nil {
		t.Error(err)
		return
	}
	token := ""
	been := []walk{*w}
	for {
		twins := []walk{*w, *w, pick(been)}
		var all sync.WaitGroup
		for i := range twins {
			all.Go(func() {
				door := pick(doors)
				op := history.Op{Client: i, Node: door.url, Record: journey, Kind: history.Answer, Value: strconv.Itoa(twins[i].at)}
				h.Do(op, func(op *history.Op) { op.Outcome = twins[i].answerAt(door) })
			})
		}
		all.Wait()
		went := false // if nobody was told: all may have reached a node that ended
		for i := range twins {
			twin := &twins[i]
			if twin.token != "" && token != "" && twin.token != token {
				t.Errorf("journey %s led to two sessions", journey)
			}
			token = cmp.Or(token, twin.token)
			if twin.at > w.at {
				w, went = twin, true
			}
		}
		if been = append(been, *w); token != "" || !went {
			return
		}
	}
}

// answerAt answers the step that the walk is at, and says what came of it. A
// journey that starts again is Gone: what had come to its end in the memory of a
// node that has drained since is known to nobody.
func (w *walk) answerAt(door *process) history.Outcome {
	r, err := w.client.at(door).tryAnswer(w.step, w.way[w.at].answer(w)...)
	switch {
	case err != nil || r.status >= http.StatusInternalServerError:
		return history.Unknown
	case r.status == http.StatusUnauthorized:
		return history.Refused
	}
	if err := w.answered(r, nil); err != nil {
		w.client.t.Error(err)
	}
	if w.restarts+w.repeats > 0 {
		return history.Gone
	}
	return history.Done
}
