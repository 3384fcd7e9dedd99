package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// TestSessionsByTheAdminAPI: each refusal has a status of its own.
func TestSessionsByTheAdminAPI(t *testing.T) {
	mustRun(t, `{`+recordedOne+`}`)
	for _, tc := range []struct {
		method, path string
		serve        func(http.ResponseWriter, *http.Request) error
		want         int
	}{
		{http.MethodPost, SessionsPath + "?user=x", serveSessions, http.StatusMethodNotAllowed},
		{http.MethodGet, SessionsPath, serveSessions, http.StatusBadRequest},
		{http.MethodGet, SessionsPath + "?user=x&realm=/never", serveSessions, http.StatusNotFound},
		{http.MethodGet, SessionsPath + "?user=x&realm=/", serveSessions, http.StatusOK},
		{http.MethodGet, SessionsPath + "?user=x", serveSessions, http.StatusOK},
		{http.MethodPost, SessionPath + "?handle=x", serveSession, http.StatusMethodNotAllowed},
		{http.MethodGet, SessionPath, serveSession, http.StatusNotFound},
		{http.MethodGet, SessionPath + "?handle=shandle:x", serveSession, http.StatusNotFound},
		{http.MethodGet, EndSessionsPath + "?user=x&realm=/", serveEndSessions, http.StatusMethodNotAllowed},
		{http.MethodPost, EndSessionsPath, serveEndSessions, http.StatusBadRequest},
		{http.MethodPost, EndSessionsPath + "?user=x", serveEndSessions, http.StatusBadRequest},
		{http.MethodPost, EndSessionsPath + "?realm=/", serveEndSessions, http.StatusBadRequest},
		{http.MethodPost, EndSessionsPath + "?handle=x&realm=/", serveEndSessions, http.StatusBadRequest},
		{http.MethodPost, EndSessionsPath + "?user=x&realm=/&handle=x", serveEndSessions, http.StatusBadRequest},
		{http.MethodPost, EndSessionsPath + "?user=x&realm=/never", serveEndSessions, http.StatusNotFound},
		{http.MethodPost, EndSessionsPath + "?handle=shandle:x", serveEndSessions, http.StatusNotFound},
		{http.MethodPost, EndSessionsPath + "?user=x&realm=/", serveEndSessions, http.StatusOK},
	} {
		w := httptest.NewRecorder()
		err := tc.serve(w, httptest.NewRequest(tc.method, tc.path, nil))
		got := w.Code
		if refused, ok := errors.AsType[caddy.APIError](err); ok {
			got = refused.HTTPStatus
		} else if err != nil {
			t.Errorf("%s %s: %v", tc.method, tc.path, err)
		}
		if got != tc.want {
			t.Errorf("%s %s: %d, want %d (%v)", tc.method, tc.path, got, tc.want, err)
		}
	}
}

// An outage is not the same as that there is no session. (SECURITY 25)
func TestAdminErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int
	}{
		{session.ErrEnded, http.StatusNotFound},
		{session.ErrInvalid, http.StatusNotFound},
		{fmt.Errorf("reading: %w", store.ErrUnavailable), http.StatusServiceUnavailable},
		{fmt.Errorf("%w: %w", store.ErrUnavailable, session.ErrEnded), http.StatusServiceUnavailable},
		{fmt.Errorf("asking: %w", identity.ErrUnavailable), http.StatusServiceUnavailable},
	} {
		refused, _ := errors.AsType[caddy.APIError](adminError(tc.err))
		if refused.HTTPStatus != tc.want {
			t.Errorf("%v: %d, want %d", tc.err, refused.HTTPStatus, tc.want)
		}
	}
	if other := errors.New("other"); !errors.Is(adminError(other), other) {
		t.Error("an error is lost")
	}
}
