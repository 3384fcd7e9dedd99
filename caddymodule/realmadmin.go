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
	set, err := adminSet(r, http.MethodPost)
	if err != nil {
		return err
	}
	path := r.URL.Query().Get("realm")
	if err := realm.CheckPath(path); err != nil {
		return badRequest(err)
	}
	switch err := set.DestroyKey(r.Context(), path); {
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

// Interface guard
var _ caddy.AdminRouter = RealmAdmin{}
