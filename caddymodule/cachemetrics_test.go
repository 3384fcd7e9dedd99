package caddymodule

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/amgate/amgate/store"
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
		"fresh", "limit_bytes",
		`lookups_total{result="busy"}`, `lookups_total{result="grace"}`, `lookups_total{result="hit"}`,
		`lookups_total{result="miss"}`, `lookups_total{result="stale"}`, `lookups_total{result="strict"}`,
		"panics_total", "proof_age_seconds", "proofs_total",
		`reads_total{freshness="lagging"}`, `reads_total{freshness="linearizable"}`, `reads_total{freshness="shared"}`,
		"too_large_total",
	}
	if !slices.Equal(labels, want) {
		t.Errorf("there are %q", labels)
	}
}
