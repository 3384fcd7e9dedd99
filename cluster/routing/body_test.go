package routing_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/amgate/amgate/cluster/routing"
)

// TestFaultOfTheBodyIsTheClients: whichever protocol a node speaks, a request
// whose body breaks off ends with an error that says that the client is to blame,
// and what happened.
func TestFaultOfTheBodyIsTheClients(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		node := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) }))
		node.EnableHTTP2 = http2
		node.StartTLS()
		defer node.Close()
		broken := errors.New("malformed chunk")
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, node.URL, io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(broken)))
		r.RequestURI = ""
		body := routing.NewClientBody(r)
		if body.Err() != nil {
			t.Errorf("before it is read: %v", body.Err())
		}
		resp, err := node.Client().Transport.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		for _, err := range []error{err, body.Err()} {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, broken) {
				t.Errorf("HTTP/2 %t: %v", http2, err)
			}
		}
	}
}
