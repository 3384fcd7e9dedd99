package integration

import (
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/store/storetest/faultnet"
	"github.com/amgate/amgate/token"
)

// chaos makes the tests of faults long, "make chaos", and those of journeys whose
// nodes come and go, "make journeys".
var chaos = flag.Bool("chaos", false, "run the tests of faults and of journeys whose nodes come and go in their long form; TestFaults writes docs/failures.md")

// The realms of the site: in the one sessions are in the store, in the other
// their clients carry them, and the store has what ended.
const (
	alpha   = "alpha"
	carried = "carried"
)

var realms = []string{alpha, carried}

const (
	siteMembers  = 3
	siteGateways = 3
	// siteQuota makes it quick to fill etcd's disk space.
	siteQuota = 32 << 20
)

// pace says how long things take in a test of faults.
type pace struct {
	// freshness and timeout are settings of the gateways.
	freshness, timeout time.Duration
	// before and hold are how long clients are at work before a fault begins,
	// and how long it lasts.
	before, hold time.Duration
	// visitors is how many sessions live at once.
	visitors int
}

// paceOf is the product's defaults in the long form.
func paceOf() pace {
	if *chaos {
		return pace{freshness: 5 * time.Second, timeout: 2 * time.Second, before: 2 * time.Second, hold: 12 * time.Second, visitors: 12}
	}
	return pace{freshness: time.Second, timeout: 500 * time.Millisecond, before: time.Second, hold: 2500 * time.Millisecond, visitors: 6}
}

// faultSite is three etcd members and three gateways in front of them, each
// with connections of its own to every member, all of which can fail; those
// between the members too.
type faultSite struct {
	*testing.T
	pace
	etcd     *etcdproc.Cluster
	gateways []*faultGateway
	user     user
	// hit is the member that a fault befell.
	hit int
}

// faultGateway is an amgate with a protected app and AM's endpoints.
type faultGateway struct {
	*process
	name string
	// nets are its connections to each member.
	nets []*faultnet.Proxy
}

func startFaultSite(t *testing.T, p pace) *faultSite {
	t.Helper()
	s := &faultSite{
		T: t, pace: p, user: newUser("bjensen"),
		etcd: etcdproc.Start(t, etcdproc.Options{
			Members: siteMembers, Severable: true, Args: []string{fmt.Sprintf("--quota-backend-bytes=%d", siteQuota)},
		}),
	}
	key := token.GenerateSecret().Base64()
	settable := ""
	if *chaos {
		settable = buildWithClock(t)
	}
	for i := range siteGateways {
		s.gateways = append(s.gateways, s.startGateway(fmt.Sprintf("am-%d", i+1), key, settable))
		settable = "" // the first one is enough
	}
	return s
}

// startGateway runs amgate, or a program in its place whose clock can be set.
func (s *faultSite) startGateway(name, key, settable string) *faultGateway {
	s.Helper()
	g := &faultGateway{name: name}
	var endpoints []string
	for _, url := range s.etcd.Endpoints() {
		net := faultnet.Listen(s.T, strings.TrimPrefix(url, "http://"))
		g.nets = append(g.nets, net)
		endpoints = append(endpoints, "http://"+net.Addr())
	}
	dir := newDir(s.T)
	writeUsers(s.T, dir, s.user)
	addr := "127.0.0.1:" + freePort(s.T)
	var env []string
	if settable != "" {
		(&process{t: s.T, dir: dir}).setClock(0)
		env = []string{clockFile + "=" + filepath.Join(dir, "clock")}
	}
	g.process = start(s.T, spec{
		dir: dir, binary: settable, env: env,
		url: "http://" + addr,
		am: fmt.Sprintf(`
		node %s {
			advertise http://%s
		}
		store etcd %s {
			timeout %s
		}
		cache 16MiB {
			freshness %s
		}
		signing_key %s
		realm /alpha {
			identities file users.json
			journey_sessions client
			session_properties visit
		}
		realm /carried {
			identities file users.json
			journey_sessions client
			authenticated_sessions client
		}`, name, addr, strings.Join(endpoints, " "), s.timeout, s.freshness, key),
		sites: fmt.Sprintf(`
http://%s {
	am_server /am/*
	am_auth /alpha {
		realm /alpha
		properties visit
	}
	respond /alpha "{http.auth.user.property.visit}"
	am_auth /carried {
		realm /carried
	}
	respond /carried ""
}
`, addr),
	})
	return g
}

// network sets the fault between a gateway and all members.
func (g *faultGateway) network(f faultnet.Fault) {
	for _, net := range g.nets {
		net.Set(f)
	}
}

// heal ends all faults of the networks.
func (s *faultSite) heal() {
	s.etcd.Rejoin()
	for _, g := range s.gateways {
		g.network(faultnet.Fault{})
	}
}

// awaitWell returns when each of some gateways logs in, finds the session that
// another one made, and ends it, of both kinds.
func (s *faultSite) awaitWell(gateways ...*faultGateway) {
	s.Helper()
	for i, g := range gateways {
		other := gateways[(i+1)%len(gateways)]
		for _, realm := range realms {
			eventually(s, startLimit, func() error {
				tok, status := g.login(realm, s.user)
				if status != http.StatusOK {
					return fmt.Errorf("%s: a login at %s is answered with %d", g.name, realm, status)
				}
				if _, status := other.look(realm, tok, false); status != http.StatusOK {
					return fmt.Errorf("%s: a look-up at %s is answered with %d", other.name, realm, status)
				}
				if _, status := g.logout(realm, tok); status != http.StatusOK {
					return fmt.Errorf("%s: a logout at %s is answered with %d", g.name, realm, status)
				}
				return nil
			})
		}
	}
}
