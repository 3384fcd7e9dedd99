// Package mailtest runs a real mail server for tests: an exim process on
// loopback, with a certificate of its own, STARTTLS and AUTH, that delivers
// all mail to a folder of the test.
package mailtest

import (
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What signs in to the server.
const (
	Username = "amgate"
	Password = "mail-server-password"
)

// Mail to these, at any domain, is refused: for now (451), or for good (550).
const (
	DeferredUser = "deferred"
	RefusedUser  = "refused"
)

// patience bounds how long the server may take to start, and to deliver.
const patience = 30 * time.Second

// Options says what server to start.
type Options struct {
	// NoTLS offers no STARTTLS, and asks nobody to sign in.
	NoTLS bool
}

// Server is a mail server. Its methods fail the test instead of returning
// errors and are for one goroutine at a time.
type Server struct {
	// Host is its address, and the name in its certificate. Port speaks
	// STARTTLS, TLSPort TLS from the first byte.
	Host          string
	Port, TLSPort int
	// CA is who issued the certificate, and CAFile a PEM file of it.
	CA     *x509.CertPool
	CAFile string

	tb     testing.TB
	dir    string
	binary string
	cmd    *exec.Cmd     // nil when it is down
	gone   chan struct{} // closed when cmd has ended
}

// Start starts a server that ends with the test. Where exim is not installed
// the test is skipped; integration/setup.sh installs it.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	binary, err := find()
	if err != nil {
		tb.Skipf("mailtest: %v; install it with integration/setup.sh", err)
	}
	// Not tb.TempDir, which nobody else may enter.
	dir, err := os.MkdirTemp("", "mailtest-*")
	if err != nil {
		tb.Fatalf("mailtest: %v", err)
	}
	s := &Server{Host: "127.0.0.1", tb: tb, binary: binary, dir: dir}
	tb.Cleanup(s.cleanup)
	if err := s.prepare(o); err != nil {
		tb.Fatalf("mailtest: %v", err)
	}
	s.Restart()
	return s
}

// find returns the path of exim, which Debian keeps out of a user's PATH.
func find() (string, error) {
	if path, err := exec.LookPath("exim4"); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/exim4")
}

// Restart starts the server after Stop, on the same ports.
func (s *Server) Restart() {
	s.tb.Helper()
	if s.cmd != nil {
		s.tb.Fatal("mailtest: the server is running")
	}
	log, err := os.OpenFile(s.path("output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.tb.Fatalf("mailtest: %v", err)
	}
	defer log.Close()
	as, err := s.credential()
	if err != nil {
		s.tb.Fatalf("mailtest: %v", err)
	}
	cmd := exec.Command(s.binary, "-C", s.path("exim.conf"), "-bdf", "-q10s")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true} // with its deliveries
	if err := cmd.Start(); err != nil {
		s.tb.Fatalf("mailtest: %v", err)
	}
	s.cmd, s.gone = cmd, make(chan struct{})
	go func(gone chan struct{}) {
		defer close(gone)
		_ = cmd.Wait() // how it ended is of no interest
	}(s.gone)
	s.await()
}

// Stop ends the server: connections are refused from now on.
func (s *Server) Stop() {
	s.tb.Helper()
	if s.cmd == nil {
		s.tb.Fatal("mailtest: the server is not running")
	}
	s.kill()
}

func (s *Server) kill() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // it may have gone by itself
	<-s.gone
	s.cmd = nil
}

// await returns when the server takes connections.
func (s *Server) await() {
	s.tb.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-s.gone:
			s.tb.Fatal("mailtest: the server has ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.tb.Fatalf("mailtest: the server did not start in %v", patience)
}

func (s *Server) cleanup() {
	if s.cmd != nil {
		s.kill()
	}
	if s.tb.Failed() {
		s.tb.Logf("the mail server's logs:\n%s", s.logs())
	}
	if err := os.RemoveAll(s.dir); err != nil {
		s.tb.Errorf("mailtest: %v", err)
	}
}

// logs is what the server has to say.
func (s *Server) logs() string {
	var all strings.Builder
	for _, name := range []string{"output", "log/mainlog", "log/paniclog", "log/rejectlog"} {
		if b, err := os.ReadFile(s.path(filepath.FromSlash(name))); err == nil {
			all.Write(b)
		}
	}
	return all.String()
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }
