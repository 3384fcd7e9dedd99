package caddymodule

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/reaper"
)

// sweepMetrics tell what the reapers and the outboxes of this process did:
// those of the backends that are open, one, or for a while two when a
// configuration has changed the store, and of those that were.
type sweepMetrics struct {
	mu   sync.Mutex
	open []*backend
	past work

	leading, sweeps, last, removed, spared *prometheus.Desc
	notices, oldest, deliveries            *prometheus.Desc
}

func newSweepMetrics() *sweepMetrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("amgate_"+name, help, labels, nil)
	}
	return &sweepMetrics{
		leading: describe("reaper_leading", "1 if this node is the one that sweeps the store, else 0."),
		sweeps:  describe("reaper_sweeps_total", "Sweeps of the store that this node has finished."),
		last:    describe("reaper_last_sweep_seconds", "How long the last sweep of this node took."),
		removed: describe("reaper_removed_total",
			"What this node's sweeps removed, by the kind of its key and why: deadline, idle, max, foreign or alone.",
			"kind", "reason"),
		spared: describe("reaper_spared_total", "What a sweep was about to remove when it changed."),
		notices: describe("outbox_notices",
			"Notices in the store, those being delivered included, when this node last looked."),
		oldest: describe("outbox_oldest_seconds", "Age of the oldest notice in the store, 0 if there is none."),
		deliveries: describe("outbox_deliveries_total",
			"Tries of this node to deliver notices, by what came of them: delivered, retried or failed.", "outcome"),
	}
}

// Describe implements prometheus.Collector.
func (m *sweepMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.leading, m.sweeps, m.last, m.removed, m.spared, m.notices, m.oldest, m.deliveries,
	} {
		out <- d
	}
}

// opened has b counted.
func (m *sweepMetrics) opened(b *backend) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = append(m.open, b)
}

// closed keeps what b has counted, once it counts no more.
func (m *sweepMetrics) closed(b *backend) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.Index(m.open, b)
	if at < 0 {
		return
	}
	m.open = slices.Delete(m.open, at, at+1)
	last := b.work()
	last.swept.Leading, last.swept.LastSweep, last.told.Backlog = false, 0, outbox.Backlog{}
	m.past.add(last)
}

// Collect implements prometheus.Collector.
func (m *sweepMetrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var done work
	done.add(m.past)
	for _, b := range m.open {
		done.add(b.work())
	}
	m.tell(out, done)
}

func (m *sweepMetrics) tell(out chan<- prometheus.Metric, done work) {
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	leading := 0.0
	if done.swept.Leading {
		leading = 1
	}
	gauge(m.leading, leading)
	count(m.sweeps, done.swept.Sweeps)
	gauge(m.last, done.swept.LastSweep.Seconds())
	for class, n := range done.swept.Removed {
		count(m.removed, n, class.Kind, class.Reason)
	}
	count(m.spared, done.swept.Spared)
	gauge(m.notices, float64(done.told.Backlog.Notices))
	age := 0.0
	if !done.told.Backlog.Oldest.IsZero() {
		age = max(0, time.Since(done.told.Backlog.Oldest).Seconds())
	}
	gauge(m.oldest, age)
	count(m.deliveries, done.told.Delivered, "delivered")
	count(m.deliveries, done.told.Retried, "retried")
	count(m.deliveries, done.told.Failed, "failed")
}

// work is what a backend did, or what several did.
type work struct {
	swept reaper.Stats
	told  outbox.Stats
}

func (b *backend) work() (done work) {
	if b.Reaper != nil {
		done.swept = b.Reaper.Stats()
	}
	done.told = b.Outbox.Stats()
	return done
}

func (w *work) add(more work) {
	w.addSwept(more.swept)
	w.addTold(more.told)
}

func (w *work) addSwept(s reaper.Stats) {
	w.swept.Leading = w.swept.Leading || s.Leading
	w.swept.Sweeps += s.Sweeps
	w.swept.LastSweep = max(w.swept.LastSweep, s.LastSweep)
	w.swept.Spared += s.Spared
	if w.swept.Removed == nil {
		w.swept.Removed = make(map[reaper.Class]uint64)
	}
	for class, n := range s.Removed {
		w.swept.Removed[class] += n
	}
}

// addTold adds what an outbox told. Backlogs may be of one store, and are not
// added up: the larger one counts.
func (w *work) addTold(s outbox.Stats) {
	w.told.Delivered += s.Delivered
	w.told.Retried += s.Retried
	w.told.Failed += s.Failed
	if s.Backlog.Notices > w.told.Backlog.Notices {
		w.told.Backlog = s.Backlog
	}
}

// Interface guard
var _ prometheus.Collector = (*sweepMetrics)(nil)
