package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/amgate/amgate/identity/password"
	"github.com/amgate/amgate/realm/realmtest"
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
// floor); and what a step alone costs, from the request's bytes to the reply's,
// without a connection: processor time with an etcd that is embedded in the
// process; the same and the allocations with a store in memory, which is
// amgate's own part; reads and commits of the store. One iteration is a round
// of one second for each.
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
	whole, own := make(map[string]*loneStep), make(map[string]*loneStep)
	for _, scheme := range schemes {
		whole[scheme], own[scheme] = newLoneStep(b, scheme, newEtcd(b)), newLoneStep(b, scheme, realmtest.NewStore(b))
	}
	var posts, exchanges, floors []float64
	ratios := make(map[string][]float64)
	micros := make(map[string][]float64)
	alone, ownPart := make(map[string][]float64), make(map[string][]float64)
	ownMicros := make(map[string][]float64)
	counts := make(map[string]stepCost)
	sizes := make(map[string]int)
	for b.Loop() {
		base := static.load(b, []string{""})
		posts = append(posts, static.posts(b).cpu/base.cpu)
		exchanges = append(exchanges, talkative.posts(b).cpu/base.cpu)
		least, _ := floor.walk(b)
		floors = append(floors, least.cpu/base.cpu)
		for _, scheme := range schemes {
			alone[scheme] = append(alone[scheme], whole[scheme].round(b).cpu/base.cpu)
			counts[scheme] = own[scheme].round(b)
			ownPart[scheme] = append(ownPart[scheme], counts[scheme].cpu/base.cpu)
			ownMicros[scheme] = append(ownMicros[scheme], counts[scheme].cpu*1e6)
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
		b.ReportMetric(median(alone[scheme]), scheme+"-alone/static")
		b.ReportMetric(median(ownPart[scheme]), scheme+"-own/static")
		b.ReportMetric(median(ownMicros[scheme]), scheme+"-own-µs")
		b.ReportMetric(counts[scheme].allocs, scheme+"-allocs")
		b.ReportMetric(counts[scheme].reads, scheme+"-reads")
		b.ReportMetric(counts[scheme].commits, scheme+"-commits")
	}
	b.ReportMetric(median(posts), "post/static")
	b.ReportMetric(median(exchanges), "exchange/static")
	b.ReportMetric(median(floors), "floor/static")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLogin measures the processor time of a login beyond the check of
// the password, in milliseconds, in the three schemes: of one of two steps, and
// of one at once, whose request has name and password in its headers. The store
// is the embedded etcd, whose own work counts; beside it is a store in memory.
func BenchmarkLogin(b *testing.B) {
	binary := buildBinary(b)
	servers := make(map[string]*proxy)
	for _, scheme := range schemes {
		servers[scheme] = startScheme(b, binary, scheme)
		servers[scheme+"-no-etcd"] = startScheme(b, binary, scheme, "store memory")
	}
	cheap, err := bcrypt.GenerateFromPassword([]byte("password"), bcrypt.MinCost)
	if err != nil {
		b.Fatal(err)
	}
	hash := newHashing(b, string(cheap))
	twoSteps, atOnce := make(map[string][]float64), make(map[string][]float64)
	for b.Loop() {
		check := hash.work(b).cpu
		for name, server := range servers {
			twoSteps[name] = append(twoSteps[name], (server.logins(b, 2, "alice").cpu-check)*1e3)
			atOnce[name] = append(atOnce[name], (server.loginsAtOnce(b, 2, "alice").cpu-check)*1e3)
		}
	}
	for name := range servers {
		b.ReportMetric(median(twoSteps[name]), name+"-ms")
		b.ReportMetric(median(atOnce[name]), name+"-at-once-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkLoginRate compares how many logins a second there are, of a user
// whose password is hashed as amgate hash-password does, with how many checks
// of that password the same processors do by themselves.
func BenchmarkLoginRate(b *testing.B) {
	binary := buildBinary(b)
	servers := make(map[string]*proxy)
	for _, scheme := range schemes {
		servers[scheme] = startScheme(b, binary, scheme)
	}
	hash := newHashing(b, password.Hash("password"))
	clients := 4 * runtime.GOMAXPROCS(0) // so that checks wait for processors, and not they for logins
	var checks []float64
	twoSteps, atOnce := make(map[string][]float64), make(map[string][]float64)
	for b.Loop() {
		alone := hash.work(b)
		checks = append(checks, alone.cpu*1e3)
		for _, scheme := range schemes {
			twoSteps[scheme] = append(twoSteps[scheme], servers[scheme].logins(b, clients, "bob").rate/alone.rate)
			atOnce[scheme] = append(atOnce[scheme], servers[scheme].loginsAtOnce(b, clients, "bob").rate/alone.rate)
		}
	}
	for _, scheme := range schemes {
		b.ReportMetric(median(twoSteps[scheme]), scheme+"/checks")
		b.ReportMetric(median(atOnce[scheme]), scheme+"-at-once/checks")
	}
	b.ReportMetric(median(checks), "check-ms")
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

func startScheme(b *testing.B, binary, scheme string, options ...string) *proxy {
	b.Helper()
	return start(b, binary, scheme,
		"\tam {\n\t\t"+strings.Join(options, "\n\t\t")+"\n\t\tidentities file users.yaml\n\t\tjourney_sessions "+scheme+"\n\t\tjourney_timeout 1h\n"+loopJourney+"\t}\n",
		"\tam_server /am/*\n")
}

// hashing checks a password over and over.
type hashing struct{ digest password.Digest }

func newHashing(b *testing.B, encoded string) hashing {
	b.Helper()
	digest, err := password.Parse(encoded)
	if err != nil {
		b.Fatal(err)
	}
	return hashing{digest}
}

// work checks the password for a round, on all processors.
func (h hashing) work(b *testing.B) result {
	b.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	before, began := ownCPU(b), time.Now()
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for time.Since(began) < roundTime {
				if !h.digest.Verify("password") {
					b.Error("the password does not match")
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	n := float64(done.Load())
	return result{rate: n / time.Since(began).Seconds(), cpu: (ownCPU(b) - before) / n}
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

// logins signs a user in over and over for a round, by some clients, with a
// login of two steps.
func (p *proxy) logins(b *testing.B, clients int, user string) result {
	b.Helper()
	return p.signIns(b, clients, func(c *conn) (step, error) {
		asked, err := c.post("/am/json/realms/root/authenticate", []byte("{}"))
		if err != nil {
			return step{}, err
		}
		return c.answer(asked, user, "password")
	})
}

// loginsAtOnce is logins with a login of one request.
func (p *proxy) loginsAtOnce(b *testing.B, clients int, user string) result {
	b.Helper()
	return p.signIns(b, clients, func(c *conn) (step, error) {
		return c.post("/am/json/realms/root/authenticate", []byte("{}"), "X-OpenAM-Username: "+user, "X-OpenAM-Password: password")
	})
}

func (p *proxy) signIns(b *testing.B, clients int, signIn func(*conn) (step, error)) result {
	b.Helper()
	return p.work(b, clients, func(ctx context.Context, c *conn) (n int64, err error) {
		for ; ctx.Err() == nil; n++ {
			end, err := signIn(c)
			if err != nil {
				return n, err
			}
			if end.TokenID == "" {
				return n, errors.New("a login ended without a token")
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

func (c *conn) post(path string, body []byte, header ...string) (s step, err error) {
	reply, err := c.exchange(path, body, header...)
	if err != nil {
		return step{}, err
	}
	return s, json.Unmarshal(reply, &s)
}

// exchange posts a body, with further header lines, and returns that of the
// reply.
func (c *conn) exchange(path string, body []byte, header ...string) ([]byte, error) {
	header = append([]string{
		"POST " + path + " HTTP/1.1", "Host: " + c.RemoteAddr().String(), "Content-Type: application/json",
		"Accept-API-Version: resource=2.1", "Content-Length: " + strconv.Itoa(len(body)),
	}, header...)
	if _, err := fmt.Fprintf(c, "%s\r\n\r\n%s", strings.Join(header, "\r\n"), body); err != nil {
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
