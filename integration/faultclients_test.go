package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/amgate/amgate/integration/history"
)

// noAnswer stands for a status where there was none.
const noAnswer = 0

// patience bounds how long a client waits for an answer.
const patience = 15 * time.Second

// visit sends a request and returns what came back; noAnswer if nothing did.
func (g *faultGateway) visit(method, path, content string, header http.Header) (status int, body []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, g.url+path, strings.NewReader(content))
	if err != nil {
		return noAnswer, nil
	}
	req.Header = header
	res, err := visitors.RoundTrip(req)
	if err != nil {
		return noAnswer, nil
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	if err != nil {
		return noAnswer, nil
	}
	return res.StatusCode, body
}

// visitors is what all clients of tests of faults send through.
var visitors = &http.Transport{MaxIdleConnsPerHost: 64}

// endpoint is where AM's endpoints of a realm are.
func endpoint(realm string) string { return "/am/json/realms/root/realms/" + realm + "/" }

func (g *faultGateway) login(realm string, u user) (token string, status int) {
	h := authenticateHeader()
	h["X-OpenAM-Username"], h["X-OpenAM-Password"] = []string{u.name}, []string{u.password}
	status, body := g.visit(http.MethodPost, endpoint(realm)+"authenticate", "", h)
	var got success
	if status == http.StatusOK && json.Unmarshal(body, &got) == nil {
		remember("a token", got.TokenID)
	}
	return got.TokenID, status
}

// look asks for the protected page, as a script or as a browser does. The page
// shows the session's property, where sessions have one.
func (g *faultGateway) look(realm, token string, browser bool) (shown string, status int) {
	h := http.Header{"Cookie": {cookieName + "=" + token}}
	if browser {
		h.Set("Accept", "text/html")
		h.Set("Sec-Fetch-Mode", "navigate")
	}
	status, body := g.visit(http.MethodGet, "/"+realm, "", h)
	if status != http.StatusOK {
		return "", status
	}
	return string(body), status
}

// change gives the session's property a value.
func (g *faultGateway) change(realm, token, value string) (status int) {
	status, _ = g.act(realm, token, "updateSessionProperties", fmt.Sprintf(`{"visit": %q}`, value))
	return status
}

// logout ends the session and reports whether it was still there.
func (g *faultGateway) logout(realm, token string) (ended bool, status int) {
	status, body := g.act(realm, token, "logout", "")
	return strings.Contains(string(body), "Successfully"), status
}

// act does something with the session of a token.
func (g *faultGateway) act(realm, token, action, content string) (status int, body []byte) {
	return g.visit(http.MethodPost, endpoint(realm)+"sessions/?_action="+action, content, http.Header{
		"Content-Type": {"application/json"}, "Accept-Api-Version": {"protocol=1.0,resource=4.0"},
		cookieName: {token},
	})
}

// crowd is clients that come, look around at all gateways, and leave, for as
// long as a fault and its aftermath take. It notes what they saw.
type crowd struct {
	site    *faultSite
	history *history.Recorder
	present sync.WaitGroup
	leave   context.CancelFunc

	mu      sync.Mutex
	answers []answer
	stayed  []visitor // whose sessions nobody ended
}

// visitor is a client with a session.
type visitor struct {
	client       int
	realm, token string
}

// answer is what a client was told.
type answer struct {
	ask        ask
	status     int
	call, back time.Duration
}

// ask is what it had asked for, as the table has it.
type ask string

const (
	askLogin  ask = "login"
	askCached ask = "cached look-up"
	askOther  ask = "other look-up"
	askChange ask = "property change"
	askLogout ask = "logout"
)

// gather lets clients begin.
func (s *faultSite) gather() *crowd {
	c := &crowd{site: s, history: history.NewRecorder()}
	var ctx context.Context
	ctx, c.leave = context.WithCancel(context.Background())
	for i := range s.visitors {
		c.present.Go(func() {
			for ctx.Err() == nil {
				c.visit(ctx, i)
			}
		})
	}
	return c
}

// disperse returns when the last client has gone, after a look at each
// session that should still be there, by each gateway.
func (c *crowd) disperse() {
	c.leave()
	c.present.Wait()
	for _, v := range c.stayed {
		for _, g := range c.site.gateways {
			c.look(v, g, askOther)
		}
	}
}

// visit is a session from its login to its end, or without one. Others look
// at it at the same time, and for a while after.
func (c *crowd) visit(ctx context.Context, client int) {
	v, ok := c.login(client, pick(realms), pick(c.site.gateways))
	if !ok {
		pause(ctx, 100*time.Millisecond)
		return
	}
	watching, done := context.WithCancel(context.Background())
	var watchers sync.WaitGroup
	var known sync.Map // the gateways that have answered for this session
	for range 2 {
		watchers.Go(func() { c.watch(watching, v, &known) })
	}
	defer watchers.Wait()
	defer done()
	for i := range 2 {
		pause(ctx, between(c.site.hold/16, c.site.hold/4))
		if v.realm == alpha {
			c.change(v, pick(c.site.gateways), strconv.Itoa(i+1))
		}
	}
	if oneIn(4) {
		c.mu.Lock()
		c.stayed = append(c.stayed, v)
		c.mu.Unlock()
		return
	}
	for ended := false; !ended; {
		if ended = c.logout(v, pick(c.site.gateways)); !ended {
			if !pause(ctx, 300*time.Millisecond) {
				return // nobody knows whether it ended
			}
		}
	}
	pause(context.Background(), c.site.freshness+500*time.Millisecond)
}

// watch looks a session up, at one gateway for a while and then at another.
func (c *crowd) watch(ctx context.Context, v visitor, known *sync.Map) {
	g := pick(c.site.gateways)
	for pause(ctx, between(30*time.Millisecond, 150*time.Millisecond)) {
		what := askOther
		if _, ok := known.Load(g); ok {
			what = askCached
		}
		if c.look(v, g, what) == http.StatusOK {
			known.Store(g, true)
		}
		if oneIn(4) {
			g = pick(c.site.gateways)
		}
	}
}

func (c *crowd) login(client int, realm string, g *faultGateway) (v visitor, ok bool) {
	op := c.ask(askLogin, visitor{client: client}, g, history.Op{Kind: history.Create}, func(op *history.Op) (status int) {
		op.Outcome = history.Unknown
		if op.Record, status = g.login(realm, c.site.user); op.Record != "" {
			op.Outcome = history.Done
		}
		return status
	})
	return visitor{client, realm, op.Record}, op.Outcome == history.Done
}

func (c *crowd) look(v visitor, g *faultGateway, what ask) (status int) {
	c.ask(what, v, g, history.Op{Kind: history.Lookup}, func(op *history.Op) int {
		op.Value, status = g.look(v.realm, v.token, oneIn(3))
		switch status {
		case http.StatusOK:
			op.Outcome = history.Done
		case http.StatusUnauthorized, http.StatusFound:
			op.Outcome = history.Gone
		default:
			op.Outcome = history.Unknown
		}
		return status
	})
	return status
}

func (c *crowd) change(v visitor, g *faultGateway, value string) {
	c.ask(askChange, v, g, history.Op{Kind: history.Change, Value: value}, func(op *history.Op) int {
		status := g.change(v.realm, v.token, value)
		if op.Outcome = history.Unknown; status == http.StatusOK {
			op.Outcome = history.Done
		}
		return status
	})
}

// logout reports whether the session has certainly ended.
func (c *crowd) logout(v visitor, g *faultGateway) bool {
	op := c.ask(askLogout, v, g, history.Op{Kind: history.End}, func(op *history.Op) int {
		ended, status := g.logout(v.realm, v.token)
		switch {
		case status != http.StatusOK:
			op.Outcome = history.Unknown
		case ended:
			op.Outcome = history.Done
		default:
			op.Outcome = history.Gone
		}
		return status
	})
	return op.Outcome != history.Unknown
}

// ask notes a request of a client, and complains of a status that no fault
// may lead to.
func (c *crowd) ask(what ask, v visitor, g *faultGateway, op history.Op, fn func(*history.Op) (status int)) history.Op {
	var status int
	op.Client, op.Node, op.Record = v.client, g.name, v.token
	op = c.history.Do(op, func(op *history.Op) { status = fn(op) })
	refused := status == http.StatusUnauthorized || status == http.StatusFound
	switch {
	case status == http.StatusOK, status == http.StatusServiceUnavailable, status == noAnswer:
	case refused && op.Kind == history.Lookup: // the history tells whether it is true
	default:
		c.site.Errorf("%s: a %s was answered with %d", g.name, what, status)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, answer{what, status, op.Call, op.Return})
	return op
}

// pause waits, and reports whether ctx still runs.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func pick[T any](of []T) T { return of[rand.IntN(len(of))] }

func oneIn(n int) bool { return rand.IntN(n) == 0 }

func between(from, to time.Duration) time.Duration { return from + rand.N(to-from) }
