package realm

import (
	"fmt"
	"time"

	"github.com/amgate/amgate/identity/guard"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/token"
)

// Services are what a realm of these settings lends to its nodes, as far as
// that is configured: enough to tell which journeys can run (see
// journey.Tree.Unmet).
func (c Config) Services(s Settings) *journey.Services {
	lent := &journey.Services{
		Links: c.links(), Mailer: s.Mailer, Agents: s.Agents, Terms: s.Terms, Questions: s.Questions,
	}
	for _, w := range s.Webhooks {
		lent.Webhooks = append(lent.Webhooks, w.Name)
	}
	sessions := []string{s.Cookie.Name}
	for _, other := range c.Realms {
		sessions = append(sessions, other.Cookie.Name)
	}
	lent.OwnCookies = ownCookies(sessions)
	return lent
}

// running is what a realm works with once the installation's secrets are
// read.
type running struct {
	engine *journey.Engine
	keeper *keep.Keeper
}

// run sets the realm to work. Its people, and its agents, are seen through a
// guard: no check of a password passes it by.
func (r *Realm) run(ring *token.Ring, b Backend, here placement) (*running, error) {
	keys, ok := ring.Realm(r.Path)
	if !ok {
		return nil, fmt.Errorf("realm %s has no keys", r.Path)
	}
	keeper, err := r.newKeeper(ring, b, here)
	if err != nil {
		return nil, err
	}
	lent := r.set.cfg.Services(r.Settings)
	watch := guard.Config{
		Store: b.Store, Realm: r.Path, Keys: keys, NameKey: ring.DeriveLasting("identity/guard"),
		Users: r.Users, Lockout: (*guard.Lockout)(r.Lockout), Switching: true, Logger: r.log,
	}
	guarded, err := guard.New(watch)
	if err != nil {
		return nil, err
	}
	if r.Agents != nil { // people of the same names are others
		watch.Users, watch.Switching, watch.NameKey = r.Agents, false, ring.DeriveLasting("identity/guard agents")
		agents, err := guard.New(watch)
		if err != nil {
			return nil, err
		}
		lent.Agents = agents.Users
	}
	lent.Counters, lent.Accounts = guarded.Counters, accounts{guarded.Accounts, r}
	lent.Sealer = sealer{keys}
	lent.Meter = meter{r.set.cfg.Metrics, r.Path}
	return &running{
		keeper: keeper,
		engine: journey.NewEngine(journey.EngineConfig{
			Users: guarded.Users, Services: lent, Observe: r.observe, Logger: r.log,
		}),
	}, nil
}

// sealer seals under the keys of a realm.
type sealer struct{ keys *token.Keys }

var _ journey.Sealer = sealer{}

// Seal implements journey.Sealer.
func (s sealer) Seal(purpose string, plain []byte) (string, error) {
	return s.keys.Sealer("node " + purpose).Seal(plain)
}

// Open implements journey.Sealer.
func (s sealer) Open(purpose, sealed string) ([]byte, error) {
	plain, err := s.keys.Sealer("node " + purpose).Open(sealed)
	if err != nil {
		return nil, journey.ErrSignature
	}
	return plain, nil
}

// meter is where the nodes of a realm report.
type meter struct {
	metrics Metrics
	realm   string
}

var _ journey.Meter = meter{}

// Count implements journey.Meter.
func (m meter) Count(name string) { m.metrics.Count(m.realm, name) }

// Time implements journey.Meter.
func (m meter) Time(name string, d time.Duration) { m.metrics.Time(m.realm, name, d) }
