package gateway

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// asks remembers what was asked of sessions' records.
type asks struct {
	store.Store
	mu  sync.Mutex
	how []store.Freshness
}

func (a *asks) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	if k.Kind() == "s" {
		a.mu.Lock()
		a.how = append(a.how, want)
		a.mu.Unlock()
	}
	return a.Store.Get(ctx, k, want)
}

// TestOutageRuleIsTheGatewaysOwn: a gateway asks for records as its own rule
// for outages says, everybody else as the realm's does.
func TestOutageRuleIsTheGatewaysOwn(t *testing.T) {
	asked := &asks{Store: realmtest.NewStore(t)}
	s := realmtest.New(t, asked, realm.Config{Base: realmtest.Base, Realms: realmtest.Complete(
		realm.Settings{Path: "/", Users: people, Journeys: realmtest.Journeys(trusting), Outage: store.Grace(time.Minute)},
	)})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	tok := site{s}.signIn(t, "/", "bjensen")
	asked.how = nil
	for _, rule := range []store.Freshness{store.Any, store.Strict, store.Grace(time.Hour)} {
		g := guard(t, s.At(t, "/"), func(c *Config) { c.Outage = rule })
		if _, err := g.Check(t.Context(), get("/", cookieName, tok)); err != nil {
			t.Error(err)
		}
	}
	for _, lookup := range []func(context.Context, []string, session.Use) (session.Session, error){s.Session, s.At(t, "/").Session} {
		if _, err := lookup(t.Context(), []string{tok}, session.Peek); err != nil {
			t.Error(err)
		}
	}
	if ended, err := s.Logout(t.Context(), []string{tok}); ended != 1 || err != nil {
		t.Errorf("%d sessions ended, %v", ended, err)
	}
	minute := store.Grace(time.Minute)
	if want := []store.Freshness{store.Any, store.Strict, store.Grace(time.Hour), minute, minute, minute}; !slices.Equal(asked.how, want) {
		t.Errorf("asked for %v, want %v", asked.how, want)
	}
}
