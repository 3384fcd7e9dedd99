package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/realm"
)

// adminSet is the realms that run now, for a request of the admin API.
func adminSet(r *http.Request, method string) (*realm.Set, error) {
	if r.Method != method {
		return nil, notTheMethod(r, method)
	}
	// It looks at what runs now: a reload would wait for this request to end.
	app, err := caddy.ActiveContext().AppIfConfigured("am")
	if err != nil {
		return nil, caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("the global option am: %w", err)}
	}
	return app.(*App).set, nil
}

// notTheMethod refuses a request of the admin API.
func notTheMethod(r *http.Request, allowed string) error {
	return caddy.APIError{
		HTTPStatus: http.StatusMethodNotAllowed,
		Err:        fmt.Errorf("method %s is not allowed here, %s is", r.Method, allowed),
	}
}

// badRequest refuses a request of the admin API that is not complete.
func badRequest(err error) error { return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err} }

func writeJSON(w http.ResponseWriter, answer any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}
