package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/amgate/amgate/mail/mailtest"
)

// sample is a journey and the way through it to a session.
type sample struct {
	name string
	way  []stop
}

// stop is a step on the way: the types of the callbacks that it asks, with
// spaces between and without their common ending, and how they are answered.
type stop struct {
	asks   string
	answer func(*walk) []any
}

// say answers with the same values always.
func say(values ...any) func(*walk) []any { return func(*walk) []any { return values } }

func sayName(w *walk) []any        { return []any{w.user.name} }
func sayPassword(w *walk) []any    { return []any{w.user.password} }
func sayCredentials(w *walk) []any { return []any{w.user.name, w.user.password} }

// sayNameForMail answers with the name of somebody who gets a mail for it.
func sayNameForMail(w *walk) []any {
	w.tried = w.mails.to(w.user)
	return sayName(w)
}

// sayMailed answers with a one-time password that was mailed to the user since,
// and not tried yet: an answer that was sent again may have sent two mails.
func sayMailed(w *walk) []any {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, code := range w.mails.to(w.user) {
			if !slices.Contains(w.tried, code) {
				w.tried = append(w.tried, code)
				return []any{code}
			}
		}
	}
	return []any{"no mail"}
}

// afterAWhile answers nothing, as late as a polling wait of a second demands.
func afterAWhile(*walk) []any {
	time.Sleep(1100 * time.Millisecond)
	return nil
}

// walk is a client on its way through a sample journey. It is for one goroutine
// at a time.
type walk struct {
	sample
	client *client
	user   user
	mails  *mails
	// to says where the next request goes.
	to func() *process
	// again says of what came of a request whether it is sent again, as it was;
	// nil is never.
	again func(reply, error) bool

	step  step
	at    int    // the stop that step is
	token string // of the session, at the end
	sent  int    // requests, those that were sent again too
	cut   int    // those whose node ended before it answered
	// tried are one-time passwords that are of no use any more.
	tried []string
	// restarts is how often a step was answered with the journey's first one,
	// repeats how often with itself.
	restarts, repeats int
}

// another is a client like c, with cookies of its own or none, on the same
// connections.
func (c *client) another(cookies bool) *client {
	c.t.Helper()
	h, other := *c.http, *c
	if h.Jar = nil; cookies {
		jar, err := cookiejar.New(nil)
		must(c.t, err)
		h.Jar = jar
	}
	other.http = &h
	return &other
}

// at is the same client in front of another process. Cookies are the same if
// the host is: browsers do not tell ports apart.
func (c *client) at(p *process) *client {
	other := *c
	other.am = p.url + "/am"
	return &other
}

// patienceOfWalks bounds how long a client sends a request again and again.
const patienceOfWalks = 60 * time.Second

// request sends what ask sends to a process, again if need be.
func (w *walk) request(ask func(*client) (reply, error)) (reply, error) {
	for deadline := time.Now().Add(patienceOfWalks); ; time.Sleep(50 * time.Millisecond) {
		w.sent++
		r, err := ask(w.client.at(w.to()))
		if err == nil && r.status == http.StatusBadGateway {
			w.cut++
		}
		if w.again == nil || !w.again(r, err) || time.Now().After(deadline) {
			return r, err
		}
	}
}

// unanswered is a client that sends again what nobody answered, as a balancer
// does that finds another edge.
func unanswered(_ reply, err error) bool { return err != nil }

// unserved is one that also does so when the answer is that there was none.
func unserved(r reply, err error) bool {
	return err != nil || r.status >= http.StatusBadGateway && r.status <= http.StatusGatewayTimeout
}

// begin asks for the first step.
func (w *walk) begin() error {
	r, err := w.request(func(c *client) (reply, error) { return c.tryBegin(w.name) })
	if err != nil {
		return err
	}
	s, err := w.read(r)
	if err == nil && asked(s.step) != w.way[0].asks {
		err = fmt.Errorf("%s begins with %q", w.name, asked(s.step))
	}
	w.step, w.at = s.step, 0
	return err
}

// next answers the step that the walk is at.
func (w *walk) next() error {
	values := w.way[w.at].answer(w)
	return w.answered(w.request(func(c *client) (reply, error) { return c.tryAnswer(w.step, values...) }))
}

// answered notes what a step was answered with.
func (w *walk) answered(r reply, err error) error {
	if err != nil {
		return fmt.Errorf("%s, step %d: %w", w.name, w.at+1, err)
	}
	s, err := w.read(r)
	if err != nil {
		return fmt.Errorf("%s, step %d: %w", w.name, w.at+1, err)
	}
	if s.TokenID != "" {
		if w.at != len(w.way)-1 {
			return fmt.Errorf("%s ends at step %d of %d", w.name, w.at+1, len(w.way))
		}
		w.token = s.TokenID
		return nil
	}
	switch got := asked(s.step); {
	case w.at+1 < len(w.way) && got == w.way[w.at+1].asks:
		w.at++
	case got == w.way[0].asks:
		w.at = 0
		w.restarts++
	case got == w.way[w.at].asks:
		w.repeats++
	default:
		return fmt.Errorf("%s, step %d is followed by %q", w.name, w.at+1, got)
	}
	w.step = s.step
	return nil
}

// read reads a further step or the session at the end.
func (w *walk) read(r reply) (s struct {
	step
	success
}, err error) {
	if r.status != http.StatusOK {
		return s, fmt.Errorf("answered with %s", r)
	}
	r.decode(w.client.t, &s)
	return s, nil
}

// advance walks on to a stop.
func (w *walk) advance(to int) error {
	for w.token == "" && w.at < to {
		if err := w.next(); err != nil {
			return err
		}
	}
	return nil
}

// finish walks on to the session.
func (w *walk) finish() error {
	for steps := 0; w.token == ""; steps++ {
		if steps > 3*len(w.way) {
			return fmt.Errorf("%s does not come to its end: %d restarts, %d repeats", w.name, w.restarts, w.repeats)
		}
		if err := w.next(); err != nil {
			return err
		}
	}
	return nil
}

// asked are the types of a step's callbacks as a stop has them.
func asked(s step) string {
	var types []string
	for _, cb := range s.Callbacks {
		types = append(types, strings.TrimSuffix(cb.Type, "Callback"))
	}
	return strings.Join(types, " ")
}

// inTurn sends requests to processes in turn, beginning with the i-th.
func inTurn(ps []*process, i int) func() *process {
	return func() *process {
		p := ps[i%len(ps)]
		i++
		return p
	}
}

// forAll does something with every walk, several at once, and stops at the
// first error.
func forAll(walks []*walk, several int, do func(*walk) error) error {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var wg sync.WaitGroup
	work := make(chan *walk)
	for range several {
		wg.Go(func() {
			for w := range work {
				if err := do(w); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, w := range walks {
		if ctx.Err() != nil {
			break
		}
		work <- w
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

// tally adds up how walks went.
type tally struct{ sent, cut, restarts, repeats, sessions int }

func tallyOf(walks []*walk) (sum tally) {
	for _, w := range walks {
		sum.sent += w.sent
		sum.cut += w.cut
		sum.restarts += w.restarts
		sum.repeats += w.repeats
		sum.sessions += min(len(w.token), 1)
	}
	return sum
}

// mails is a mail server that several walks look into.
type mails struct {
	sync.Mutex
	*mailtest.Server
}

var mailedCode = regexp.MustCompile(`\b[0-9]{8}\b`)

// to are the one-time passwords that were mailed to a user.
func (m *mails) to(u user) (codes []string) {
	m.Lock()
	defer m.Unlock()
	for _, mail := range m.Messages(u.attributes["mail"]) {
		codes = append(codes, mailedCode.FindString(mail.Text))
	}
	return codes
}
