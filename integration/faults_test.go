package integration

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/amgate/amgate/integration/history"
	"github.com/amgate/amgate/store/storetest/faultnet"
)

// fault is something that goes wrong between gateways and store.
type fault struct {
	// name and what are for the table, and name for the test.
	name, what string
	// begin and end make it happen and put it right.
	begin, end func(*faultSite)
	// survived says that the system gets over it by itself, before its end.
	survived bool
	// well are the gateways that log in, find sessions and end them before its
	// end, however long that takes.
	well func(*faultSite) []*faultGateway
	// short says that it is also tested in the short form.
	short bool
}

// follower is a member that does not lead.
func (s *faultSite) follower() int { return (s.etcd.Leader() + 1) % siteMembers }

// first is the gateway that faults of one gateway befall.
func (s *faultSite) first() *faultGateway { return s.gateways[0] }

// What a fault leaves well.
var (
	all    = func(s *faultSite) []*faultGateway { return s.gateways }
	others = func(s *faultSite) []*faultGateway { return s.gateways[1:] }
	none   = func(*faultSite) []*faultGateway { return nil }
)

var faults = []fault{
	{
		name: "none", what: "nothing happens",
		begin: func(*faultSite) {}, end: func(*faultSite) {}, survived: true, well: all,
	},
	{
		name: "slow", well: all, what: "every message between gateways and etcd takes 100–200 ms longer, each way",
		begin: func(s *faultSite) {
			for _, g := range s.gateways {
				g.network(faultnet.Slow(100*time.Millisecond, 100*time.Millisecond))
			}
		},
		end: (*faultSite).heal,
	},
	{
		name: "cut", well: others, what: "one gateway's connections to etcd are reset, new ones too",
		begin: func(s *faultSite) { s.first().network(faultnet.Cut) },
		end:   (*faultSite).heal,
	},
	{
		name: "silent", well: others, what: "one gateway's network drops everything to and from etcd, and says nothing",
		begin: func(s *faultSite) { s.first().network(faultnet.BlackHole) },
		end:   (*faultSite).heal, short: true,
	},
	{
		name: "half-open", well: others, what: "one gateway's requests reach etcd, no answer comes back",
		begin: func(s *faultSite) { s.first().network(faultnet.HalfOpen) },
		end:   (*faultSite).heal,
	},
	{
		name: "silent member", well: all, what: "one member, a follower, hangs with its connections open",
		begin: func(s *faultSite) { s.hit = s.follower(); s.etcd.Freeze(s.hit) },
		end:   func(s *faultSite) { s.etcd.Thaw(s.hit) },
	},
	{
		name: "follower cut off", well: others, what: "a follower is cut off from the other members; one gateway reaches that member alone",
		begin: func(s *faultSite) {
			s.hit = s.follower()
			for i, net := range s.first().nets {
				if i != s.hit {
					net.Set(faultnet.Cut)
				}
			}
			s.etcd.Isolate(s.hit)
		},
		end: (*faultSite).heal, short: true,
	},
	{
		name: "leader killed", well: all, what: "`kill -9` of the leader; started again at the end",
		begin: func(s *faultSite) { s.hit = s.etcd.Leader(); s.etcd.Kill(s.hit) },
		end:   func(s *faultSite) { s.etcd.Start(s.hit) },
		short: true, survived: true,
	},
	{
		name: "quorum lost", well: none, what: "`kill -9` of two of three members",
		begin: func(s *faultSite) {
			s.hit = s.etcd.Leader()
			s.etcd.Kill(s.hit)
			s.etcd.Kill((s.hit + 1) % siteMembers)
		},
		end: func(s *faultSite) { s.etcd.Start(s.hit); s.etcd.Start((s.hit + 1) % siteMembers) },
	},
	{
		name: "member lags", well: others, what: "a follower is stopped, and started again in the middle over a network to it that is 200–400 ms late; one gateway reaches that member alone",
		begin: func(s *faultSite) {
			s.hit = s.follower()
			for i, net := range s.first().nets {
				if i != s.hit {
					net.Set(faultnet.Cut)
				}
			}
			s.etcd.Stop(s.hit)
			time.Sleep(s.hold / 2)
			s.etcd.SlowPeer(s.hit, 200*time.Millisecond)
			s.etcd.Start(s.hit)
		},
		end: (*faultSite).heal,
	},
	{
		name: "compaction under a watcher", well: others, what: "one gateway's connections to etcd are cut, and meanwhile etcd forgets its history",
		begin: func(s *faultSite) { s.first().network(faultnet.Cut) },
		end:   func(s *faultSite) { s.etcd.Compact(s.etcd.Leader()); s.heal() },
		short: true,
	},
	{
		name: "no space", well: none, what: "etcd's quota is exceeded and its alarm NOSPACE rung; then room is made",
		begin: func(s *faultSite) { s.etcd.Fill(s.etcd.Leader()) },
		end:   func(s *faultSite) { s.etcd.MakeRoom() },
	},
	{
		name: "gateway killed", well: others, what: "`kill -9` of a gateway; started again at the end",
		begin: func(s *faultSite) { s.first().kill() },
		end:   func(s *faultSite) { s.first().start() },
	},
	{
		name: "gateway hangs", well: others, what: "a gateway does not run for a while, as when its machine is moved, and goes on",
		begin: func(s *faultSite) { s.first().freeze() },
		end:   func(s *faultSite) { s.first().thaw() },
	},
	{
		name: "clock jumps", well: all, what: "a gateway's clock is set ten minutes ahead, in the middle ten minutes back from the truth, and right at the end",
		begin: func(s *faultSite) {
			s.first().setClock(10 * time.Minute)
			time.Sleep(s.hold / 2)
			s.first().setClock(-10 * time.Minute)
		},
		end: func(s *faultSite) { s.first().setClock(0) },
	},
}

// TestFaults lets clients log in, look around and log out at three gateways
// while something goes wrong. An outage is 503 or a late answer. It is never
// a lost session, a lost logout, or a session that works for longer than the
// freshness after the logout was acknowledged.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := startFaultSite(t, paceOf())
	var rows []row
	for _, f := range faults {
		if !f.short && !*chaos {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			s.T = t
			rows = append(rows, s.suffer(f))
		})
	}
	if len(rows) == len(faults) && !t.Failed() {
		writeFailures(t, rows)
	}
}

// suffer runs clients through a fault and judges what they saw.
func (s *faultSite) suffer(f fault) row {
	s.Helper()
	c := s.gather()
	time.Sleep(s.before)
	from := c.history.Now()
	f.begin(s)
	time.Sleep(s.hold - min(s.hold, c.history.Now()-from))
	s.awaitWell(f.well(s)...)
	to := c.history.Now()
	f.end(s)
	s.awaitWell(s.gateways...)
	well := c.history.Now()
	time.Sleep(s.freshness)
	c.disperse()

	ops := c.history.Ops()
	if err := history.Check(ops, s.freshness); err != nil {
		s.Error(err)
	}
	r := c.row(f, from, to)
	if r.answers[askCached][http.StatusOK] == 0 {
		s.Error("no session went on during the fault")
	}
	s.Logf("%s: %d operations; well %v after the end; %s", f.name, len(ops), (well - to).Round(time.Millisecond), r)
	return r
}

// row is what the table says of a fault.
type row struct {
	fault   fault
	answers map[ask]map[int]int // how many of each status during the fault
	slowest time.Duration
	// working is when the last request failed, since the fault's end or,
	// if it is to be survived, since it began.
	working time.Duration
}

func (c *crowd) row(f fault, from, to time.Duration) row {
	r := row{fault: f, answers: make(map[ask]map[int]int)}
	reference := to
	if f.survived {
		reference = from
	}
	for _, a := range c.answers {
		if failed := a.status == noAnswer || a.status >= 500; failed && a.call > from {
			r.working = max(r.working, a.back-reference)
		}
		if a.back < from || a.call > to {
			continue
		}
		if r.answers[a.ask] == nil {
			r.answers[a.ask] = make(map[int]int)
		}
		status := a.status
		if status == 302 {
			status = 401 // the same, for a browser
		}
		r.answers[a.ask][status]++
		r.slowest = max(r.slowest, a.back-a.call)
	}
	return r
}

func (r row) String() string {
	return fmt.Sprintf("%v, slowest %v, working after %v", r.answers, r.slowest.Round(time.Millisecond), r.working.Round(time.Millisecond))
}
