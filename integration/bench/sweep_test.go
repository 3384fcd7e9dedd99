package bench

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/reaper"
	"github.com/amgate/amgate/store/storetest/etcdproc"
	"github.com/amgate/amgate/token"
)

// BenchmarkSweep sweeps 100,000 sessions whose max time is over, or that are
// idle, tells of each, and measures what another writer meanwhile waits for.
func BenchmarkSweep(b *testing.B) {
	for _, store := range []struct {
		name string
		open func(b *testing.B) *etcd.Store
	}{{"embedded", openEmbedded}, {"cluster of 3", openCluster}} {
		for _, why := range []session.Why{session.MaxTimedOut, session.IdleTimedOut} {
			b.Run(fmt.Sprintf("%s/%s", store.name, map[session.Why]string{session.MaxTimedOut: "max", session.IdleTimedOut: "idle"}[why]),
				func(b *testing.B) { sweep(b, store.open, why) })
		}
	}
}

const sweptSessions = 100_000

func sweep(b *testing.B, open func(*testing.B) *etcd.Store, why session.Why) {
	var rates, slowest, later, quiet []float64
	for b.Loop() {
		b.StopTimer()
		st := open(b)
		ring := newRing(b)
		issue(b, st, ring, why)
		before := writing(b, st)
		time.Sleep(3 * time.Second)
		quiet = append(quiet, before()[0])
		s := newSweeper(b, st, ring)
		waited := writing(b, st)
		b.StartTimer()
		took := s.run(b)
		b.StopTimer()
		waits := waited()
		rates = append(rates, sweptSessions/took.Seconds())
		slowest, later = append(slowest, waits[0]), append(later, waits[1])
		s.close()
		if err := st.Close(); err != nil {
			b.Error(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(median(rates), "sessions/s")
	b.ReportMetric(slices.Max(slowest), "slowest-put-ms")
	b.ReportMetric(median(later), "p99-put-ms")
	b.ReportMetric(slices.Max(quiet), "quiet-slowest-ms")
	b.ReportMetric(0, "ns/op")
}

func openEmbedded(b *testing.B) *etcd.Store {
	b.Helper()
	server, err := embedded.Start(b.Context(), embedded.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.Error(err)
		}
	})
	return openStore(b, etcd.Config{Client: server.Client()})
}

func openCluster(b *testing.B) *etcd.Store {
	b.Helper()
	return openStore(b, etcd.Config{Endpoints: etcdproc.Start(b, etcdproc.Options{Members: 3}).Endpoints()})
}

func openStore(b *testing.B, cfg etcd.Config) *etcd.Store {
	b.Helper()
	st, err := etcd.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return st
}

func newRing(b *testing.B) *token.Ring {
	b.Helper()
	secrets := []token.Secret{token.GenerateSecret()}
	ring, err := token.NewRing(make([]byte, 32), secrets, map[string][]token.Secret{"/alpha": secrets})
	if err != nil {
		b.Fatal(err)
	}
	return ring
}

// issue puts sessions into the store that are over when it returns.
func issue(b *testing.B, st store.Store, ring *token.Ring, why session.Why) {
	b.Helper()
	quick := memory.New() // a login at a time would take minutes
	defer quick.Close()
	access := session.NewAccess(session.AccessConfig{Store: quick, Logger: slog.New(slog.DiscardHandler)})
	defer access.Close()
	m := session.NewManager(session.Config{Store: quick, Keys: ring, Access: access, Logger: slog.New(slog.DiscardHandler)})
	g := session.Grant{
		Realm: "/alpha", Username: "bjensen", UniversalID: "id=4711,ou=user,o=alpha,ou=services,ou=am-config",
		Roles: []string{"staff", "admin"}, AuthType: "Username|Password", Journey: "Login",
		Properties: map[string]string{"mail": "bjensen@example.com", "department": "engineering"},
		MaxTime:    time.Second, IdleTime: time.Hour,
	}
	if why == session.IdleTimedOut {
		g.MaxTime, g.IdleTime = time.Hour, time.Second
	}
	for i := range sweptSessions {
		g.UserID, g.Seed = fmt.Sprint(i), fmt.Appendf(nil, "the journey %012d", i)
		if _, _, err := m.Issue(b.Context(), g); err != nil {
			b.Fatal(err)
		}
	}
	for _, prefix := range []store.Key{"s/", "u/"} {
		all, _, err := quick.Scan(b.Context(), prefix, store.Page{Limit: 2 * sweptSessions})
		if err != nil || len(all) != sweptSessions {
			b.Fatalf("%d records, %v", len(all), err)
		}
		for some := range slices.Chunk(all, store.MaxOps) {
			ops := make([]store.Op, len(some))
			for i, r := range some {
				ops[i] = store.Put(r.Key, r.Value, r.Expires)
			}
			if _, err := st.Commit(b.Context(), ops...); err != nil {
				b.Fatal(err)
			}
		}
	}
	time.Sleep(reaper.Grace + time.Second)
}

// writing puts one record after the other until it is told to stop; then it
// says how long the slowest put took, and the 99th of 100, in milliseconds.
func writing(b *testing.B, st store.Store) (stop func() [2]float64) {
	ctx, end := context.WithCancel(b.Context())
	done := make(chan [2]float64)
	go func() {
		var waits []float64
		for i := 0; ctx.Err() == nil; i++ {
			began := time.Now()
			key := store.Key(fmt.Sprintf("x/%d", i%1000))
			if _, err := st.Commit(b.Context(), store.Put(key, make([]byte, 300), time.Now().Add(time.Hour))); err != nil {
				b.Error(err)
			}
			waits = append(waits, float64(time.Since(began).Microseconds())/1000)
			time.Sleep(time.Millisecond)
		}
		slices.Sort(waits)
		done <- [2]float64{waits[len(waits)-1], waits[len(waits)*99/100]}
	}()
	return func() [2]float64 {
		end()
		return <-done
	}
}

// sweeper is what a node has to sweep and to tell with.
type sweeper struct {
	store *etcd.Store
	front *cache.Cache
	sm    *session.Manager
	out   *outbox.Outbox
	shut  []func()
	told  atomic.Int64
}

func newSweeper(b *testing.B, st *etcd.Store, ring *token.Ring) *sweeper {
	b.Helper()
	front, err := cache.New(st, cache.Config{Node: "bench", Prefixes: []store.Key{"s/"}})
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	access := session.NewAccess(session.AccessConfig{Store: front, Logger: log})
	out := outbox.New(outbox.Config{Store: front, Logger: log})
	s := &sweeper{
		store: st, front: front, out: out,
		sm:   session.NewManager(session.Config{Store: front, Keys: ring, Access: access, Outbox: out, Logger: log}),
		shut: []func(){front.Close, access.Close, out.Close},
	}
	out.Use(s)
	return s
}

// Open implements outbox.Opener: it counts.
func (s *sweeper) Open(key store.Key, payload []byte) (outbox.Delivery, bool) {
	n, ok, err := s.sm.OpenNotice(key, payload)
	return func(context.Context) error {
		s.told.Add(int64(len(n.Ended)))
		return err
	}, ok
}

// run sweeps until all sessions are gone and told of.
func (s *sweeper) run(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	r := reaper.New(reaper.Config{Store: s.store, Front: s.front, Interval: time.Second})
	s.shut = append(s.shut, r.Close)
	r.Use(s.sm.Timeouts())
	for s.told.Load() < sweptSessions {
		time.Sleep(time.Millisecond)
		if time.Since(began) > 5*time.Minute {
			b.Fatalf("told of %d sessions; %+v", s.told.Load(), r.Stats())
		}
	}
	took := time.Since(began)
	time.Sleep(100 * time.Millisecond)
	if n := s.told.Load(); n != sweptSessions {
		b.Fatalf("told of %d sessions", n)
	}
	if left, _, err := s.store.Scan(b.Context(), "s/", store.Page{}); len(left) > 0 || err != nil {
		b.Fatalf("%d sessions are left, %v", len(left), err)
	}
	return took
}

func (s *sweeper) close() {
	for _, shut := range slices.Backward(s.shut) {
		shut()
	}
}
