package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"
)

// upstreamOf sends a request through Prepare and net/http's reverse proxy and
// returns the headers that the proxy sends to the app.
func upstreamOf(t *testing.T, g *Gateway, id Identity, r *http.Request) http.Header {
	t.Helper()
	var seen http.Header
	proxy := &httputil.ReverseProxy{
		// Deprecated, but with Rewrite the proxy itself removes X-Forwarded-For,
		// whatever Connection says.
		Director: func(r *http.Request) { r.URL.Scheme, r.URL.Host = "http", "app.internal" },
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			seen = r.Header.Clone()
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
		}),
	}
	g.Prepare(r, id)
	proxy.ServeHTTP(httptest.NewRecorder(), r)
	return seen
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// talk sends raw bytes to a server with the handler, as a client would that
// keeps to no rule, and returns the status line of the answer.
func talk(t *testing.T, h http.Handler, request string) string {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	conn, err := net.DialTimeout("tcp", srv.Listener.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(status)
}

// TestNoTrailerBecomesIdentity answers SECURITY 36 for trailers, of which
// nobody was told beforehand either: net/http merges whatever comes behind
// the body into a request's trailers.
func TestNoTrailerBecomesIdentity(t *testing.T) {
	g := guard(t, unstarted("/"))
	const request = "POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\nTrailer: %s\r\n\r\n" +
		"2\r\nhi\r\n0\r\nX-Other: stays\r\nX-AM-User: root\r\nx_am_roles: admin\r\n\r\n"
	for _, announced := range []string{"X-Other", "X-Other, X-AM-User, x_am_roles", "X-Unused"} {
		t.Run(announced, func(t *testing.T) {
			app := func(w http.ResponseWriter, r *http.Request) {
				g.Prepare(r, Identity{})
				r = r.WithContext(context.WithValue(r.Context(), t, "as Caddy does"))
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != "hi" {
					t.Errorf("body %q, %v", body, err)
				}
				checkUpstream(t, r.Trailer, Identity{})
				if r.Trailer.Get("X-Other") != "stays" {
					t.Errorf("trailers %v", r.Trailer)
				}
			}
			if got := talk(t, http.HandlerFunc(app), fmt.Sprintf(request, announced)); got != "HTTP/1.1 200 OK" {
				t.Error(got)
			}
		})
	}
}

// TestUpgradeCarriesOnlyOurIdentity answers SECURITY 36 for WebSockets: a
// real upgrade passes the gateway and a proxy, and the app sees no header of
// the client's making.
func TestUpgradeCarriesOnlyOurIdentity(t *testing.T) {
	s := open(t)
	g := guard(t, s.At(t, "/"))
	id := s.identify(t, "/", "bjensen")

	seen := make(chan http.Header, 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	}))
	defer app.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "http", Host: app.Listener.Addr().String()})
		},
		Transport: transport,
	}
	edge := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.Prepare(r, id)
		proxy.ServeHTTP(w, r)
	})
	status := talk(t, edge, "GET /live HTTP/1.1\r\nHost: app\r\nConnection: Upgrade, X-AM-User\r\nUpgrade: websocket\r\n"+
		"X-AM-User: root\r\nx_am_user: root\r\nX.AM.Roles: admin\r\nX~AM~Realm: /\r\n\r\n")
	if status != "HTTP/1.1 101 Switching Protocols" {
		t.Fatal(status)
	}
	got := <-seen
	checkUpstream(t, got, id)
	if got.Get("Upgrade") != "websocket" {
		t.Errorf("%v", got)
	}
}
