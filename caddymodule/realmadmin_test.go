package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// TestDestroyKeyByTheAdminAPI: each refusal has a status of its own.
func TestDestroyKeyByTheAdminAPI(t *testing.T) {
	mustRun(t, `{`+recordedOne+`}`)
	for _, tc := range []struct {
		method, query string
		want          int
	}{
		{http.MethodGet, "realm=/", http.StatusMethodNotAllowed},
		{http.MethodPost, "", http.StatusBadRequest},
		{http.MethodPost, "realm=alpha", http.StatusBadRequest},
		{http.MethodPost, "realm=/never", http.StatusConflict},
		{http.MethodPost, "realm=/", http.StatusNoContent},
	} {
		w := httptest.NewRecorder()
		err := serveDestroyKey(w, httptest.NewRequest(tc.method, DestroyKeyPath+"?"+tc.query, nil))
		got := w.Code
		if refused, ok := errors.AsType[caddy.APIError](err); ok {
			got = refused.HTTPStatus
		} else if err != nil {
			t.Errorf("%s %s: %v", tc.method, tc.query, err)
		}
		if got != tc.want {
			t.Errorf("%s %s: %d, want %d (%v)", tc.method, tc.query, got, tc.want, err)
		}
	}
}

// TestNoRewriteReachesTheAdminAPI: no request to a site becomes one to the
// admin API, however it is rewritten on the way (OpenAM CVE-2026-123551 let an
// internal forward pass a check for agents). SECURITY 63.
func TestNoRewriteReachesTheAdminAPI(t *testing.T) {
	for _, uri := range []string{DestroyKeyPath + "?realm=/", SnapshotPath, DefragPath, SessionsPath + "?user=x", EndSessionsPath + "?user=x&realm=/"} {
		socket := newSocket(t)
		server := fmt.Sprintf(`"http": {"servers": {"srv": {"listen": ["unix/%s"], "routes": [
			{"handle": [{"handler": "rewrite", "method": "POST", "uri": %q}, {"handler": "am_server"}]}
		]}}}`, socket, uri)
		if err := run(t, `{`+recordedOne+`}`, server); err != nil {
			t.Fatal(err)
		}
		resp, err := visitor(t, socket).Post("http://am.example/am/json/authenticate", "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s by way of a rewrite: %d", uri, resp.StatusCode)
		}
	}
}
