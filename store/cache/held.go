package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
)

// loadPage is how many records are read at once when all are loaded. etcd counts
// all that there are for each page, so few are better.
const loadPage = 20_000

// held is all records of some kinds, as the watch has them: unlike entries it
// may drop none, and so it also knows what is not there. It may be asked while
// a proof holds, or what the reader is content with instead of one.
type held struct {
	prefixes []store.Key
	// upTo is the revision up to which no change is missing.
	upTo atomic.Int64

	mu      sync.RWMutex
	records map[store.Key]kept
	// doubts are the keys that a commit of this node may have changed, or may
	// change yet, each with the number of the last such commit. They are read
	// from the store until that has answered.
	doubts  map[store.Key]uint64
	commits uint64
}

// kept is a record in about 100 bytes, its key included.
type kept struct {
	value    string
	revision int64
	expires  int64 // milliseconds since 1970, 0 for never
}

func newHeld(prefixes []store.Key) *held {
	return &held{prefixes: slices.Clone(prefixes), records: map[store.Key]kept{}, doubts: map[store.Key]uint64{}}
}

// holds reports whether all records of the key's kind are held.
func (h *held) holds(k store.Key) bool { return slices.ContainsFunc(h.prefixes, k.HasPrefix) }

// get says what is known of k. ok is false if it is in doubt.
func (h *held) get(k store.Key, now time.Time) (r store.Record, asOf int64, err error, ok bool) {
	h.mu.RLock()
	e, found := h.records[k]
	_, doubtful := h.doubts[k]
	h.mu.RUnlock()
	if doubtful {
		return store.Record{}, 0, nil, false
	}
	if asOf = max(h.upTo.Load(), e.revision); !found {
		return store.Record{}, asOf, store.ErrNotFound, true
	}
	if r = e.record(k); r.Expired(now) {
		return store.Record{}, asOf, store.ErrNotFound, true
	}
	return r, asOf, nil, true
}

func (e kept) record(k store.Key) store.Record {
	r := store.Record{Key: k, Value: []byte(e.value), Revision: e.revision}
	if e.expires != 0 {
		r.Expires = time.UnixMilli(e.expires)
	}
	return r
}

func keep(r store.Record) kept {
	e := kept{value: string(r.Value), revision: r.Revision}
	if !r.Expires.IsZero() {
		e.expires = r.Expires.UnixMilli()
	}
	return e
}

// apply takes over a change, unless a later one is known.
func (h *held) apply(kind store.EventKind, r store.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, found := h.records[r.Key]; found && e.revision > r.Revision {
		return
	}
	if kind == store.Deleted {
		delete(h.records, r.Key)
	} else {
		h.records[r.Key] = keep(r)
	}
}

// written lists the held records that ops may change.
func (h *held) written(ops []store.Op) (keys []store.Key) {
	for _, op := range ops {
		if op.Writes() && h.holds(op.Key) {
			keys = append(keys, op.Key)
		}
	}
	return keys
}

// committed takes over what this node has committed at a revision.
func (h *held) committed(ops []store.Op, revision int64) {
	for _, op := range ops {
		r := store.Record{Key: op.Key, Value: op.Value, Expires: op.Expires, Revision: revision}
		switch {
		case !h.holds(op.Key):
		case op.Kind == store.OpCreate, op.Kind == store.OpPut:
			h.apply(store.Written, r)
		case op.Kind == store.OpDelete:
			h.apply(store.Deleted, r)
		case op.Kind == store.OpPutIfExists:
			h.doubt(op.Key)
		}
	}
}

// doubt notes that it is not known what became of keys.
func (h *held) doubt(keys ...store.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commits++
	for _, k := range keys {
		h.doubts[k] = h.commits
	}
}

// doubted is the number of the last commit that left k in doubt, 0 for none.
func (h *held) doubted(k store.Key) uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.doubts[k]
}

// settle takes over what the store says of a key that a commit had left in
// doubt. If that commit happens yet, the watch will tell.
func (h *held) settle(k store.Key, commit uint64, r store.Record, asOf int64, err error) {
	if err != nil && !errors.Is(err, store.ErrNotFound) || commit == 0 {
		return
	}
	kind := store.Written
	if err != nil {
		kind, r = store.Deleted, store.Record{Key: k, Revision: asOf}
	}
	h.apply(kind, r)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.doubts[k] == commit {
		delete(h.doubts, k)
	}
}

// load reads all records. They are complete as of the revision since, and what
// was changed later is for the watch to tell; of that, what is known already
// stays.
func (h *held) load(ctx context.Context, from store.Store, since int64) error {
	records := make(map[store.Key]kept)
	for _, prefix := range h.prefixes {
		for after := store.Key(""); ; {
			rs, _, err := from.List(ctx, prefix, store.Page{After: after, Limit: loadPage})
			if err != nil {
				return fmt.Errorf("cache: load %s: %w", prefix, err)
			}
			if len(rs) == 0 {
				break
			}
			for _, r := range rs {
				records[r.Key] = keep(r)
			}
			after = rs[len(rs)-1].Key
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, e := range h.records {
		if e.revision > max(since, records[k].revision) {
			records[k] = e
		}
	}
	h.records = records
	return nil
}

func (h *held) len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.records)
}
