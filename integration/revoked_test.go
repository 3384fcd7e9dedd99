package integration

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestRevokedStaysRevoked ends a session and then restarts every component in
// turn, some without warning, and all at once: nothing that is only in memory
// decides that a session is over (Keycloak CVE-2026-9802). The token is replayed
// at edge and node, all the while, of a session in the store and of one that its
// client carries. SECURITY 18.
func TestRevokedStaysRevoked(t *testing.T) {
	t.Parallel()
	for _, sessions := range []string{"server", "client"} {
		t.Run(sessions, func(t *testing.T) {
			t.Parallel()
			staysRevoked(t, startCluster(t, clusterSpec{nodes: 1, journeySessions: "server", sessions: sessions}))
		})
	}
}

func staysRevoked(t *testing.T, c *cluster) {
	t.Helper()
	node, app := c.nodes[0], c.edge.url+"/"
	leaver := c.edge.client("/alpha")
	token := leaver.login(c.user)
	stays := c.edge.client("/alpha")
	other := stays.login(c.user)
	for _, who := range []*client{leaver, stays} {
		if r := who.get(app); r.status != http.StatusOK {
			t.Fatalf("before: %s", r)
		}
	}
	if !node.client("/alpha").valid(token) {
		t.Fatal("the node does not know the session")
	}
	if r := leaver.session("logout", token); r.status != http.StatusOK {
		t.Fatalf("logout: %s", r)
	}
	bearer := http.Header{"Authorization": {"Bearer " + token}}
	// replay is nil when the token is refused at edge and node. To be let
	// through is a failure; not to be answered, or 503, has to pass.
	replay := func(when string) error {
		anybody := c.edge.client("/alpha")
		r, err := anybody.try(http.MethodGet, app, "", bearer)
		switch {
		case err != nil:
			return err
		case r.status == http.StatusOK:
			t.Fatalf("%s: the edge lets the ended session through", when)
		case r.status != http.StatusUnauthorized:
			return fmt.Errorf("%s: the edge answers %s", when, r)
		}
		r, err = node.client("/alpha").try(http.MethodPost, node.client("/alpha").endpoint("sessions/?_action=validate"),
			fmt.Sprintf(`{"tokenId": %q}`, token), http.Header{"Content-Type": {"application/json"}, "Accept-Api-Version": {"resource=4.0"}})
		if err != nil {
			return err
		}
		var answer struct{ Valid bool }
		if r.status == http.StatusOK {
			r.decode(t, &answer)
		}
		switch {
		case answer.Valid:
			t.Fatalf("%s: the node takes the ended session", when)
		case r.status != http.StatusOK:
			return fmt.Errorf("%s: the node answers %s", when, r)
		}
		return nil
	}
	eventually(t, 10*time.Second, func() error { // the edge hears of the logout
		if r := leaver.get(app); r.status != http.StatusUnauthorized {
			return fmt.Errorf("after the logout: %s", r)
		}
		return nil
	})
	restartEtcd := func() { c.etcd.Kill(0); c.etcd.Start(0) }
	for _, restart := range []struct {
		what string
		do   func()
	}{
		{"node restarted", func() { node.stop(); node.start() }},
		{"edge restarted", func() { c.edge.stop(); c.edge.start() }},
		{"node killed", func() { node.kill(); node.start() }},
		{"edge killed", func() { c.edge.kill(); c.edge.start() }},
		{"etcd killed", restartEtcd},
		{"all at once", func() {
			node.kill()
			c.edge.kill()
			restartEtcd()
			node.start()
			c.edge.start()
		}},
	} {
		restart.do()
		eventually(t, startLimit, func() error { return replay("after " + restart.what) })
		eventually(t, startLimit, func() error {
			if r := stays.get(app); r.status != http.StatusOK {
				return fmt.Errorf("after %s, a session that nobody ended: %s", restart.what, r)
			}
			return nil
		})
	}
	if !node.client("/alpha").valid(other) {
		t.Error("a session that nobody ended is gone")
	}
}
