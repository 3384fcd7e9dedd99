package bench

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/rest"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
	"github.com/amgate/amgate/store/storetest"
)

// loneStep answers the steps of a journey, one after the other and without a
// connection: what a step costs beside HTTP.
type loneStep struct {
	api   *rest.API
	store *storetest.Faulty
	reply *httptest.ResponseRecorder
}

// newLoneStep begins a journey like loopJourney in a scheme. Its audit events
// are written to nowhere.
func newLoneStep(b *testing.B, scheme string, st store.Store) *loneStep {
	b.Helper()
	return newLoneStepWith(b, realm.Settings{JourneySessions: realm.JourneyScheme(scheme)}, st)
}

// newLoneStepWith is newLoneStep in a realm with further settings.
func newLoneStepWith(b *testing.B, settings realm.Settings, st store.Store) *loneStep {
	b.Helper()
	choice := &nodes.Choice{Prompt: "Again?", Choices: []string{"again", "done"}}
	settings.Path, settings.JourneyTimeout = "/", time.Hour
	settings.Journeys = realmtest.Journeys(realmtest.Tree("Login",
		realmtest.Place("pick", choice, "again", "pick", "done", "failure")))
	s := realmtest.New(b, st, realm.Config{
		Base: realmtest.Base, BaseURL: realmtest.Origin, Audit: slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Realms: realmtest.Complete(settings),
	})
	if err := s.Start(b.Context(), s.Backend); err != nil {
		b.Fatal(err)
	}
	l := &loneStep{
		api: rest.New(realm.Front{
			Realms: s.Set, Base: realmtest.Base, Logger: s.Log.Logger(),
			ClientIP: func(*http.Request) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) },
		}),
		store: s.Store,
		reply: httptest.NewRecorder(),
	}
	l.post(b, []byte("{}"))
	return l
}

// newEtcd is an etcd that is embedded in this process.
func newEtcd(b *testing.B) store.Store {
	b.Helper()
	server, err := embedded.Start(b.Context(), embedded.Config{Dir: filepath.Join(b.TempDir(), "cts"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Close(); err != nil {
			b.Error(err)
		}
	})
	st, err := etcd.New(etcd.Config{Client: server.Client(), Alone: true, Prefix: "/am"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	return st
}

// answer posts the last reply back, as clients do.
func (l *loneStep) answer(b *testing.B) { l.post(b, l.reply.Body.Bytes()) }

func (l *loneStep) post(b *testing.B, body []byte) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, realmtest.Base+"/json/realms/root/authenticate", bytes.NewReader(bytes.Clone(body)))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-API-Version", "resource=2.1")
	l.reply.Body.Reset()
	clear(l.reply.Header())
	l.api.ServeHTTP(l.reply, r)
	if l.reply.Code != http.StatusOK || !bytes.Contains(l.reply.Body.Bytes(), []byte("ChoiceCallback")) {
		b.Fatalf("%d: %s", l.reply.Code, l.reply.Body)
	}
}

// stepCost is what a step takes: processor seconds, the collector's share
// included, allocations, both with the store's; and what it asks of the store,
// each a round trip where that is elsewhere.
type stepCost struct{ cpu, allocs, reads, commits float64 }

// round answers steps for a round.
func (l *loneStep) round(b *testing.B) stepCost {
	b.Helper()
	before, cpu := l.count(), ownCPU(b)
	n := 0.0
	for began := time.Now(); time.Since(began) < roundTime; n++ {
		l.answer(b)
	}
	used, after := ownCPU(b)-cpu, l.count()
	return stepCost{
		cpu: used / n, allocs: (after.allocs - before.allocs) / n,
		reads: (after.reads - before.reads) / n, commits: (after.commits - before.commits) / n,
	}
}

// count is what was allocated and asked so far.
func (l *loneStep) count() stepCost {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return stepCost{
		allocs: float64(memory.Mallocs), reads: float64(l.store.Gets.Load()), commits: float64(l.store.Commits.Load()),
	}
}

// ownCPU is the processor time that this process has used, in seconds.
func ownCPU(b *testing.B) float64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

// BenchmarkLoneStep is loneStep by itself, on a store in memory.
func BenchmarkLoneStep(b *testing.B) {
	for _, scheme := range schemes {
		b.Run(scheme, func(b *testing.B) {
			l := newLoneStep(b, scheme, realmtest.NewStore(b))
			b.ReportAllocs()
			for b.Loop() {
				l.answer(b)
			}
		})
	}
}
