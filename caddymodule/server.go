package caddymodule

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/rest"
	"github.com/amgate/amgate/web"
)

func init() { caddy.RegisterModule(Server{}) }

// Server is an AM node: it serves AM's REST API under /am/json, the document by
// which clients find it under /am/oauth2, and the login pages under /am/XUI, for all realms.
type Server struct {
	app        *App
	api, pages http.Handler
}

// CaddyModule returns the Caddy module information.
func (Server) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.am_server", New: func() caddy.Module { return new(Server) }}
}

// Provision binds the handler to the app "am".
func (s *Server) Provision(ctx caddy.Context) error {
	app, err := amApp(ctx)
	if err != nil {
		return err
	}
	s.app = app
	s.api, s.pages = rest.New(app.front()), web.New(app.front())
	return nil
}

// ServeHTTP answers what lies under /am and passes everything else on. Errors
// are answered here: an error that Caddy handled would be logged together
// with the request's headers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	s.app.compareAddress(r.Header.Get(upstreamHeader))
	switch path := r.URL.Path; {
	case isAPI(path, "/json"), isAPI(path, "/oauth2"):
		s.api.ServeHTTP(w, r)
	case strings.HasPrefix(path, base+"/"):
		s.pages.ServeHTTP(w, r)
	case path == base:
		http.Redirect(w, r, base+"/XUI/", http.StatusFound)
	default:
		return next.ServeHTTP(w, r)
	}
	return nil
}

// isAPI reports whether a path lies in a tree of the REST API.
func isAPI(path, tree string) bool {
	rest, ok := strings.CutPrefix(path, base+tree)
	return ok && (rest == "" || rest[0] == '/')
}

// parseServer sets up am_server from Caddyfile tokens. Syntax:
//
//	am_server [<matcher>]
func parseServer(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	s := new(Server)
	return s, s.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile refuses everything behind the directive: realms are
// configured in the global option am.
func (*Server) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.Err("am_server takes no arguments and no options; realms are configured in the global option am")
	}
	return nil
}

// amApp returns the app that belongs to the configuration being loaded.
func amApp(ctx caddy.Context) (*App, error) {
	mod, err := ctx.App("am")
	if err != nil {
		return nil, fmt.Errorf("the global option am: %w", err)
	}
	return mod.(*App), nil
}

// front is what the handlers of the app are made of.
func (a *App) front() realm.Front {
	return realm.Front{Realms: a.set, Base: base, BaseURL: a.BaseURL, ClientIP: clientIP, Logger: a.log}
}

// clientIP is the client's address as Caddy determined it, the zero Addr if
// it has none.
func clientIP(r *http.Request) netip.Addr {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Server)(nil)
	_ caddyhttp.MiddlewareHandler = (*Server)(nil)
	_ caddyfile.Unmarshaler       = (*Server)(nil)
)
