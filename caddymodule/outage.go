package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/amgate/amgate/store"
)

// Outage says what becomes of sessions while the store does not answer.
type Outage struct {
	// Policy is "freshness" (the default): they work for as long as the cache
	// is proven fresh; "strict": not at all; or "grace": for Grace longer.
	Policy string         `json:"policy"`
	Grace  caddy.Duration `json:"grace,omitempty"`
}

const (
	outageFreshness = "freshness"
	outageStrict    = "strict"
	outageGrace     = "grace"
)

// maxGrace is for how long the cache keeps what it cannot verify.
const maxGrace = 24 * time.Hour

// freshness is what readers of sessions ask of the cache. A nil Outage is the
// default.
func (o *Outage) freshness() (store.Freshness, error) {
	switch {
	case o == nil:
		return store.Any, nil
	case o.Policy == outageGrace:
		grace := time.Duration(o.Grace)
		if grace < time.Second || grace > maxGrace {
			return store.Any, fmt.Errorf("outage: a grace of %v; it is from 1s to %v, for example: outage grace 5m", grace, maxGrace)
		}
		return store.Grace(grace), nil
	case o.Grace != 0:
		return store.Any, fmt.Errorf("outage: %s has no duration; only grace has", o.Policy)
	case o.Policy == outageStrict:
		return store.Strict, nil
	case o.Policy == outageFreshness:
		return store.Any, nil
	}
	return store.Any, fmt.Errorf("outage: there is no %q; use strict, freshness, or grace with a duration", o.Policy)
}

// outageOption is an option of realms and of am_auth.
func outageOption[T any](def, doc string, field func(T) **Outage) option[T] {
	return option[T]{
		name: "outage", args: "strict | freshness | grace <duration>", def: def, doc: doc,
		set: func(d *caddyfile.Dispenser, target T) (err error) {
			if !d.NextArg() {
				return d.ArgErr()
			}
			o := &Outage{Policy: d.Val()}
			if d.NextArg() {
				if o.Grace, err = positive(d, "outage"); err != nil {
					return err
				}
			}
			if d.NextArg() {
				return d.ArgErr()
			}
			if _, err := o.freshness(); err != nil {
				return d.WrapErr(err)
			}
			*field(target) = o
			return nil
		},
	}
}
