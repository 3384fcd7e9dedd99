package realm_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
)

// BenchmarkStep is one answer to a journey in memory that asks for a name
// again and again, with and without an audit log.
func BenchmarkStep(b *testing.B) {
	for _, with := range []struct {
		name  string
		audit *slog.Logger
	}{{"audit", slog.New(slog.NewJSONHandler(io.Discard, nil))}, {"no audit", nil}} {
		b.Run(with.name, func(b *testing.B) {
			s := realmtest.New(b, realmtest.NewStore(b), realm.Config{
				Base: realmtest.Base, BaseURL: realmtest.Origin, Audit: with.audit,
				Realms: realmtest.Complete(realm.Settings{
					Path: "/", Users: people, JourneySessions: realm.JourneysInMemory,
					Journeys: realmtest.Journeys(realmtest.Tree("Login",
						realmtest.Place("name", new(nodes.Username), "outcome", "again"),
						realmtest.Place("again", new(nodes.Username), "outcome", "name"))),
				}),
			})
			if err := s.Start(b.Context(), s.Backend); err != nil {
				b.Fatal(err)
			}
			r := s.At(b, "/")
			reply, err := r.Authenticate(b.Context(), request())
			if err != nil || reply.Step == nil {
				b.Fatalf("start: %v %+v", err, reply)
			}
			req := request()
			req.Callbacks = answers(b, reply.Step.Callbacks, "alice")
			b.ReportAllocs()
			for b.Loop() {
				req.AuthID = reply.Step.AuthID
				if reply, err = r.Authenticate(b.Context(), req); err != nil || reply.Step == nil {
					b.Fatalf("%v %+v", err, reply)
				}
			}
		})
	}
}

// BenchmarkClient is what nodes may know of a browser's request.
func BenchmarkClient(b *testing.B) {
	r := realmtest.Open(b, realm.Settings{Path: "/"}).At(b, "/")
	req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/am/json/authenticate?goto=%2Fhome", http.NoBody)
	for name, value := range map[string]string{
		"User-Agent": "Mozilla/5.0", "Accept": "application/json", "Accept-Language": "de-CH,de;q=0.9,en;q=0.8",
		"Accept-Encoding": "gzip", "Content-Type": "application/json", "Cookie": "iPlanetDirectoryPro=abc; theme=dark",
		"X-Requested-With": "XMLHttpRequest", "Accept-Api-Version": "resource=2.1",
	} {
		req.Header.Set(name, value)
	}
	addr := netip.MustParseAddr("192.0.2.1")
	var client *journey.Client
	b.ReportAllocs()
	for b.Loop() {
		client = r.Client(req, addr)
	}
	if client.Header.Get("Cookie") != "" || len(client.Cookies) != 1 {
		b.Errorf("%+v", client)
	}
}
