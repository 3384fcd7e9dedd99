package caddymodule

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/store"
)

func init() { caddy.RegisterModule(RealmAdmin{}) }

// DestroyKeyPath is the path of the admin API by which amgate realm destroy-key
// works on a running gateway; the query names the realm.
const DestroyKeyPath = "/am/realm/destroy-key"

// RealmAdmin is the part of Caddy's admin API that looks after realms. Who may
// speak to that API may change the whole configuration, so this asks for no
// more.
type RealmAdmin struct{}

// CaddyModule returns the Caddy module information.
func (RealmAdmin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.am_realm", New: func() caddy.Module { return new(RealmAdmin) }}
}

// Routes implements caddy.AdminRouter.
func (RealmAdmin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: DestroyKeyPath, Handler: caddy.AdminHandlerFunc(serveDestroyKey)}}
}

func serveDestroyKey(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return notTheMethod(r, http.MethodPost)
	}
	path := r.URL.Query().Get("realm")
	if err := realm.CheckPath(path); err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	// It looks at what runs now: a reload would wait for this request to end.
	app, err := caddy.ActiveContext().AppIfConfigured("am")
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("the global option am: %w", err)}
	}
	switch err := app.(*App).set.DestroyKey(r.Context(), path); {
	case errors.Is(err, realm.ErrNoKey):
		return caddy.APIError{HTTPStatus: http.StatusConflict, Err: err}
	case errors.Is(err, store.ErrUnavailable):
		return caddy.APIError{
			HTTPStatus: http.StatusServiceUnavailable,
			Err:        fmt.Errorf("%w; it may have happened all the same, so look whether the realm's sessions still work", err),
		}
	case err != nil:
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// notTheMethod refuses a request of the admin API.
func notTheMethod(r *http.Request, allowed string) error {
	return caddy.APIError{
		HTTPStatus: http.StatusMethodNotAllowed,
		Err:        fmt.Errorf("method %s is not allowed here, %s is", r.Method, allowed),
	}
}

// Interface guard
var _ caddy.AdminRouter = RealmAdmin{}
