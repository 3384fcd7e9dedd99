package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// BenchmarkCollector compares the pace that amgate gives the garbage collector
// with Go's default: the same protected requests to the same binary, without
// and with GOGC=100. It reports the ratio of processor time a request, and how
// much more memory the process takes, in MiB. Run it with -benchtime 15x.
func BenchmarkCollector(b *testing.B) {
	binary := buildBinary(b)
	body := strings.Repeat("x", 1024)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer app.Close()
	options := "\tam {\n\t\tidentities file users.yaml\n\t}\n"
	site := "\tam_server /am/*\n\tam_auth\n\treverse_proxy " + strings.TrimPrefix(app.URL, "http://") + "\n"
	paced := start(b, binary, "paced", options, site)
	plain := start(b, binary, "plain", options, site, "GOGC=100")
	pacedCookies, plainCookies := paced.signIn(b), plain.signIn(b)

	var processor []float64
	for b.Loop() {
		base := plain.load(b, plainCookies)
		processor = append(processor, paced.load(b, pacedCookies).cpu/base.cpu)
	}
	b.ReportMetric(median(processor), "cpu/GOGC=100")
	b.ReportMetric((paced.resident(b)-plain.resident(b))/(1<<20), "more-MiB")
	b.ReportMetric(0, "ns/op")
}

// resident is the memory that the process occupies, in bytes.
func (p *proxy) resident(b *testing.B) float64 {
	b.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid))
	if err != nil {
		b.Fatal(err)
	}
	var total, resident int
	if _, err := fmt.Sscan(string(statm), &total, &resident); err != nil {
		b.Fatal(err)
	}
	return float64(resident * os.Getpagesize())
}
