package bench

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/rest"
)

// loneStep answers the steps of a journey in memory, one after the other and
// without a connection: what a step costs beside HTTP.
type loneStep struct {
	api   *rest.API
	reply *httptest.ResponseRecorder
}

// newLoneStep begins a journey like loopJourney. Its audit events are written
// to nowhere.
func newLoneStep(b *testing.B) *loneStep {
	b.Helper()
	choice := &nodes.Choice{Prompt: "Again?", Choices: []string{"again", "done"}}
	s := realmtest.New(b, realmtest.NewStore(b), realm.Config{
		Base: realmtest.Base, BaseURL: realmtest.Origin, Audit: slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Realms: realmtest.Complete(realm.Settings{
			Path: "/", JourneySessions: realm.JourneysInMemory,
			Journeys: realmtest.Journeys(realmtest.Tree("Login",
				realmtest.Place("pick", choice, "again", "pick", "done", "failure"))),
		}),
	})
	if err := s.Start(b.Context(), s.Backend); err != nil {
		b.Fatal(err)
	}
	l := &loneStep{
		api: rest.New(realm.Front{
			Realms: s.Set, Base: realmtest.Base, Logger: s.Log.Logger(),
			ClientIP: func(*http.Request) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) },
		}),
		reply: httptest.NewRecorder(),
	}
	l.post(b, []byte("{}"))
	return l
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

// round answers steps for a round and returns the processor seconds that one
// takes, the collector's share included.
func (l *loneStep) round(b *testing.B) float64 {
	b.Helper()
	before, steps := ownCPU(b), 0
	for began := time.Now(); time.Since(began) < roundTime; steps++ {
		l.answer(b)
	}
	return (ownCPU(b) - before) / float64(steps)
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

// BenchmarkLoneStep is loneStep by itself.
func BenchmarkLoneStep(b *testing.B) {
	l := newLoneStep(b)
	b.ReportAllocs()
	for b.Loop() {
		l.answer(b)
	}
}
