package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// asked is what the admin API answers about draining.
func asked(t *testing.T, method, body string) (DrainState, error) {
	t.Helper()
	w := httptest.NewRecorder()
	err := serveDrain(w, httptest.NewRequestWithContext(t.Context(), method, DrainPath, strings.NewReader(body)))
	var state DrainState
	if err == nil {
		if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
	}
	return state, err
}

// A node is drained by the admin API, goes on serving, and comes back. What is
// not an order changes nothing.
func TestDrainByTheAdminAPI(t *testing.T) {
	socket := newSocket(t)
	client := visitor(t, socket)
	if err := run(t, withDemo(t, `, "journey_sessions": "in_memory"`), site(socket)); err != nil {
		t.Fatal(err)
	}
	draining := func() string { return scrape(t, client)[`amgate_node_draining`] }
	for _, order := range []string{`{"timeout": "soon"}`, `{"timeout": "-1s"}`, `{"timeout": 5}`, `{"time": "5s"}`, `5s`} {
		_, err := asked(t, http.MethodPost, order)
		if refused, ok := errors.AsType[caddy.APIError](err); !ok || refused.HTTPStatus != http.StatusBadRequest {
			t.Errorf("%s: %v", order, err)
		}
	}
	if state, err := asked(t, http.MethodGet, ""); err != nil || state != (DrainState{}) || draining() != "0" {
		t.Errorf("before: %+v, %v", state, err)
	}
	for order, finish := range map[string]time.Duration{"": 5 * time.Second, "{}": 5 * time.Second, `{"timeout": "1d"}`: 24 * time.Hour} {
		state, err := asked(t, http.MethodPost, order)
		if err != nil || !state.Draining || state.Until.Sub(*state.Since) != finish {
			t.Errorf("%s: %+v, %v", order, state, err)
		}
		for !state.Drained { // there is nothing to wait for
			if state, err = asked(t, http.MethodGet, ""); err != nil || t.Context().Err() != nil {
				t.Fatal(err)
			}
		}
		if got := login(t, client, secret); got != http.StatusOK || draining() != "1" {
			t.Errorf("a node that is drained answers %d", got)
		}
		if state, err := asked(t, http.MethodDelete, ""); err != nil || state.Draining || draining() != "0" {
			t.Errorf("when it is back: %+v, %v", state, err)
		}
	}
}

// TestExitHandlerShowsNothing: Caddy's debug log has each handler of an event as
// JSON, and the app has the signing keys.
func TestExitHandlerShowsNothing(t *testing.T) {
	app := mustRun(t, `{`+recordedOne+`}`)
	if text, err := json.Marshal(atExit{app}); err != nil || string(text) != "{}" {
		t.Errorf("%s, %v", text, err)
	}
}

// A time of less than none is refused, wherever it is written.
func TestNegativeDrainTimeoutIsRefused(t *testing.T) {
	err := caddy.Validate(config(t, `{`+recordedOne+`, "node": {"drain_timeout": "-1s"}}`))
	if err == nil || !strings.Contains(err.Error(), "drain_timeout -1s: journeys cannot finish in less than no time; write for example 5s") {
		t.Errorf("%v", err)
	}
}
