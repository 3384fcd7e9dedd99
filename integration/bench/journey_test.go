package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// schemes are the journey-session schemes, the fastest first.
var schemes = []string{"in_memory", "client", "server"}

// loopJourney asks the same question as long as the answer is the first
// choice: each answer is a step that hashes nothing.
const loopJourney = `
		journey Loop {
			timeout 1h
			node pick choice {
				prompt "Again?"
				choices again done
			}
			node name username
			node pass password
			node check data_store

			pick again -> pick
			pick done -> name
			name -> pass
			pass -> check
			check true -> success
			check false -> failure
		}
`

// BenchmarkJourneyStep compares a step of a journey, without hashing, in the
// three schemes with a static answer of the same binary: the ratios of
// processor time. Beside them is what HTTP alone costs: a request as large as a
// step's, and one that is answered with as much as a step, both without looking
// at what was sent; what the least that could be called a step costs (see
// floor); and what a step in memory alone costs, from the request's bytes to
// the reply's, without a connection. One iteration is a round of one second for
// each.
func BenchmarkJourneyStep(b *testing.B) {
	binary := buildBinary(b)
	static := start(b, binary, "static", "", "\trespond \"OK\"\n")
	talkative := start(b, binary, "talkative", "", "\trespond \""+strings.Repeat("x", 900)+"\"\n"+
		"\theader {\n"+strings.Repeat("\t\t+X-Header "+strings.Repeat("x", 30)+"\n", 8)+"\t}\n")
	floor := start(b, build(b, "./floor"), "floor", "", "\tfloor /am/json/realms/*\n\trespond \"OK\"\n")
	servers := make(map[string]*proxy)
	for _, scheme := range schemes {
		servers[scheme] = startScheme(b, binary, scheme)
	}
	lone := newLoneStep(b)
	var posts, exchanges, floors, alone []float64
	ratios := make(map[string][]float64)
	micros := make(map[string][]float64)
	sizes := make(map[string]int)
	for b.Loop() {
		base := static.load(b, []string{""})
		posts = append(posts, static.posts(b).cpu/base.cpu)
		exchanges = append(exchanges, talkative.posts(b).cpu/base.cpu)
		least, _ := floor.walk(b)
		floors = append(floors, least.cpu/base.cpu)
		alone = append(alone, lone.round(b)/base.cpu)
		for _, scheme := range schemes {
			steps, size := servers[scheme].walk(b)
			ratios[scheme] = append(ratios[scheme], steps.cpu/base.cpu)
			micros[scheme] = append(micros[scheme], steps.cpu*1e6)
			sizes[scheme] = size
		}
	}
	for _, scheme := range schemes {
		b.ReportMetric(median(ratios[scheme]), scheme+"/static")
		b.ReportMetric(median(micros[scheme]), scheme+"-µs")
		b.ReportMetric(float64(sizes[scheme]), scheme+"-authId-B")
	}
	b.ReportMetric(median(posts), "post/static")
	b.ReportMetric(median(exchanges), "exchange/static")
	b.ReportMetric(median(floors), "floor/static")
	b.ReportMetric(median(alone), "step-alone/static")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLogin measures the processor time of a login of two steps beyond
// the check of the password, in milliseconds, in the three schemes.
func BenchmarkLogin(b *testing.B) {
	binary := buildBinary(b)
	servers := make(map[string]*proxy)
	for _, scheme := range schemes {
		servers[scheme] = startScheme(b, binary, scheme)
	}
	beyond := make(map[string][]float64)
	for b.Loop() {
		hash := hashTime(b)
		for _, scheme := range schemes {
			logins := servers[scheme].logins(b)
			beyond[scheme] = append(beyond[scheme], (logins.cpu-hash)*1e3)
		}
	}
	for _, scheme := range schemes {
		b.ReportMetric(median(beyond[scheme]), scheme+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}

func buildBinary(b *testing.B) string { return build(b, "../../cmd/amgate") }

// build builds the command in a folder.
func build(b *testing.B, folder string) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "built")
	if out, err := exec.Command("go", "build", "-o", binary, folder).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func startScheme(b *testing.B, binary, scheme string) *proxy {
	b.Helper()
	return start(b, binary, scheme,
		"\tam {\n\t\tidentities file users.yaml\n\t\tjourney_sessions "+scheme+"\n\t\tjourney_timeout 1h\n"+loopJourney+"\t}\n",
		"\tam_server /am/*\n")
}

// hashTime is the processor time of one check of alice's password.
func hashTime(b *testing.B) float64 {
	b.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("password"), bcrypt.MinCost)
	if err != nil {
		b.Fatal(err)
	}
	const checks = 100
	began := time.Now()
	for range checks {
		if err := bcrypt.CompareHashAndPassword(hash, []byte("password")); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began).Seconds() / checks
}

// walk answers steps of the journey Loop for a round, on several connections
// at once. It also returns the length of an authId.
func (p *proxy) walk(b *testing.B) (result, int) {
	b.Helper()
	var size atomic.Int64
	r := p.work(b, connections, func(ctx context.Context, c *conn) (int64, error) {
		step, err := c.post("/am/json/realms/root/authenticate?authIndexType=service&authIndexValue=Loop", []byte("{}"))
		if err != nil {
			return 0, err
		}
		size.Store(int64(len(step.AuthID)))
		var n int64
		for ; ctx.Err() == nil; n++ {
			if step, err = c.answer(step); err != nil {
				return n, err
			}
		}
		return n, nil
	})
	return r, int(size.Load())
}

// posts sends what a step sends to a server that does not look at it.
func (p *proxy) posts(b *testing.B) result {
	b.Helper()
	body := bytes.Repeat([]byte("x"), 1000)
	return p.work(b, connections, func(ctx context.Context, c *conn) (n int64, err error) {
		for ; ctx.Err() == nil; n++ {
			if _, err := c.exchange("/am/json/realms/root/authenticate", body); err != nil {
				return n, err
			}
		}
		return n, nil
	})
}

// logins signs alice in over and over for a round, by as many clients as
// passwords are checked at once.
func (p *proxy) logins(b *testing.B) result {
	b.Helper()
	return p.work(b, 2, func(ctx context.Context, c *conn) (n int64, err error) {
		for ; ctx.Err() == nil; n++ {
			step, err := c.post("/am/json/realms/root/authenticate", []byte("{}"))
			if err != nil {
				return n, err
			}
			if step, err = c.answer(step, "alice", "password"); err != nil {
				return n, err
			}
			if step.TokenID == "" {
				return n, fmt.Errorf("a login ended without a token")
			}
		}
		return n, nil
	})
}

// work runs workers, each on a connection of its own, for a round, and measures
// what they did.
func (p *proxy) work(b *testing.B, workers int, worker func(context.Context, *conn) (int64, error)) result {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), roundTime)
	defer cancel()
	var done atomic.Int64
	var wg sync.WaitGroup
	before, began := p.cpu(b), time.Now()
	for range workers {
		wg.Go(func() {
			c, err := dial(p.addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			n, err := worker(ctx, c)
			done.Add(n)
			if err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	n := float64(done.Load())
	return result{rate: n / time.Since(began).Seconds(), cpu: (p.cpu(b) - before) / n}
}

// conn is a kept-alive connection that keeps no cookies.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// step is what matters of a reply of authenticate.
type step struct {
	AuthID    string     `json:"authId"`
	Callbacks []callback `json:"callbacks"`
	TokenID   string     `json:"tokenId"`
}

type callback struct {
	Type  string  `json:"type"`
	Input []input `json:"input"`
}

type input struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// answer posts a step back, with values in the place of its inputs; without
// values its inputs stay as they are.
func (c *conn) answer(s step, values ...any) (step, error) {
	for i := range s.Callbacks {
		if len(values) > i {
			s.Callbacks[i].Input[0].Value = values[i]
		}
	}
	body, err := json.Marshal(map[string]any{"authId": s.AuthID, "callbacks": s.Callbacks})
	if err != nil {
		return step{}, err
	}
	return c.post("/am/json/realms/root/authenticate", body)
}

func (c *conn) post(path string, body []byte) (s step, err error) {
	reply, err := c.exchange(path, body)
	if err != nil {
		return step{}, err
	}
	return s, json.Unmarshal(reply, &s)
}

// exchange posts a body and returns that of the reply.
func (c *conn) exchange(path string, body []byte) ([]byte, error) {
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept-API-Version: resource=2.1\r\nContent-Length: %d\r\n\r\n%s",
		path, c.RemoteAddr(), len(body), body); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, reply)
	}
	return reply, err
}
