package integration

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/mail/mailtest"
)

// chosen asks three times and hashes one password.
var chosen = sample{"Chosen", []stop{{"Name", sayName}, {"Choice", say(0)}, {"Password", sayPassword}}}

// coded has a side effect: its first answer sends a mail.
var coded = sample{"Coded", []stop{{"Name", sayNameForMail}, {"Password", sayMailed}, {"TextOutput Confirmation", say(0)}}}

const journeysToLose = `
			journey Chosen {
				node name username
				node how choice {
					choices password nothing
				}
				node pass password
				node check data_store
				name -> how
				how password -> pass
				how nothing -> failure
				pass -> check
				check true -> success
				check false -> failure
			}
`

const journeyWithMail = `
			journey Coded {
				node name username
				node make one_time_password_generator
				node send one_time_password_smtp_sender
				node code one_time_password
				node news message {
					message "One more."
					yes On
					no Off
				}
				name -> make
				make -> send
				send -> code
				code true -> news
				code false -> code
				news true -> success
				news false -> failure
			}
`

// journeysIn is how many journeys a test walks in its short and long form.
func journeysIn(short, long int) int {
	if *chaos {
		return long
	}
	return short
}

// walks are clients at the beginning of a journey, in front of processes: each
// sends every step to another one, and again if it was not served. Every other
// client keeps no cookies.
func (c *cluster) walks(n int, s sample, before []*process) []*walk {
	base := before[0].client("/alpha")
	all := make([]*walk, n)
	for i := range all {
		all[i] = &walk{sample: s, client: base.another(i%2 == 0), user: c.user, to: inTurn(before, i), again: unserved}
	}
	return all
}

// startMail runs a mail server and makes users that it has mailboxes for.
func startMail(t *testing.T, users int) (*mails, clusterSpec) {
	t.Helper()
	m := &mails{Server: mailtest.Start(t, mailtest.Options{})}
	s := clusterSpec{realm: journeyWithMail, env: []string{"SMTP_PASSWORD=" + mailtest.Password}}
	s.options = fmt.Sprintf(`
		base_url http://localhost
		smtp %s:%d {
			from no-reply@example.com
			username %s
			password {env.SMTP_PASSWORD}
			ca %s
		}`, m.Host, m.Port, mailtest.Username, m.CAFile)
	for i := range users {
		u := newUser(fmt.Sprintf("user%d", i+1))
		u.attributes = map[string]string{"mail": u.name + "@example.com"}
		s.users = append(s.users, u)
	}
	return m, s
}

// startNet runs a cluster as an installation has it: three members of etcd,
// nodes, and two edges.
func startNet(t *testing.T, s clusterSpec) *cluster {
	t.Helper()
	s.members, s.edges, s.journeySessions = 3, 2, cmp.Or(s.journeySessions, "in_memory")
	s.realm += journeysToLose
	c := startCluster(t, s)
	if s.directory {
		c.awaitNodes(t, s.nodes)
	}
	return c
}

// walkWhole begins journeys and walks them to their ends.
func walkWhole(t *testing.T, walks []*walk) {
	t.Helper()
	if err := forAll(walks, 16, func(w *walk) error {
		if err := w.begin(); err != nil {
			return err
		}
		return w.finish()
	}); err != nil {
		t.Error(err)
	}
}

// TestNoJourneyLostAcrossEdges: two edges that do not talk to each other send
// every step of a journey straight to the node that has it, though each step
// reaches another edge than the one before, whether the client keeps cookies or
// not. No node has to pass a step on, none starts again.
func TestNoJourneyLostAcrossEdges(t *testing.T) {
	for name, directory := range map[string]bool{"directory": true, "addresses": false} {
		t.Run(name, func(t *testing.T) {
			n := journeysIn(300, 10_000)
			c := startNet(t, clusterSpec{nodes: 4, directory: directory})
			before := c.steps(t)
			walks := c.walks(n, chosen, c.edges)
			walkWhole(t, walks)
			got := tallyOf(walks)
			wantUninterrupted(t, walks)
			c.wantSteps(t, before+got.sent)
			for _, node := range c.nodes {
				if served := len(steps(t, node)); served < got.sent/8 {
					t.Errorf("a node of four served %d of %d steps: journeys are not spread", served, got.sent)
				}
			}
			t.Logf("%d journeys: %+v", n, got)
		})
	}
}

// TestJourneysLostWithoutRouting shows that the tests around it can fail: with
// edges that pick at random and nodes that do not know each other, most
// journeys start again.
func TestJourneysLostWithoutRouting(t *testing.T) {
	c := startNet(t, clusterSpec{nodes: 4, policy: "random", apart: true})
	walks := c.walks(100, chosen, c.edges)
	err := forAll(walks, 16, func(w *walk) error {
		if err := w.begin(); err != nil {
			return err
		}
		return w.advance(1)
	})
	must(t, err)
	if got := tallyOf(walks); got.restarts < len(walks)/2 {
		t.Errorf("%+v of %d journeys, though each step reached a random node of four", got, len(walks))
	}
}

// TestNoJourneyLostWhenANodeComes: a node that is added while journeys are
// under way gets new ones, and those that had begun go on where they are.
func TestNoJourneyLostWhenANodeComes(t *testing.T) {
	spec := clusterSpec{nodes: 3, directory: true}
	c := startNet(t, spec)
	begun := c.walks(journeysIn(200, 2000), chosen, c.edges)
	must(t, forAll(begun, 16, func(w *walk) error {
		if err := w.begin(); err != nil {
			return err
		}
		return w.advance(rand.IntN(len(w.way)))
	}))
	spec.journeySessions, spec.realm = "in_memory", journeysToLose
	traffic := c.startTraffic(8, chosen)
	added := c.addNode(t, spec)
	eventually(t, 30*time.Second, func() error {
		if n := len(steps(t, added)); n < 100 {
			return fmt.Errorf("the node that came has answered %d steps", n)
		}
		return nil
	})
	meanwhile := traffic.end()
	before := c.steps(t)
	sent := tallyOf(begun).sent
	must(t, forAll(begun, 16, (*walk).finish))
	got := tallyOf(begun)
	c.wantSteps(t, before+got.sent-sent)
	wantUninterrupted(t, begun)
	t.Logf("%d journeys had begun, %d began when the node came", len(begun), len(meanwhile))
}

// wantUninterrupted complains unless all walks came to their sessions, and saw
// each step once.
func wantUninterrupted(t *testing.T, walks []*walk) {
	t.Helper()
	if got := tallyOf(walks); got.restarts+got.repeats > 0 || got.sessions != len(walks) {
		t.Errorf("of %d journeys: %+v", len(walks), got)
	}
}

// traffic is clients that walk through one journey after the other.
type traffic struct {
	t       *testing.T
	leave   context.CancelFunc
	present sync.WaitGroup

	mu    sync.Mutex
	walks []*walk
}

// startTraffic lets clients begin in front of the edges. They send again what
// nobody answered, on a connection of its own for each request.
func (c *cluster) startTraffic(clients int, s sample) *traffic {
	t := c.edge.t.(*testing.T)
	tr := &traffic{t: t}
	var ctx context.Context
	ctx, tr.leave = context.WithCancel(context.Background())
	for i := range clients {
		base := c.edge.client("/alpha")
		base.http.Transport.(*http.Transport).DisableKeepAlives = true
		tr.present.Go(func() {
			for ctx.Err() == nil {
				w := &walk{sample: s, client: base.another(i%2 == 0), user: c.user, to: inTurn(c.edges, i), again: unanswered}
				tr.walk(ctx, w)
			}
		})
	}
	return tr
}

func (tr *traffic) walk(ctx context.Context, w *walk) {
	err := w.begin()
	for err == nil && w.token == "" {
		pause(ctx, rand.N(100*time.Millisecond))
		err = w.next()
	}
	if err != nil {
		tr.t.Error(err)
		pause(ctx, time.Second)
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.walks = append(tr.walks, w)
}

// end returns when all clients are through, and complains if one was
// interrupted.
func (tr *traffic) end() []*walk {
	tr.t.Helper()
	tr.leave()
	tr.present.Wait()
	wantUninterrupted(tr.t, tr.walks)
	return tr.walks
}

// steps are the requests to authenticate that a process has answered, as its
// log has them.
func steps(t *testing.T, p *process) (requests []accessLine) {
	t.Helper()
	for line := range strings.Lines(p.log()) {
		var access accessLine
		if json.Unmarshal([]byte(line), &access) == nil && access.Msg == "handled request" && strings.Contains(access.Request.URI, "/authenticate") {
			requests = append(requests, access)
		}
	}
	return requests
}

// accessLine is what matters of a line of an access log.
type accessLine struct {
	Msg     string
	Request struct{ URI string }
	Status  int
}

// steps counts the requests to authenticate that all nodes have answered: a
// step that one node passes on to another counts twice.
func (c *cluster) steps(t *testing.T) (n int) {
	t.Helper()
	for _, node := range c.nodes {
		n += len(steps(t, node))
	}
	return n
}

// wantSteps waits until the logs tell of so many steps, and no more.
func (c *cluster) wantSteps(t *testing.T, want int) {
	t.Helper()
	eventually(t, 10*time.Second, func() error {
		if got := c.steps(t); got != want {
			return fmt.Errorf("the nodes answered %d requests, want %d: steps were passed on from node to node, or sent twice", got, want)
		}
		return nil
	})
}
