package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/amgate/amgate/realm"
)

// A site may be served before the app has its keys: an edge that did not wait
// for them would send steps to any node.
func TestEdgeWaitsForItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &App{started: make(chan struct{}), set: new(realm.Set)}
		var passed atomic.Bool
		next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
			passed.Store(true)
			return nil
		})
		go func() {
			r := httptest.NewRequest(http.MethodPost, "/am/json/authenticate", nil)
			if err := (&Affinity{app: app}).ServeHTTP(httptest.NewRecorder(), r, next); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if passed.Load() {
			t.Error("a request was passed on before the start")
		}
		close(app.started)
		synctest.Wait()
		if !passed.Load() {
			t.Error("a request waits after the start")
		}
	})
}
