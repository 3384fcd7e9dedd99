package gateway

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestIsNavigation(t *testing.T) {
	const chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	for _, test := range []struct {
		name, method string
		header       http.Header
		want         bool
	}{
		{"a page in a browser", "GET", http.Header{"Sec-Fetch-Mode": {"navigate"}, "Accept": {chrome}}, true},
		{"HEAD", "HEAD", http.Header{"Sec-Fetch-Mode": {"navigate"}}, true},
		{"a form that is posted", "POST", http.Header{"Sec-Fetch-Mode": {"navigate"}, "Accept": {chrome}}, false},
		{"fetch", "GET", http.Header{"Sec-Fetch-Mode": {"cors"}, "Accept": {"text/html"}}, false},
		{"an image", "GET", http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Accept": {"image/avif,*/*"}}, false},
		{"a WebSocket", "GET", http.Header{"Sec-Fetch-Mode": {"websocket"}, "Upgrade": {"websocket"}}, false},
		{"an older browser", "GET", http.Header{"Accept": {chrome}}, true},
		{"Internet Explorer", "GET", http.Header{"Accept": {"text/html, application/xhtml+xml, */*"}}, true},
		{"a script that says so", "GET", http.Header{"Accept": {chrome}, "X-Requested-With": {"XMLHttpRequest"}}, false},
		{"curl", "GET", http.Header{"Accept": {"*/*"}}, false},
		{"nothing at all", "GET", http.Header{}, false},
		{"axios", "GET", http.Header{"Accept": {"application/json, text/plain, */*"}}, false},
		{"JSON rather than HTML", "GET", http.Header{"Accept": {"text/html;q=0.5, application/json"}}, false},
		{"HTML rather than JSON", "GET", http.Header{"Accept": {"application/json;q=0.5, TEXT/HTML"}}, true},
		{"an image, in an older browser", "GET", http.Header{"Accept": {"image/webp,text/html;q=0.9,*/*;q=0.8"}}, false},
		{"HTML refused", "GET", http.Header{"Accept": {"text/html;q=0"}}, false},
		{"malformed weights", "GET", http.Header{"Accept": {"text/html;q=NaN, text/html;q=1e9, text/html;q=-1, text/html;q="}}, false},
		{"over two lines", "GET", http.Header{"Accept": {"*/*;q=0.1", "text/html"}}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "/", nil)
			r.Header = test.header
			if got := isNavigation(r); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// FuzzAccept: weights stay within [0, 1], and without any mention of HTML no
// header is a wish for it.
func FuzzAccept(f *testing.F) {
	f.Add("text/html;q=0.8, */*")
	f.Add("application/xhtml+xml ; Q = 0x1p-1")
	f.Add(",;,=;q=inf")
	f.Fuzz(func(t *testing.T, accept string) {
		if w := weight(accept); math.IsNaN(w) || w < 0 || w > 1 {
			t.Errorf("weight of %q: %v", accept, w)
		}
		if prefersHTML([]string{accept}) && !mentionsHTML(accept) {
			t.Errorf("%q is taken for HTML", accept)
		}
	})
}

func mentionsHTML(accept string) bool {
	lower := strings.ToLower(accept)
	return strings.Contains(lower, "text/html") || strings.Contains(lower, "application/xhtml+xml")
}
