package bench

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/token"
)

// cluster is three etcd members and gateways in front of them.
type cluster struct {
	etcd     *etcdproc.Cluster
	binary   string
	key      string
	gateways []*proxy
}

func startCluster(b *testing.B, gateways int) *cluster {
	b.Helper()
	c := newCluster(b, buildBinary(b), 3)
	for range gateways {
		c.add(b)
	}
	return c
}

// newCluster is a cluster without a gateway yet.
func newCluster(b *testing.B, binary string, members int) *cluster {
	b.Helper()
	return &cluster{
		etcd: etcdproc.Start(b, etcdproc.Options{Members: members}), binary: binary, key: token.GenerateSecret().Base64(),
	}
}

// add starts another gateway with a protected page.
func (c *cluster) add(b *testing.B) *proxy {
	b.Helper()
	return c.addWith(b, "", "respond /page \"OK\"")
}

// addWith starts another gateway, with further options of its realm and what
// serves its page.
func (c *cluster) addWith(b *testing.B, options, page string) *proxy {
	b.Helper()
	name := fmt.Sprintf("am-%d", len(c.gateways)+1)
	p := start(b, c.binary, name, fmt.Sprintf(
		"\tam {\n\t\tnode %s\n\t\tstore etcd %s\n\t\tsigning_key %s\n\t\tidentities file users.yaml\n\t\tjourney_sessions client\n\t\t%s\n\t}\n",
		name, strings.Join(c.etcd.Endpoints(), " "), c.key, options),
		"\tam_server /am/*\n\tam_auth /page\n\t"+page+"\n")
	c.gateways = append(c.gateways, p)
	return p
}

// status sends a request with header lines and returns the status of the reply.
func (c *conn) status(method, path, lines string) (int, error) {
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n%s\r\n", method, path, c.RemoteAddr(), lines); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// look asks for the protected page and demands a status.
func (c *conn) look(cookie string, want int) error {
	got, err := c.status(http.MethodGet, "/page", cookie)
	if err == nil && got != want {
		err = fmt.Errorf("the page answers %d, want %d", got, want)
	}
	return err
}

func (c *conn) logout(cookie string) error {
	got, err := c.status(http.MethodPost, "/am/json/realms/root/sessions/?_action=logout",
		cookie+"Content-Type: application/json\r\nAccept-API-Version: resource=4.0\r\n")
	if err == nil && got != http.StatusOK {
		err = fmt.Errorf("a logout answers %d", got)
	}
	return err
}

func (p *proxy) dial(b *testing.B) *conn {
	b.Helper()
	c, err := dial(p.addr)
	must(b, err)
	b.Cleanup(func() { c.Close() })
	return c
}

// percentiles reports the 50th and the 99th of durations in milliseconds.
func percentiles(b *testing.B, ds []time.Duration, name string) {
	b.Helper()
	slices.Sort(ds)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(ds[(len(ds)-1)*p/100])/1e6, fmt.Sprintf("%s-p%d-ms", name, p))
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkKilledGateway kills the gateway that made a hundred sessions and
// has them in its cache. Another one serves them: for the first time from
// etcd, and then from its own cache.
func BenchmarkKilledGateway(b *testing.B) {
	c := startCluster(b, 1)
	survivor := c.gateways[0].dial(b)
	var hit, miss []time.Duration
	for b.Loop() {
		victim := c.add(b)
		cookies := victim.signIn(b)
		visitor := victim.dial(b)
		for _, cookie := range cookies {
			must(b, visitor.look(cookie, http.StatusOK))
		}
		must(b, syscall.Kill(victim.pid, syscall.SIGKILL))
		for _, took := range []*[]time.Duration{&miss, &hit} {
			for _, cookie := range cookies {
				began := time.Now()
				must(b, survivor.look(cookie, http.StatusOK))
				*took = append(*took, time.Since(began))
			}
		}
	}
	percentiles(b, miss, "miss")
	percentiles(b, hit, "hit")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRevocation measures how long after a logout was acknowledged the
// last of three gateways that had the session in their caches refuses it. It
// is 0 if that was before the acknowledgement was read.
func BenchmarkRevocation(b *testing.B) {
	c := startCluster(b, 3)
	conns := make([]*conn, len(c.gateways))
	for i, g := range c.gateways {
		conns[i] = g.dial(b)
	}
	leaver := c.gateways[0].dial(b)
	var took []time.Duration
	for b.Loop() {
		for _, cookie := range c.gateways[0].signIn(b) {
			for _, conn := range conns {
				must(b, conn.look(cookie, http.StatusOK))
				must(b, conn.look(cookie, http.StatusOK))
			}
			refused := make([]time.Time, len(conns))
			var watching errgroup.Group
			for i, conn := range conns {
				watching.Go(func() error {
					for status := http.StatusOK; status == http.StatusOK; {
						var err error
						if status, err = conn.status(http.MethodGet, "/page", cookie); err != nil {
							return err
						}
						if status != http.StatusOK && status != http.StatusUnauthorized {
							return fmt.Errorf("the page answers %d", status)
						}
						refused[i] = time.Now()
					}
					return nil
				})
			}
			must(b, leaver.logout(cookie))
			acknowledged := time.Now()
			must(b, watching.Wait())
			last := slices.MaxFunc(refused, time.Time.Compare)
			took = append(took, max(0, last.Sub(acknowledged)))
		}
	}
	percentiles(b, took, "revoked")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLeaderLoss kills the leader of etcd and measures how long no
// gateway can log anybody in. Meanwhile each serves a session that it has in
// its cache, and counts the requests for it that failed.
func BenchmarkLeaderLoss(b *testing.B) {
	c := startCluster(b, 3)
	cookie := c.gateways[0].signIn(b)[0]
	var took []time.Duration
	failed, asked := 0, 0
	for b.Loop() {
		leader := c.etcd.Leader()
		for _, g := range c.gateways {
			must(b, g.dial(b).look(cookie, http.StatusOK))
		}
		c.etcd.Kill(leader)
		began := time.Now()
		var mu sync.Mutex
		var back sync.WaitGroup
		for _, g := range c.gateways {
			back.Go(func() {
				for in := false; !in; in = g.logsIn() {
					status, err := g.dial(b).status(http.MethodGet, "/page", cookie)
					mu.Lock()
					asked++
					if err != nil || status != http.StatusOK {
						failed++
					}
					mu.Unlock()
				}
			})
		}
		back.Wait()
		took = append(took, time.Since(began))
		c.etcd.Start(leader)
		time.Sleep(time.Second) // so that its member is in use again
	}
	percentiles(b, took, "recovery")
	b.ReportMetric(float64(failed)/float64(asked), "cached-failed/asked")
	b.ReportMetric(0, "ns/op")
}

// logsIn tries to log alice in.
func (p *proxy) logsIn() bool {
	c, err := dial(p.addr)
	if err != nil {
		return false
	}
	defer c.Close()
	status, err := c.status(http.MethodPost, "/am/json/realms/root/authenticate", "X-OpenAM-Username: alice\r\nX-OpenAM-Password: password\r\n")
	return err == nil && status == http.StatusOK
}

var loaded = flag.Int("sessions", 0, "how many sessions BenchmarkLoadedStore makes")

// BenchmarkLoadedStore makes many sessions in a cluster of three members, each
// in a transaction of its own as a login does, and measures what that takes.
// Run it with -benchtime 1x.
func BenchmarkLoadedStore(b *testing.B) {
	if *loaded == 0 {
		b.Skip("it takes minutes; -sessions says how many")
	}
	c := etcdproc.Start(b, etcdproc.Options{Members: 3, Args: []string{
		"--quota-backend-bytes=8589934592", "--auto-compaction-mode=periodic", "--auto-compaction-retention=1m",
	}})
	remote, err := etcd.New(etcd.Config{Endpoints: c.Endpoints(), Prefix: "/am", Timeout: time.Minute})
	must(b, err)
	defer remote.Close()
	manager := newManager(b, remote)
	for b.Loop() {
		began := time.Now()
		var made errgroup.Group
		for i := range workers {
			made.Go(func() error {
				for n := i; n < *loaded; n += workers {
					if _, _, err := manager.Issue(b.Context(), grantOf(n)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		must(b, made.Wait())
		b.ReportMetric(float64(*loaded)/time.Since(began).Seconds(), "sessions/s")
		b.ReportMetric(time.Since(began).Seconds(), "s")
	}
	sessions := float64(*loaded)
	b.ReportMetric(bytesOfRecords(b, remote)/min(sessions, 10_000), "record-B/session")
	c.Compact(0)
	for _, m := range []int{0, 1, 2} {
		c.Defragment(m)
	}
	total, _ := c.Size(0)
	b.ReportMetric(float64(total)/sessions, "disk-B/session")
	b.ReportMetric(float64(total)/(1<<20), "disk-MiB")
	b.ReportMetric(residentMiB(b, c.PID(0)), "member-RSS-MiB")
	b.ReportMetric(0, "ns/op")
}

// workers is how many logins are under way at once.
const workers = 256

func newManager(b *testing.B, st store.Store) *session.Manager {
	b.Helper()
	secret, err := token.NewSecret(bytes.Repeat([]byte("s"), 32))
	must(b, err)
	all := []token.Secret{secret}
	ring, err := token.NewRing([]byte("the installation bench"), all, map[string][]token.Secret{"/alpha": all})
	must(b, err)
	log := slog.New(slog.DiscardHandler)
	access := session.NewAccess(session.AccessConfig{Store: st, Logger: log})
	b.Cleanup(access.Close)
	return session.NewManager(session.Config{Store: st, Keys: ring, Access: access, Logger: log})
}

// grantOf is a session as a login makes it, of the n-th user.
func grantOf(n int) session.Grant {
	id := fmt.Sprintf("user%07d", n)
	return session.Grant{
		Realm: "/alpha", UserID: id, Username: id, UniversalID: "id=" + id + ",ou=user,o=alpha,ou=services,ou=am-config",
		Roles: []string{"admin", "staff"}, AuthType: "DataStore", Journey: "Login",
		Properties: map[string]string{"mail": id + "@example.com", "department": "engineering"},
		MaxTime:    2 * time.Hour, IdleTime: 30 * time.Minute,
		Seed: fmt.Appendf(nil, "the journey of user %08d", n),
	}
}

// bytesOfRecords adds up keys and values of the first ten thousand sessions
// and of as many entries of the index.
func bytesOfRecords(b *testing.B, st store.Store) (sum float64) {
	b.Helper()
	for _, prefix := range []store.Key{"s/", "u/"} {
		var after store.Key
		for n := 0; n < 10_000; {
			rs, _, err := st.List(b.Context(), prefix, store.Page{After: after})
			must(b, err)
			if len(rs) == 0 {
				break
			}
			for _, r := range rs[:min(len(rs), 10_000-n)] {
				sum += float64(len("/am/") + len(r.Key) + len(r.Value) + 9) // 9: deadline and layout
				n++
			}
			after = rs[len(rs)-1].Key
		}
	}
	return sum
}

// residentMiB is the memory that a process has.
func residentMiB(b *testing.B, pid int) float64 {
	b.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	must(b, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if kib, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 64)
			must(b, err)
			return n / 1024
		}
	}
	b.Fatal("/proc has no VmRSS")
	return 0
}
