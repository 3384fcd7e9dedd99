package routing

import (
	"bytes"
	"maps"
	"net/http"

	"github.com/amgate/amgate/realm"
)

// heldReply is written on unless the request belongs elsewhere; then it is held
// until it is known whether that node answers.
type heldReply struct {
	to        http.ResponseWriter
	header    http.Header
	elsewhere *realm.Elsewhere

	status int
	body   bytes.Buffer // while it is held
}

var _ http.ResponseWriter = (*heldReply)(nil)

func newHeldReply(to http.ResponseWriter, elsewhere *realm.Elsewhere) *heldReply {
	return &heldReply{to: to, header: maps.Clone(to.Header()), elsewhere: elsewhere}
}

func (h *heldReply) Header() http.Header { return h.header }

func (h *heldReply) WriteHeader(status int) {
	if h.status != 0 {
		return
	}
	if h.status = status; !h.elsewhere.Found {
		h.send()
	}
}

func (h *heldReply) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	if h.elsewhere.Found {
		return h.body.Write(b)
	}
	return h.to.Write(b)
}

func (h *heldReply) send() {
	maps.Copy(h.to.Header(), h.header)
	h.to.WriteHeader(h.status)
}

// release writes what was held.
func (h *heldReply) release() {
	h.send()
	_, _ = h.to.Write(h.body.Bytes()) // a client that is gone is not our trouble
}
