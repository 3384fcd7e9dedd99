package bench

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// BenchmarkSurvival compares a step of a journey in memory whose authId carries
// a checkpoint with one whose does not: processor time, allocations, what they
// ask of the store, and the authId's size. One iteration is a round of one
// second for each.
func BenchmarkSurvival(b *testing.B) {
	plain := newLoneStep(b, string(realm.JourneysInMemory), realmtest.NewStore(b))
	survives := newLoneStepWith(b, realm.Settings{JourneySessions: realm.JourneysInMemory, SurviveNodeLoss: true}, realmtest.NewStore(b))
	var without, with, more []float64
	var cost, costWithout stepCost
	for b.Loop() {
		costWithout, cost = plain.round(b), survives.round(b)
		without, with, more = append(without, costWithout.cpu*1e6), append(with, cost.cpu*1e6), append(more, (cost.cpu-costWithout.cpu)*1e6)
	}
	b.ReportMetric(median(without), "without-µs")
	b.ReportMetric(median(with), "with-µs")
	b.ReportMetric(median(more), "checkpoint-µs")
	b.ReportMetric(cost.allocs-costWithout.allocs, "checkpoint-allocs")
	b.ReportMetric(float64(survives.authID(b)-plain.authID(b)), "checkpoint-B")
	b.ReportMetric(float64(survives.authID(b)), "authId-B")
	b.ReportMetric(cost.reads, "reads")
	b.ReportMetric(cost.commits, "commits")
	b.ReportMetric(0, "ns/op")
}

// authID is how long the authId of the step is, in bytes.
func (l *loneStep) authID(b *testing.B) int {
	b.Helper()
	var s step
	must(b, json.Unmarshal(l.reply.Body.Bytes(), &s))
	return len(s.AuthID)
}

const survives = "in_memory {\n\t\t\tsurvive_node_loss\n\t\t}"

// BenchmarkTakeOver kills a node with a hundred journeys and sends their next
// steps to another one, which takes them over. It measures how long that takes
// each, one after the other, and the step after it, which is one like any
// other.
func BenchmarkTakeOver(b *testing.B) {
	c := newCluster(b, buildBinary(b), 3)
	taker := c.addNode(b, survives).dial(b)
	var taking, after []time.Duration
	for b.Loop() {
		victim := c.addNode(b, survives)
		time.Sleep(3 * time.Second) // until they know each other
		journeys := victim.beginMany(b, 100)
		must(b, syscall.Kill(victim.pid, syscall.SIGKILL))
		for {
			open, err := dial(victim.addr)
			if err != nil {
				break
			}
			open.Close()
		}
		for _, took := range []*[]time.Duration{&taking, &after} {
			for i := range journeys {
				began := time.Now()
				var err error
				journeys[i], err = taker.answer(journeys[i])
				*took = append(*took, time.Since(began))
				must(b, err)
			}
		}
	}
	percentiles(b, taking, "taken-over")
	percentiles(b, after, "step-after")
	b.ReportMetric(0, "ns/op")
}

// beginMany begins journeys at a node and returns their first steps.
func (p *proxy) beginMany(b *testing.B, n int) []step {
	b.Helper()
	steps := make([]step, n)
	var all errgroup.Group
	const several = 8
	for w := range several {
		c := p.dial(b)
		all.Go(func() (err error) {
			for i := w; i < n && err == nil; i += several {
				steps[i], err = c.post(loopPath, []byte("{}"))
			}
			return err
		})
	}
	must(b, all.Wait())
	return steps
}
