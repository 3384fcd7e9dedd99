package integration

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amgate/amgate/integration/history"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/store/storetest/faultnet"
)

// storeNodes are caches in front of one etcd cluster, as three gateways have
// them, in this process: quicker than gateways, and their records can be
// changed too.
type storeNodes struct {
	*testing.T
	etcd      *etcdproc.Cluster
	freshness time.Duration
	nodes     []*storeNode
	history   *history.Recorder
	records   atomic.Int64
}

type storeNode struct {
	*cache.Cache
	name string
	nets []*faultnet.Proxy // to each member
}

// startStoreNodes starts them. What dress returns is put between etcd and the
// cache of the first node.
func startStoreNodes(t *testing.T, dress func(store.Store) store.Store) *storeNodes {
	t.Helper()
	s := &storeNodes{
		T: t, freshness: time.Second, history: history.NewRecorder(),
		etcd: etcdproc.Start(t, etcdproc.Options{Members: siteMembers, Severable: true}),
	}
	for i := range siteGateways {
		n := &storeNode{name: fmt.Sprintf("am-%d", i+1)}
		var endpoints []string
		for _, url := range s.etcd.Endpoints() {
			net := faultnet.Listen(t, strings.TrimPrefix(url, "http://"))
			n.nets = append(n.nets, net)
			endpoints = append(endpoints, "http://"+net.Addr())
		}
		remote, err := etcd.New(etcd.Config{Endpoints: endpoints, Prefix: "/am", Timeout: 500 * time.Millisecond})
		must(t, err)
		t.Cleanup(func() { remote.Close() })
		var inner store.Store = remote
		if i == 0 {
			inner = dress(inner)
		}
		n.Cache, err = cache.New(inner, cache.Config{
			Node: n.name, Prefixes: []store.Key{"s/"}, Held: []store.Key{denylist}, Freshness: s.freshness, SizeMiB: 8,
		})
		must(t, err)
		t.Cleanup(n.Close)
		s.nodes = append(s.nodes, n)
		eventually(t, startLimit, func() error {
			if !n.State().Proven {
				return errors.New("no proof")
			}
			return nil
		})
	}
	return s
}

// denylist is the kind of records that say what is over. What is recorded under
// such a key is a session that its client carries: it is there from when it was
// handed out, without the store, until there is such a record.
const denylist store.Key = "d/"

// do is an operation of a client. Fn says what it read.
func (s *storeNodes) do(client int, n *storeNode, kind history.Kind, k store.Key, value string, fn func(ctx context.Context) (string, error)) history.Outcome {
	op := s.history.Do(history.Op{Client: client, Node: n.name, Record: string(k), Kind: kind, Value: value}, func(op *history.Op) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		read, err := fn(ctx)
		switch {
		case err == nil:
			op.Outcome = history.Done
			op.Value += read
		case errors.Is(err, store.ErrNotFound):
			op.Outcome = history.Gone
		case errors.Is(err, store.ErrConflict):
			op.Outcome = history.Refused
		case errors.Is(err, store.ErrUnavailable):
			op.Outcome = history.Unknown
		default:
			s.Errorf("%s at %s: %v", kind, n.name, err)
		}
	})
	return op.Outcome
}

func (s *storeNodes) create(client int, n *storeNode) (store.Key, bool) {
	k := pick([]store.Key{"s/", denylist}) + store.Key(strconv.FormatInt(s.records.Add(1), 10))
	return k, s.createAs(client, n, k)
}

func (s *storeNodes) createAs(client int, n *storeNode, k store.Key) bool {
	outcome := s.do(client, n, history.Create, k, "0", func(ctx context.Context) (string, error) {
		if k.HasPrefix(denylist) {
			return "", nil
		}
		_, err := n.Commit(ctx, store.Create(k, []byte("0"), time.Now().Add(time.Hour)))
		return "", err
	})
	return outcome == history.Done
}

func (s *storeNodes) look(client int, n *storeNode, k store.Key) history.Outcome {
	return s.do(client, n, history.Lookup, k, "", func(ctx context.Context) (string, error) {
		r, _, err := n.Get(ctx, k, store.Any)
		switch {
		case !k.HasPrefix(denylist):
			return string(r.Value), err
		case err == nil:
			return "", store.ErrNotFound
		case errors.Is(err, store.ErrNotFound):
			return "0", nil
		}
		return "", err
	})
}

// rewrite changes or ends a record on the condition that it is as it was when
// it was read, as the session manager does.
func (s *storeNodes) rewrite(client int, n *storeNode, kind history.Kind, k store.Key, value string, op store.Op) history.Outcome {
	return s.do(client, n, kind, k, value, func(ctx context.Context) (string, error) {
		r, _, err := n.Get(ctx, k, store.Any)
		if err != nil {
			return "", err
		}
		_, err = n.Commit(ctx, store.Check(k, r.Revision), op)
		if errors.Is(err, store.ErrConflict) {
			// It has changed since: what was read may be old.
			r, _, err = n.Get(ctx, k, store.Fresh)
			if err == nil {
				_, err = n.Commit(ctx, store.Check(k, r.Revision), op)
			}
		}
		return "", err
	})
}

func (s *storeNodes) change(client int, n *storeNode, k store.Key, value string) history.Outcome {
	return s.rewrite(client, n, history.Change, k, value, store.Put(k, []byte(value), time.Now().Add(time.Hour)))
}

func (s *storeNodes) end(client int, n *storeNode, k store.Key) history.Outcome {
	if !k.HasPrefix(denylist) {
		return s.rewrite(client, n, history.End, k, "", store.Delete(k))
	}
	return s.do(client, n, history.End, k, "", func(ctx context.Context) (string, error) {
		_, err := n.Commit(ctx, store.Create(k, []byte("1"), time.Now().Add(time.Hour)))
		if errors.Is(err, store.ErrExists) {
			err = store.ErrNotFound
		}
		return "", err
	})
}

// live takes a record through its life while others look at it.
func (s *storeNodes) live(ctx context.Context, client int) {
	k, ok := s.create(client, pick(s.nodes))
	if !ok {
		pause(ctx, 50*time.Millisecond)
		return
	}
	watching, done := context.WithCancel(context.Background())
	var watchers sync.WaitGroup
	for range 2 {
		watchers.Go(func() {
			for n := pick(s.nodes); pause(watching, between(10*time.Millisecond, 60*time.Millisecond)); {
				s.look(client, n, k)
				if oneIn(5) {
					n = pick(s.nodes)
				}
			}
		})
	}
	defer watchers.Wait()
	defer done()
	for i := range 3 {
		if !k.HasPrefix(denylist) {
			s.change(client, pick(s.nodes), k, strconv.Itoa(i+1))
		}
		pause(ctx, between(50*time.Millisecond, 500*time.Millisecond))
	}
	for range 20 {
		if outcome := s.end(client, pick(s.nodes), k); outcome == history.Done || outcome == history.Gone {
			break
		}
		pause(ctx, 200*time.Millisecond)
	}
	pause(context.Background(), s.freshness+200*time.Millisecond)
}

// strike makes something go wrong, and returns what puts it right.
func (s *storeNodes) strike() (what string, right func()) {
	n := pick(s.nodes)
	network := func(f faultnet.Fault) func() {
		for _, net := range n.nets {
			net.Set(f)
		}
		return func() {
			for _, net := range n.nets {
				net.Set(faultnet.Fault{})
			}
		}
	}
	member := (s.etcd.Leader() + 1) % siteMembers
	strikes := []struct {
		what string
		do   func() func()
	}{
		{"slow", func() func() { return network(faultnet.Slow(50*time.Millisecond, 200*time.Millisecond)) }},
		{"cut", func() func() { return network(faultnet.Cut) }},
		{"silent", func() func() { return network(faultnet.BlackHole) }},
		{"half-open", func() func() { return network(faultnet.HalfOpen) }},
		{"follower cut off", func() func() {
			right := network(faultnet.Cut)
			n.nets[member].Set(faultnet.Fault{})
			s.etcd.Isolate(member)
			return func() { s.etcd.Rejoin(); right() }
		}},
		{"leader killed", func() func() {
			leader := s.etcd.Leader()
			s.etcd.Kill(leader)
			return func() { s.etcd.Start(leader) }
		}},
		{"compaction under a watcher", func() func() {
			right := network(faultnet.Cut)
			return func() { s.etcd.Compact(member); right() }
		}},
	}
	chosen := pick(strikes)
	return chosen.what + " at " + n.name, chosen.do()
}

// TestHistory lets clients create, change, look up and end records at three
// nodes while one thing after another goes wrong, and looks for an order in
// which all that they were told is true.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := startStoreNodes(t, func(inner store.Store) store.Store { return inner })
	strikes, clients := 3, 6
	if *chaos {
		strikes, clients = 40, 12
	}
	ctx, stop := context.WithCancel(t.Context())
	var present sync.WaitGroup
	for i := range clients {
		present.Go(func() {
			for ctx.Err() == nil {
				s.live(ctx, i)
			}
		})
	}
	for range strikes {
		what, right := s.strike()
		t.Logf("%v: %s", s.history.Now().Round(time.Millisecond), what)
		time.Sleep(2 * s.freshness)
		right()
		time.Sleep(s.freshness / 2)
	}
	stop()
	present.Wait()
	if err := history.Check(s.history.Ops(), s.freshness); err != nil {
		t.Error(err)
	}
	counts := map[history.Outcome]int{}
	for _, op := range s.history.Ops() {
		counts[op.Outcome]++
	}
	t.Logf("%d records, %v", s.records.Load(), counts)
	if counts[history.Done] == 0 || counts[history.Gone] == 0 || counts[history.Unknown] == 0 {
		t.Error("this history proves little")
	}
}

// gullible is a store that takes a lagging answer for a linearizable one.
type gullible struct{ store.Store }

func (g gullible) Get(ctx context.Context, k store.Key, _ store.Freshness) (store.Record, int64, error) {
	return g.Store.Get(ctx, k, store.Any)
}

// TestHistoryTellsAGuardThatIsOff: the proof rests on linearizable reads. At
// a node that does not make them, and whose member is cut off from the others,
// the check finds a record that was seen too long after its end. With them the
// same run is without fault.
func TestHistoryTellsAGuardThatIsOff(t *testing.T) {
	t.Parallel()
	plain := func(inner store.Store) store.Store { return inner }
	trusting := func(inner store.Store) store.Store { return gullible{inner} }
	for name, test := range map[string]struct {
		record store.Key
		dress  func(store.Store) store.Store
		want   string
	}{
		"on":                 {"s/one", plain, ""},
		"off":                {"s/one", trusting, "after its end"},
		"on, of a denylist":  {denylist + "one", plain, ""},
		"off, of a denylist": {denylist + "one", trusting, "after its end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStoreNodes(t, test.dress)
			here, there := s.nodes[0], s.nodes[1]
			k := test.record
			if !s.createAs(0, there, k) {
				t.Fatal("no record to begin with")
			}
			// Without the guard this node may hear of it a little later.
			eventually(t, startLimit, func() error {
				_, _, err := here.Get(t.Context(), k, store.Any)
				if k.HasPrefix(denylist) && errors.Is(err, store.ErrNotFound) {
					return nil
				}
				return err
			})
			lonely := (s.etcd.Leader() + 1) % siteMembers
			for i, net := range here.nets {
				if i != lonely {
					net.Set(faultnet.Cut)
				}
			}
			for i, net := range there.nets {
				if i == lonely {
					net.Set(faultnet.Cut)
				}
			}
			s.etcd.Isolate(lonely)
			eventually(t, startLimit, func() error {
				if outcome := s.end(1, there, k); outcome != history.Done {
					return fmt.Errorf("the end is %s", outcome)
				}
				return nil
			})
			for ended := s.history.Now(); s.history.Now() < ended+2*s.freshness; time.Sleep(20 * time.Millisecond) {
				s.look(0, here, k)
			}
			err := history.Check(s.history.Ops(), s.freshness)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
