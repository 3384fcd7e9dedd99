package rest_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/rest"
)

// BenchmarkStep is one answer to a journey in memory, from the request's bytes
// to the reply's, without a network.
func BenchmarkStep(b *testing.B) {
	s := realmtest.New(b, realmtest.NewStore(b), realm.Config{
		Base: realmtest.Base, BaseURL: realmtest.Origin, Audit: slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Realms: realmtest.Complete(realm.Settings{
			Path: "/", JourneySessions: realm.JourneysInMemory,
			Journeys: realmtest.Journeys(realmtest.Tree("Login",
				realmtest.Place("name", new(nodes.Username), "outcome", "again"),
				realmtest.Place("again", new(nodes.Username), "outcome", "name"))),
		}),
	})
	if err := s.Start(b.Context(), s.Backend); err != nil {
		b.Fatal(err)
	}
	api := rest.New(realm.Front{
		Realms: s.Set, Base: realmtest.Base, Logger: s.Log.Logger(),
		ClientIP: func(*http.Request) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) },
	})
	w := httptest.NewRecorder()
	post := func(body []byte) {
		r := httptest.NewRequest(http.MethodPost, realmtest.Base+"/json/realms/root/authenticate", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept-API-Version", "resource=2.1")
		w.Body.Reset()
		clear(w.Header())
		api.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("%d: %s", w.Code, w.Body)
		}
	}
	post([]byte("{}"))
	b.ReportAllocs()
	for b.Loop() {
		post(w.Body.Bytes())
	}
	var reply struct{ AuthID string }
	if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil || reply.AuthID == "" {
		b.Fatalf("%s", w.Body)
	}
}
