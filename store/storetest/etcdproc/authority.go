package etcdproc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a certificate authority of one test.
type Authority struct {
	// File is the PEM file of its certificate.
	File string

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Certificate is a certificate with its key, in PEM files.
type Certificate struct{ File, Key string }

// NewAuthority makes an authority that nobody trusts yet.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{dir: tb.TempDir(), key: newKey(tb)}
	a.File = filepath.Join(a.dir, "ca.pem")
	a.cert = &x509.Certificate{
		SerialNumber: newSerial(tb), Subject: pkix.Name{CommonName: "etcdproc"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.sign(tb, a.cert, a.key, a.File)
	return a
}

// Issue makes a certificate for 127.0.0.1 and clients alike, made out to name
// as well, that expires when the lifetime is over: one that is negative has
// expired. It lies in files of that name, which it replaces.
func (a *Authority) Issue(tb testing.TB, name string, lifetime time.Duration) Certificate {
	tb.Helper()
	c := Certificate{filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+"-key.pem")}
	key := newKey(tb)
	a.sign(tb, &x509.Certificate{
		SerialNumber: newSerial(tb), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(lifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, key, c.File)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	writePEM(tb, c.Key, "PRIVATE KEY", der)
	return c
}

// sign writes the certificate of a template and its key, signed by the
// authority.
func (a *Authority) sign(tb testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey, file string) {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	writePEM(tb, file, "CERTIFICATE", der)
}

// config is for a client that trusts the authority and shows a certificate.
func (a *Authority) config(tb testing.TB, c Certificate) *tls.Config {
	tb.Helper()
	ca, err := os.ReadFile(a.File)
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	pair, err := tls.LoadX509KeyPair(c.File, c.Key)
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	cfg := &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	cfg.RootCAs.AppendCertsFromPEM(ca)
	return cfg
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	return key
}

func newSerial(tb testing.TB) *big.Int {
	tb.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	return serial
}

func writePEM(tb testing.TB, file, kind string, der []byte) {
	tb.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
}
