package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
)

// carriedSite is two gateways on one etcd, whose sessions their clients carry,
// signed with a key in a file.
type carriedSite struct {
	*cluster
	store store.Store
}

func startCarriedSite(t *testing.T, more ...string) carriedSite {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	file := filepath.Join(t.TempDir(), "es256.pem")
	writeFile(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	options := append([]string{"client {", "algorithm ES256", "key " + file, "compress"}, more...)
	c := startGateways(t, clusterSpec{nodes: 2, journeySessions: "client", sessions: strings.Join(append(options, "}"), "\n")})
	st, err := etcd.New(etcd.Config{Endpoints: c.etcd.Endpoints(), Prefix: "/am", Timeout: 5 * time.Second})
	must(t, err)
	t.Cleanup(func() { st.Close() })
	return carriedSite{c, st}
}

// kinds lists the kinds of the records that are of sessions.
func (c carriedSite) kinds(t *testing.T) (kinds []string) {
	t.Helper()
	for _, prefix := range []store.Key{"d/", "e/", "f/", "s/", "u/"} {
		records, _, err := c.store.List(t.Context(), prefix, store.Page{Limit: 100})
		must(t, err)
		for range records {
			kinds = append(kinds, string(prefix))
		}
	}
	return kinds
}

// app asks for the app behind a gateway with a token, and returns the status.
func (c carriedSite) app(node int, token string) (int, error) {
	p := c.nodes[node]
	r, err := p.client("/alpha").try(http.MethodGet, p.url+"/", "", http.Header{"Authorization": {"Bearer " + token}})
	if err == nil && r.status == http.StatusOK && string(r.body) != "Hello "+c.user.name {
		err = fmt.Errorf("the app knows %s", r)
	}
	if err == nil && len(r.header["Set-Cookie"]) > 0 {
		err = fmt.Errorf("%d with the cookies %q", r.status, r.header["Set-Cookie"])
	}
	return r.status, err
}

// want waits until both gateways answer requests with a token by a status. In
// the meantime they may not know, and answer 503.
func (c carriedSite) want(t *testing.T, when, token string, status int) {
	t.Helper()
	for node := range c.nodes {
		eventually(t, 20*time.Second, func() error {
			got, err := c.app(node, token)
			if err == nil && got != status {
				err = fmt.Errorf("%s, gateway %d: %d, want %d", when, node, got, status)
			}
			return err
		})
	}
}

// TestClientSessionsOfTwoGateways: a session that its client carries is issued
// by one gateway, verified by the other, and ended there: then both refuse it,
// after a restart too. The store hears of it at its end. SECURITY 17, 18.
func TestClientSessionsOfTwoGateways(t *testing.T) {
	t.Parallel()
	c := startCarriedSite(t)
	here, there := c.nodes[0].client("/alpha"), c.nodes[1].client("/alpha")
	token, stays := here.login(c.user), there.login(c.user)
	if !strings.HasPrefix(token, "*") || len(token) > 4096-100 {
		t.Fatalf("a token of %d bytes", len(token))
	}
	for _, tok := range []string{token, stays} {
		c.want(t, "after the login", tok, http.StatusOK)
	}
	if kinds := c.kinds(t); len(kinds) != 0 {
		t.Errorf("after two logins the store holds %q", kinds)
	}
	c.forged(t, token)
	if r := there.session("logout", token); r.status != http.StatusOK {
		t.Fatalf("logout: %s", r)
	}
	if status, err := c.app(1, token); err != nil || status != http.StatusUnauthorized {
		t.Errorf("where it was logged out: %d, %v", status, err)
	}
	c.want(t, "after the logout", token, http.StatusUnauthorized)
	if kinds := c.kinds(t); !slices.Equal(kinds, []string{"d/"}) {
		t.Errorf("after one logout the store holds %q", kinds)
	}
	for _, p := range c.nodes {
		p.kill()
		p.start()
	}
	c.want(t, "after a restart", token, http.StatusUnauthorized)
	c.want(t, "after a restart, the one that nobody ended", stays, http.StatusOK)

	// All of the user's, by the epoch.
	if r := c.nodes[0].client("/alpha").logoutByUser(c.user.name, stays); r.status != http.StatusOK {
		t.Fatalf("logout everywhere: %s", r)
	}
	c.want(t, "after the logout everywhere", stays, http.StatusUnauthorized)
	later := c.nodes[0].client("/alpha").login(c.user)
	c.want(t, "after it, a new one", later, http.StatusOK)
	if kinds := c.kinds(t); !slices.Equal(kinds, []string{"d/", "e/"}) {
		t.Errorf("in the end the store holds %q", kinds)
	}
}

// forged presents what looks like a token, to the app and for a logout: nothing
// is let through, and nothing ends. SECURITY 26, 28.
func (c carriedSite) forged(t *testing.T, token string) {
	t.Helper()
	last := strings.LastIndexByte(token, '.')
	for name, bad := range map[string]string{
		"no signature": token[:last+1], "a flipped byte": token[:last-9] + "AA" + token[last-7:], "cut": token[:len(token)-1], "dots": token + ".",
	} {
		if bad == token {
			continue
		}
		for node, p := range c.nodes {
			if status, err := c.app(node, bad); err != nil || status != http.StatusUnauthorized {
				t.Errorf("%s, gateway %d: %d, %v", name, node, status, err)
			}
			p.client("/alpha").session("logout", bad)
		}
	}
	c.want(t, "after forged logouts", token, http.StatusOK)
	if kinds := c.kinds(t); len(kinds) != 0 {
		t.Errorf("forged logouts have written %q", kinds)
	}
}

// logoutByUser ends all sessions of a user, as the user of a token.
func (c *client) logoutByUser(name, token string) reply {
	c.t.Helper()
	return c.send(http.MethodPost, c.endpoint("sessions/?_action=logoutByUser"), fmt.Sprintf(`{"username": %q}`, name), http.Header{
		"Content-Type": {"application/json"}, "Accept-Api-Version": {"protocol=1.0,resource=4.0"}, "Iplanetdirectorypro": {token},
	})
}

// TestClientSessionsInAnOutage: while the store does not answer, gateways let
// through whom they know not to be logged out for as long as that is fresh,
// whether or not they have seen the token; after that they answer 503, and never
// let anybody through who was logged out, nor call anybody so who was not.
func TestClientSessionsInAnOutage(t *testing.T) {
	t.Parallel()
	c := startCarriedSite(t)
	login := func() string { return c.nodes[0].client("/alpha").login(c.user) }
	seen, unseen, ended := login(), login(), login()
	c.nodes[0].client("/alpha").session("logout", ended)
	c.want(t, "before", seen, http.StatusOK)
	c.want(t, "before", ended, http.StatusUnauthorized)
	began := time.Now()
	c.etcd.Freeze(0)
	over := map[string]bool{}
	for len(over) < 2 {
		for node := range c.nodes {
			for name, tok := range map[string]string{"seen": seen, "unseen": unseen} {
				status, err := c.app(node, tok)
				if err != nil || status != http.StatusOK && status != http.StatusServiceUnavailable {
					t.Fatalf("%s, gateway %d: %d, %v", name, node, status, err)
				}
				if status == http.StatusServiceUnavailable {
					over[name] = true
				}
			}
			if status, err := c.app(node, ended); err != nil || status != http.StatusUnauthorized && status != http.StatusServiceUnavailable {
				t.Fatalf("logged out, gateway %d: %d, %v", node, status, err)
			}
		}
		if time.Since(began) > time.Minute {
			t.Fatal("people are let through for a minute without the store")
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.etcd.Thaw(0)
	c.want(t, "after the outage", seen, http.StatusOK)
	c.want(t, "after the outage", unseen, http.StatusOK)
	c.want(t, "after the outage", ended, http.StatusUnauthorized)
}

// TestTrackedClientSessions: with track the store knows them: they are listed,
// changed and ended by their handles, on whatever gateway, and leave nothing.
// SECURITY 22.
func TestTrackedClientSessions(t *testing.T) {
	t.Parallel()
	c := startCarriedSite(t, "track")
	here, there := c.nodes[0].client("/alpha"), c.nodes[1].client("/alpha")
	token, other := here.login(c.user), there.login(c.user)
	c.want(t, "after the login", token, http.StatusOK)
	if kinds := c.kinds(t); !strings.HasPrefix(token, "*") || !slices.Equal(kinds, []string{"s/", "s/", "u/", "u/"}) {
		t.Errorf("after two logins the store holds %q", kinds)
	}
	handles, err := c.handles(t, 1, token)
	if err != nil || len(handles) != 2 {
		t.Fatalf("listed: %q, %v", handles, err)
	}
	r := there.send(http.MethodPost, there.endpoint("sessions/?_action=logoutByHandle"),
		fmt.Sprintf(`{"sessionHandles": [%q, %q]}`, handles[0], handles[1]), http.Header{
			"Content-Type": {"application/json"}, "Accept-Api-Version": {"resource=4.0"}, "Iplanetdirectorypro": {token},
		})
	if r.status != http.StatusOK {
		t.Fatalf("logout by handle: %s", r)
	}
	for _, tok := range []string{token, other} {
		c.want(t, "after the logout", tok, http.StatusUnauthorized)
	}
	if kinds := c.kinds(t); len(kinds) != 0 {
		t.Errorf("in the end the store holds %q", kinds)
	}
}

// handles lists a user's own sessions at a gateway.
func (c carriedSite) handles(t *testing.T, node int, token string) (handles []string, err error) {
	t.Helper()
	p := c.nodes[node].client("/alpha")
	r := p.send(http.MethodGet, p.endpoint("sessions?_queryFilter=username%20eq%20%22"+c.user.name+"%22%20and%20realm%20eq%20%22/alpha%22"), "",
		http.Header{"Accept-Api-Version": {"resource=4.0"}, "Iplanetdirectorypro": {token}})
	var list struct {
		Result []struct{ SessionHandle string }
	}
	r.decode(t, &list)
	if r.status != http.StatusOK {
		return nil, errors.New(r.String())
	}
	for _, s := range list.Result {
		handles = append(handles, s.SessionHandle)
	}
	return handles, nil
}
