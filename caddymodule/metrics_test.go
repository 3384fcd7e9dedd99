package caddymodule

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/amgate/amgate/journey/keep"
)

// site is the HTTP app with one server on a socket: AM and the metrics.
func site(socket string) string {
	return fmt.Sprintf(`"http": {"servers": {"srv": {"listen": ["unix/%s"], "routes": [
		{"match": [{"path": ["/metrics"]}], "handle": [{"handler": "metrics"}]},
		{"handle": [{"handler": "am_server"}]}
	]}}}`, socket)
}

// visitor is a client of the server on a socket, which is asked as
// http://am.example.
func visitor(t *testing.T, socket string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// newSocket is a path for a socket; the system bounds how long it may be.
func newSocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "am")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "s")
}

// scrape reads the metrics of amgate, by name and labels.
func scrape(t *testing.T, client *http.Client) map[string]string {
	t.Helper()
	resp, err := client.Get("http://am.example/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return metricsOf(string(body))
}

// metricsOf reads a page of metrics.
func metricsOf(page string) map[string]string {
	values := make(map[string]string)
	for line := range strings.Lines(page) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && strings.HasPrefix(name, "amgate_") {
			values[name] = value
		}
	}
	return values
}

// telling is a collector of whatever it sends.
type telling func(out chan<- prometheus.Metric)

// Describe tells nothing, so that nothing is checked against it.
func (telling) Describe(chan<- *prometheus.Desc)       {}
func (t telling) Collect(out chan<- prometheus.Metric) { t(out) }

// wantTold fails the test unless a collector tells just that, by name and
// labels.
func wantTold(t *testing.T, tell telling, want map[string]string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(tell)
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	got := metricsOf(page.Body.String())
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is told", name)
		}
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

// Each configuration has a registry of its own. What was counted under the one
// before still counts.
func TestMetricsSurviveAReload(t *testing.T) {
	want := make(map[string]string)
	var client *http.Client
	for generation := 1; generation <= 3; generation++ {
		socket := newSocket(t) // Caddy stops the server before in the background
		client = visitor(t, socket)
		settings := fmt.Sprintf(`{%s, "base_url": "https://%d.example"}`, recordedOne, generation)
		if err := run(t, settings, site(socket)); err != nil {
			t.Fatal(err)
		}
		m := running(t).metrics
		m.JourneyStarted("/", "Login", "server")
		m.JourneyEnded("/", "Login", "server", "succeeded", 3*time.Second)
		m.NodeVisited("/", "Login", "data_store", "true", time.Millisecond)
		m.StepRefused("/", "server", "used")
		m.JourneysHandedOver("/", 2)
		m.Delivered("/", "webhook", "retried")
		m.Count("/", "seen")
		m.Time("/", "walked", time.Minute)

		n := fmt.Sprint(generation)
		maps.Copy(want, map[string]string{
			`amgate_journeys_started_total{journey="Login",realm="/",scheme="server"}`:                                       n,
			`amgate_journeys_ended_total{journey="Login",outcome="succeeded",realm="/",scheme="server"}`:                     n,
			`amgate_journey_duration_seconds_bucket{journey="Login",outcome="succeeded",realm="/",scheme="server",le="5"}`:   n,
			`amgate_journey_duration_seconds_bucket{journey="Login",outcome="succeeded",realm="/",scheme="server",le="2.5"}`: "0",
			`amgate_node_visits_total{journey="Login",node_type="data_store",outcome="true",realm="/"}`:                      n,
			`amgate_node_duration_seconds_count{node_type="data_store",realm="/"}`:                                           n,
			`amgate_steps_refused_total{realm="/",reason="used",scheme="server"}`:                                            n,
			`amgate_journeys_handed_over_total{realm="/"}`:                                                                   fmt.Sprint(2 * generation),
			`amgate_node_draining`: "0",
			`amgate_deliveries_total{kind="webhook",outcome="retried",realm="/"}`: n,
			`amgate_journey_meter_total{key="seen",realm="/"}`:                    n,
			`amgate_journey_timer_seconds_count{key="walked",realm="/"}`:          n,
			`amgate_journey_memory_journeys`:                                      "0",
			`amgate_journey_memory_bytes`:                                         "0",
			`amgate_journey_memory_evicted_total`:                                 "0",
		})
		got := scrape(t, client)
		for name, value := range want {
			if got[name] != value {
				t.Errorf("generation %d: %s is %q, want %q", generation, name, got[name], value)
			}
		}
	}
	for range 3 {
		if err := caddy.Validate(config(t, `{`+recordedOne+`}`)); err != nil {
			t.Fatal(err)
		}
	}
	if got := scrape(t, client)[`amgate_journey_meter_total{key="seen",realm="/"}`]; got != "3" {
		t.Errorf("after caddy validate: %q", got)
	}
}

// What clients do is counted, and what of it the process had to forget: here
// there is room for one journey in memory.
func TestMetricsFollowTheJourneys(t *testing.T) {
	socket := newSocket(t)
	realms := `"realms": [{"path": "/", "journey_sessions": "in_memory"}]`
	if err := run(t, `{`+recordedOne+`, `+realms+`, "journey_memory": {"journeys": 1}}`, site(socket)); err != nil {
		t.Fatal(err)
	}
	client := visitor(t, socket)
	post := func(body string) (answer string) {
		t.Helper()
		resp, err := client.Post("http://am.example/am/json/realms/root/authenticate", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	first := post("")
	for range 2 {
		post("")
	}
	post(`{"authId": "nonsense"}`)
	if restarted := post(first); !strings.Contains(restarted, `"authId"`) {
		t.Errorf("a journey that was evicted: %s", restarted)
	}
	got := scrape(t, client)
	for name, want := range map[string]float64{
		`journey_memory_evicted_total`: 3,
		`journey_memory_journeys`:      1,
		`steps_refused_total{realm="/",reason="malformed",scheme="in_memory"}`: 1,
		`steps_refused_total{realm="/",reason="lost",scheme="in_memory"}`:      1,
		`journeys_started_total{journey="Login",realm="/",scheme="in_memory"}`: 4,
	} {
		if value := mustFloat(t, got["amgate_"+name]); value != want {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
	if mustFloat(t, got["amgate_journey_memory_bytes"]) <= 0 {
		t.Error("a journey takes up no memory")
	}
}

// Bounds of the journeys in memory hold from the start of a configuration, for
// those that are there already; a configuration that is refused, or fails to
// start, changes none.
func TestJourneyMemoryFollowsTheConfiguration(t *testing.T) {
	limits := func() keep.TableConfig { return running(t).memory.table.Limits() }
	mustRun(t, `{`+recordedOne+`}`)
	table := running(t).memory.table
	if got, want := limits(), (keep.TableConfig{MaxJourneys: keep.DefaultMaxJourneys, MaxBytes: keep.DefaultMaxBytes}); got != want {
		t.Errorf("by default: %+v", got)
	}
	mustRun(t, `{`+recordedOne+`, "journey_memory": {"size_mib": 2, "journeys": 10}}`)
	want := keep.TableConfig{MaxJourneys: 10, MaxBytes: 2 << 20}
	if got := limits(); got != want {
		t.Errorf("after a reload: %+v, want %+v", got, want)
	}
	for range 5 { // apps start in the order of a map
		if err := run(t, `{`+recordedOne+`, "journey_memory": {"size_mib": 1}}`, `"am_test_failing": {}`); err == nil {
			t.Fatal("accepted")
		}
		if got := limits(); got != want {
			t.Errorf("after a start that failed: %+v, want %+v", got, want)
		}
	}
	if running(t).memory.table != table {
		t.Error("the journeys were lost")
	}
}
