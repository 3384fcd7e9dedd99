package etcd

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc/credentials"
)

// TLS says whom the store trusts and how it shows who it is. Its files are
// read at each handshake, so that renewed ones need no restart.
type TLS struct {
	// CA is a PEM file of who issued the members' certificates. Empty: the
	// system knows.
	CA string
	// Certificate and Key are PEM files, for members that want a certificate
	// of their clients; both or none.
	Certificate, Key string
	// ServerName is whom the members' certificates are made out to. Empty:
	// each to the host of its endpoint.
	ServerName string
}

// load reads the files.
func (t TLS) load() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls: the CA: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: the CA: %s holds no certificate in PEM form", t.CA)
		}
	}
	switch {
	case t.Certificate == "" && t.Key == "":
		return cfg, nil
	case t.Certificate == "" || t.Key == "":
		return nil, errors.New("tls: a client certificate and its key come together")
	}
	pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: the client certificate %s with the key %s: %w", t.Certificate, t.Key, err)
	}
	// A certificate in Certificates is shown only to a server that names its
	// authority. This one always is: the server then says what it has against
	// it, and not that there is none.
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return cfg, nil
}

// transport makes TLS connections by what the files hold at the time. While
// they cannot be read, such as in the middle of a renewal, it goes by what
// they held before.
type transport struct {
	credentials.TransportCredentials // what does not depend on the files

	files      TLS
	unreadable func(error)

	mu   sync.Mutex
	last *tls.Config
}

// newTransport returns credentials; unreadable is told when the files cannot
// be read.
func newTransport(files TLS, unreadable func(error)) *transport {
	return &transport{TransportCredentials: credentials.NewTLS(nil), files: files, unreadable: unreadable}
}

// ClientHandshake implements credentials.TransportCredentials.
func (t *transport) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	cfg, err := t.current()
	if err != nil {
		return nil, nil, err
	}
	// gRPC takes the authority for the server's name, whatever cfg says.
	return credentials.NewTLS(cfg).ClientHandshake(ctx, cmp.Or(t.files.ServerName, authority), raw)
}

// Clone implements credentials.TransportCredentials: there is nothing in it
// that anybody changes.
func (t *transport) Clone() credentials.TransportCredentials { return t }

func (t *transport) current() (*tls.Config, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cfg, err := t.files.load()
	switch {
	case err == nil:
		t.last = cfg
	case t.last == nil:
		return nil, err
	default:
		t.unreadable(err)
	}
	return t.last, nil
}
