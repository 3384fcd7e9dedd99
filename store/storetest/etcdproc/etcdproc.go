// Package etcdproc runs etcd clusters for tests: real processes on loopback,
// of the very version that this module requires, which can be stopped,
// killed, frozen and started again.
package etcdproc

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"

	"github.com/amgate/amgate/store/storetest/faultnet"
)

// patience bounds how long a member may take to start or stop.
const patience = 60 * time.Second

// Options says what cluster to start.
type Options struct {
	// Members is how many; 0 means 1.
	Members int
	// Args are further flags for each member, such as
	// "--auto-compaction-retention=1s".
	Args []string
	// Snapshot is a file to make the members' folders from, as "etcdutl
	// snapshot restore" does; "" for an empty cluster.
	Snapshot string
	// Authority, if it is set, issues the members' certificates and is whom
	// they demand certificates of their clients from. Members talk to each
	// other without.
	Authority *Authority
	// Root is the password of the user root, with which the cluster asks
	// everybody who they are; "" for a cluster that lets everybody in.
	Root string
	// Severable puts a proxy before each member's peer address, for Isolate.
	Severable bool
}

// Cluster is an etcd cluster on loopback. Its methods fail the test instead of
// returning errors and are for one goroutine at a time. Members are numbered
// from 0.
type Cluster struct {
	tb      testing.TB
	members []*member
	tls     *tls.Config // of the test's own clients; nil without TLS
	root    string
	admin   *clientv3.Client // made when first asked for
}

// member is a process, or the place where one was.
type member struct {
	binary, log string
	// client and peer are where it listens, advertised is where the others
	// find it: host:port.
	client, peer, advertised string
	url                      string // of client
	// proxy is at the advertised address if the cluster is severable.
	proxy  *faultnet.Proxy
	args   []string
	cmd    *exec.Cmd // nil when it is down
	frozen bool
}

// Start builds etcd if that was not done before, starts the members, and
// returns when each answers reads and writes. The cluster ends with the test;
// if the test failed, the ends of the members' logs are shown.
func Start(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	n := max(1, o.Members)
	binary, err := build(tb.Context())
	if err != nil {
		tb.Fatalf("etcdproc: build etcd: %v", err)
	}
	ports, err := freePorts(2 * n)
	if err != nil {
		tb.Fatalf("etcdproc: %v", err)
	}
	c := &Cluster{tb: tb}
	dir := tb.TempDir()
	scheme, flags := "http://", o.Args
	if o.Authority != nil {
		scheme, flags = "https://", append(c.useTLS(o.Authority), flags...)
	}
	if o.Root != "" {
		flags = append([]string{"--bcrypt-cost=4"}, flags...) // the least there is
	}
	var initial []string
	for i := range n {
		m := &member{
			binary: binary, log: filepath.Join(dir, fmt.Sprintf("m%d.log", i)),
			client: ports[2*i], peer: ports[2*i+1], advertised: ports[2*i+1], url: scheme + ports[2*i],
		}
		if o.Severable {
			m.proxy = faultnet.ListenNamed(tb, m.peer, sender)
			m.advertised = m.proxy.Addr()
		}
		c.members = append(c.members, m)
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, m.advertised))
	}
	for i, m := range c.members {
		m.args = append([]string{
			fmt.Sprintf("--name=m%d", i),
			"--data-dir=" + filepath.Join(dir, fmt.Sprintf("m%d", i)),
			"--listen-client-urls=" + m.url,
			"--advertise-client-urls=" + m.url,
			"--listen-peer-urls=http://" + m.peer,
			"--initial-advertise-peer-urls=http://" + m.advertised,
			"--initial-cluster=" + strings.Join(initial, ","),
			"--initial-cluster-token=" + filepath.Base(dir),
			"--log-level=warn",
		}, flags...)
	}
	if o.Snapshot != "" {
		if err := c.restore(o.Snapshot, dir, initial); err != nil {
			tb.Fatalf("etcdproc: restore %s: %v", o.Snapshot, err)
		}
	}
	tb.Cleanup(c.cleanup)
	for _, m := range c.members {
		if err := m.start(); err != nil {
			tb.Fatalf("etcdproc: %v", err)
		}
	}
	for i := range c.members {
		c.await(i)
	}
	if o.Root != "" {
		c.enableAuth(o.Root)
	}
	return c
}

// useTLS gets the certificates and returns the members' flags for them.
func (c *Cluster) useTLS(a *Authority) []string {
	server := a.Issue(c.tb, "member", time.Hour)
	c.tls = a.config(c.tb, a.Issue(c.tb, "etcdproc", time.Hour))
	return []string{
		"--cert-file=" + server.File, "--key-file=" + server.Key,
		"--trusted-ca-file=" + a.File, "--client-cert-auth",
	}
}

// Endpoints are the members' client URLs, those of stopped ones too.
func (c *Cluster) Endpoints() []string {
	urls := make([]string, len(c.members))
	for i, m := range c.members {
		urls[i] = m.url
	}
	return urls
}

// Start starts member i again, on the same ports and data, and returns when
// it answers; if the cluster has no majority even with it, at once.
func (c *Cluster) Start(i int) {
	c.tb.Helper()
	m := c.members[i]
	if m.cmd != nil {
		c.tb.Fatalf("etcdproc: member %d is running", i)
	}
	if err := m.start(); err != nil {
		c.tb.Fatalf("etcdproc: %v", err)
	}
	if c.majority() {
		c.await(i)
	}
}

// Stop ends member i as an operator would, and returns when it has gone.
func (c *Cluster) Stop(i int) { c.tb.Helper(); c.halt(i, syscall.SIGTERM) }

// Kill ends member i as a crash would, and returns when it has gone.
func (c *Cluster) Kill(i int) { c.tb.Helper(); c.halt(i, syscall.SIGKILL) }

// Freeze stops member i from running without closing its connections: to
// others it looks like a machine that hangs or a network that drops all. It
// returns when no thread of the member runs any more.
func (c *Cluster) Freeze(i int) {
	c.tb.Helper()
	c.signal(i, syscall.SIGSTOP, true)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.members[i].cmd.Process.Pid))
		// The state stands behind the name in parentheses, see proc(5).
		if err != nil || strings.HasPrefix(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " T") {
			return // stopped, or a system without /proc
		}
	}
	c.tb.Fatalf("etcdproc: member %d does not freeze", i)
}

// Thaw lets a frozen member go on.
func (c *Cluster) Thaw(i int) { c.tb.Helper(); c.signal(i, syscall.SIGCONT, false) }

func (c *Cluster) signal(i int, sig syscall.Signal, frozen bool) {
	c.tb.Helper()
	m := c.members[i]
	if m.cmd == nil {
		c.tb.Fatalf("etcdproc: member %d is not running", i)
	}
	if err := m.cmd.Process.Signal(sig); err != nil {
		c.tb.Fatalf("etcdproc: signal member %d: %v", i, err)
	}
	m.frozen = frozen
}

func (c *Cluster) halt(i int, sig syscall.Signal) {
	c.tb.Helper()
	c.signal(i, sig, false)
	c.members[i].wait()
}

func (c *Cluster) majority() bool {
	running := 0
	for _, m := range c.members {
		if m.cmd != nil && !m.frozen {
			running++
		}
	}
	return 2*running > len(c.members)
}

// await returns when member i answers linearizable reads.
func (c *Cluster) await(i int) {
	c.tb.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: c.tls.Clone()}}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		resp, err := client.Get(c.members[i].url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.tb.Fatalf("etcdproc: member %d was not ready in %v", i, patience)
}

func (c *Cluster) cleanup() {
	if c.admin != nil {
		c.admin.Close() // its error is that the context has ended
	}
	for i, m := range c.members {
		if m.cmd != nil {
			m.cmd.Process.Kill() // it may have gone by itself
			m.wait()
		}
		if c.tb.Failed() {
			c.tb.Logf("log of etcd member %d:\n%s", i, tail(m.log, 4<<10))
		}
	}
}

// restore makes the members' folders in dir from a snapshot, by the code of
// etcdutl.
func (c *Cluster) restore(file, dir string, initial []string) error {
	for i, m := range c.members {
		name := fmt.Sprintf("m%d", i)
		err := snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
			SnapshotPath: file, OutputDataDir: filepath.Join(dir, name), Name: name,
			PeerURLs: []string{"http://" + m.advertised}, InitialCluster: strings.Join(initial, ","),
			InitialClusterToken: filepath.Base(dir),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *member) start() error {
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(m.binary, m.args...) // #nosec G204 -- our own build
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	m.cmd = cmd
	return nil
}

// wait collects the process. How it ended is of no interest: it was told to.
func (m *member) wait() {
	m.cmd.Wait()
	m.cmd, m.frozen = nil, false
}

// freePorts finds addresses on loopback that nobody listens on. Somebody may
// take one before it is used; then the member that wanted it does not start.
func freePorts(n int) ([]string, error) {
	addrs := make([]string, n)
	for i := range addrs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // not before all are found, so that they differ
		addrs[i] = l.Addr().String()
	}
	return addrs, nil
}

// tail is the end of a file.
func tail(path string, size int) string {
	b, err := os.ReadFile(path) // #nosec G304 -- our own log
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-size):])
}
