package caddymodule

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// pool holds what outlives a configuration: stores, caches, unfinished
// in-memory journeys. A key is the identity of the resource, so that changed
// settings make a new one and unchanged ones keep the old. Taking from the
// pool starts nothing: what costs or changes anything happens in App.Start.
var pool = caddy.NewUsagePool()

// drainTime is how long a resource that no configuration uses any more stays
// open. Requests of an old configuration are still served after its Cleanup;
// none of them works on a store for as long as this.
const drainTime = 10 * time.Second

// releaser remembers what one module instance took from the pool. Caddy calls
// Cleanup also on instances whose Provision failed before they took anything,
// so an instance must release exactly what is noted here.
type releaser []any

// take returns the pooled resource under key, making it if there is none.
func take[T caddy.Destructor](r *releaser, key any, construct func() (T, error)) (T, error) {
	value, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) { return construct() })
	if err != nil {
		var zero T
		return zero, err
	}
	*r = append(*r, key)
	return value.(T), nil
}

// release gives everything back, last taken first.
func (r *releaser) release() error {
	var errs []error
	for _, key := range slices.Backward(*r) {
		_, err := pool.Delete(key)
		errs = append(errs, err)
	}
	*r = nil
	return errors.Join(errs...)
}

// draining holds the resources that left the pool and are not closed yet: a
// *drain each. Those that are left when the process exits are closed then.
var draining sync.Map

// drain closes a resource once, however often it is called; each call returns
// when it is closed.
type drain struct{ shut func() }

func init() { caddy.OnExit(func(context.Context) { endDraining() }) }

func endDraining() {
	for d := range draining.Range {
		d.(*drain).shut()
	}
}

// whenUnused closes a resource that left the pool: at once when the process
// exits, else in the background after the drain time, because Caddy waits
// for Cleanup with its configuration locked.
func whenUnused(closing func() error, failed func(error)) {
	d := new(drain)
	d.shut = sync.OnceFunc(func() {
		if err := closing(); err != nil {
			failed(err)
		}
		draining.Delete(d)
	})
	if caddy.Exiting() {
		d.shut()
		return
	}
	draining.Store(d, nil)
	time.AfterFunc(drainTime, d.shut)
}
