package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/journey/affinity"
)

func init() { caddy.RegisterModule(JourneyAdmin{}) }

// The paths of the admin API by which amgate explain and amgate explain-key work
// on a running gateway. The queries have affinity, and for.
const (
	JourneyPath    = "/am/journey"
	ExplainKeyPath = "/am/explain-key"
)

// JourneyAdmin is the part of Caddy's admin API that tells where journeys live.
// Who may speak to that API may change the whole configuration, so this asks
// for no more.
type JourneyAdmin struct{}

// CaddyModule returns the Caddy module information.
func (JourneyAdmin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.am_journey", New: func() caddy.Module { return new(JourneyAdmin) }}
}

// Routes implements caddy.AdminRouter.
func (JourneyAdmin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: JourneyPath, Handler: caddy.AdminHandlerFunc(serveJourney)},
		{Pattern: ExplainKeyPath, Handler: caddy.AdminHandlerFunc(serveExplainKey)},
	}
}

// PlaceNode is a node as an answer tells of it.
type PlaceNode struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Draining bool   `json:"draining"`
	// Journeys is how many the node has, as far as is known here.
	Journeys int `json:"journeys"`
}

// JourneyPlace is the answer of JourneyPath.
type JourneyPlace struct {
	// Begun says that some node has taken the journey on.
	Begun bool `json:"begun"`
	// Home is that node; nil if it is not there any more, or there was none.
	Home *PlaceNode `json:"home"`
	// Next is where an edge that finds its nodes in the directory sends the next
	// step, and Why what decides it: pin or hash. Nil: there is no node.
	Next *PlaceNode  `json:"next"`
	Why  routing.Why `json:"why,omitempty"`
}

// serveJourney tells where the journey with an affinity lives.
func serveJourney(w http.ResponseWriter, r *http.Request) error {
	app, err := adminApp(r, http.MethodGet)
	if err != nil {
		return err
	}
	router, err := app.set.Affinity()
	if err != nil {
		return adminError(err)
	}
	a, ok := router.Parse(r.URL.Query().Get("affinity"))
	if !ok {
		return badRequest(errors.New("affinity is none that an edge or node of this installation has made; " +
			"it is the value of a cookie amlbcookie, and stands in authIds and links"))
	}
	view := app.backend.Nodes.View()
	table, _ := routing.Directory().Table(router, view)
	answer := JourneyPlace{Begun: a.Pin != affinity.Pin{}}
	if m, ok := view.Pinned(a.Pin); ok {
		answer.Home = placeNode(m)
	}
	if address, why := routing.Locate(a, table); address != "" {
		m, _ := view.At(address)
		answer.Next, answer.Why = placeNode(m), why
	}
	return writeJSON(w, answer)
}

func placeNode(m cluster.Member) *PlaceNode {
	return &PlaceNode{Name: m.Name, Address: m.Address, Draining: m.Draining, Journeys: m.Load()}
}

// ExplainKey is the answer of ExplainKeyPath.
type ExplainKey struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
}

// serveExplainKey makes a key by which somebody may be told of nodes.
func serveExplainKey(w http.ResponseWriter, r *http.Request) error {
	set, err := adminSet(r, http.MethodPost)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || d < time.Second || d > cluster.MaxExplain {
		return badRequest(fmt.Errorf("for how long: a duration from 1s to %v, such as 1h, is needed", cluster.MaxExplain))
	}
	keys, err := set.ExplainKeys()
	if err != nil {
		return adminError(err)
	}
	answer := ExplainKey{Until: time.Now().Add(d).Truncate(time.Second).UTC()}
	answer.Key = keys.Mint(answer.Until)
	return writeJSON(w, answer)
}

// Interface guard
var _ caddy.AdminRouter = JourneyAdmin{}
