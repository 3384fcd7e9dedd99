package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
)

func init() { caddy.RegisterModule(NodeAdmin{}) }

// drainAtExit has the process drained when it ends, while the store is still
// open and all sites are still served.
func (a *App) drainAtExit(ctx caddy.Context) error {
	app, err := ctx.App("events")
	if err != nil {
		return err
	}
	return app.(*caddyevents.App).On("stopping", atExit{a})
}

// atExit handles Caddy's event that a configuration stops. What it has is not
// exported, because the debug log shows handlers.
type atExit struct{ app *App }

// Handle drains if the process ends. Nothing that goes wrong keeps it from
// ending.
func (e atExit) Handle(ctx context.Context, _ caddy.Event) error {
	if !caddy.Exiting() || !e.app.serves {
		return nil
	}
	if err := e.app.memory.drainer.Drain(ctx, time.Duration(e.app.Node.DrainTimeout)); err != nil {
		e.app.log.Warn("the process ends without being drained", "error", err)
	}
	return nil
}

// DrainPath is the path of the admin API by which amgate drain works on a
// running gateway. A POST begins to drain, with a DrainOrder as body or none, a
// GET tells how far that is, a DELETE takes it back. Each answers with a
// DrainState.
const DrainPath = "/am/node/drain"

// DrainOrder says how to drain.
type DrainOrder struct {
	// Timeout is how long journeys in memory may finish, such as "30s"; by
	// default the node's drain_timeout.
	Timeout string `json:"timeout,omitempty"`
}

// DrainState says how far a node is drained.
type DrainState struct {
	// Draining says that the node takes no new journeys; Drained, that it has
	// none in memory, and has left the directory of nodes.
	Draining bool `json:"draining"`
	Drained  bool `json:"drained"`
	// Since is when that began, Until when the journeys are handed over that
	// have not finished by then; nil unless it is draining.
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Journeys are those in memory, HandedOver is how many were written to the
	// store.
	Journeys   int `json:"journeys"`
	HandedOver int `json:"handedOver"`
	// Trouble is why it does not go on at present, "" if nothing is in the way.
	Trouble string `json:"trouble,omitempty"`
}

// NodeAdmin is the part of Caddy's admin API that drains this node. Who may
// speak to that API may change the whole configuration, so this asks for no
// more.
type NodeAdmin struct{}

// CaddyModule returns the Caddy module information.
func (NodeAdmin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.am_node", New: func() caddy.Module { return new(NodeAdmin) }}
}

// Routes implements caddy.AdminRouter.
func (NodeAdmin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: DrainPath, Handler: caddy.AdminHandlerFunc(serveDrain)}}
}

func serveDrain(w http.ResponseWriter, r *http.Request) error {
	app, err := adminApp(r, http.MethodGet, http.MethodPost, http.MethodDelete)
	if err != nil {
		return err
	}
	if !app.serves {
		return caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("this process has nothing to drain: it is no AM node, for none of its sites has am_server"),
		}
	}
	switch r.Method {
	case http.MethodPost:
		finish, err := app.readOrder(r)
		if err != nil {
			return badRequest(err)
		}
		app.memory.drainer.Begin(finish)
	case http.MethodDelete:
		app.memory.drainer.Undo()
	}
	return writeJSON(w, app.drainState())
}

// maxOrder is how large a DrainOrder may be.
const maxOrder = 1 << 10

// readOrder is how long journeys may finish, as a request has it.
func (a *App) readOrder(r *http.Request) (finish time.Duration, err error) {
	var order DrainOrder
	text := json.NewDecoder(io.LimitReader(r.Body, maxOrder))
	text.DisallowUnknownFields()
	if err := text.Decode(&order); err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf(`%w; write for example: {"timeout": "30s"}`, err)
	}
	if order.Timeout == "" {
		return time.Duration(a.Node.DrainTimeout), nil
	}
	if finish, err = caddy.ParseDuration(order.Timeout); err != nil || finish < 0 {
		return 0, fmt.Errorf("timeout: %q is not a time that journeys may take to finish; write for example 30s, or 0s to hand them over at once", order.Timeout)
	}
	return finish, nil
}

func (a *App) drainState() DrainState {
	s := a.memory.drainer.Status()
	state := DrainState{Draining: s.Draining, Drained: s.Drained, Journeys: s.Journeys, HandedOver: s.HandedOver}
	if s.Draining {
		since, until := s.Since.UTC(), s.Until.UTC()
		state.Since, state.Until = &since, &until
	}
	if s.Trouble != nil {
		state.Trouble = s.Trouble.Error()
	}
	return state
}

// Interface guards
var (
	_ caddyevents.Handler = atExit{}
	_ caddy.AdminRouter   = NodeAdmin{}
)
