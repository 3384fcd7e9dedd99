package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"text/template"
	"time"
)

//go:embed exim.conf
var configText string

var config = template.Must(template.New("exim.conf").Delims("<<", ">>").Parse(configText))

// prepare writes all that the server reads.
func (s *Server) prepare(o Options) (err error) {
	if s.Port, s.TLSPort, err = freePorts(); err != nil {
		return err
	}
	for _, name := range []string{"spool", "log", "mail"} {
		if err := os.Mkdir(s.path(name), 0o700); err != nil {
			return err
		}
	}
	s.CAFile = s.path("server.crt")
	if err := s.writeCertificate(); err != nil {
		return err
	}
	var uid, gid string // as root exim uses its own, see credential
	if os.Geteuid() != 0 {
		uid, gid = strconv.Itoa(os.Geteuid()), strconv.Itoa(os.Getegid())
	}
	f, err := os.OpenFile(s.path("exim.conf"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return config.Execute(f, map[string]any{
		"Dir": s.dir, "Host": s.Host, "Port": s.Port, "TLSPort": s.TLSPort, "NoTLS": o.NoTLS,
		"User": uid, "Group": gid,
		"Username": Username, "Password": Password, "Deferred": DeferredUser, "Refused": RefusedUser,
	})
}

// writeCertificate makes a certificate that is its own issuer.
func (s *Server) writeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "mailtest"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.ParseIP(s.Host)},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if s.CA, err = pool(der); err != nil {
		return err
	}
	if err := writePEM(s.CAFile, "CERTIFICATE", der); err != nil {
		return err
	}
	return writePEM(s.path("server.key"), "PRIVATE KEY", private)
}

func pool(der []byte) (*x509.CertPool, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	p.AddCert(cert)
	return p, nil
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// eximUser is whom Debian runs exim as. Root must not deliver mail.
const eximUser = "Debian-exim"

// credential returns whom to run the server as and gives them the folder; nil
// is ourselves.
func (s *Server) credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // that is what exec.Cmd takes for ourselves
	}
	u, err := user.Lookup(eximUser)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// freePorts finds two ports on loopback that nobody listens on.
func freePorts() (int, int, error) {
	var ports [2]int
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		defer l.Close() // not before both are found, so that they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1], nil
}
