package outbox

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/amgate/amgate/store"
)

// run deletes what is settled and looks for what nobody claims, until ctx
// ends.
func (o *Outbox) run(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
			o.flush(ctx)
		case <-next.C:
			o.flush(ctx)
			if err := o.poll(ctx); err != nil && ctx.Err() == nil {
				o.log.Debug("the notices cannot be listed", "error", err)
			}
			// Nodes that were started together are not to meet.
			next.Reset(store.Spread(pollInterval, pollInterval/5))
		}
	}
}

// flush deletes the notices that are settled. What cannot be deleted stays
// settled, so that this node does not deliver it again.
func (o *Outbox) flush(ctx context.Context) {
	o.mu.Lock()
	keys := slices.Collect(maps.Keys(o.settled))
	o.mu.Unlock()
	for some := range slices.Chunk(keys, store.MaxOps) {
		ops := make([]store.Op, len(some))
		for i, k := range some {
			ops[i] = store.Delete(k)
		}
		if _, err := o.store.Commit(ctx, ops...); err != nil {
			o.log.Debug("notices that were delivered are not deleted yet", "error", err)
			return
		}
		o.mu.Lock()
		for _, k := range some {
			delete(o.settled, k)
		}
		o.mu.Unlock()
	}
}

// poll goes over notices and delivers those that nobody claims.
func (o *Outbox) poll(ctx context.Context) error {
	for range pollPages {
		page, _, err := o.store.List(ctx, Prefix, store.Page{After: o.after})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			seen := o.seen
			o.count.backlog.Store(&seen)
			o.after, o.seen = "", Backlog{}
			return nil
		}
		for _, rec := range page {
			if err := o.meet(ctx, rec); err != nil {
				return err
			}
		}
		o.after = page[len(page)-1].Key
	}
	return nil
}

// meet claims a notice, unless somebody has, and begins to deliver it.
func (o *Outbox) meet(ctx context.Context, rec store.Record) error {
	n, err := read(rec)
	if err != nil {
		o.log.Warn("a notice cannot be read and is left to its deadline", "notice", rec.Key)
		return nil //nolint:nilerr // it is reported, and the others go on
	}
	o.seen.Notices++
	if o.seen.Oldest.IsZero() || n.posted.Before(o.seen.Oldest) {
		o.seen.Oldest = n.posted
	}
	now := time.Now()
	if now.Before(n.until) && n.until.Sub(now) <= maxPause { // a claim beyond that is not ours
		return nil
	}
	deliver, ok := o.open(n)
	if !ok || !o.admit(n.key) {
		return nil
	}
	if n.revision, err = o.store.Commit(ctx, n.claim(now.Add(claimTerm))...); err != nil {
		o.leave(n.key, false)
		return ignoreConflict(err)
	}
	go o.attempt(n, deliver)
	return nil
}

// ignoreConflict is nil if another node was faster.
func ignoreConflict(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}
