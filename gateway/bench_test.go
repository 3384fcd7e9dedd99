package gateway

import (
	"maps"
	"net/http"
	"testing"

	"github.com/amgate/amgate/session"
)

// chrome is what a browser sends with a request to an app.
func chrome(tok string) http.Header {
	return http.Header{
		"Accept":             {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
		"Accept-Encoding":    {"gzip, deflate, br, zstd"},
		"Accept-Language":    {"en-GB,en;q=0.9,de;q=0.8"},
		"Connection":         {"keep-alive"},
		"Cookie":             {"_ga=GA1.1.1234567890.1700000000; theme=dark; amlbcookie=01; " + cookieName + "=" + tok},
		"Referer":            {"https://app.example.com/"},
		"Sec-Ch-Ua":          {`"Chromium";v="140", "Not;A=Brand";v="24"`},
		"Sec-Ch-Ua-Mobile":   {"?0"},
		"Sec-Ch-Ua-Platform": {`"Linux"`},
		"Sec-Fetch-Dest":     {"document"},
		"Sec-Fetch-Mode":     {"navigate"},
		"Sec-Fetch-Site":     {"same-origin"},
		"User-Agent":         {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"},
		"X-Forwarded-For":    {"192.0.2.1"},
	}
}

// BenchmarkProtected compares what a protected request costs with the look-up
// of its session alone. Each also pays for the copy of the headers that
// "copy" pays for.
func BenchmarkProtected(b *testing.B) {
	s := open(b)
	g := guard(b, s.At(b, "/"))
	tok := s.signIn(b, "/", "scarter")
	sent := chrome(tok)
	id, err := g.Check(b.Context(), &http.Request{Header: sent})
	if err != nil {
		b.Fatal(err)
	}
	r := get("/")
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(r.Header)
				maps.Copy(r.Header, sent)
				f()
			}
		})
	}
	run("copy", func() {})
	run("tokens", func() {
		var room [maxTokens]string
		g.tokens(room[:0], r.Header)
	})
	run("lookup", func() { _, _ = g.realm.Session(b.Context(), []string{tok}, session.Touch) })
	run("check", func() { _, _ = g.Check(b.Context(), r) })
	run("prepare", func() { g.Prepare(r, id) })
	run("check and prepare", func() {
		id, _ := g.Check(b.Context(), r)
		g.Prepare(r, id)
	})
}

func BenchmarkRefuse(b *testing.B) {
	g := guard(b, unstarted("/"))
	for name, r := range map[string]*http.Request{"page": browse("/app?x=1"), "API": get("/app?x=1")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Refuse(discard{h: http.Header{}}, r, errNoToken)
			}
		})
	}
}

// discard is a response that goes nowhere.
type discard struct{ h http.Header }

func (d discard) Header() http.Header       { return d.h }
func (discard) WriteHeader(int)             {}
func (discard) Write(p []byte) (int, error) { return len(p), nil }
