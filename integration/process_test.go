package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// startLimit is long because several processes with the race detector may
	// start at once on a small machine.
	startLimit = 60 * time.Second
	stopLimit  = 30 * time.Second
)

// spec says what a process is to run.
type spec struct {
	// am is the content of the global option am.
	am string
	// sites are the site blocks. "import logged" turns a site's access log
	// on, in the format that the suite searches for secrets.
	sites string
	// global are further global options.
	global string
	// url is the scheme, host and port of a site with AM's endpoints: the
	// process is ready when that says so.
	url string
	// dir is the process's folder, with whatever files the configuration
	// names; by default an empty one.
	dir string
	// binary is the program, amgate by default; env is added to its
	// environment.
	binary string
	env    []string
}

// process is a running amgate.
type process struct {
	dir, url string
	binary   string
	env      []string

	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // how; to be read after done
}

// start runs amgate and waits until it is ready. It is stopped with the test.
func start(t testing.TB, s spec) *process {
	t.Helper()
	if s.dir == "" {
		s.dir = newDir(t)
	}
	if s.binary == "" {
		s.binary = binary(t)
	}
	p := &process{t: t, dir: s.dir, url: s.url, binary: s.binary, env: s.env}
	p.configure(s)
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", p.url, p.logTail())
		}
	})
	p.start()
	return p
}

// configure writes the Caddyfile.
func (p *process) configure(s spec) {
	p.t.Helper()
	writeFile(p.t, p.configPath(), fmt.Sprintf(`{
	admin unix/%s|0600
	default_bind 127.0.0.1
	grace_period 2s
	skip_install_trust
	auto_https disable_redirects
	log {
		format am
	}
	%s
	am {
		%s
	}
}

(logged) {
	log {
		format am
	}
}

%s
`, p.adminSocket(), s.global, s.am, s.sites))
}

func (p *process) configPath() string  { return filepath.Join(p.dir, "Caddyfile") }
func (p *process) adminSocket() string { return filepath.Join(p.dir, "admin.sock") }
func (p *process) logPath() string     { return filepath.Join(p.dir, "process.log") }

// start runs the process, again after stop or kill: everything that it keeps
// on disk is still there. The log goes on where it ended.
func (p *process) start() {
	p.t.Helper()
	p.launch()
	p.waitReady()
}

// launch starts the process and does not wait until it is ready.
func (p *process) launch() {
	p.t.Helper()
	log, err := os.OpenFile(p.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	must(p.t, err)
	defer log.Close()
	p.cmd = exec.Command(p.binary, "run", "--config", p.configPath(), "--adapter", "caddyfile")
	p.cmd.Dir, p.cmd.Env = p.dir, append(environment(p.dir), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	must(p.t, p.cmd.Start())
	p.done = make(chan struct{})
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
}

// waitReady polls health/ready.
func (p *process) waitReady() {
	p.t.Helper()
	eventually(p.t, startLimit, func() error {
		select {
		case <-p.done:
			p.t.Fatalf("amgate ended instead of starting: %v\n%s", p.err, p.logTail())
		default:
		}
		return p.ready()
	})
}

// ready is nil if health/ready answers 200.
func (p *process) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/am/json/health/ready", nil)
	if err != nil {
		return err
	}
	transport, err := p.transport()
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("health/ready answers %s", res.Status)
	}
	return nil
}

// stop ends the process as a service manager would, and fails the test if it
// does not end by itself. It does nothing if the process has ended.
func (p *process) stop() {
	if !p.running() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only if it just ended
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Errorf("amgate ended with %v", p.err)
		}
	case <-time.After(stopLimit):
		p.t.Errorf("amgate did not stop within %v", stopLimit)
		p.kill()
	}
}

// kill ends the process without giving it a chance to tidy up (kill -9).
func (p *process) kill() {
	if !p.running() {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	<-p.done
}

// freeze keeps the process from running, thaw lets it go on.
func (p *process) freeze() { must(p.t, p.cmd.Process.Signal(syscall.SIGSTOP)) }
func (p *process) thaw()   { must(p.t, p.cmd.Process.Signal(syscall.SIGCONT)) }

func (p *process) running() bool {
	if p.done == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// reload makes the running process load its Caddyfile again, as an operator
// does. The error holds what the command printed.
func (p *process) reload() error {
	_, stderr, err := run(p.t, p.dir, "reload", "--force", "--config", p.configPath(), "--adapter", "caddyfile",
		"--address", "unix/"+p.adminSocket())
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr)
	}
	return nil
}

// log is all that the process has logged so far.
func (p *process) log() string {
	b, err := os.ReadFile(p.logPath())
	must(p.t, err)
	return string(b)
}

func (p *process) logTail() string {
	b, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-30):], []byte("\n")))
}

// transport trusts the process's own certificate authority, if it has one.
func (p *process) transport() (*http.Transport, error) {
	t := &http.Transport{MaxIdleConnsPerHost: 64}
	if strings.HasPrefix(p.url, "https://") {
		pem, err := os.ReadFile(p.authority("root.crt"))
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return t, nil
}

// authority is the path of a file of Caddy's internal CA: root.crt or
// intermediate.crt.
func (p *process) authority(file string) string {
	return filepath.Join(p.dir, "xdg", "data", "caddy", "pki", "authorities", "local", file)
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(content), 0o600))
}
