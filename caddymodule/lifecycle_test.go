package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

// run makes an app "am" of these settings the running configuration, as a
// start or a reload does, and apps that stand beside it.
func run(t testing.TB, settings string, beside ...string) error {
	t.Helper()
	return runConfig(t, config(t, settings, beside...))
}

func runConfig(t testing.TB, cfg *caddy.Config) error {
	t.Helper()
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		endDraining()
	})
	return caddy.Run(cfg)
}

func config(t testing.TB, settings string, beside ...string) *caddy.Config {
	t.Helper()
	apps := strings.Join(append([]string{`"am": ` + settings}, beside...), ", ")
	text := fmt.Sprintf(`{"admin": {"disabled": true, "config": {"persist": false}}, "apps": {%s}}`, apps)
	var cfg caddy.Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

func mustRun(t testing.TB, settings string) *App {
	t.Helper()
	if err := run(t, settings); err != nil {
		t.Fatal(err)
	}
	return running(t)
}

// running is the app of the configuration that runs.
func running(t testing.TB) *App {
	t.Helper()
	app, err := caddy.ActiveContext().App("am")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*App)
}

// serves fails the test unless the running app can serve requests.
func serves(t *testing.T) {
	t.Helper()
	if err := running(t).set.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// recorded is a store module that tells what became of its stores. Its name
// has a dot, so that messages do not list it among the stores there are.
type recorded struct {
	Name string `json:"name,omitempty"`
}

func init() {
	caddy.RegisterModule(recorded{})
	caddy.RegisterModule(failing{})
}

func (recorded) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am.stores.test.recorded", New: func() caddy.Module { return new(recorded) }}
}

func (r *recorded) Open(context.Context, *slog.Logger) (store.Store, error) {
	happened("open " + r.Name)
	return &recordedStore{Store: memory.New(), name: r.Name}, nil
}

type recordedStore struct {
	*memory.Store
	name string
}

func (s *recordedStore) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if strings.HasPrefix(string(ops[0].Key), "u/") {
		happened("flush " + s.name)
	}
	return s.Store.Commit(ctx, ops...)
}

func (s *recordedStore) Close() error {
	happened("close " + s.name)
	s.Store.Close()
	return nil
}

// failing is an app that does not start.
type failing struct{}

func (failing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am_test_failing", New: func() caddy.Module { return failing{} }}
}
func (failing) Start() error { return errors.New("on purpose") }
func (failing) Stop() error  { return nil }

const (
	testKey     = `"signing_keys": ["` + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" + `"]`
	recordedOne = `"store": {"backend": "test.recorded", "name": "one"}, ` + testKey
)

// A store in memory makes its signing key itself. The next configuration on
// the same store must work with the same key: what the store holds is sealed
// under it.
func TestReloadOnAStoreInMemory(t *testing.T) {
	for range 3 {
		mustRun(t, `{"store": {"backend": "memory"}}`)
		serves(t)
	}
}

// What did not change is shared by the configurations before and after a
// reload; what did change goes on beside its successor until it has drained.
func TestReloadSharesWhatDidNotChange(t *testing.T) {
	takeEvents()
	first := mustRun(t, `{`+recordedOne+`}`).backend
	second := mustRun(t, `{`+recordedOne+`, "realms": [{"path": "/"}], "base_url": "https://a.example"}`).backend
	if first != second {
		t.Error("another backend for the same settings")
	}
	third := mustRun(t, `{`+recordedOne+`, "cache": {"size_mib": 16}}`).backend
	if third == first {
		t.Error("the same backend for other settings")
	}
	if third.Journeys != first.Journeys {
		t.Error("the journeys in memory were lost")
	}
	if _, _, err := first.Store.Get(t.Context(), "s/x", store.Any); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the backend before, while it drains: %v", err)
	}
	endDraining()
	if got, want := takeEvents(), []string{"open one", "open one", "close one"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, _, err := first.Store.Get(t.Context(), "s/x", store.Any); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the backend before, when it has drained: %v, want an outage", err)
	}
	serves(t)
}

// Another store is another store, at the next reload and not at the next start.
func TestReloadWithAnotherStoreOpensIt(t *testing.T) {
	takeEvents()
	mustRun(t, `{`+recordedOne+`}`)
	mustRun(t, `{"store": {"backend": "test.recorded", "name": "two"}, `+testKey+`}`)
	endDraining()
	if got, want := takeEvents(), []string{"open one", "open two", "close one"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	serves(t)
}

// Caddy cleans up also what failed before it took anything, or after it took
// a part. None of that may touch what the running configuration holds.
func TestRefusedReloadReleasesOnlyWhatItTook(t *testing.T) {
	takeEvents()
	before := mustRun(t, `{`+recordedOne+`}`).backend
	for name, settings := range map[string]string{
		"before anything is taken": `{` + recordedOne + `, "signing_keys": ["short"]}`,
		"the same store":           `{` + recordedOne + `, "base_url": "nonsense"}`,
		"another store":            `{"store": {"backend": "test.recorded", "name": "two"}, ` + testKey + `, "base_url": "nonsense"}`,
		"a realm":                  `{` + recordedOne + `, "realms": [{"path": "/a", "identities": {"source": "file", "path": "missing"}}]}`,
		"another root secret":      `{"store": {"backend": "test.recorded", "name": "one"}, "signing_keys": ["QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="]}`,
	} {
		for range 3 {
			if err := run(t, settings); err == nil {
				t.Fatalf("%s: accepted", name)
			}
		}
		endDraining()
		if got := running(t).backend; got != before {
			t.Fatalf("%s: another backend", name)
		}
		serves(t)
	}
	if got, want := takeEvents(), []string{"open one"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// When another app of the new configuration does not start, ours has perhaps
// opened a store. It is closed again, and the old one goes on.
func TestStartThatFailsHalfWayIsUndone(t *testing.T) {
	takeEvents()
	before := mustRun(t, `{`+recordedOne+`}`).backend
	opened := 0
	for i := range 10 { // apps start in the order of a map
		name := fmt.Sprintf("next %d", i)
		settings := fmt.Sprintf(`{"store": {"backend": "test.recorded", "name": %q}, %s}`, name, testKey)
		takeEvents()
		if err := run(t, settings, `"am_test_failing": {}`); err == nil {
			t.Fatal("accepted")
		}
		endDraining()
		if got := takeEvents(); len(got) > 0 {
			opened++
			if want := []string{"open " + name, "close " + name}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if running(t).backend != before {
			t.Fatal("another backend")
		}
		serves(t)
	}
	t.Logf("the store was opened first in %d of 10 tries", opened)
}

// What a backend works with is closed from the outside in: the last accesses
// go through the cache into a store that is still open.
func TestBackendWritesAccessesBeforeItCloses(t *testing.T) {
	takeEvents()
	b := mustRun(t, `{`+recordedOne+`}`).backend
	useSession(t, b)
	mustRun(t, `{"store": {"backend": "test.recorded", "name": "two"}, `+testKey+`}`)
	endDraining()
	got := takeEvents()
	flushed, shut := slices.Index(got, "flush one"), slices.Index(got, "close one")
	if flushed < 0 || shut < flushed || slices.Contains(got[shut:], "flush one") {
		t.Errorf("events %q", got)
	}
}

// useSession uses a session for so long that its access has to be written.
func useSession(t *testing.T, b *backend) {
	t.Helper()
	secret := token.GenerateSecret()
	ring, err := token.NewRing([]byte("an installation id"), []token.Secret{secret}, map[string][]token.Secret{"/": {secret}})
	if err != nil {
		t.Fatal(err)
	}
	m := session.NewManager(session.Config{Store: b.Store, Keys: ring, Access: b.Access, Logger: b.log})
	const idle = 200 * time.Millisecond
	tok, s, err := m.Issue(t.Context(), session.Grant{
		Realm: "/", UserID: "demo", Username: "demo", MaxTime: time.Hour, IdleTime: idle, Seed: make([]byte, 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	for time.Since(s.Created()) < idle*3/4 {
		if _, err := m.Lookup(t.Context(), tok, session.Touch); err != nil {
			t.Fatal(err)
		}
	}
}
