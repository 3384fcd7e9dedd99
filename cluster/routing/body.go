package routing

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
)

// ClientBody is the body of a request, as its client sends it. An error of
// reading it is the client's fault, or that of the way to it, and never that of
// the node that the request is sent to: such an error is also a context.Canceled,
// which a proxy does not count as a failure of the node.
type ClientBody struct {
	io.ReadCloser
	failed atomic.Pointer[bodyError]
}

// NewClientBody puts a ClientBody in the place of a request's body, and returns
// it; nil if the request has none.
func NewClientBody(r *http.Request) *ClientBody {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &ClientBody{ReadCloser: r.Body}
	r.Body = b
	return b
}

// Read implements io.Reader.
func (b *ClientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	failed := &bodyError{err}
	b.failed.Store(failed)
	return n, failed
}

// Err is the error that reading the body ended with; nil if there was none. It
// may be called while the body is read.
func (b *ClientBody) Err() error {
	if failed := b.failed.Load(); failed != nil {
		return failed
	}
	return nil
}

// bodyError is an error of reading a ClientBody.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "reading the client's request: " + e.err.Error() }

func (e *bodyError) Unwrap() []error { return []error{e.err, context.Canceled} }
