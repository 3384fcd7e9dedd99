package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/store/etcd/embedded"
)

func init() { caddy.RegisterModule(StoreAdmin{}) }

// The paths of the admin API by which amgate store works on a running gateway.
const (
	SnapshotPath = "/am/store/snapshot"
	DefragPath   = "/am/store/defrag"
)

// StoreAdmin is the part of Caddy's admin API that looks after the embedded
// store. Who may speak to that API may change the whole configuration, so this
// asks for no more.
type StoreAdmin struct{}

// CaddyModule returns the Caddy module information.
func (StoreAdmin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.am_store", New: func() caddy.Module { return new(StoreAdmin) }}
}

// Routes implements caddy.AdminRouter.
func (StoreAdmin) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: SnapshotPath, Handler: caddy.AdminHandlerFunc(serveSnapshot)},
		{Pattern: DefragPath, Handler: caddy.AdminHandlerFunc(serveDefrag)},
	}
}

// serveSnapshot writes a snapshot of the embedded store. If it fails half-way,
// the client sees that by the length, and by the checksum.
func serveSnapshot(w http.ResponseWriter, r *http.Request) error {
	server, err := onlyServer(r, http.MethodGet)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	return server.WriteSnapshot(r.Context(), w, func(done, all int64) {
		if done == 0 {
			w.Header().Set("Content-Length", strconv.FormatInt(all+embedded.SumSize, 10))
		}
	})
}

// Defragmented is what the admin API answers to a defragmentation.
type Defragmented struct {
	Before int64 `json:"before"` // the data file's size in bytes
	After  int64 `json:"after"`
}

func serveDefrag(w http.ResponseWriter, r *http.Request) error {
	server, err := onlyServer(r, http.MethodPost)
	if err != nil {
		return err
	}
	var answer Defragmented
	answer.Before = server.Usage().Size
	if err := server.Defragment(); err != nil {
		return err
	}
	answer.After = server.Usage().Size
	return writeJSON(w, answer)
}

// onlyServer is the embedded server of this process.
func onlyServer(r *http.Request, method string) (*embedded.Server, error) {
	if r.Method != method {
		return nil, notTheMethod(r, method)
	}
	var servers []*embedded.Server
	for server := range embeddedServers.Range {
		servers = append(servers, server.(*embedded.Server))
	}
	switch len(servers) {
	case 0:
		return nil, caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("this gateway has no embedded store; of a cluster etcdctl takes snapshots"),
		}
	case 1:
		return servers[0], nil
	}
	return nil, caddy.APIError{
		HTTPStatus: http.StatusConflict,
		Err:        fmt.Errorf("the store's folder was just changed and the old one is still open; try again in %v", drainTime),
	}
}

// Interface guards
var _ caddy.AdminRouter = (*StoreAdmin)(nil)
