package caddymodule

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/cluster/routing"
)

// newOwners passes what a node cannot answer on to the node that can.
func newOwners(a *App, serve http.Handler) http.Handler {
	owners := routing.NewOwners(routing.OwnersConfig{
		Serve: serve, Passes: a.set.Passes, ExplainKeys: a.set.ExplainKeys, Self: a.self,
		View:     func(ctx context.Context) *cluster.View { return a.backend.Nodes.Await(ctx) }, // there are none before Start
		ClientIP: clientIP, SetClientIP: setClientIP, Logger: a.log,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.awaitStart(r.Context())
		owners.ServeHTTP(w, r)
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
