package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/reaper"
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

// Two backends that are open at once count together, each number under its
// own name.
func TestSweepMetricsAddUp(t *testing.T) {
	removed := reaper.Class{Kind: "s", Reason: "idle"}
	var done work
	for _, s := range []reaper.Stats{
		{Leading: true, Sweeps: 1, LastSweep: 3 * time.Second, Spared: 4, Removed: map[reaper.Class]uint64{removed: 5}},
		{Sweeps: 10, LastSweep: 2 * time.Second, Spared: 40, Removed: map[reaper.Class]uint64{removed: 50, {Kind: "j", Reason: "deadline"}: 6}},
	} {
		done.addSwept(s)
	}
	done.addTold(outbox.Stats{Delivered: 1, Retried: 2, Failed: 3, Backlog: outbox.Backlog{Notices: 7}})
	done.addTold(outbox.Stats{Delivered: 10, Retried: 20, Failed: 30, Backlog: outbox.Backlog{Notices: 5}})
	m := newSweepMetrics()
	wantTold(t, func(out chan<- prometheus.Metric) { m.tell(out, done) }, map[string]string{
		`amgate_reaper_leading`:                                   "1",
		`amgate_reaper_sweeps_total`:                              "11",
		`amgate_reaper_last_sweep_seconds`:                        "3",
		`amgate_reaper_spared_total`:                              "44",
		`amgate_reaper_removed_total{kind="s",reason="idle"}`:     "55",
		`amgate_reaper_removed_total{kind="j",reason="deadline"}`: "6",
		`amgate_outbox_notices`:                                   "7",
		`amgate_outbox_oldest_seconds`:                            "0",
		`amgate_outbox_deliveries_total{outcome="delivered"}`:     "11",
		`amgate_outbox_deliveries_total{outcome="retried"}`:       "22",
		`amgate_outbox_deliveries_total{outcome="failed"}`:        "33",
	})
}

// mailman delivers every notice as its payload says.
type mailman struct{}

func (mailman) Open(_ store.Key, payload []byte) (outbox.Delivery, bool) {
	return func(context.Context) error {
		switch string(payload) {
		case "later":
			return outbox.ErrLater
		case "never":
			return errors.New("nobody lives there")
		}
		return nil
	}, true
}

// What an outbox delivers is counted, and what waits in it.
func TestOutboxMetrics(t *testing.T) {
	socket := newSocket(t)
	if err := run(t, `{`+recordedOne+`}`, site(socket)); err != nil {
		t.Fatal(err)
	}
	client, b := visitor(t, socket), running(t).backend
	release := b.Outbox.Use(mailman{})
	defer release()
	for _, payload := range []string{"now", "later", "never"} {
		op := outbox.Post(outbox.Prefix+store.Key(payload), []byte(payload))
		revision, err := b.Store.Commit(t.Context(), op)
		if err != nil {
			t.Fatal(err)
		}
		b.Outbox.Posted(revision, op)
	}
	count := func(name string) float64 { t.Helper(); return mustFloat(t, scrape(t, client)["amgate_outbox_"+name]) }
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if count(`deliveries_total{outcome="delivered"}`) == 1 && count(`deliveries_total{outcome="failed"}`) == 1 &&
			count(`deliveries_total{outcome="retried"}`) >= 1 && count("notices") == 1 && count("oldest_seconds") > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the metrics are %v", scrape(t, client))
		}
	}
}

// What a backend has counted is not lost when it is closed, as after a reload
// that opens another; how it was is.
func TestSweepCountsOutliveTheirStore(t *testing.T) {
	if err := run(t, `{`+recordedOne+`}`, site(newSocket(t))); err != nil {
		t.Fatal(err)
	}
	b := running(t).backend
	release := b.Outbox.Use(mailman{})
	defer release()
	op := outbox.Post(outbox.Prefix+"once", []byte("now"))
	revision, err := b.Store.Commit(t.Context(), op)
	if err != nil {
		t.Fatal(err)
	}
	b.Outbox.Posted(revision, op)
	for deadline := time.Now().Add(time.Minute); b.Outbox.Stats().Delivered == 0 || b.Reaper.Stats().Sweeps == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %+v", b.Outbox.Stats(), b.Reaper.Stats())
		}
	}
	m := newSweepMetrics()
	m.opened(b)
	m.closed(b)
	wantTold(t, m.Collect, map[string]string{
		`amgate_reaper_leading`:                               "0",
		`amgate_reaper_sweeps_total`:                          "1",
		`amgate_reaper_last_sweep_seconds`:                    "0",
		`amgate_reaper_spared_total`:                          "0",
		`amgate_outbox_notices`:                               "0",
		`amgate_outbox_oldest_seconds`:                        "0",
		`amgate_outbox_deliveries_total{outcome="delivered"}`: "1",
		`amgate_outbox_deliveries_total{outcome="retried"}`:   "0",
		`amgate_outbox_deliveries_total{outcome="failed"}`:    "0",
	})
}

// What says that carried sessions are ended is loaded only where there are any.
func TestOnlyCarriedSessionsAreHeldEnded(t *testing.T) {
	for scheme, want := range map[realm.SessionScheme]int{realm.SessionsServer: 0, realm.SessionsClient: 1} {
		config := fmt.Sprintf(`{%s, "realms": [{"path": "/", "authenticated_sessions": %q}]}`, recordedOne, scheme)
		if err := run(t, config, site(newSocket(t))); err != nil {
			t.Fatal(err)
		}
		front := running(t).backend.Store.(*cache.Cache)
		if _, err := front.Commit(t.Context(), store.Create("d/one", []byte{1}, time.Time{})); err != nil {
			t.Fatal(err)
		}
		if held := front.State().Held; held != want {
			t.Errorf("%s: %d records are held, want %d", scheme, held, want)
		}
	}
}
