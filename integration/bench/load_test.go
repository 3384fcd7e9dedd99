package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// newApp is the app behind the gateways, and how a site passes requests on to
// it.
func newApp(b *testing.B) (directive string) {
	b.Helper()
	body := strings.Repeat("x", 1024)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	b.Cleanup(app.Close)
	return "reverse_proxy " + strings.TrimPrefix(app.URL, "http://")
}

// freshness is that of a cache whose configuration does not say.
const freshness = 5 * time.Second

// BenchmarkGrace compares a gateway with the rule "grace" whose etcd was killed
// with one whose etcd lives, both with the same number of sessions in their
// caches. One iteration kills the etcd of the one, then of the other; each time
// there are three rounds of one second for each, in turn. It reports the
// medians of the ratios; a request that is not answered with 200 ends it.
func BenchmarkGrace(b *testing.B) {
	binary, app := buildBinary(b), newApp(b)
	var sites [2]*cluster
	var cookies [2][]string
	for i := range sites {
		sites[i] = newCluster(b, binary, 1)
		cookies[i] = sites[i].addWith(b, "outage grace 1h", app).signIn(b)
	}
	var throughput, processor []float64
	var back []time.Duration
	for b.Loop() {
		for i, site := range sites {
			other := sites[1-i].gateways[0]
			gateway := site.gateways[0]
			gateway.load(b, cookies[i])
			site.etcd.Kill(0)
			time.Sleep(freshness + time.Second) // now nothing proves the cache fresh
			for range 3 {
				killed, lives := gateway.load(b, cookies[i]), other.load(b, cookies[1-i])
				throughput = append(throughput, killed.rate/lives.rate)
				processor = append(processor, killed.cpu/lives.cpu)
			}
			site.etcd.Start(0)
			began := time.Now()
			for !gateway.logsIn() {
				time.Sleep(10 * time.Millisecond)
			}
			back = append(back, time.Since(began))
		}
	}
	b.ReportMetric(median(throughput), "throughput/etcd-alive")
	b.ReportMetric(median(processor), "cpu/etcd-alive")
	percentiles(b, back, "recovery")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkForgedFlood floods a gateway with tokens whose MAC is wrong, and
// compares that with the same binary as a bare reverse proxy, and requests with
// sessions that half of the connections send beside the flood with the same
// requests alone. One iteration is a round of one second for each. It reports
// the medians of the ratios, and how often etcd was read for a forged token,
// what proves the cache fresh included.
func BenchmarkForgedFlood(b *testing.B) {
	app := newApp(b)
	site := newCluster(b, buildBinary(b), 1)
	gateway := site.addWith(b, "", app)
	bare := start(b, site.binary, "bare", "", "\t"+app+"\n")
	cookies := gateway.signIn(b)
	forged := make([]string, len(cookies))
	for i, cookie := range cookies {
		forged[i] = forge(cookie)
	}
	const half = connections / 2
	var throughput, processor, share, reads []float64
	for b.Loop() {
		base := bare.load(b, cookies)
		before := site.reads(b)
		flood := gateway.flood(b, forged, connections, http.StatusUnauthorized)
		reads = append(reads, (site.reads(b)-before)/flood.done)
		alone := gateway.flood(b, cookies, half, http.StatusOK)
		var beside result
		var both sync.WaitGroup
		both.Go(func() { gateway.flood(b, forged, half, http.StatusUnauthorized) })
		both.Go(func() { beside = gateway.flood(b, cookies, half, http.StatusOK) })
		both.Wait()
		throughput = append(throughput, flood.rate/base.rate)
		processor = append(processor, flood.cpu/base.cpu)
		after := gateway.flood(b, cookies, half, http.StatusOK)
		share = append(share, beside.rate/((alone.rate+after.rate)/4))
	}
	b.ReportMetric(median(throughput), "forged-throughput/bare")
	b.ReportMetric(median(processor), "forged-cpu/bare")
	b.ReportMetric(median(share), "valid/share")
	b.ReportMetric(median(reads), "etcd-reads/forged")
	b.ReportMetric(0, "ns/op")
}

// forge changes a character in the middle of a cookie's token.
func forge(cookie string) string {
	bad := []byte(cookie)
	at := (strings.IndexByte(cookie, '=') + len(cookie)) / 2
	if bad[at]++; bad[at] > 'z' {
		bad[at] = 'a'
	}
	return string(bad)
}

// BenchmarkTouching compares a gateway that notes in each round, once for each
// of many sessions, that it was used, with one that does so once a minute, so
// in few of the rounds. One iteration is a round of one second for each, and a
// pause. It reports the medians of the ratios, how often an access is written
// in the time in which it should be once at most, how many a transaction
// writes, and how many requests there are for each.
func BenchmarkTouching(b *testing.B) {
	const (
		many = 120
		// With this idle time a last access is written every five seconds.
		idle, resolution = "10s", 5 * time.Second
	)
	app := newApp(b)
	site := newCluster(b, buildBinary(b), 1)
	off := site.addWith(b, "", app)
	cookies := off.signInMany(b, many)
	on := site.addWith(b, "idle_timeout "+idle, app)
	noted := on.signInMany(b, many)
	on.load(b, noted)
	var throughput, processor []float64
	var touches, commits, due, requests float64
	for b.Loop() {
		began := time.Now()
		without := off.load(b, cookies)
		time.Sleep(resolution - time.Since(began))
		puts, revision := site.puts(b), site.etcd.Revision(0)
		with := on.load(b, noted)
		time.Sleep(time.Second) // until the last of them is written
		touches += site.puts(b) - puts
		commits += float64(site.etcd.Revision(0) - revision)
		requests += with.done
		due += many * max(1, float64(time.Since(began))/float64(resolution))
		throughput = append(throughput, with.rate/without.rate)
		processor = append(processor, with.cpu/without.cpu)
	}
	b.ReportMetric(median(throughput), "throughput/off")
	b.ReportMetric(median(processor), "cpu/off")
	b.ReportMetric(touches/due, "touches/due")
	b.ReportMetric(touches/commits, "touches/commit")
	b.ReportMetric(requests/touches, "requests/touch")
	b.ReportMetric(0, "ns/op")
}

// reads is how many keys or ranges etcd was asked for; puts is how many it has
// written.
func (c *cluster) reads(b *testing.B) float64 {
	b.Helper()
	return c.metric(b, "etcd_mvcc_range_total")
}

func (c *cluster) puts(b *testing.B) float64 {
	b.Helper()
	return c.metric(b, "etcd_mvcc_put_total")
}

// metric is one of the numbers that the first member publishes.
func (c *cluster) metric(b *testing.B, name string) float64 {
	b.Helper()
	resp, err := http.Get(c.etcd.Endpoints()[0] + "/metrics")
	must(b, err)
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			must(b, err)
			return value
		}
	}
	b.Fatal(fmt.Errorf("etcd has no metric %s", name))
	return 0
}
