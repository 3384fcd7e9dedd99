package caddymodule

import (
	"errors"
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
