package caddymodule

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/amgate/amgate/cluster"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/reaper"
	"github.com/amgate/amgate/token"
)

// cachedKinds are the kinds of records that the cache may keep: those whose
// every change is announced under inv/.
var cachedKinds = []store.Key{"s/"}

// heldKinds are the kinds of records of which the cache has all: what says that
// sessions are ended that their clients carry. Where no realm has such sessions
// they are not loaded, and read if an old token comes.
var heldKinds = []store.Key{"d/", "e/"}

// sweptKinds are the kinds of records that go when their deadlines have passed.
// Sessions and the users' indexes, s/ and u/, have a Judge of their own; what
// it may have left of them is looked for now and then.
var (
	sweptKinds  = []store.Key{"j/", "a/", "c/", "l/", "d/", "e/", "f/", cluster.Prefix, outbox.Prefix, store.Announcements}
	rarelySwept = []store.Key{"s/"}
)

// openTimeout bounds how long opening a store may take. An embedded one with
// much data on a slow disk needs its time, and to give up would end the start;
// one that is remote is not waited for.
const openTimeout = 2 * time.Minute

// backend is an opened store with its cache and what works on them. It lives
// in the pool, cold until a configuration that uses it starts.
type backend struct {
	realm.Backend
	module   StoreModule
	settings Cache
	node     string
	log      *slog.Logger // of no configuration, see relay
	counted  *metrics
	carried  bool // that clients carry sessions

	mu      sync.Mutex
	closers []func() error // in the order of opening; nil while cold
	ownKey  []token.Secret // once asked for
}

// takeBackend takes the backend with these settings from the pool. carried says
// that there is a realm whose sessions clients carry.
func takeBackend(
	taken *releaser, module StoreModule, raw json.RawMessage, settings Cache, node string, carried bool, memory *journeyMemory, counted *metrics,
) (*backend, error) {
	log, err := takeRelay(taken)
	if err != nil {
		return nil, err
	}
	key := struct {
		name string
		hash [32]byte
	}{"backend", sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d %t", raw, node, settings.SizeMiB, settings.Freshness, carried))}
	return take(taken, key, func() (*backend, error) {
		return &backend{
			Backend: realm.Backend{Journeys: memory.table, Drainer: memory.drainer}, module: module, settings: settings, node: node, log: log.logger(),
			carried: carried, counted: counted,
		}, nil
	})
}

// open opens the store and puts the cache in front of it. A backend that is
// open already stays as it is.
func (b *backend) open() (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closers != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, b.shut())
		}
	}()
	inner, err := b.module.Open(ctx, b.log)
	if err != nil {
		return err
	}
	if c, ok := inner.(io.Closer); ok {
		b.closers = append(b.closers, c.Close)
	}
	settings := cache.Config{
		Node: b.node, Prefixes: cachedKinds, SizeMiB: b.settings.SizeMiB,
		Freshness: time.Duration(b.settings.Freshness), Logger: b.log, Counters: &b.counted.cache.counters,
	}
	if b.carried {
		settings.Held = heldKinds
	}
	front, err := cache.New(inner, settings)
	if err != nil {
		return err
	}
	b.counted.cache.opened(front)
	b.closers = append(b.closers, func() error {
		b.counted.cache.closed(front)
		front.Close()
		return nil
	})
	access := session.NewAccess(session.AccessConfig{Store: front, Logger: b.log})
	b.closers = append(b.closers, func() error { access.Close(); return nil })
	b.Store, b.Access = front, access
	b.closers = append(b.closers, func() error { b.counted.sweep.closed(b); return nil }) // when the others have closed
	b.Outbox = outbox.New(outbox.Config{Store: front, Logger: b.log})
	b.closers = append(b.closers, func() error { b.Outbox.Close(); return nil })
	b.Nodes = cluster.New(cluster.Config{
		Store: front, Probe: probe, Logger: b.log,
		Journeys: func() int { return b.Journeys.Stats().Journeys },
	})
	b.closers = append(b.closers, func() error { b.Nodes.Close(); return nil })
	b.openReaper(inner)
	b.counted.sweep.opened(b)
	return nil
}

// openReaper sweeps the store, if it can be swept.
func (b *backend) openReaper(inner store.Store) {
	swept, ok := inner.(reaper.Swept)
	if !ok {
		b.Reaper = nil
		b.log.Warn("this store cannot be swept: records that are over stay in it, and nobody is told of sessions that time out",
			"store", fmt.Sprintf("%T", inner))
		return
	}
	b.Reaper = reaper.New(reaper.Config{
		Store: swept, Front: b.Store, Kinds: sweptKinds, Rarely: rarelySwept, Heard: b.Access.Heard, Logger: b.log,
	})
	b.closers = append(b.closers, func() error { b.Reaper.Close(); return nil })
}

// keys are the root secrets for this store: those that are configured, else
// the one that its module makes. That is asked for once, since what lies in
// the store is sealed under it.
func (b *backend) keys(configured []token.Secret) ([]token.Secret, error) {
	if len(configured) > 0 {
		return configured, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ownKey == nil {
		key, err := b.module.(keyMaker).SigningKey()
		if err != nil {
			return nil, err
		}
		b.ownKey = []token.Secret{key}
	}
	return b.ownKey, nil
}

func (b *backend) shut() error {
	var errs []error
	for _, shut := range slices.Backward(b.closers) {
		errs = append(errs, shut())
	}
	b.closers = nil
	return errors.Join(errs...)
}

// Destruct closes the backend once nobody works on it.
func (b *backend) Destruct() error {
	b.mu.Lock()
	cold := b.closers == nil
	b.mu.Unlock()
	if cold {
		return nil
	}
	whenUnused(func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.shut()
	}, func(err error) { b.log.Warn("closing the store", "error", err) })
	return nil
}

func takeRelay(taken *releaser) (*relay, error) { return take(taken, "log", newRelay) }
