package caddymodule

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/store/etcd/embedded"
)

// embeddedMetrics tell how much room the embedded stores take up.
type embeddedMetrics struct{ size, inUse, quota, nearly *prometheus.Desc }

func newEmbeddedMetrics() *embeddedMetrics {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("amgate_embedded_store_"+name, help, []string{"folder"}, nil)
	}
	return &embeddedMetrics{
		size:   describe("size_bytes", "Size of the embedded store's data file."),
		inUse:  describe("in_use_bytes", "How much of the embedded store's data file holds something."),
		quota:  describe("quota_bytes", "Size at which the embedded store refuses every write."),
		nearly: describe("nearly_full", "1 if the embedded store has come to 60 % of its quota, else 0."),
	}
}

// Describe implements prometheus.Collector. Where no store is embedded nothing
// is collected, so the descriptions cannot come from that.
func (m *embeddedMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.size, m.inUse, m.quota, m.nearly} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *embeddedMetrics) Collect(out chan<- prometheus.Metric) {
	for server, folder := range embeddedServers.Range {
		m.tell(out, folder.(string), server.(*embedded.Server).Usage())
	}
}

func (m *embeddedMetrics) tell(out chan<- prometheus.Metric, folder string, u embedded.Usage) {
	gauge := func(d *prometheus.Desc, v int64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), folder)
	}
	gauge(m.size, u.Size)
	gauge(m.inUse, u.InUse)
	gauge(m.quota, u.Quota)
	var nearly int64
	if u.Nearly() {
		nearly = 1
	}
	gauge(m.nearly, nearly)
}

// Interface guards
var _ prometheus.Collector = (*embeddedMetrics)(nil)
