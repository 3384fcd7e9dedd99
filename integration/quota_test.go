package integration

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/integration/history"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/token"
)

const (
	quotaNodes = 10
	quotaLimit = 3
)

// quotaNode is one of ten, each with a connection and a cache of its own, on
// one etcd.
type quotaNode struct {
	*session.Manager
	store store.Store
}

func startQuotaNodes(t *testing.T, action session.QuotaAction) (nodes []quotaNode) {
	t.Helper()
	servers := etcdproc.Start(t, etcdproc.Options{Members: 1})
	secrets := []token.Secret{token.GenerateSecret()}
	for i := range quotaNodes {
		remote, err := etcd.New(etcd.Config{Endpoints: servers.Endpoints(), Prefix: "/am", Timeout: 10 * time.Second})
		must(t, err)
		t.Cleanup(func() { remote.Close() })
		front, err := cache.New(remote, cache.Config{Node: fmt.Sprintf("am-%d", i+1), Prefixes: []store.Key{"s/"}, SizeMiB: 8})
		must(t, err)
		t.Cleanup(front.Close)
		ring, err := token.NewRing([]byte("an installation with a quota"), secrets, map[string][]token.Secret{"/": secrets})
		must(t, err)
		log := slog.New(slog.DiscardHandler)
		access := session.NewAccess(session.AccessConfig{Store: front, Logger: log})
		t.Cleanup(access.Close)
		nodes = append(nodes, quotaNode{store: front, Manager: session.NewManager(session.Config{
			Store: front, Keys: ring, Access: access, Logger: log,
			Quotas: map[string]session.Quota{"/": {Max: quotaLimit, Action: action}},
		})})
	}
	return nodes
}

// quotaClient logs a user in and out at one node, and reads the user's index.
type quotaClient struct {
	*testing.T
	node    quotaNode
	number  int
	history *history.Recorder
	mine    []session.Session
}

func (c *quotaClient) do(kind history.Kind, record string, fn func(op *history.Op) error) {
	c.history.Do(history.Op{Client: c.number, Node: fmt.Sprintf("am-%d", c.number), Record: record, Kind: kind}, func(op *history.Op) {
		switch err := fn(op); {
		case err == nil:
			op.Outcome = history.Done
		case errors.Is(err, session.ErrQuota):
			op.Outcome = history.Refused
		case errors.Is(err, session.ErrEnded):
			op.Outcome = history.Gone
		default:
			c.Errorf("%s: %v", kind, err)
			op.Outcome = history.Unknown
		}
	})
}

func (c *quotaClient) login(n int) {
	c.do(history.Create, "", func(op *history.Op) error {
		_, s, err := c.node.Issue(c.Context(), session.Grant{
			Realm: "/", UserID: "4711", Username: "bjensen", Journey: "Login", MaxTime: time.Hour, IdleTime: time.Hour,
			Seed: fmt.Appendf(nil, "the %08d-th journey at node %04d", n, c.number),
		})
		if err == nil {
			op.Record = sessionName(c.T, s)
			c.mine = append(c.mine, s)
		}
		return err
	})
}

func (c *quotaClient) logout() {
	s := c.mine[0]
	c.mine = c.mine[1:]
	c.do(history.End, sessionName(c.T, s), func(*history.Op) error { return c.node.End(c.Context(), s) })
}

func (c *quotaClient) list() {
	c.do(history.List, "", func(op *history.Op) error {
		index, _, err := c.node.store.List(c.Context(), "u/", store.Page{})
		var names []string
		for _, r := range index {
			names = append(names, string(r.Key[strings.LastIndexByte(string(r.Key), '/')+1:]))
		}
		slices.Sort(names)
		op.Value = strings.Join(names, " ")
		return err
	})
}

// sessionName is what ends the key of a session in its user's index: the second
// half of its handle.
func sessionName(t *testing.T, s session.Session) string {
	t.Helper()
	both, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(s.Handle(), "shandle:"))
	must(t, err)
	return base64.RawURLEncoding.EncodeToString(both[len(both)/2:])
}

// TestQuotaOnEtcdIsLinearizable: what clients at ten nodes on one etcd see of a
// user's sessions has an order in which the quota always holds. Where the
// oldest session makes room, so few are at work at once that the order can be
// found.
func TestQuotaOnEtcdIsLinearizable(t *testing.T) {
	for name, tt := range map[string]struct {
		action session.QuotaAction
		atOnce int
	}{"deny": {session.DenyAccess, quotaNodes}, "destroy_oldest": {session.DestroyOldest, 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes, recorder := startQuotaNodes(t, tt.action), history.NewRecorder()
			for round := range 12 {
				var all sync.WaitGroup
				for n := range tt.atOnce {
					i := (round + n) % len(nodes)
					c := &quotaClient{T: t, node: nodes[i], number: i, history: recorder}
					all.Go(func() {
						c.login(round)
						c.list()
						if len(c.mine) > 0 && (i+round)%3 == 0 {
							c.logout()
						}
					})
				}
				all.Wait()
			}
			if err := history.CheckQuota(recorder.Ops(), quotaLimit, tt.action == session.DestroyOldest); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestQuotaAcrossGateways: ten logins at the same time, over several gateways,
// end with as many sessions as the quota allows, on every gateway.
func TestQuotaAcrossGateways(t *testing.T) {
	t.Parallel()
	c := startGateways(t, clusterSpec{nodes: 3, journeySessions: "client", quota: fmt.Sprintf("%d destroy_oldest", quotaLimit)})
	const logins = 10
	tokens := make([]string, logins)
	var all sync.WaitGroup
	for i := range tokens {
		client := c.nodes[i%len(c.nodes)].client("/alpha").withoutCookies()
		all.Go(func() { tokens[i] = client.login(c.user) })
	}
	all.Wait()
	for _, node := range c.nodes {
		eventually(t, startLimit, func() error {
			client, live := node.client("/alpha").withoutCookies(), 0
			for _, tok := range tokens {
				if client.valid(tok) {
					live++
				}
			}
			if live != quotaLimit {
				return fmt.Errorf("%d sessions are valid at %s, want %d", live, node.url, quotaLimit)
			}
			return nil
		})
	}
}
