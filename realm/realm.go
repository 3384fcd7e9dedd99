package realm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/affinity"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/reaper"
	"github.com/amgate/amgate/token"
)

// Config is what a configuration says about its realms.
type Config struct {
	Realms []Settings
	// BaseURL is the configured origin of the site; links in mails are built
	// from it. Base is the path under which AM is served, "/am".
	BaseURL, Base string
	// Audit gets the audit events of journeys, nil for nobody. Metrics counts
	// them, nil for nobody.
	Audit   *slog.Logger
	Metrics Metrics
	Logger  *slog.Logger
}

// Backend is what a Set works on. It is shared with the Sets that come before
// and after when the configuration is reloaded; a Set closes none of it.
type Backend struct {
	// Store is the CTS behind its cache.
	Store store.Store
	// Access records the last access of sessions.
	Access *session.Access
	// Outbox tells of sessions that have ended, Reaper ends those whose time
	// is over. nil: other nodes do.
	Outbox *outbox.Outbox
	Reaper *reaper.Reaper
	// Nodes is the directory of nodes; nil: there are no others. Node is this
	// one in it; without an address it is no node, for nobody can reach it.
	Nodes *cluster.Directory
	Node  cluster.Node
	// Journeys holds the in-memory journeys of all realms. Drainer hands them
	// over; nil: nobody does.
	Journeys *keep.Table
	Drainer  *Drainer
	// SigningKeys, newest first, are the root secrets of the installation.
	SigningKeys []token.Secret
}

// Set is the realms of a configuration. It serves nothing before Start has
// read the installation's secrets from the store: until then every operation
// answers store.ErrUnavailable.
//
// All methods are safe for concurrent use.
type Set struct {
	cfg    Config
	realms map[string]*Realm
	names  map[string]*Realm // aliases, and the names of top-level realms
	hosts  map[string]*Realm
	keyed  atomic.Pointer[keyed]
	stop   context.CancelFunc
	done   chan struct{}

	errands *errands
	retired *retired
	hooks   *http.Client
	// withdraw takes back what load lent to the Backend.
	withdraw []func()
}

// keyed is all that depends on the installation's secrets.
type keyed struct {
	store    store.Store
	sessions *session.Manager
	placement
	passes  *cluster.Passes
	explain *cluster.ExplainKeys
}

// Realm is one realm at work.
type Realm struct {
	Settings
	set *Set
	// linked are the realm's journeys, with their inner journeys in place.
	linked map[string]*journey.Tree
	// remembering are the names of the persistent cookies of its journeys: sorted,
	// each once.
	remembering []string
	// standing are the realm's people if they know when they change, else nil.
	standing identity.Standing
	// running is nil before Start.
	running atomic.Pointer[running]
	log     *slog.Logger
}

// New checks the settings and returns the Set. It does not touch the store.
func New(cfg Config) (*Set, error) {
	if cfg.Metrics == nil {
		cfg.Metrics = nobodyCounts{}
	}
	if cfg.Audit == nil {
		cfg.Audit = slog.New(slog.DiscardHandler)
	}
	s := &Set{
		cfg:     cfg,
		realms:  make(map[string]*Realm),
		names:   make(map[string]*Realm),
		hosts:   make(map[string]*Realm),
		errands: newErrands(),
		retired: newRetired(),
		hooks:   newHookClient(),
	}
	var errs []error
	for _, settings := range cfg.Realms {
		errs = append(errs, settings.Check(), s.add(settings))
	}
	if _, ok := s.realms["/"]; !ok {
		errs = append(errs, errors.New("there is no root realm"))
	}
	return s, errors.Join(errs...)
}

func (s *Set) add(settings Settings) error {
	if s.realms[settings.Path] != nil {
		return fmt.Errorf("realm %s is there twice", settings.Path)
	}
	r := &Realm{Settings: settings, set: s, log: s.cfg.Logger.With("realm", settings.Path)}
	r.standing, _ = settings.Users.(identity.Standing)
	s.realms[settings.Path] = r
	if err := r.link(); err != nil {
		return err
	}

	if settings.SurviveNodeLoss && settings.Lockout == nil {
		r.log.Warn("with survive_node_loss an older step may be answered again after the loss of a node, so retry limits of journeys do not hold then; " +
			"limit attempts by lockout, for example: lockout 5 5m 5m")
	}

	aliases := settings.Aliases
	if name := settings.Path[1:]; name != "" && !strings.Contains(name, "/") {
		aliases = append([]string{name}, aliases...)
	}
	for _, name := range aliases {
		if other := s.names[name]; other != nil {
			return fmt.Errorf("realm %s: the alias %q belongs to realm %s", settings.Path, name, other.Path)
		}
		s.names[name] = r
	}
	for _, host := range settings.Hosts {
		host = strings.ToLower(host)
		if other := s.hosts[host]; other != nil {
			return fmt.Errorf("realm %s: the host %q belongs to realm %s", settings.Path, host, other.Path)
		}
		s.hosts[host] = r
	}
	return nil
}

// link puts the inner journeys in their places. A journey that cannot run is
// an error, unless it is disabled.
func (r *Realm) link() error {
	linked, broken := journey.Link(r.Journeys)
	lent := r.set.cfg.Services(r.Settings)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.Journeys)) {
		if r.Journeys[name].Disabled {
			continue
		}
		if err := broken[name]; err != nil {
			errs = append(errs, fmt.Errorf("realm %s: %w", r.Path, err))
			continue
		}
		if err := linked[name].Unmet(lent); err != nil {
			errs = append(errs, fmt.Errorf("realm %s: %w", r.Path, err))
		}
	}
	r.linked, r.remembering = linked, persistentCookies(r.Journeys)
	return errors.Join(errs...)
}

// Realm finds a realm by its exact path.
func (s *Set) Realm(path string) (*Realm, bool) {
	r, ok := s.realms[path]
	return r, ok
}

// ByAlias finds a realm by an alias, or a top-level realm by its own name.
func (s *Set) ByAlias(name string) (*Realm, bool) {
	r, ok := s.names[name]
	return r, ok
}

// byHost finds the realm that a host name, without a port, selects.
func (s *Set) byHost(host string) (*Realm, bool) {
	r, ok := s.hosts[strings.ToLower(strings.TrimSuffix(host, "."))]
	return r, ok
}

// Start reads the secrets of the installation from the store, making those
// that are missing, and follows them until Close. If the store cannot be
// reached it goes on trying in the background, and returns nil: requests are
// answered with store.ErrUnavailable meanwhile. Any other error is final.
func (s *Set) Start(ctx context.Context, b Backend) error {
	from, err := s.load(ctx, b)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		s.cfg.Logger.Warn("the store cannot be reached; requests are answered with 503 until it can", "error", err)
	case err != nil:
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.done = stop, make(chan struct{})
	unfollow := s.followUsers()
	go func() {
		defer close(s.done)
		defer unfollow()
		var both sync.WaitGroup
		both.Go(func() { s.retired.run(background) })
		both.Go(func() { s.keepKeys(background, b, from) })
		both.Wait()
	}()
	return nil
}

// Close ends what Start left running. It waits, a few seconds at most, for
// what is still to be done after replies that were given.
func (s *Set) Close() {
	if s.stop != nil {
		s.stop()
		<-s.done
	}
	s.takeBack()
	s.errands.close()
	s.hooks.CloseIdleConnections()
}

// load reads the secrets and makes all that depends on them, in the place of
// what was there before. They are as of revision from or later.
func (s *Set) load(ctx context.Context, b Backend) (from int64, err error) {
	_, from, err = b.Store.Get(ctx, installationKey, store.Fresh)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	ring, err := loadRing(ctx, b.Store, b.SigningKeys, s.cfg.Realms)
	if err != nil {
		return 0, err
	}
	outages, carried := make(map[string]store.Freshness, len(s.realms)), make(map[string]session.Carried)
	quotas := make(map[string]session.Quota, len(s.realms))
	for path, r := range s.realms {
		outages[path], quotas[path] = r.Outage, r.Quota.Quota
		if r.AuthenticatedSessions == SessionsClient {
			carried[path] = session.Carried{Room: r.Cookie.Room(), Signing: r.Signing, Track: r.Track}
		}
	}
	k := &keyed{
		store: b.Store,
		sessions: session.NewManager(session.Config{
			Store: b.Store, Keys: ring, Access: b.Access, Outages: outages, Carried: carried, Quotas: quotas,
			Outbox: b.Outbox, Webhooks: webhooksOf, Logger: s.cfg.Logger,
		}),
		placement: placement{affinity: affinity.New(ring.DeriveLasting("affinity")), nodes: b.Nodes},
		passes:    cluster.NewPasses(ring.DeriveLasting("requests between nodes")),
		explain:   cluster.NewExplainKeys(ring.DeriveLasting("explain")),
	}
	if b.Node.Address != "" {
		k.pin = k.affinity.Pin(b.Node.Address)
	}
	for _, r := range s.realms {
		running, err := r.run(ring, b, k.placement)
		if err != nil {
			return 0, err
		}
		r.running.Store(running)
	}
	s.keyed.Store(k)
	s.lend(k, ring, b)
	s.rotate(ctx, b)
	return max(from, 1), nil // 0 says that they are not read
}

// lend lets the Backend use what only a configuration has: the keys of its
// realms, whom to tell, and which node this is. What was lent before is taken
// back afterwards, so that nothing is without for a moment.
func (s *Set) lend(k *keyed, ring *token.Ring, b Backend) {
	before := s.withdraw
	s.withdraw = nil
	if b.Outbox != nil {
		s.withdraw = append(s.withdraw, b.Outbox.Use(notices{s, k.sessions}))
	}
	if b.Reaper != nil {
		s.withdraw = append(s.withdraw, b.Reaper.Use(k.sessions.Timeouts()))
	}
	if b.Drainer != nil {
		s.withdraw = append(s.withdraw, b.Drainer.use(s, b))
	}
	if b.Nodes != nil {
		s.withdraw = append(s.withdraw, b.Nodes.Use(cluster.Identity{
			Key: ring.DeriveLasting("directory of nodes"), Router: k.affinity, Self: b.Node,
		}))
	}
	for _, withdraw := range before {
		withdraw()
	}
}

// takeBack undoes lend.
func (s *Set) takeBack() {
	for _, withdraw := range s.withdraw {
		withdraw()
	}
	s.withdraw = nil
}

func (r *Realm) newKeeper(ring *token.Ring, b Backend, here placement) (*keep.Keeper, error) {
	keys, ok := ring.Realm(r.Path)
	if !ok {
		return nil, fmt.Errorf("realm %s has no keys", r.Path)
	}
	cfg := keep.Config{
		Store: b.Store, Keys: keys, NoAllowlisting: r.NoAllowlisting,
		Table: b.Journeys, SurviveNodeLoss: r.SurviveNodeLoss, Nodes: here,
	}
	switch r.JourneySessions {
	case JourneysClient:
		return keep.NewClient(cfg)
	case JourneysInMemory:
		return keep.NewMemory(cfg)
	default:
		return keep.NewServer(cfg)
	}
}

// keys returns what depends on the installation's secrets, or
// store.ErrUnavailable while they are not read.
func (s *Set) keys() (*keyed, error) {
	if k := s.keyed.Load(); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("%w: the installation's secrets are not read yet", store.ErrUnavailable)
}

// Ready reports whether requests should be sent here: the secrets are read, the
// store answers, and this node takes new journeys. One that is draining is not
// ready, though it goes on serving.
func (s *Set) Ready(ctx context.Context) error {
	k, err := s.keys()
	if err != nil {
		return err
	}
	if k.draining() {
		return errDraining
	}
	return s.answers(ctx)
}

// answers reports whether the secrets are read and the store answers.
func (s *Set) answers(ctx context.Context) error {
	k, err := s.keys()
	if err != nil {
		return err
	}
	if _, _, err := k.store.Get(ctx, installationKey, store.Fresh); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// Affinity is the router of the installation's affinities. The error wraps
// store.ErrUnavailable.
func (s *Set) Affinity() (*affinity.Router, error) {
	k, err := s.keys()
	if err != nil {
		return nil, err
	}
	return k.affinity, nil
}

// ExplainKeys are those of who may be told which node answers a request. The
// error wraps store.ErrUnavailable.
func (s *Set) ExplainKeys() (*cluster.ExplainKeys, error) {
	k, err := s.keys()
	if err != nil {
		return nil, err
	}
	return k.explain, nil
}

// UniversalID is AM's name for a user across realms.
func (r *Realm) UniversalID(userID string) string {
	var b strings.Builder
	b.WriteString("id=" + userID + ",ou=user")
	names := strings.Split(strings.Trim(r.Path, "/"), "/")
	for _, name := range slices.Backward(names) {
		if name != "" {
			b.WriteString(",o=" + name)
		}
	}
	if r.Path != "/" {
		b.WriteString(",ou=services")
	}
	b.WriteString(",ou=am-config")
	return b.String()
}
