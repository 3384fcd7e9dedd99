package cache_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/cache"
	"github.com/amgate/amgate/store/etcd"
	"github.com/amgate/amgate/store/etcd/embedded"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/store/storetest/etcdproc"
)

// TestContractBeforeEmbeddedEtcd: the cache in front of the store that a
// single machine has.
func TestContractBeforeEmbeddedEtcd(t *testing.T) {
	t.Parallel()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	storetest.Run(t, before(func(prefix string) etcd.Config {
		return etcd.Config{Client: server.Client(), Prefix: prefix}
	}))
}

// TestContractBeforeThreeMembers: the cache in front of a cluster of etcd
// processes.
func TestContractBeforeThreeMembers(t *testing.T) {
	t.Parallel()
	cluster := etcdproc.Start(t, etcdproc.Options{Members: 3})
	storetest.Run(t, before(func(prefix string) etcd.Config {
		return etcd.Config{Endpoints: cluster.Endpoints(), Prefix: prefix, Timeout: 10 * time.Second}
	}))
}

// TestContractUnderFaults: the cache in front of stores that fail.
func TestContractUnderFaults(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		storetest.RunFaults(t, func(t *testing.T) storetest.FaultyStore {
			mem := memory.New()
			t.Cleanup(mem.Close)
			return storetest.AsFaulty(mem, func(s store.Store) store.Store { return inUse(t, s) })
		})
	})
	t.Run("etcd", func(t *testing.T) {
		cluster := etcdproc.Start(t, etcdproc.Options{Members: 1})
		storetest.RunFaults(t, func(t *testing.T) storetest.FaultyStore {
			endpoints, faults := cluster.Behind(t)
			inner, err := etcd.New(etcd.Config{Endpoints: endpoints, Prefix: fmt.Sprintf("/test-%d", prefixes.Add(1)), Timeout: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { inner.Close() })
			return storetest.FaultyStore{Store: inUse(t, inner), Faults: faults}
		})
	})
}

// inUse is a cache that is in use.
func inUse(t *testing.T, inner store.Store) *cache.Cache {
	t.Helper()
	c := open(t, inner, cache.Config{Node: "here"})
	for deadline := time.Now().Add(30 * time.Second); !c.State().Proven; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the cache never comes into use")
		}
	}
	return c
}

var prefixes atomic.Int64

// before opens caches that are in use, each in front of a store of its own.
func before(config func(prefix string) etcd.Config) storetest.Opener {
	return func(t *testing.T) store.Store {
		inner, err := etcd.New(config(fmt.Sprintf("/test-%d", prefixes.Add(1))))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := inner.Close(); err != nil {
				t.Errorf("close the store: %v", err)
			}
		})
		return quiet{inUse(t, inner), inner}
	}
}
