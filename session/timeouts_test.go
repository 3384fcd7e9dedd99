package session_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/reaper"
)

// town is an installation whose nodes sweep and tell.
type town struct {
	*world
	mu   sync.Mutex
	told []telling
}

// telling is one session that somebody was told of, and when.
type telling struct {
	session.Ended
	webhook string
	when    time.Time
}

// crier is what a node's outbox reads with.
type crier struct {
	town *town
	node *session.Manager
}

func (c crier) Open(key store.Key, payload []byte) (outbox.Delivery, bool) {
	n, ok, err := c.node.OpenNotice(key, payload)
	return func(context.Context) error {
		c.town.mu.Lock()
		defer c.town.mu.Unlock()
		for _, e := range n.Ended {
			c.town.told = append(c.town.told, telling{e, n.Webhook, time.Now()})
		}
		return err
	}, ok
}

// inTown runs a test in virtual time.
func inTown(t *testing.T, k kind, test func(t *testing.T, w *town)) {
	synctest.Test(t, func(t *testing.T) { test(t, &town{world: k.world(t)}) })
}

// node is a node that sweeps and tells, with a cache in front of its store.
func (w *town) node(t *testing.T, name string) *node {
	t.Helper()
	n := w.cachedNode(t, name)
	told := outbox.New(outbox.Config{Store: n.store, Logger: n.log.Logger()})
	t.Cleanup(told.Close)
	n.Manager = session.NewManager(session.Config{
		Store: n.store, Keys: w.ring, Access: n.access, Outbox: told, Logger: n.log.Logger(), Carried: w.kind.carried(),
		Webhooks: func(s session.Session) []string {
			if hooks, ok := s.Property("hooks"); ok {
				return strings.Fields(hooks)
			}
			return nil
		},
	})
	told.Use(crier{w, n.Manager})
	sweeping := reaper.New(reaper.Config{
		Store: w.swept(), Front: n.store, Heard: n.access.Heard, Kinds: []store.Key{outbox.Prefix, store.Announcements},
		Logger: n.log.Logger(),
	})
	t.Cleanup(sweeping.Close)
	sweeping.Use(n.Timeouts())
	return n
}

// swept is the store as the reaper sees it: to scan it still works in an
// outage, as a member of etcd that is cut off goes on answering.
func (w *town) swept() reaper.Swept {
	return struct {
		store.Store
		store.Scanner
	}{w.store, w.store.Store.(store.Scanner)}
}

// of are the tellings of one session, to the audit log ("") or a webhook.
func (w *town) of(s session.Session, webhook string) (all []telling) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.told {
		if e.ContextID() == s.ContextID() && e.webhook == webhook {
			all = append(all, e)
		}
	}
	return all
}

// wantTold demands that a session's end was told once to each.
func (w *town) wantTold(t *testing.T, s session.Session, why session.Why, webhooks ...string) {
	t.Helper()
	for _, to := range append(webhooks, "") {
		told := w.of(s, to)
		if len(told) != 1 || told[0].Why != why || told[0].Username() != s.Username() || told[0].ID() == "" {
			t.Errorf("told to %q: %+v, want once %v", to, told, why)
		}
	}
}

// sweepTime is how long after a session is over everybody was told of it.
const sweepTime = reaper.DefaultInterval + reaper.Grace

// A session that nobody ends ends by itself, whether or not anybody asks for
// it again: it and its entry are removed, and its end is told once.
func TestTimeOutsAreTold(t *testing.T) { conform(t, testTimeOutsAreTold) }

func testTimeOutsAreTold(t *testing.T, k kind) {
	inTown(t, k, func(t *testing.T, w *town) {
		nodes := []*node{w.node(t, "one"), w.node(t, "two"), w.node(t, "three")}
		var idle, maxed, used []session.Session
		var tokens []string
		for i := range 300 {
			g := grant()
			g.UserID = fmt.Sprint(i % 7)
			switch n := nodes[i%3]; i % 3 {
			case 0:
				g.IdleTime = 10 * time.Minute
				g.Properties["hooks"] = "one two"
				_, s := n.issue(t, g)
				idle = append(idle, s)
			case 1:
				g.MaxTime = 20 * time.Minute
				_, s := n.issue(t, g)
				maxed = append(maxed, s)
			case 2:
				g.Realm, g.IdleTime, g.MaxTime = "/", 10*time.Minute, 24*time.Hour
				tok, s := n.issue(t, g)
				used, tokens = append(used, s), append(tokens, tok)
			}
		}
		for elapsed := time.Duration(0); elapsed < time.Hour; elapsed += 5 * time.Minute {
			time.Sleep(5 * time.Minute)
			for i, tok := range tokens {
				nodes[i%3].use(t, tok, nil)
			}
		}
		for _, s := range idle {
			w.wantTold(t, s, session.IdleTimedOut, "one", "two")
			over := s.Created().Add(10 * time.Minute)
			if when := w.of(s, "")[0].when; when.Before(over) || when.After(over.Add(margin+sweepTime)) {
				t.Errorf("idle at %v, told at %v", over, when)
			}
		}
		for _, s := range maxed {
			w.wantTold(t, s, session.MaxTimedOut)
			if when := w.of(s, "")[0].when; when.Before(s.MaxExpires()) || when.After(s.MaxExpires().Add(sweepTime)) {
				t.Errorf("over at %v, told at %v", s.MaxExpires(), when)
			}
		}
		for _, s := range used {
			if told := w.of(s, ""); len(told) > 0 {
				t.Errorf("told of a session that is in use: %+v", told)
			}
		}
		sc := w.store.Store.(store.Scanner)
		for prefix, want := range map[store.Key]int{"s/": 100, "u/": 100, "o/": 0} {
			rs, _, err := sc.Scan(t.Context(), prefix, store.Page{Limit: 1000})
			if err != nil || len(rs) != want {
				t.Errorf("%d records are left below %s, %v, want %d", len(rs), prefix, err, want)
			}
		}
	})
}

// A session that a sweep ends as idle leaves the caches of other nodes.
func TestSweptSessionsLeaveTheCaches(t *testing.T) { conform(t, testSweptSessionsLeaveTheCaches) }

func testSweptSessionsLeaveTheCaches(t *testing.T, k kind) {
	inTown(t, k, func(t *testing.T, w *town) {
		first := w.node(t, "first") // leads
		time.Sleep(time.Second)
		other := w.node(t, "other")
		g := grant()
		g.IdleTime = 10 * time.Minute
		tok, s := other.issue(t, g)
		other.use(t, tok, nil) // now it is cached there
		time.Sleep(10*time.Minute + margin + sweepTime)
		w.wantTold(t, s, session.IdleTimedOut)
		if n := first.log.Count("sweeps the store"); n != 1 {
			t.Errorf("the first one leads %d times", n)
		}
		reads := w.store.Gets.Load()
		other.lookup(t, tok, session.Peek, session.ErrEnded)
		if n := w.store.Gets.Load() - reads; n != 2 {
			// The record and, because absence is proven, once more; its entry
			// would be the one read of a session that is still cached.
			t.Errorf("%d reads", n)
		}
	})
}

// A lookup that finds a session idle before a sweep does tells of it, too.
func TestLookupTellsOfIdleSessions(t *testing.T) { conform(t, testLookupTellsOfIdleSessions) }

func testLookupTellsOfIdleSessions(t *testing.T, k kind) {
	inTown(t, k, func(t *testing.T, w *town) {
		n := w.node(t, "one")
		g := grant()
		g.IdleTime = 10 * time.Minute
		g.Properties["hooks"] = "one"
		tok, s := n.issue(t, g)
		time.Sleep(10*time.Minute + margin + time.Millisecond)
		n.use(t, tok, session.ErrEnded)
		w.wantTold(t, s, session.IdleTimedOut, "one")
	})
}

// A logout is one transaction; it posts a notice for each webhook, and none
// for the audit log of the node that does it.
func TestLogoutIsOneTransaction(t *testing.T) { conform(t, testLogoutIsOneTransaction) }

func testLogoutIsOneTransaction(t *testing.T, k kind) {
	inTown(t, k, func(t *testing.T, w *town) {
		n := w.node(t, "one")
		for _, hooks := range []string{"", "one two"} {
			g := grant()
			g.Properties["hooks"] = hooks
			_, s := n.issue(t, g)
			synctest.Wait()
			before := w.store.Commits.Load()
			if err := n.End(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if took := w.store.Commits.Load() - before; took > 1 && hooks == "" {
				t.Errorf("%d transactions", took)
			}
			time.Sleep(time.Hour)
			if told := w.of(s, ""); len(told) > 0 {
				t.Errorf("told %+v", told)
			}
			for hook := range strings.FieldsSeq(hooks) {
				if told := w.of(s, hook); len(told) != 1 || told[0].Why != session.LoggedOut {
					t.Errorf("%s was told %+v", hook, told)
				}
			}
		}
	})
}

// Whoever ends a session, a logout, a lookup or a sweep: exactly one of them
// does.
func TestSessionsEndOnce(t *testing.T) { conform(t, testSessionsEndOnce) }

func testSessionsEndOnce(t *testing.T, k kind) {
	inTown(t, k, func(t *testing.T, w *town) {
		nodes := []*node{w.node(t, "one"), w.node(t, "two")}
		var all []session.Session
		var mu sync.Mutex
		byLogout := make(map[string]int)
		for range 200 {
			g := grant()
			g.IdleTime, g.MaxTime = 5*time.Minute, 10*time.Minute
			_, s := nodes[0].issue(t, g)
			all = append(all, s)
		}
		var loggingOut sync.WaitGroup
		for i, s := range all {
			loggingOut.Go(func() {
				time.Sleep(6*time.Minute + time.Duration(i)*500*time.Millisecond)
				if err := nodes[i%2].End(t.Context(), s); err == nil {
					mu.Lock()
					defer mu.Unlock()
					byLogout[s.ContextID()]++
				}
			})
		}
		loggingOut.Wait()
		time.Sleep(time.Hour)
		told := 0
		for _, s := range all {
			ended := len(w.of(s, "")) + byLogout[s.ContextID()]
			told += len(w.of(s, ""))
			if ended != 1 {
				t.Errorf("a session ended %d times", ended)
			}
		}
		if told == 0 || len(byLogout) == 0 {
			t.Errorf("%d timed out and %d logged out: the test tests nothing", told, len(byLogout))
		}
	})
}

// While the store did not answer, nothing was idle, though nobody was there to
// notice that it did not.
func TestOutageIsNoTimeOut(t *testing.T) { conform(t, testOutageIsNoTimeOut) }

func testOutageIsNoTimeOut(t *testing.T, k kind) {
	inTown(t, k, func(t *testing.T, w *town) {
		w.node(t, "leader")
		time.Sleep(time.Second)
		n := w.node(t, "one")
		g := grant()
		tok, s := n.issue(t, g)
		for range 20 {
			time.Sleep(time.Minute)
			n.use(t, tok, nil)
		}
		time.Sleep(5 * time.Second) // all accesses are written
		w.store.Down.Store(true)
		time.Sleep(40 * time.Minute)
		w.store.Down.Store(false)
		time.Sleep(20 * time.Minute)
		if told := w.of(s, ""); len(told) > 0 {
			t.Fatalf("told %+v", told)
		}
		n.use(t, tok, nil)
		time.Sleep(30*time.Minute + margin + sweepTime)
		w.wantTold(t, s, session.IdleTimedOut)
	})
}

// Of a realm that no node has keys for nobody can be told. Its sessions go, a
// while after their deadline; and so do records that are damaged.
func TestWhatNobodyCanReadGoesQuietly(t *testing.T) { conform(t, testWhatNobodyCanReadGoesQuietly) }

func testWhatNobodyCanReadGoesQuietly(t *testing.T, k kind) {
	inTown(t, k, func(t *testing.T, w *town) {
		foreign := (&world{kind: k, store: w.store, ring: newRing(t, "another installation")}).node(t)
		g := grant()
		g.MaxTime = 10 * time.Minute
		_, s := foreign.issue(t, g)
		n := w.node(t, "one")
		_, damaged := n.issue(t, g)
		sessions, entries := w.records(t)
		for _, rec := range slices.Concat(sessions, entries) {
			if rec.Revision == slices.MaxFunc(sessions, func(a, b store.Record) int { return int(a.Revision - b.Revision) }).Revision {
				rec.Value[len(rec.Value)-1] ^= 1
				put(t, w.world, rec.Key, rec.Value, rec.Expires)
			}
		}
		time.Sleep(30 * time.Minute)
		left := func() int {
			synctest.Wait()
			n := 0
			for _, prefix := range []store.Key{"s/", "u/"} {
				rs, _, err := w.store.Store.(store.Scanner).Scan(t.Context(), prefix, store.Page{})
				if err != nil {
					t.Fatal(err)
				}
				n += len(rs)
			}
			return n
		}
		if n := left(); n != 2 {
			t.Errorf("%d records are left, want those of the other installation", n)
		}
		time.Sleep(time.Hour)
		if n := left(); n != 0 {
			t.Errorf("%d records are left", n)
		}
		if told := slices.Concat(w.of(s, ""), w.of(damaged, "")); len(told) > 0 {
			t.Errorf("told %+v", told)
		}
	})
}
