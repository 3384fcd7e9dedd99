package caddymodule

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/store/cache"
)

// cacheMetrics tell of the process's cache. There is one, or for a while two
// when a configuration has changed its settings: they count on the same
// counters, and the gauges are those of the newer.
type cacheMetrics struct {
	counters cache.Counters
	mu       sync.Mutex
	open     []*cache.Cache // oldest first

	lookups, reads, evictions, proofs, watches, panics, large *prometheus.Desc
	entries, held, bytes, limit, fresh, age                   *prometheus.Desc
}

func newCacheMetrics() *cacheMetrics {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("amgate_cache_"+name, help, labels, nil)
	}
	return &cacheMetrics{
		lookups: describe("lookups_total", "Look-ups of sessions, by what answered them: hit, grace, miss, stale, strict or busy.",
			"result"),
		reads: describe("reads_total", "Reads that the cache made of the store, by what they asked for: lagging or linearizable; "+
			"shared are look-ups that waited for another's.", "freshness"),
		evictions: describe("evictions_total", "Records that were dropped, by why: changed, size, age or emptied.", "reason"),
		proofs:    describe("proofs_total", "How often the cache was proven fresh."),
		watches: describe("watches_total", "How often the watch of the store began, by which the cache hears of changes: once, and again after "+
			"each time that it ended."),
		panics:  describe("panics_total", "Panics in the cache, each of which was a miss and emptied it."),
		large:   describe("too_large_total", "Records that were not cached because they are larger than a part of the cache."),
		entries: describe("entries", "Records in the cache."),
		held:    describe("held_records", "Records that are all held in memory: ends of sessions that their clients carry."),
		bytes:   describe("bytes", "Memory that the cache has reserved for records."),
		limit:   describe("limit_bytes", "How much memory the cache may reserve for records."),
		fresh:   describe("fresh", "1 if the cache is proven fresh and in use, else 0."),
		age:     describe("proof_age_seconds", "How long ago the last proof began that the cache is fresh."),
	}
}

// opened makes c the cache that the gauges tell of.
func (m *cacheMetrics) opened(c *cache.Cache) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = append(m.open, c)
}

// closed undoes opened.
func (m *cacheMetrics) closed(c *cache.Cache) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = slices.DeleteFunc(m.open, func(other *cache.Cache) bool { return other == c })
}

// state is how the newest cache is, if there is one.
func (m *cacheMetrics) state() (state cache.State, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.open) == 0 {
		return cache.State{}, false
	}
	return m.open[len(m.open)-1].State(), true
}

// Describe implements prometheus.Collector. Before a cache is open there are
// no gauges to be had, so the descriptions cannot come from Collect.
func (m *cacheMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.lookups, m.reads, m.evictions, m.proofs, m.watches, m.panics, m.large, m.entries, m.held, m.bytes, m.limit, m.fresh, m.age,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *cacheMetrics) Collect(out chan<- prometheus.Metric) {
	m.tellCounts(out, m.counters.Stats())
	if state, ok := m.state(); ok {
		m.tellState(out, state)
	}
}

func (m *cacheMetrics) tellCounts(out chan<- prometheus.Metric, s cache.Stats) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(m.lookups, s.Hits, "hit")
	count(m.lookups, s.Graces, "grace")
	count(m.lookups, s.Misses, "miss")
	count(m.lookups, s.Stales, "stale")
	count(m.lookups, s.Stricts, "strict")
	count(m.lookups, s.Busy, "busy")
	count(m.reads, s.Reads, "lagging")
	count(m.reads, s.FreshReads, "linearizable")
	count(m.reads, s.Joined, "shared")
	count(m.evictions, s.Evicted, "changed")
	count(m.evictions, s.Displaced, "size")
	count(m.evictions, s.Aged, "age")
	count(m.evictions, s.Dropped, "emptied")
	count(m.proofs, s.Proofs)
	count(m.watches, s.Watches)
	count(m.panics, s.Panics)
	count(m.large, s.TooLarge)
}

func (m *cacheMetrics) tellState(out chan<- prometheus.Metric, state cache.State) {
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	gauge(m.entries, float64(state.Entries))
	gauge(m.held, float64(state.Held))
	gauge(m.bytes, float64(state.Bytes))
	gauge(m.limit, float64(state.MaxBytes))
	var fresh float64
	if state.Proven {
		fresh = 1
	}
	gauge(m.fresh, fresh)
	gauge(m.age, state.Age.Seconds())
}

// Interface guard
var _ prometheus.Collector = (*cacheMetrics)(nil)
