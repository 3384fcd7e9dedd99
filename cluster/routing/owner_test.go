package routing

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/realm"
)

const (
	selfAddress  = "a:8080"
	clientHeader = "X-Client"
)

// ownersOf are those of the node at selfAddress, which knows these nodes. The
// client's address is in a header.
func ownersOf(passes *cluster.Passes, serve http.HandlerFunc, nodes ...cluster.Node) *Owners {
	router := affinity.New([32]byte{1})
	var members []cluster.Member
	for _, n := range nodes {
		members = append(members, cluster.NewMember(router, n))
	}
	view := cluster.NewView(members)
	return NewOwners(OwnersConfig{
		Serve: serve, Self: cluster.Node{Name: "a", Address: selfAddress},
		Passes:      func() (*cluster.Passes, error) { return passes, nil },
		ExplainKeys: func() (*cluster.ExplainKeys, error) { return nil, errors.New("they are not known yet") },
		View:        func(context.Context) *cluster.View { return view },
		ClientIP:    func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get(clientHeader)) },
		SetClientIP: func(r *http.Request, a netip.Addr) { r.Header.Set(clientHeader, a.String()) },
		Logger:      slog.New(slog.DiscardHandler),
	})
}

func stepRequest(ctx context.Context, body string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://login.example.com/am/json/authenticate", strings.NewReader(body))
	r.Header.Set(clientHeader, "192.0.2.1")
	return r
}

// TestPassOfANodeThatIsNotKnown: a node that is leaving, or that the receiver
// has not heard of yet, passes a request on. Who the client is does not depend on
// which nodes the receiver knows.
func TestPassOfANodeThatIsNotKnown(t *testing.T) {
	passes := cluster.NewPasses([32]byte{7})
	for name, nodes := range map[string][]cluster.Node{
		"knows the sender": {{Name: "a", Address: selfAddress}, {Name: "b", Address: "b:8080"}},
		"knows itself":     {{Name: "a", Address: selfAddress}},
		"knows nobody":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			var client, left string
			var secure bool
			o := ownersOf(passes, func(_ http.ResponseWriter, r *http.Request) {
				client, secure, left = r.Header.Get(clientHeader), r.TLS != nil, r.Header.Get(cluster.PassHeader)
			}, nodes...)
			r := stepRequest(t.Context(), "{}")
			r.Header.Set(cluster.PassHeader, passes.Sign(
				cluster.Pass{To: selfAddress, Client: netip.MustParseAddr("203.0.113.7"), Secure: true}, r, []byte("{}")))
			o.ServeHTTP(httptest.NewRecorder(), r)
			if client != "203.0.113.7" || !secure || left != "" {
				t.Errorf("it serves client %s, secure: %t, and leaves the pass %q", client, secure, left)
			}
			r = stepRequest(t.Context(), "{}")
			r.Header.Set(cluster.PassHeader, "1795656000000,203.0.113.7,true,AAAA")
			o.ServeHTTP(httptest.NewRecorder(), r)
			if client != "192.0.2.1" || secure || left != "" {
				t.Errorf("with a pass that nobody signed it serves client %s, secure: %t, and leaves %q", client, secure, left)
			}
		})
	}
}

// TestOwnerThatServesTLS: a node with https gets the request if the handshake
// succeeds. If it fails, or the process hangs and never answers it, the node has
// seen nothing of the request, which is then answered here.
func TestOwnerThatServesTLS(t *testing.T) {
	served := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer served.Close()
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: served.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", trusted) // read once in this process, here
	hangs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hangs.Close() // the kernel accepts, and nobody answers
	address := served.Listener.Addr().String()
	for _, node := range []struct {
		name, address string
		status        int
	}{
		{"answers", address, http.StatusTeapot},
		{"has another's certificate", strings.Replace(address, "127.0.0.1", "localhost", 1), http.StatusAccepted},
		{"hangs", hangs.Addr().String(), http.StatusAccepted},
	} {
		t.Run(node.name, func(t *testing.T) {
			passes := cluster.NewPasses([32]byte{7})
			o := ownersOf(passes, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // of a client that hangs up at last
			defer cancel()
			reply := httptest.NewRecorder()
			v := &visit{Owners: o, w: reply, body: []byte("{}")}
			held := newHeldReply(reply, &realm.Elsewhere{Found: true})
			held.WriteHeader(http.StatusServiceUnavailable)
			v.leave(stepRequest(ctx, "{}"), passes, cluster.Node{Name: "b", Address: node.address, Secure: true}, held)
			if reply.Code != node.status {
				t.Errorf("it is answered with %d, want %d", reply.Code, node.status)
			}
		})
	}
}
