package bench

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkDrain measures how long it takes to hand over a thousand journeys
// of a node in a cluster of two, which have no time to finish, on an etcd of
// three members; and the first step of each at the other node afterwards.
func BenchmarkDrain(b *testing.B) {
	c := newCluster(b, buildBinary(b), 3)
	other := c.addNode(b, "in_memory").dial(b)
	var took, taking []time.Duration
	for b.Loop() {
		node := c.addNode(b, "in_memory")
		time.Sleep(3 * time.Second) // until they know each other
		journeys := node.beginMany(b, 1000)
		took = append(took, node.drain(b))
		must(b, syscall.Kill(node.pid, syscall.SIGKILL))
		for i := range journeys {
			began := time.Now()
			_, err := other.answer(journeys[i])
			taking = append(taking, time.Since(began))
			must(b, err)
		}
	}
	b.ReportMetric(median(seconds(took)), "drain-s")
	percentiles(b, taking, "next-step")
	b.ReportMetric(0, "ns/op")
}

func seconds(ds []time.Duration) []float64 {
	all := make([]float64, len(ds))
	for i, d := range ds {
		all[i] = d.Seconds()
	}
	return all
}

// drain drains a node at once, by its admin API, and returns how long that took.
func (p *proxy) drain(b *testing.B) time.Duration {
	b.Helper()
	admin := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.admin)
	}}}
	defer admin.CloseIdleConnections()
	const path = "http://admin/am/node/drain"
	began := time.Now()
	resp, err := admin.Post(path, "application/json", strings.NewReader(`{"timeout": "0s"}`))
	for {
		must(b, err)
		var state struct {
			Drained    bool
			HandedOver int
		}
		err = json.NewDecoder(resp.Body).Decode(&state)
		resp.Body.Close()
		must(b, err)
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("the admin API answers %s", resp.Status)
		}
		if state.Drained {
			if state.HandedOver != 1000 {
				b.Fatalf("%d journeys were handed over", state.HandedOver)
			}
			return time.Since(began)
		}
		time.Sleep(time.Millisecond)
		resp, err = admin.Get(path)
	}
}
