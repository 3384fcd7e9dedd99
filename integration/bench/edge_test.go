// Package bench measures whole systems: real processes on loopback, compared
// in turn within one run, so that what the machine does meanwhile hits all
// alike. It runs by "make bench" and asserts nothing.
package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/errgroup"

	"github.com/amgate/amgate/identity/password"
)

const (
	connections = 64
	sessions    = 100
	roundTime   = time.Second
)

// BenchmarkProtectedRequest compares a reverse proxy with am_auth with the same
// binary as a bare reverse proxy; both are sent the same requests, with live
// sessions in the cookies. One
// iteration is a round of one second for each; run it with -benchtime 15x. It
// reports the medians of the rounds' ratios of throughput and of processor
// time a request.
func BenchmarkProtectedRequest(b *testing.B) {
	binary := buildBinary(b)
	app := newApp(b)
	bare := start(b, binary, "bare", "", "\t"+app+"\n")
	protected := start(b, binary, "protected", "\tam {\n\t\tidentities file users.yaml\n\t}\n", "\tam_server /am/*\n\tam_auth\n\t"+app+"\n")
	cookies := protected.signIn(b)

	var throughput, processor []float64
	for b.Loop() {
		base := bare.load(b, cookies)
		ours := protected.load(b, cookies)
		throughput = append(throughput, ours.rate/base.rate)
		processor = append(processor, ours.cpu/base.cpu)
	}
	b.ReportMetric(median(throughput), "throughput/bare")
	b.ReportMetric(median(processor), "cpu/bare")
	b.ReportMetric(0, "ns/op")
}

type proxy struct {
	addr string
	pid  int
	// admin is the socket of its admin API.
	admin string
}

// start runs a process with one site, and waits until a path that both kinds
// of site answer is served. The configuration may have the site's address as
// {$ADDR}. The password of alice is hashed as cheaply as can
// be, that of bob as amgate hash-password does; both are "password".
func start(b *testing.B, binary, name, options, site string) *proxy {
	b.Helper()
	dir := b.TempDir()
	hash, err := bcrypt.GenerateFromPassword([]byte("password"), bcrypt.MinCost)
	if err != nil {
		b.Fatal(err)
	}
	addr, admin := freeAddr(b), filepath.Join(dir, "admin.sock")
	write(b, filepath.Join(dir, "users.yaml"), fmt.Sprintf("users:\n  - username: alice\n    password: %s\n  - username: bob\n    password: %s\n",
		hash, password.Hash("password")))
	write(b, filepath.Join(dir, "Caddyfile"), "{\n\tadmin unix/"+admin+"\n\tauto_https off\n\tlog {\n\t\tformat am\n\t}\n"+
		options+"}\n\nhttp://"+addr+" {\n"+site+"}\n")
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(binary, "run")
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = dir, log, log, append(os.Environ(), "ADDR="+addr)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get("http://" + addr + "/am/json/health/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return &proxy{addr: addr, pid: cmd.Process.Pid, admin: admin}
			}
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s does not get ready: %v", name, err)
		}
	}
}

// signIn makes sessions and returns the Cookie headers that carry them.
func (p *proxy) signIn(b *testing.B) []string { return p.signInMany(b, sessions) }

func (p *proxy) signInMany(b *testing.B, n int) []string {
	b.Helper()
	cookies := make([]string, n)
	var all errgroup.Group
	all.SetLimit(8)
	for i := range cookies {
		all.Go(func() (err error) {
			cookies[i], err = p.session()
			return err
		})
	}
	must(b, all.Wait())
	return cookies
}

// session makes a session.
func (p *proxy) session() (cookie string, err error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+p.addr+"/am/json/realms/root/authenticate", nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-OpenAM-Username", "alice")
	req.Header.Set("X-OpenAM-Password", "password")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	for _, c := range resp.Cookies() {
		if c.Name == "iPlanetDirectoryPro" {
			return "Cookie: iPlanetDirectoryPro=" + c.Value + "\r\n", nil
		}
	}
	return "", fmt.Errorf("no session: %s", resp.Status)
}

type result struct {
	rate float64 // requests a second
	cpu  float64 // processor seconds a request, of the proxy
	done float64 // requests
}

// load sends requests over kept-alive connections for a round.
func (p *proxy) load(b *testing.B, cookies []string) result {
	b.Helper()
	return p.flood(b, cookies, connections, http.StatusOK)
}

// flood is load over so many connections, and demands a status.
func (p *proxy) flood(b *testing.B, cookies []string, connections, want int) result {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), roundTime)
	defer cancel()
	var done atomic.Int64
	var wg sync.WaitGroup
	before, began := p.cpu(b), time.Now()
	for i := range connections {
		wg.Go(func() {
			n, err := p.requests(ctx, cookies, i*len(cookies)/connections, want)
			done.Add(n)
			if err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	n := float64(done.Load())
	return result{rate: n / time.Since(began).Seconds(), cpu: (p.cpu(b) - before) / n, done: n}
}

func (p *proxy) requests(ctx context.Context, cookies []string, i, want int) (n int64, err error) {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for ; ctx.Err() == nil; i++ {
		if _, err := fmt.Fprintf(conn, "GET /page HTTP/1.1\r\nHost: %s\r\n%s\r\n", p.addr, cookies[i%len(cookies)]); err != nil {
			return n, err
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return n, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want {
			return n, fmt.Errorf("%s, want %d: %v", resp.Status, want, err)
		}
		n++
	}
	return n, nil
}

// cpu is the processor time that the process has used, in seconds.
func (p *proxy) cpu(b *testing.B) float64 {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		b.Fatal(err)
	}
	// The fields after the name in parentheses; utime and stime are the
	// 14th and 15th of all, in hundredths of a second.
	fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+2:])
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func freeAddr(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(b *testing.B, path, content string) {
	b.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.Fatal(err)
	}
}
