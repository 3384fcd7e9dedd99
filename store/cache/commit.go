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
// Create writes needs none, since nobody caches that a record is absent.
//
// Who reads here after Commit returned sees what was committed, also when it
// is in doubt whether it was.
func (c *Cache) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if err := store.ValidateOps(ops); err != nil {
		return 0, err
	}
	changed := c.changed(ops)
	if len(changed) == 0 {
		return c.inner.Commit(ctx, ops...)
	}
	announce := store.Put(c.announce, announcement(changed), time.Now().Add(announcementLife))
	revision, err := c.inner.Commit(ctx, append(slices.Clip(ops), announce)...)
	if err != nil {
		// In doubt; the announcement will tell, should it have happened. And a
		// condition that did not hold says that what is cached may be old.
		c.forget(unknown, changed...)
		return revision, err
	}
	c.raise(revision)
	c.forget(revision, changed...)
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
