package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/store/sealed"
)

// sealedMetrics tell which records were refused because they were not sealed
// for their place.
type sealedMetrics struct{ refused *prometheus.Desc }

func newSealedMetrics() *sealedMetrics {
	return &sealedMetrics{prometheus.NewDesc("amgate_store_records_refused_total",
		"Records that were damaged, moved, forged or sealed with a key that is not listed, by the kind of their key.",
		[]string{"kind"}, nil)}
}

// Describe implements prometheus.Collector.
func (m *sealedMetrics) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m *sealedMetrics) Collect(out chan<- prometheus.Metric) {
	for kind, n := range sealed.Refusals() {
		out <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(n), kind)
	}
}

// Interface guard
var _ prometheus.Collector = (*sealedMetrics)(nil)
