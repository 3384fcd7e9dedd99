package caddymodule

import (
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/cluster/routing"
)

// newOwners passes what a node cannot answer on to the node that can.
func newOwners(a *App, serve http.Handler) http.Handler {
	return routing.NewOwners(routing.OwnersConfig{
		Serve: serve, Passes: a.set.Passes, ExplainKeys: a.set.ExplainKeys, Self: a.self,
		View:     func() *cluster.View { return a.backend.Nodes.View() }, // there are none before Start
		ClientIP: clientIP, SetClientIP: setClientIP, Logger: a.log,
	})
}

// setClientIP sets what clientIP finds.
func setClientIP(r *http.Request, addr netip.Addr) {
	text := ""
	if addr.IsValid() {
		text = addr.String()
	}
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, text)
}
