package cluster_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store that can be cut off, and what takes part in its cluster.
type world struct {
	*testing.T
	store *cuttable
	log   *logtest.Log
	// serving are the nodes that answer probes.
	serving sync.Map
}

func newWorld(t *testing.T) *world {
	t.Helper()
	inner := memory.New()
	t.Cleanup(inner.Close)
	return &world{T: t, store: &cuttable{Store: inner}, log: new(logtest.Log)}
}

var router = affinity.New([32]byte{1})

func identity(address string) cluster.Identity {
	return cluster.Identity{
		Key: [32]byte{2}, Router: router, Self: cluster.Node{Name: strings.Split(address, ":")[0], Address: address},
	}
}

// look is a directory that is no node.
func (w *world) look() *cluster.Directory { return w.join("") }

// join is a directory that takes part as a node.
func (w *world) join(address string) *cluster.Directory {
	w.Helper()
	d := w.open()
	d.Use(identity(address))
	w.serving.Store(address, true)
	return d
}

func (w *world) open() *cluster.Directory {
	d := cluster.New(cluster.Config{Store: w.store, Logger: w.log.Logger(), Probe: func(_ context.Context, n cluster.Node) error {
		if _, ok := w.serving.Load(n.Address); !ok {
			return errors.New("connection refused")
		}
		return nil
	}})
	w.Cleanup(d.Close)
	return d
}

// kill ends a node like kill -9: it says nothing more to anybody.
func (w *world) kill(d *cluster.Directory, address string) {
	w.Helper()
	w.serving.Delete(address)
	w.silence(d)
}

// silence ends a node that is not heard to say so.
func (w *world) silence(d *cluster.Directory) {
	w.Helper()
	w.store.deaf.Store(true)
	d.Close()
	w.store.deaf.Store(false)
}

// cuttable is a store that can fail as a whole, the watches too.
type cuttable struct {
	store.Store
	// deaf makes commits fail, late lets them take a second.
	deaf, late atomic.Bool

	mu      sync.Mutex
	down    bool
	cancels []context.CancelFunc
}

// cut makes everything fail until mend.
func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = true
	for _, cancel := range c.cancels {
		cancel()
	}
	c.cancels = nil
}

func (c *cuttable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = false
}

func (c *cuttable) isDown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

func (c *cuttable) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if c.deaf.Load() || c.isDown() {
		return 0, storetest.ErrDown
	}
	if c.late.Load() {
		time.Sleep(time.Second)
	}
	return c.Store.Commit(ctx, ops...)
}

func (c *cuttable) List(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, int64, error) {
	if c.isDown() {
		return nil, 0, storetest.ErrDown
	}
	return c.Store.List(ctx, prefix, page)
}

func (c *cuttable) Watch(ctx context.Context, from int64, prefixes ...store.Key) (store.Watcher, error) {
	if c.isDown() {
		return nil, storetest.ErrDown
	}
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancels = append(c.cancels, cancel)
	return c.Store.Watch(ctx, from, prefixes...)
}

// addresses are the nodes that a directory knows.
func addresses(d *cluster.Directory) string {
	var all []string
	for _, m := range d.View().Members {
		all = append(all, m.Address)
	}
	return strings.Join(all, " ")
}

// after lets time pass and says what a directory knows then.
func after(d time.Duration, of *cluster.Directory) string {
	time.Sleep(d)
	synctest.Wait()
	return addresses(of)
}

func (w *world) want(got, want string) {
	w.Helper()
	if got != want {
		w.Errorf("the nodes are %q, want %q", got, want)
	}
}

func TestNodesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge := w.look()
		w.want(after(0, edge), "")
		one, two := w.join("am-1:80"), w.join("am-2:80")
		w.want(after(0, edge), "am-1:80 am-2:80")
		w.want(addresses(one), "am-1:80 am-2:80")
		w.want(after(time.Hour, edge), "am-1:80 am-2:80")
		two.Close()
		w.want(after(0, edge), "am-1:80")
		late := w.look()
		w.want(after(0, late), "am-1:80")
	})
}

// Who has just started waits until it has heard which nodes there are, but not
// for ever: two seconds, once.
func TestFirstViewIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.join("am-1:80")
		w.want(after(time.Second, w.look()), "am-1:80")
		w.store.cut()
		edge := w.look()
		time.AfterFunc(time.Second, w.store.mend)
		began := time.Now()
		if got := len(edge.Await(t.Context()).Members); got != 1 || time.Since(began) < time.Second {
			t.Errorf("%d nodes after %v", got, time.Since(began))
		}
		w.store.cut()
		late := w.look()
		for _, want := range []time.Duration{2 * time.Second, 0} {
			began := time.Now()
			if got := len(late.Await(t.Context()).Members); got != 0 || time.Since(began) != want {
				t.Errorf("%d nodes after %v, want none after %v", got, time.Since(began), want)
			}
		}
		hasty, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		w.look().Await(hasty)
		if hasty.Err() == nil {
			t.Error("nothing was awaited")
		}
	})
}

// A node that was killed is probed when its lease is over, and not kept.
func TestKilledNodeGoesWithAFailedProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.join("am-2:80")
		w.want(after(0, edge), "am-1:80 am-2:80")
		w.kill(one, "am-1:80")
		w.want(after(cluster.Lease-time.Second, edge), "am-1:80 am-2:80")
		w.want(after(3*time.Second, edge), "am-2:80")
	})
}

// A node that serves and cannot write is kept ten seconds longer.
func TestSilentNodeThatServesIsKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.join("am-2:80")
		w.want(after(0, edge), "am-1:80 am-2:80")
		w.silence(one)
		w.want(after(cluster.Lease+9*time.Second, edge), "am-1:80 am-2:80")
		w.want(after(3*time.Second, edge), "am-2:80")
	})
}

// The last node is not kept for ever because nobody is left to write: the
// store itself is heard.
func TestLastNodeLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.want(after(0, edge), "am-1:80")
		w.kill(one, "am-1:80")
		w.want(after(cluster.Lease+3*time.Second, edge), "")
	})
}

// An outage freezes the directory, however long it lasts. When it is over the
// nodes that are there are heard again, and one that died meanwhile goes.
func TestOutageOfTheStoreEmptiesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.join("am-2:80")
		w.want(after(time.Minute, edge), "am-1:80 am-2:80")
		w.store.cut()
		w.want(after(time.Hour, edge), "am-1:80 am-2:80")
		w.kill(one, "am-1:80")
		w.want(after(time.Hour, edge), "am-1:80 am-2:80")
		w.store.mend()
		w.want(after(time.Second, edge), "am-1:80 am-2:80")
		w.want(after(cluster.Lease+12*time.Second, edge), "am-2:80")
		w.want(after(time.Hour, edge), "am-2:80")
	})
}

// When an outage is over not all nodes are heard at the same moment: none is
// taken for gone because another one was faster.
func TestNobodyGoesWhenAnOutageIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge := w.look()
		for _, address := range []string{"am-1:80", "am-2:80", "am-3:80", "am-4:80", "am-5:80"} {
			w.join(address)
			time.Sleep(300 * time.Millisecond)
		}
		const all = "am-1:80 am-2:80 am-3:80 am-4:80 am-5:80"
		w.want(after(time.Minute, edge), all)
		w.store.cut()
		w.want(after(time.Hour, edge), all)
		w.store.mend()
		for range 1000 {
			if got := after(10*time.Millisecond, edge); got != all {
				t.Fatalf("the nodes are %q", got)
			}
		}
	})
}

func TestDrainingIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.want(after(time.Second, edge), "am-1:80")
		for _, draining := range []bool{true, false} {
			one.Drain(draining)
			synctest.Wait()
			if m, ok := edge.View().At("AM-1:80"); !ok || m.Draining != draining || one.Draining() != draining {
				t.Errorf("draining is %t, %t, want %t", m.Draining, ok, draining)
			}
		}
	})
}

// A node that leaves is forgotten at once, and not known again by what it goes
// on writing, or when a reload gives it another name, until it drains no more.
func TestNodeThatLeavesIsForgottenUntilItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.join("am-2:80")
		w.want(after(time.Second, edge), "am-1:80 am-2:80")
		one.Drain(true)
		one.Leave()
		if err := one.Told(t.Context()); err != nil || !one.Draining() {
			t.Errorf("it leaves with %v, and is draining: %t", err, one.Draining())
		}
		w.want(after(0, edge), "am-2:80")
		w.want(after(time.Hour, edge), "am-2:80")
		w.want(addresses(one), "am-2:80")
		renamed := identity("am-1:80")
		renamed.Self.Name = "renamed"
		one.Use(renamed)
		w.want(after(time.Minute, edge), "am-2:80")
		one.Drain(false)
		w.want(after(0, edge), "am-1:80 am-2:80")
		if m, _ := edge.View().At("am-1:80"); m.Draining || one.Draining() {
			t.Error("the node that came back is draining")
		}
	})
}

// Everybody is told of what was said last when Told returns: what was being
// written before does not count, and does not bring the node back.
func TestToldOvertakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.want(after(time.Second, edge), "am-1:80")
		w.store.late.Store(true)
		one.Drain(false)
		w.want(after(100*time.Millisecond, edge), "am-1:80") // a beat is on its way
		one.Leave()
		if err := one.Told(t.Context()); err != nil {
			t.Error(err)
		}
		w.want(after(0, edge), "")
		w.want(after(time.Minute, edge), "")
	})
}

// In an outage nobody can be told; a node says so, and is forgotten as soon as
// the store is back.
func TestLeaveInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, one := w.look(), w.join("am-1:80")
		w.want(after(time.Second, edge), "am-1:80")
		w.store.cut()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		one.Leave()
		if err := one.Told(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without the store everybody is told: %v", err)
		}
		w.want(addresses(edge), "am-1:80")
		w.store.mend()
		w.want(after(5*time.Second, edge), "")
		other := w.look()
		other.Leave()
		if err := other.Told(t.Context()); err != nil {
			t.Errorf("what is no node has somebody to tell: %v", err)
		}
	})
}

// What a draining node does not take goes to the node that it is pinned to, or
// to the best-ranked of those that take journeys.
func TestInstead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge := w.look()
		nodes := map[string]*cluster.Directory{}
		for _, address := range []string{"am-1:80", "am-2:80", "am-3:80"} {
			nodes[address] = w.join(address)
		}
		w.want(after(time.Second, edge), "am-1:80 am-2:80 am-3:80")
		self := router.Pin("am-1:80")
		to := func(a affinity.Affinity) string {
			m, _ := edge.View().Instead(a, self)
			return m.Address
		}
		got := map[string]bool{}
		for range 100 {
			a := router.Begin()
			best := to(a)
			got[best] = true
			if a.Pin = self; to(a) != best {
				t.Fatalf("with a pin that does not count it goes to %q, without to %q", to(a), best)
			}
			if a.Pin = router.Pin("am-3:80"); to(a) != "am-3:80" {
				t.Fatalf("a journey of another node goes to %q", to(a))
			}
		}
		if got["am-1:80"] || len(got) != 2 {
			t.Errorf("journeys go to %v", got)
		}
		nodes["am-3:80"].Drain(true)
		after(0, edge)
		if a := (affinity.Affinity{Pin: router.Pin("am-3:80")}); to(a) != "am-2:80" {
			t.Errorf("a journey of a draining node goes to %q", to(a))
		}
		if v := edge.View(); v.Others("AM-1:80") != 2 || v.Others("am-9:80") != 3 || v.Others("") != 3 {
			t.Error("the others are counted wrongly")
		}
		nodes["am-2:80"].Drain(true)
		after(0, edge)
		if n, ok := edge.View().Instead(router.Begin(), self); ok {
			t.Errorf("where all are draining it goes to %q", n.Address)
		}
	})
}

func TestLoadIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge := w.look()
		var journeys atomic.Int64
		node := cluster.New(cluster.Config{Store: w.store, Journeys: func() int { return int(journeys.Load()) }})
		defer node.Close()
		node.Use(identity("am-1:80"))
		journeys.Store(7)
		after(3*time.Second, edge)
		if m, ok := edge.View().Pinned(router.Pin("am-1:80")); !ok || m.Journeys != 7 {
			t.Errorf("%+v, %t", m, ok)
		}
	})
}

// A reload takes part anew before the old configuration is released: nobody
// notices.
func TestReloadLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge, node := w.look(), w.open()
		release := node.Use(identity("am-1:80"))
		w.want(after(0, edge), "am-1:80")
		_, before, _ := w.store.Get(t.Context(), "n/none", store.Fresh)
		again := node.Use(identity("am-1:80"))
		release()
		release()
		w.want(after(0, edge), "am-1:80")
		if _, now, _ := w.store.Get(t.Context(), "n/none", store.Fresh); now != before {
			t.Error("a reload wrote something")
		}
		moved := node.Use(identity("am-9:80"))
		again()
		w.want(after(0, edge), "am-9:80")
		moved()
		w.want(after(0, edge), "")
	})
}

// TestForgedNodeIsNotBelieved: who can write to the store and has no key of the
// installation cannot make edges send him requests, with a record of his own,
// of another cluster, or of another node.
func TestForgedNodeIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		edge := w.look()
		w.join("am-1:80")
		w.want(after(0, edge), "am-1:80")
		mine, _, err := w.store.List(t.Context(), cluster.Prefix, store.Page{})
		if err != nil || len(mine) != 1 {
			t.Fatal(mine, err)
		}
		foreign := identity("evil:80")
		foreign.Key = [32]byte{3}
		other := w.open()
		other.Use(foreign)
		for _, forged := range [][]byte{nil, {1}, []byte(`{"name":"evil","address":"evil:80"}`), mine[0].Value} {
			if _, err := w.store.Commit(t.Context(), store.Put("n/evil", forged, time.Now().Add(time.Hour))); err != nil {
				t.Fatal(err)
			}
			w.want(after(0, edge), "am-1:80")
		}
		if w.log.Count("cannot be read") == 0 {
			t.Error("nothing says that a record cannot be read")
		}
	})
}
