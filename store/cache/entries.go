package cache

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"log"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allegro/bigcache/v3"

	"github.com/amgate/amgate/store"
)

// An entry is
//
//	version (1) | deadline (8) | revision (8) | asOf (8) | size of key (2) | key | value
//
// with the deadline in milliseconds since 1970, 0 for none: a record whose
// deadline was then is past it and never cached. The key is compared on every
// get, so that whatever bigcache returns, it is not another record.
const (
	entryVersion = 1

	deadlineAt = 1
	revisionAt = deadlineAt + 8
	asOfAt     = revisionAt + 8
	keySizeAt  = asOfAt + 8
	keyAt      = keySizeAt + 2
)

const (
	// maxKey is the length of the longest key that is cached.
	maxKey = 1024
	// lifeWindow is when bigcache may drop an entry, one for each that is set.
	lifeWindow = 24 * time.Hour
	maxShards  = 256
)

// entries is bigcache, with what it needs to be trusted: deadlines are judged
// here, since its Get does not; its hash is seeded, so that nobody can choose
// keys that collide; it has no cleaning goroutine, which would print to
// standard output and must be ended once; and a panic in it is a miss.
type entries struct {
	big    atomic.Pointer[bigcache.BigCache]
	config bigcache.Config
	seed   maphash.Seed
	count  *Counters
	// locks are taken before those of bigcache's shards, one for each: after a
	// panic a shard stays locked for ever, and nobody may wait for it then.
	locks []sync.RWMutex
}

// seeded is the bigcache.Hasher. bigcache takes 0 for a mark of deleted
// entries and would leave a dangling index behind.
type seeded struct{ seed maphash.Seed }

func (h seeded) Sum64(key string) uint64 { return max(1, maphash.String(h.seed, key)) }

func newEntries(sizeMiB int, count *Counters) (*entries, error) {
	e := &entries{
		seed: maphash.MakeSeed(),
		config: bigcache.Config{
			// A power of two, and at least 1 MiB for each.
			Shards:             1 << min(bits.Len(uint(sizeMiB))-1, bits.Len(maxShards)-1),
			LifeWindow:         lifeWindow,
			MaxEntriesInWindow: 1, // only for what is reserved at the start
			MaxEntrySize:       512,
			HardMaxCacheSize:   sizeMiB,
			Logger:             log.New(io.Discard, "", 0),
		},
		count: count,
	}
	e.config.Hasher = seeded{e.seed}
	e.locks = make([]sync.RWMutex, e.config.Shards)
	e.config.OnRemoveWithReason = e.removed
	e.config = e.config.OnRemoveFilterSet(bigcache.NoSpace, bigcache.Expired)
	big, err := bigcache.New(context.Background(), e.config)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	e.big.Store(big)
	return e, nil
}

// removed counts what bigcache drops by itself.
func (e *entries) removed(_ string, _ []byte, why bigcache.RemoveReason) {
	if why == bigcache.NoSpace {
		e.count.displaced.Add(1)
	} else {
		e.count.aged.Add(1)
	}
}

// get returns the record under k that is live at now.
func (e *entries) get(k store.Key, now time.Time) (r store.Record, asOf int64, ok bool) {
	lock := e.lock(k)
	lock.RLock()
	defer lock.RUnlock()
	defer e.survive()
	b, err := e.big.Load().Get(string(k))
	if err != nil || len(b) < keyAt || b[0] != entryVersion {
		return store.Record{}, 0, false
	}
	value := keyAt + int(binary.BigEndian.Uint16(b[keySizeAt:]))
	if value > len(b) || string(b[keyAt:value]) != string(k) {
		return store.Record{}, 0, false
	}
	r = store.Record{Key: k, Value: b[value:], Revision: int64(binary.BigEndian.Uint64(b[revisionAt:]))}
	if ms := int64(binary.BigEndian.Uint64(b[deadlineAt:])); ms != 0 {
		r.Expires = time.UnixMilli(ms)
	}
	if r.Expired(now) {
		return store.Record{}, 0, false
	}
	return r, int64(binary.BigEndian.Uint64(b[asOfAt:])), true
}

// put keeps a record if there is room for one of its size.
func (e *entries) put(r store.Record, asOf int64) {
	if len(r.Key) > maxKey {
		return
	}
	lock := e.lock(r.Key)
	lock.Lock()
	defer lock.Unlock()
	defer e.survive()
	var deadline int64
	if !r.Expires.IsZero() {
		deadline = r.Expires.UnixMilli()
	}
	b := make([]byte, 0, keyAt+len(r.Key)+len(r.Value))
	b = append(b, entryVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(deadline))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Revision))
	b = binary.BigEndian.AppendUint64(b, uint64(asOf))
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Key)))
	b = append(append(b, r.Key...), r.Value...)
	if e.big.Load().Set(string(r.Key), b) != nil {
		e.count.tooLarge.Add(1)
	}
}

// evict drops the record under k unless it was read as of revision or later.
func (e *entries) evict(k store.Key, revision int64) {
	lock := e.lock(k)
	lock.Lock()
	defer lock.Unlock()
	defer e.survive()
	big := e.big.Load()
	b, err := big.Get(string(k))
	if err != nil || len(b) >= keyAt && int64(binary.BigEndian.Uint64(b[asOfAt:])) >= revision {
		return
	}
	if big.Delete(string(k)) == nil {
		e.count.evicted.Add(1)
	}
}

// lock is that of the shard of k.
func (e *entries) lock(k store.Key) *sync.RWMutex {
	return &e.locks[seeded{e.seed}.Sum64(string(k))&uint64(len(e.locks)-1)]
}

// empty drops all records.
func (e *entries) empty() {
	n, _ := e.size()
	e.replace()
	e.count.dropped.Add(uint64(n))
}

// size is how many records there are, and the bytes reserved for them.
func (e *entries) size() (records, bytes int) {
	for i := range e.locks {
		e.locks[i].RLock()
	}
	defer func() {
		for i := range e.locks {
			e.locks[i].RUnlock()
		}
	}()
	defer e.survive()
	big := e.big.Load()
	return big.Len(), big.Capacity()
}

// replace puts a new bigcache in the place of the one that there is.
func (e *entries) replace() {
	big, err := bigcache.New(context.Background(), e.config)
	if err != nil {
		panic(fmt.Sprintf("cache: a configuration that was accepted is not any more: %v", err))
	}
	e.big.Store(big)
}

// survive, when deferred, makes a panic in bigcache a miss. The shard it
// happened in stays locked for ever, so a new bigcache takes its place, before
// anybody else has a lock.
func (e *entries) survive() {
	if recover() != nil {
		e.count.panics.Add(1)
		e.replace()
	}
}
