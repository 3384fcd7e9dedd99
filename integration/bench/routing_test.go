package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	amcluster "github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/storetest/etcdproc"
)

// loopPath begins the journey Loop.
const loopPath = "/am/json/realms/root/authenticate?authIndexType=service&authIndexValue=Loop"

// addNode starts a node whose journeys are in memory, with further options. It
// knows the others.
func (c *cluster) addNode(b *testing.B, scheme string) *proxy {
	b.Helper()
	name := fmt.Sprintf("am-%d", len(c.gateways)+1)
	p := start(b, c.binary, name, fmt.Sprintf(`	am {
		node %s {
			advertise http://{$ADDR}
		}
		store etcd %s
		signing_key %s
		identities file users.yaml
		journey_sessions %s
		%s
	}
`, name, strings.Join(c.etcd.Endpoints(), " "), c.key, scheme, loopJourney), "\tam_server /am/*\n")
	c.gateways = append(c.gateways, p)
	return p
}

// BenchmarkOwnerHop measures how much longer a step takes that reaches a node
// which has to pass it on to the one that has the journey. One iteration is a
// step sent to the owner and the next one to the other node, each over its own
// connection, one after the other.
func BenchmarkOwnerHop(b *testing.B) {
	c := newCluster(b, buildBinary(b), 3)
	owner, other := c.addNode(b, "in_memory").dial(b), c.addNode(b, "in_memory").dial(b)
	time.Sleep(3 * time.Second) // until they know each other
	step, err := owner.post(loopPath, []byte("{}"))
	must(b, err)
	var straight, passedOn, more []time.Duration
	for b.Loop() {
		var took [2]time.Duration
		for i, c := range []*conn{owner, other} {
			began := time.Now()
			step, err = c.answer(step)
			took[i] = time.Since(began)
			must(b, err)
		}
		straight, passedOn, more = append(straight, took[0]), append(passedOn, took[1]), append(more, took[1]-took[0])
	}
	percentiles(b, straight, "straight")
	percentiles(b, passedOn, "passed-on")
	percentiles(b, more, "hop")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDirectoryChange measures how long after a node came, drains, drains
// no more, and left the last of five edges knows it, on an etcd of three
// members. One iteration is all four.
func BenchmarkDirectoryChange(b *testing.B) {
	c := etcdproc.Start(b, etcdproc.Options{Members: 3})
	router := affinity.New([32]byte{1})
	join := func(address string) *amcluster.Directory {
		remote, err := etcd.New(etcd.Config{Endpoints: c.Endpoints(), Prefix: "/am", Timeout: 2 * time.Second})
		must(b, err)
		b.Cleanup(func() { remote.Close() })
		d := amcluster.New(amcluster.Config{Store: remote})
		b.Cleanup(d.Close)
		d.Use(amcluster.Identity{Key: [32]byte{2}, Router: router, Self: amcluster.Node{Name: address, Address: address}})
		return d
	}
	var edges []*amcluster.Directory
	for range 5 {
		edges = append(edges, join(""))
	}
	join("am-0:80")
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		address := fmt.Sprintf("am-%d:80", n+1)
		var node *amcluster.Directory
		for _, change := range []struct {
			make func()
			seen func(amcluster.Member, bool) bool
		}{
			{func() { node = join(address) }, func(_ amcluster.Member, there bool) bool { return there }},
			{func() { node.Drain(true) }, func(m amcluster.Member, _ bool) bool { return m.Draining }},
			{func() { node.Drain(false) }, func(m amcluster.Member, _ bool) bool { return !m.Draining }},
			{func() { node.Close() }, func(_ amcluster.Member, there bool) bool { return !there }},
		} {
			began := time.Now()
			change.make()
			for _, edge := range edges {
				for {
					if change.seen(edge.View().At(address)) {
						break
					}
					if time.Since(began) > time.Minute {
						b.Fatal("an edge does not hear of a change within a minute")
					}
					time.Sleep(100 * time.Microsecond)
				}
			}
			took = append(took, time.Since(began))
		}
	}
	percentiles(b, took, "seen")
	b.ReportMetric(0, "ns/op")
}
