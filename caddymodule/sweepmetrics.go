package caddymodule

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/reaper"
)

// working are the backends of this process that are open: one, or for a while
// two when a configuration has changed the store. Metrics look at them here,
// because they belong to no configuration.
var working sync.Map // of *backend

// sweepMetrics tell what the reaper and the outbox of this process did.
type sweepMetrics struct {
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

// Collect implements prometheus.Collector.
func (m *sweepMetrics) Collect(out chan<- prometheus.Metric) {
	done := work{swept: reaper.Stats{Removed: make(map[reaper.Class]uint64)}}
	for b := range working.Range {
		b := b.(*backend)
		if b.Reaper != nil {
			done.addSwept(b.Reaper.Stats())
		}
		done.addTold(b.Outbox.Stats())
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

// work is what the open backends did, added up.
type work struct {
	swept reaper.Stats
	told  outbox.Stats
}

func (w *work) addSwept(s reaper.Stats) {
	w.swept.Leading = w.swept.Leading || s.Leading
	w.swept.Sweeps += s.Sweeps
	w.swept.LastSweep = max(w.swept.LastSweep, s.LastSweep)
	w.swept.Spared += s.Spared
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
