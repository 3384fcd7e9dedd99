package caddymodule

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/realm"
)

// metrics are those of this process, on Caddy's /metrics. Each configuration
// has a registry of its own, so the collectors lie in the pool and are
// registered with every registry: a reload does not set them back. All labels
// come from configurations, never from a client.
type metrics struct {
	started, ended, refused, moved, handed, visits, delivered, counts *prometheus.CounterVec
	took, decided, timed                                              *prometheus.HistogramVec
	cache                                                             *cacheMetrics
	sweep                                                             *sweepMetrics
	collectors                                                        []prometheus.Collector
}

// The upper ends of the histograms' buckets, in seconds: of what people do, and
// of what a node does while a client waits.
var (
	humanTime = []float64{0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1800}
	nodeTime  = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5}
)

func newMetrics(memory *journeyMemory) *metrics {
	m := &metrics{cache: newCacheMetrics(), sweep: newSweepMetrics()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "amgate", Name: name, Help: help}, labels)
		m.collectors = append(m.collectors, c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "amgate", Name: name, Help: help, Buckets: buckets,
		}, labels)
		m.collectors = append(m.collectors, h)
		return h
	}
	m.started = counter("journeys_started_total", "Journeys that asked or decided something.",
		"realm", "journey", "scheme")
	m.ended = counter("journeys_ended_total", "Journeys that ended, by how: succeeded, failed or error.",
		"realm", "journey", "scheme", "outcome")
	m.took = histogram("journey_duration_seconds", "How long journeys took from their start to their end.",
		humanTime, "realm", "journey", "scheme", "outcome")
	m.refused = counter("steps_refused_total",
		"Answers that no journey got to see, by why: expired, used, foreign, lost, signature, malformed or not_suspended.",
		"realm", "scheme", "reason")
	m.moved = counter("journeys_moved_total",
		"In-memory journeys that this node went on with after another one, by how: handed_over, or taken_over when it was lost.",
		"realm", "how")
	m.handed = counter("journeys_handed_over_total", "Journeys in memory that a drain has written to the store.", "realm")
	m.visits = counter("node_visits_total", "Visits of nodes, by the outcome they chose, or asked, suspended or error.",
		"realm", "journey", "node_type", "outcome")
	m.decided = histogram("node_duration_seconds", "How long nodes took to decide.", nodeTime, "realm", "node_type")
	m.delivered = counter("deliveries_total", "Links of suspended journeys sent and webhooks called, or failed to be, or retried.",
		"realm", "kind", "outcome")
	m.counts = counter("journey_meter_total", "What Meter nodes counted, by their metric key.", "realm", "key")
	m.timed = histogram("journey_timer_seconds", "What Timer nodes timed, by their metric key.", humanTime, "realm", "key")
	m.collectors = append(m.collectors,
		m.cache, newMemoryMetrics(memory), newEmbeddedMetrics(), newSealedMetrics(), m.sweep)
	return m
}

// Destruct has nothing to close.
func (*metrics) Destruct() error { return nil }

func takeMetrics(taken *releaser, memory *journeyMemory) (*metrics, error) {
	return take(taken, "metrics", func() (*metrics, error) { return newMetrics(memory), nil })
}

// register makes the metrics part of a configuration's /metrics.
func (m *metrics) register(with prometheus.Registerer) error {
	for _, c := range m.collectors {
		if err := with.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// JourneyStarted implements realm.Metrics.
func (m *metrics) JourneyStarted(realm, journey, scheme string) {
	m.started.WithLabelValues(realm, journey, scheme).Inc()
}

// JourneyEnded implements realm.Metrics.
func (m *metrics) JourneyEnded(realm, journey, scheme, how string, took time.Duration) {
	m.ended.WithLabelValues(realm, journey, scheme, how).Inc()
	m.took.WithLabelValues(realm, journey, scheme, how).Observe(took.Seconds())
}

// StepRefused implements realm.Metrics.
func (m *metrics) StepRefused(realm, scheme, why string) {
	m.refused.WithLabelValues(realm, scheme, why).Inc()
}

// JourneyMoved implements realm.Metrics.
func (m *metrics) JourneyMoved(realm, how string) { m.moved.WithLabelValues(realm, how).Inc() }

// Delivered implements realm.Metrics.
func (m *metrics) Delivered(realm, what, how string) {
	m.delivered.WithLabelValues(realm, what, how).Inc()
}

// JourneysHandedOver implements realm.Metrics.
func (m *metrics) JourneysHandedOver(realm string, n int) {
	m.handed.WithLabelValues(realm).Add(float64(n))
}

// NodeVisited implements realm.Metrics.
func (m *metrics) NodeVisited(realm, journey, nodeType, how string, took time.Duration) {
	m.visits.WithLabelValues(realm, journey, nodeType, how).Inc()
	m.decided.WithLabelValues(realm, nodeType).Observe(took.Seconds())
}

// Count implements realm.Metrics.
func (m *metrics) Count(realm, name string) { m.counts.WithLabelValues(realm, name).Inc() }

// Time implements realm.Metrics.
func (m *metrics) Time(realm, name string, took time.Duration) {
	m.timed.WithLabelValues(realm, name).Observe(took.Seconds())
}

// memoryMetrics tell of the journeys in memory, and whether they are to go.
type memoryMetrics struct {
	memory                             *journeyMemory
	journeys, bytes, evicted, draining *prometheus.Desc
}

func newMemoryMetrics(memory *journeyMemory) *memoryMetrics {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("amgate_"+name, help, nil, nil)
	}
	return &memoryMetrics{
		memory:   memory,
		journeys: describe("journey_memory_journeys", "Unfinished journeys in memory."),
		bytes:    describe("journey_memory_bytes", "About what journeys in memory take up, finished ones included."),
		evicted:  describe("journey_memory_evicted_total", "Unfinished journeys that had to give way to others."),
		draining: describe("node_draining", "1 while this node takes no new journeys, drained or not; else 0."),
	}
}

// Describe implements prometheus.Collector.
func (t *memoryMetrics) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(t, out) }

// Collect implements prometheus.Collector.
func (t *memoryMetrics) Collect(out chan<- prometheus.Metric) {
	stats, draining := t.memory.table.Stats(), 0.0
	if t.memory.drainer.Status().Draining {
		draining = 1
	}
	out <- prometheus.MustNewConstMetric(t.journeys, prometheus.GaugeValue, float64(stats.Journeys))
	out <- prometheus.MustNewConstMetric(t.bytes, prometheus.GaugeValue, float64(stats.Bytes))
	out <- prometheus.MustNewConstMetric(t.evicted, prometheus.CounterValue, float64(stats.Evicted))
	out <- prometheus.MustNewConstMetric(t.draining, prometheus.GaugeValue, draining)
}

// Interface guards
var (
	_ realm.Metrics        = (*metrics)(nil)
	_ prometheus.Collector = (*memoryMetrics)(nil)
)
