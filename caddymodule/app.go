// Package caddymodule adapts amgate to Caddy: the app "am" with its global
// option, the directives am_server, am_auth and am_proxy, and the modules
// that they are made of. It holds adapters and no rule of authentication.
package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/token"
)

func init() { caddy.RegisterModule(new(App)) }

// base is the path under which AM's endpoints and pages are served.
const base = "/am"

// startTimeout bounds how long the start of a configuration waits for what
// it reads from the store before it goes on without.
const startTimeout = 10 * time.Second

// App is the app "am": the realms of an installation and what they share.
// Every handler of amgate belongs to it.
type App struct {
	// Node describes this process to the edges of a cluster.
	Node *Node `json:"node,omitempty"`
	// StoreRaw is the CTS: a module am.stores.*. By default etcd, embedded
	// in this process, with its data in the folder "data/cts".
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=am.stores inline_key=backend"`
	// Cache bounds the local cache of sessions.
	Cache *Cache `json:"cache,omitempty"`
	// JourneyMemory bounds the journeys that are kept in memory.
	JourneyMemory *JourneyMemory `json:"journey_memory,omitempty"`
	// SigningKeys are the root secrets of the installation, base64 of at
	// least 128 bits, newest first. An embedded store makes its own.
	SigningKeys []string `json:"signing_keys,omitempty"`
	// BaseURL is the scheme and host under which users reach the login
	// pages, "https://login.example.com".
	BaseURL string `json:"base_url,omitempty"`
	Mail
	// Realms are the realms; the root realm is always there.
	Realms []*Realm `json:"realms,omitempty"`

	set    *realm.Set
	self   cluster.Node
	serves bool // whether there is an am_server
	// mismatches are the addresses by which edges know this node wrongly.
	mismatches few
	// stopAsking ends askSelf; nil unless it has begun.
	stopAsking context.CancelFunc
	store      StoreModule
	backend    *backend
	keys       []token.Secret
	taken      releaser
	log        *slog.Logger
	relay      *relay
	memory     *journeyMemory
	metrics    *metrics
	// started is closed when Start is over.
	started chan struct{}
}

// Cache bounds the local cache of sessions.
type Cache struct {
	// SizeMiB is its size in MiB, 64 by default.
	SizeMiB int `json:"size_mib,omitempty"`
	// Freshness is how long cached sessions are used after the store last
	// proved them fresh, 5 seconds by default.
	Freshness caddy.Duration `json:"freshness,omitempty"`
}

// check refuses what no cache can be made of, so that caddy validate does.
func (c *Cache) check() error {
	if c.SizeMiB < 1 {
		return fmt.Errorf("cache: %d MiB, at least 1 is needed", c.SizeMiB)
	}
	if c.Freshness < caddy.Duration(time.Second) {
		return fmt.Errorf("cache: a freshness of %v, at least 1s is needed", time.Duration(c.Freshness))
	}
	return nil
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "am", New: func() caddy.Module { return new(App) }}
}

// Provision loads and judges everything, and changes nothing that a running
// configuration uses: caddy validate runs it too.
func (a *App) Provision(ctx caddy.Context) error {
	a.log = ctx.Slogger()
	a.started = make(chan struct{})
	a.setDefaults()
	warnUnlessFiltered(a.log)

	var err error
	if a.self, err = a.Node.provision(); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := a.provisionStore(ctx); err != nil {
		return err
	}
	if a.BaseURL != "" {
		if err := realm.CheckOrigin(a.BaseURL); err != nil {
			return fmt.Errorf("base_url: %w", err)
		}
	}
	if err := a.metrics.register(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	cfg := realm.Config{
		BaseURL: a.BaseURL, Base: base,
		Audit: auditLogger(ctx), Metrics: a.metrics, Logger: a.log,
	}
	var errs []error
	for _, r := range a.Realms {
		s, err := r.provision(ctx, a, cfg)
		cfg.Realms, errs = append(cfg.Realms, s), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if a.set, err = realm.New(cfg); err != nil {
		return err
	}
	return a.drainAtExit(ctx)
}

func (a *App) setDefaults() {
	if a.Node == nil {
		a.Node = new(Node)
	}
	if a.Cache == nil {
		a.Cache = new(Cache)
	}
	if a.Cache.SizeMiB == 0 {
		a.Cache.SizeMiB = 64
	}
	if a.Cache.Freshness == 0 {
		a.Cache.Freshness = caddy.Duration(5 * time.Second)
	}
	if a.JourneyMemory == nil {
		a.JourneyMemory = new(JourneyMemory)
	}
	for _, r := range a.Realms {
		if r.Path == "/" {
			return
		}
	}
	a.Realms = append(a.Realms, &Realm{Path: "/"})
}

// provisionStore loads the store's module and decides on the root secrets.
func (a *App) provisionStore(ctx caddy.Context) error {
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"backend":"etcd"}`)
	}
	raw := a.StoreRaw // LoadModule takes it away
	mod, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	var ok bool
	if a.store, ok = mod.(StoreModule); !ok {
		return fmt.Errorf("store: module %T cannot open a store", mod)
	}
	if a.keys, err = parseSecrets(a.SigningKeys); err != nil {
		return fmt.Errorf("signing_key: %w", err)
	}
	if len(a.keys) == 0 && !makesKey(a.store) {
		return errors.New("store: nodes that share a store need a common signing_key; make one with: amgate generate-secret")
	}
	if err := a.Cache.check(); err != nil {
		return err
	}
	if err := a.JourneyMemory.check(); err != nil {
		return err
	}
	if err := a.takeShared(); err != nil {
		return err
	}
	carried := slices.ContainsFunc(a.Realms, func(r *Realm) bool { return r.AuthenticatedSessions == string(realm.SessionsClient) })
	a.backend, err = takeBackend(&a.taken, a.store, raw, *a.Cache, a.Node.Name, carried, a.memory, a.metrics)
	return err
}

// takeShared takes what all configurations of the process have in common.
func (a *App) takeShared() (err error) {
	if a.relay, err = takeRelay(&a.taken); err != nil {
		return err
	}
	if a.memory, err = takeMemory(&a.taken, a.relay.logger()); err != nil {
		return err
	}
	a.metrics, err = takeMetrics(&a.taken, a.memory)
	return err
}

// parseSecrets reads base64 secrets, with placeholders replaced.
func parseSecrets(texts []string) ([]token.Secret, error) {
	repl := caddy.NewReplacer()
	secrets := make([]token.Secret, 0, len(texts))
	for _, text := range texts {
		value, err := repl.ReplaceOrErr(text, true, true)
		if err != nil {
			return nil, err
		}
		secret, err := token.ParseSecret(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("%w; make one with: amgate generate-secret", err)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// Start opens the store, unless the configuration before did, and reads the
// installation's secrets from it.
func (a *App) Start() error {
	defer close(a.started)
	a.relay.begin(a.log)
	a.memory.begin(a.JourneyMemory)
	if err := a.backend.open(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	b := a.backend.Backend
	if a.serves {
		b.Node = a.self
	}
	var err error
	if b.SigningKeys, err = a.backend.keys(a.keys); err != nil {
		return fmt.Errorf("signing_key: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := a.set.Start(ctx, b); err != nil {
		return err
	}
	if b.Node.Address != "" {
		var asking context.Context
		asking, a.stopAsking = context.WithCancel(context.Background())
		go a.askSelf(asking)
	}
	return nil
}

// awaitStart returns when Start is over, or ctx or two seconds. Caddy starts apps
// in no certain order: the first requests that a configuration gets may come
// before.
func (a *App) awaitStart(ctx context.Context) {
	select {
	case <-a.started:
		return
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	select {
	case <-a.started:
	case <-ctx.Done():
	}
}

// Stop tears nothing down: other apps may still serve requests.
func (a *App) Stop() error { return nil }

// Cleanup releases what this configuration took, and nothing else.
func (a *App) Cleanup() error {
	if a.stopAsking != nil {
		a.stopAsking()
	}
	if a.set != nil {
		a.set.Close()
	}
	if a.relay != nil {
		a.relay.end(a.log)
	}
	if a.memory != nil {
		a.memory.end(a.JourneyMemory)
	}
	return a.taken.release()
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
