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
	swept, told := sums()
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	leading := 0.0
	if swept.Leading {
		leading = 1
	}
	gauge(m.leading, leading)
	count(m.sweeps, swept.Sweeps)
	gauge(m.last, swept.LastSweep.Seconds())
	for class, n := range swept.Removed {
		count(m.removed, n, class.Kind, class.Reason)
	}
	count(m.spared, swept.Spared)
	gauge(m.notices, float64(told.Backlog.Notices))
	age := 0.0
	if !told.Backlog.Oldest.IsZero() {
		age = max(0, time.Since(told.Backlog.Oldest).Seconds())
	}
	gauge(m.oldest, age)
	count(m.deliveries, told.Delivered, "delivered")
	count(m.deliveries, told.Retried, "retried")
	count(m.deliveries, told.Failed, "failed")
}

// sums adds up what the open backends did.
func sums() (swept reaper.Stats, told outbox.Stats) {
	swept.Removed = make(map[reaper.Class]uint64)
	for b := range working.Range {
		b := b.(*backend)
		if b.Reaper != nil {
			s := b.Reaper.Stats()
			swept.Leading = swept.Leading || s.Leading
			swept.Sweeps += s.Sweeps
			swept.LastSweep = max(swept.LastSweep, s.LastSweep)
			swept.Spared += s.Spared
			for class, n := range s.Removed {
				swept.Removed[class] += n
			}
		}
		o := b.Outbox.Stats()
		told.Delivered += o.Delivered
		told.Retried += o.Retried
		told.Failed += o.Failed
		if o.Backlog.Notices > told.Backlog.Notices {
			told.Backlog = o.Backlog
		}
	}
	return swept, told
}

// Interface guard
var _ prometheus.Collector = (*sweepMetrics)(nil)
