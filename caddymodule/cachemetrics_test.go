package caddymodule

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
)

// What caches counted goes on over a reload, also over one that makes another
// cache, under labels that nobody can add to.
func TestCacheMetrics(t *testing.T) {
	var client *http.Client
	count := func(name string) float64 { t.Helper(); return mustFloat(t, scrape(t, client)["amgate_cache_"+name]) }
	const misses, stales, linearizable = `lookups_total{result="miss"}`, `lookups_total{result="stale"}`, `reads_total{freshness="linearizable"}`
	var asked, read float64
	for generation, sizeMiB := range []int{3, 3, 5} {
		socket := newSocket(t)
		client = visitor(t, socket)
		if err := run(t, fmt.Sprintf(`{%s, "cache": {"size_mib": %d}}`, recordedOne, sizeMiB), site(socket)); err != nil {
			t.Fatal(err)
		}
		if generation == 0 { // other tests of the process may have counted before
			asked, read = count(misses)+count(stales), count(linearizable)
		}
		for range 7 {
			_, _, _ = running(t).backend.Store.Get(t.Context(), "s/none", store.Any)
		}
		asked += 7
		if got := count(misses) + count(stales); got != asked {
			t.Errorf("generation %d: %v look-ups, want %v", generation, got, asked)
		}
		if got := count(linearizable); got < read+7 {
			t.Errorf("generation %d: %v linearizable reads, want at least %v", generation, got, read+7)
		}
		read = count(linearizable)
		if got := count("limit_bytes"); got != float64(sizeMiB<<20) {
			t.Errorf("generation %d: limit %v", generation, got)
		}
	}
	var labels []string
	for name := range maps.Keys(scrape(t, client)) {
		if label, ok := strings.CutPrefix(name, "amgate_cache_"); ok {
			labels = append(labels, label)
		}
	}
	slices.Sort(labels)
	want := []string{
		"bytes", "entries",
		`evictions_total{reason="age"}`, `evictions_total{reason="changed"}`,
		`evictions_total{reason="emptied"}`, `evictions_total{reason="size"}`,
		"fresh", "held_records", "limit_bytes",
		`lookups_total{result="busy"}`, `lookups_total{result="grace"}`, `lookups_total{result="hit"}`,
		`lookups_total{result="miss"}`, `lookups_total{result="stale"}`, `lookups_total{result="strict"}`,
		"panics_total", "proof_age_seconds", "proofs_total",
		`reads_total{freshness="lagging"}`, `reads_total{freshness="linearizable"}`, `reads_total{freshness="shared"}`,
		"too_large_total", "watches_total",
	}
	if !slices.Equal(labels, want) {
		t.Errorf("there are %q", labels)
	}
}

// Each number stands under its own name.
func TestCacheMetricsAreNotMixedUp(t *testing.T) {
	m := newCacheMetrics()
	wantTold(t, func(out chan<- prometheus.Metric) {
		m.tellCounts(out, cache.Stats{
			Hits: 1, Graces: 2, Misses: 3, Stales: 4, Stricts: 5, Busy: 6, Reads: 7, FreshReads: 8, Joined: 9,
			Evicted: 10, Displaced: 11, Aged: 12, Dropped: 13, Proofs: 14, Panics: 15, TooLarge: 16, Watches: 21,
		})
		m.tellState(out, cache.State{Entries: 17, Bytes: 18, MaxBytes: 19, Proven: true, Age: 20 * time.Second, Held: 22})
	}, map[string]string{
		`amgate_cache_lookups_total{result="hit"}`:           "1",
		`amgate_cache_lookups_total{result="grace"}`:         "2",
		`amgate_cache_lookups_total{result="miss"}`:          "3",
		`amgate_cache_lookups_total{result="stale"}`:         "4",
		`amgate_cache_lookups_total{result="strict"}`:        "5",
		`amgate_cache_lookups_total{result="busy"}`:          "6",
		`amgate_cache_reads_total{freshness="lagging"}`:      "7",
		`amgate_cache_reads_total{freshness="linearizable"}`: "8",
		`amgate_cache_reads_total{freshness="shared"}`:       "9",
		`amgate_cache_evictions_total{reason="changed"}`:     "10",
		`amgate_cache_evictions_total{reason="size"}`:        "11",
		`amgate_cache_evictions_total{reason="age"}`:         "12",
		`amgate_cache_evictions_total{reason="emptied"}`:     "13",
		`amgate_cache_proofs_total`:                          "14",
		`amgate_cache_panics_total`:                          "15",
		`amgate_cache_too_large_total`:                       "16",
		`amgate_cache_watches_total`:                         "21",
		`amgate_cache_held_records`:                          "22",
		`amgate_cache_entries`:                               "17",
		`amgate_cache_bytes`:                                 "18",
		`amgate_cache_limit_bytes`:                           "19",
		`amgate_cache_fresh`:                                 "1",
		`amgate_cache_proof_age_seconds`:                     "20",
	})
}
