package cache

import (
	"context"
	"slices"
	"time"

	"github.com/amgate/amgate/store"
)

// announcementLife is how long the last announcement of a node stays in the
// store: nobody reads it there, all is in being written, and the node may be
// gone for good.
const announcementLife = time.Hour

// Commit implements store.Store. If it may change cached records, it adds an
// operation that announces them, so that no caller can forget to. What a
// Create writes needs none, since nobody caches that a record is absent, nor
// what is done to records that are held, which everybody watches.
//
// Who reads here after Commit returned sees what was committed, also when it
// is in doubt whether it was.
func (c *Cache) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if err := store.ValidateOps(ops); err != nil {
		return 0, err
	}
	changed, held, all := c.changed(ops), c.held.written(ops), ops
	if len(changed) == 0 && len(held) == 0 {
		return c.inner.Commit(ctx, ops...)
	}
	if len(changed) > 0 {
		all = append(slices.Clip(ops), store.Put(c.announce, announcement(changed), time.Now().Add(announcementLife)))
	}
	revision, err := c.inner.Commit(ctx, all...)
	if err != nil {
		// In doubt; the watch will tell, should it have happened, but a lagging
		// read meanwhile would not. And a condition that did not hold says that
		// what is cached may be old.
		c.doubts.add(held...)
		c.doubts.add(changed...)
		c.outdate(unknown, held...)
		c.forget(unknown, changed...)
		return revision, err
	}
	c.doubts.add(c.held.committed(ops, revision)...)
	c.outdate(revision, held...)
	if len(changed) > 0 {
		c.raise(revision)
		c.forget(revision, changed...)
	}
	return revision, nil
}

// changed lists the cached records that ops may change.
func (c *Cache) changed(ops []store.Op) (keys []store.Key) {
	for _, op := range ops {
		switch op.Kind {
		case store.OpPut, store.OpPutIfExists, store.OpDelete:
			if c.caches(op.Key) {
				keys = append(keys, op.Key)
			}
		}
	}
	return keys
}
