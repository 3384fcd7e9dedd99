package caddymodule

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/store/etcd/embedded"
)

// The size of an embedded store is told as long as that is open, by whichever
// configuration is scraped, and only then.
func TestEmbeddedStoreMetrics(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "cts")
	label := fmt.Sprintf("{folder=%q}", folder)
	for range 2 { // the second is a reload
		socket := newSocket(t)
		client := visitor(t, socket)
		if err := run(t, fmt.Sprintf(`{"store": {"backend": "etcd", "embedded": %q}}`, folder), site(socket)); err != nil {
			t.Fatal(err)
		}
		got := scrape(t, client)
		for name, want := range map[string]float64{"quota_bytes": 8 << 30, "nearly_full": 0} {
			if value := mustFloat(t, got["amgate_embedded_store_"+name+label]); value != want {
				t.Errorf("%s is %v, want %v", name, value, want)
			}
		}
		size, inUse := got["amgate_embedded_store_size_bytes"+label], got["amgate_embedded_store_in_use_bytes"+label]
		if mustFloat(t, inUse) <= 0 || mustFloat(t, size) < mustFloat(t, inUse) {
			t.Errorf("size %q, in use %q", size, inUse)
		}
	}
	socket := newSocket(t)
	if err := run(t, `{`+recordedOne+`}`, site(socket)); err != nil {
		t.Fatal(err)
	}
	endDraining()
	if got, there := scrape(t, visitor(t, socket))["amgate_embedded_store_size_bytes"+label]; there {
		t.Errorf("of a store that is closed: %q", got)
	}
}

// A store that nears its quota says so, and each number stands under its name.
func TestEmbeddedStoreNearlyFull(t *testing.T) {
	m := newEmbeddedMetrics()
	wantTold(t, func(out chan<- prometheus.Metric) {
		m.tell(out, "data", embedded.Usage{Size: 60, InUse: 7, Quota: 100})
	}, map[string]string{
		`amgate_embedded_store_size_bytes{folder="data"}`:   "60",
		`amgate_embedded_store_in_use_bytes{folder="data"}`: "7",
		`amgate_embedded_store_quota_bytes{folder="data"}`:  "100",
		`amgate_embedded_store_nearly_full{folder="data"}`:  "1",
	})
}

func mustFloat(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Error(err)
	}
	return f
}
