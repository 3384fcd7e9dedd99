package caddymodule

import (
	"testing"
	"time"
)

// The sweep and the outbox live as long as their store: a reload neither ends
// nor doubles them, and the counts go on.
func TestSweepGoesOnOverAReload(t *testing.T) {
	var before *backend
	for _, more := range []string{"", `, "base_url": "https://a.example"`, ""} {
		socket := newSocket(t)
		if err := run(t, `{`+recordedOne+more+`}`, site(socket)); err != nil {
			t.Fatal(err)
		}
		client := visitor(t, socket)
		b := running(t).backend
		if before != nil && (b.Reaper != before.Reaper || b.Outbox != before.Outbox) {
			t.Fatal("another reaper or outbox")
		}
		before = b
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			got := scrape(t, client)
			if got["amgate_reaper_leading"] == "1" && got["amgate_reaper_sweeps_total"] == "1" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("leading %q, sweeps %q", got["amgate_reaper_leading"], got["amgate_reaper_sweeps_total"])
			}
		}
		got := scrape(t, client)
		for name, want := range map[string]string{
			`amgate_outbox_notices`:                               "0",
			`amgate_outbox_oldest_seconds`:                        "0",
			`amgate_outbox_deliveries_total{outcome="delivered"}`: "0",
			`amgate_outbox_deliveries_total{outcome="retried"}`:   "0",
			`amgate_outbox_deliveries_total{outcome="failed"}`:    "0",
			`amgate_reaper_spared_total`:                          "0",
		} {
			if got[name] != want {
				t.Errorf("%s is %q, want %q", name, got[name], want)
			}
		}
	}
}
