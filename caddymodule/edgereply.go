package caddymodule

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/amgate/amgate/cluster/routing"
	"github.com/amgate/amgate/realm"
)

// statusClientGone is what reverse_proxy answers, to nobody, if the client
// canceled its request.
const statusClientGone = 499

// edgeReply is the reply to a request with a body. If the body cannot be read to
// its end, reverse_proxy takes the client to be gone: that reply is not written,
// because the client may be there and is to hear what is wrong.
type edgeReply struct {
	caddyhttp.ResponseWriterWrapper
	body *routing.ClientBody
	// fault is why the body could not be read, once that has ended the request.
	fault error
}

// WriteHeader implements http.ResponseWriter.
func (e *edgeReply) WriteHeader(status int) {
	if status == statusClientGone {
		if e.fault = e.body.Err(); e.fault != nil {
			return
		}
	}
	e.ResponseWriterWrapper.WriteHeader(status)
}

// bodyFault is the reply to a request whose body could not be read.
func bodyFault(err error) error {
	status := http.StatusBadRequest
	var late net.Error
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, http.ErrBodyReadAfterClose): // by a second try, for which nothing is left
		status = http.StatusBadGateway
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &late) && late.Timeout():
		status = http.StatusRequestTimeout
	}
	return caddyhttp.Error(status, err)
}

// edgeMessages are the messages of the replies that an edge gives itself.
var edgeMessages = map[int]string{
	http.StatusBadRequest:            "The body of the request cannot be read",
	http.StatusRequestTimeout:        "The body of the request did not arrive in time",
	http.StatusRequestEntityTooLarge: "The body of the request is too large",
	http.StatusBadGateway:            "No AM server can be reached at the moment",
	http.StatusServiceUnavailable:    "No AM server is available at the moment",
	http.StatusGatewayTimeout:        "The AM server did not answer in time",
}

// refuse answers a request that no node has answered. An outage says when to try
// again. The body is AM's form of errors; a browser that opens a page gets none,
// as its own page says it better, and where the server has handle_errors that
// answers. The error is returned unless a reply was written.
func (h *Affinity) refuse(w http.ResponseWriter, r *http.Request, err error) error {
	failed, ok := errors.AsType[caddyhttp.HandlerError](err)
	if !ok || edgeMessages[failed.StatusCode] == "" {
		return err
	}
	header, status := w.Header(), failed.StatusCode
	if status >= http.StatusInternalServerError {
		header.Set("Retry-After", realm.RetryAfter)
	}
	header.Set("Cache-Control", "no-store")
	if handlesErrors(r) || strings.Contains(r.Header.Get("Accept"), "text/html") {
		return err
	}
	body, err := json.Marshal(struct {
		Code    int    `json:"code"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}{status, http.StatusText(status), edgeMessages[status]})
	if err != nil {
		return err
	}
	if status >= http.StatusInternalServerError {
		h.app.log.Warn("no AM node answered a request", "status", status, "error", failed.Err)
	} else {
		h.app.log.Debug("a request's body could not be read", "status", status, "error", failed.Err)
	}
	header.Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone cannot be told so
	return nil
}

// handlesErrors reports whether the configuration says what is to be answered to
// errors.
func handlesErrors(r *http.Request) bool {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return ok && server.Errors != nil && len(server.Errors.Routes) > 0
}
