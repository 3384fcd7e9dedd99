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

	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/rest"
	"github.com/amgate/amgate/web"
)

func init() { caddy.RegisterModule(Server{}) }

// Server is an AM node: it serves AM's REST API under /am/json, the document by
// which clients find it under /am/oauth2, the login pages under /am/XUI and the
// administrators' console under /am/console, for all realms.
type Server struct {
	// NoConsole leaves the console out.
	NoConsole bool `json:"no_console,omitempty"`

	app        *App
	api, pages http.Handler
	// console is nil if it is left out.
	console http.Handler
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
	s.app, app.serves = app, true
	s.api, s.pages = newOwners(app, rest.New(app.front())), newOwners(app, web.New(app.front()))
	if !s.NoConsole {
		s.console = web.NewConsole(app.front())
	}
	return nil
}

// ServeHTTP answers what lies under /am and passes everything else on. Errors
// are answered here: an error that Caddy handled would be logged together
// with the request's headers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	s.app.compareAddress(r.Header.Get(routing.UpstreamHeader))
	if s.app.set.Draining() {
		// So that the client's next request goes through the balancer anew.
		w.Header().Set("Connection", "close")
	}
	switch path := r.URL.Path; {
	case isBelow(path, "/json"), isBelow(path, "/oauth2"):
		s.api.ServeHTTP(w, r)
	case s.console != nil && isBelow(path, "/console"):
		s.console.ServeHTTP(w, r)
	case strings.HasPrefix(path, base+"/"):
		s.pages.ServeHTTP(w, r)
	case path == base:
		http.Redirect(w, r, base+"/XUI/", http.StatusFound)
	default:
		return next.ServeHTTP(w, r)
	}
	return nil
}

// isBelow reports whether a path lies in a tree of those that lie under base.
func isBelow(path, tree string) bool {
	rest, ok := strings.CutPrefix(path, base+tree)
	return ok && (rest == "" || rest[0] == '/')
}

// parseServer sets up am_server from Caddyfile tokens. Syntax:
//
//	am_server [<matcher>] {
//		console on|off
//	}
func parseServer(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	s := new(Server)
	return s, s.UnmarshalCaddyfile(h.Dispenser)
}

var serverOptions = []option[*Server]{
	{
		name: "console", args: "on | off", def: "on",
		doc: "Whether the site has the console, the pages for administrators under `/am/console`.",
		set: func(d *caddyfile.Dispenser, s *Server) error {
			on, err := onOff(d)
			s.NoConsole = !on
			return err
		},
	},
}

// UnmarshalCaddyfile reads the directive, see parseServer. Realms are
// configured in the global option am.
func (s *Server) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the directive's name
	if d.NextArg() {
		return d.Err("am_server takes no arguments; realms are configured in the global option am")
	}
	return parseBlock(d, "am_server", serverOptions, s)
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
