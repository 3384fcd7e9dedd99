package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/realm"
)

// adminSet is the realms that run now, for a request of the admin API.
func adminSet(r *http.Request, method string) (*realm.Set, error) {
	app, err := adminApp(r, method)
	if err != nil {
		return nil, err
	}
	return app.set, nil
}

// adminApp is the app that runs now, for a request of the admin API by one of
// the methods.
func adminApp(r *http.Request, methods ...string) (*App, error) {
	if !slices.Contains(methods, r.Method) {
		return nil, notTheMethod(r, methods...)
	}
	// It looks at what runs now: a reload would wait for this request to end.
	app, err := caddy.ActiveContext().AppIfConfigured("am")
	if err != nil {
		return nil, caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("the global option am: %w", err)}
	}
	return app.(*App), nil
}

// notTheMethod refuses a request of the admin API.
func notTheMethod(r *http.Request, allowed ...string) error {
	return caddy.APIError{
		HTTPStatus: http.StatusMethodNotAllowed,
		Err:        fmt.Errorf("method %s is not allowed here, %s is", r.Method, strings.Join(allowed, " or ")),
	}
}

// badRequest refuses a request of the admin API that is not complete.
func badRequest(err error) error { return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err} }

func writeJSON(w http.ResponseWriter, answer any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}
