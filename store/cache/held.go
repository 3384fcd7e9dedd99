package cache

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/store"
)

// held is all records of some kinds, as the watch has them: unlike entries it
// may drop none, and so it also knows what is not there. It may be asked while
// a proof holds, or what the reader is content with instead of one.
type held struct {
	prefixes []store.Key
	// upTo is the revision up to which the watch has told all changes. It is
	// written under mu.
	upTo atomic.Int64

	mu      sync.RWMutex
	records map[store.Key]kept
	// loading is what records becomes when all have been read, nil if that is
	// not under way. What changes meanwhile is applied to both.
	loading  *loading
	complete chan struct{} // closed when the latest loading is done
	// gone is at which revision records were removed: so that one is not put
	// back by what was read, or is told, from before that. upTo makes it needless.
	gone map[store.Key]int64
}

// kept is a record in about 100 bytes, its key included.
type kept struct {
	value    string
	revision int64
	expires  int64 // milliseconds since 1970, 0 for never
}

func newHeld(prefixes []store.Key) *held {
	return &held{
		prefixes: slices.Clone(prefixes),
		records:  map[store.Key]kept{}, gone: map[store.Key]int64{},
	}
}

// holds reports whether all records of the key's kind are held.
func (h *held) holds(k store.Key) bool { return slices.ContainsFunc(h.prefixes, k.HasPrefix) }

// get says what is known of k: a record or store.ErrNotFound.
func (h *held) get(k store.Key, now time.Time) (r store.Record, asOf int64, err error) {
	h.mu.RLock()
	e, found := h.records[k]
	h.mu.RUnlock()
	if asOf = max(h.upTo.Load(), e.revision); !found {
		return store.Record{}, asOf, store.ErrNotFound
	}
	if r = e.record(k); r.Expired(now) {
		return store.Record{}, asOf, store.ErrNotFound
	}
	return r, asOf, nil
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
	if r.Revision <= max(h.upTo.Load(), h.gone[r.Key]) {
		return
	}
	if kind == store.Deleted {
		h.gone[r.Key] = r.Revision
	}
	change(h.records, kind, r)
	if h.loading != nil {
		change(h.loading.records, kind, r)
	}
}

func change(records map[store.Key]kept, kind store.EventKind, r store.Record) {
	switch {
	case records[r.Key].revision > r.Revision:
	case kind == store.Deleted:
		delete(records, r.Key)
	default:
		records[r.Key] = keep(r)
	}
}

// progress takes notice that all changes up to a revision were applied.
func (h *held) progress(revision int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	upTo := max(h.upTo.Load(), revision)
	h.upTo.Store(upTo)
	if h.loading == nil { // else what is being read may be from before
		maps.DeleteFunc(h.gone, func(_ store.Key, removed int64) bool { return removed <= upTo })
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

// committed takes over what this node has committed at a revision. It returns
// the keys of which that does not tell what became of them.
func (h *held) committed(ops []store.Op, revision int64) (doubtful []store.Key) {
	for _, op := range ops {
		r := store.Record{Key: op.Key, Value: op.Value, Expires: op.Expires, Revision: revision}
		switch {
		case !h.holds(op.Key):
		case op.Kind == store.OpCreate, op.Kind == store.OpPut:
			h.apply(store.Written, r)
		case op.Kind == store.OpDelete:
			h.apply(store.Deleted, r)
		case op.Kind == store.OpPutIfExists:
			doubtful = append(doubtful, op.Key)
		}
	}
	return doubtful
}

// found takes over what a linearizable read says of a key.
func (h *held) found(k store.Key, r store.Record, asOf int64, err error) {
	if err == nil {
		h.apply(store.Written, r)
	} else {
		h.apply(store.Deleted, store.Record{Key: k, Revision: asOf})
	}
}

func (h *held) len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.records)
}
