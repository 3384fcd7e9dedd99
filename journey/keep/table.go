package keep

import (
	"container/heap"
	"container/list"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/amgate/amgate/journey"
)

// Defaults of TableConfig.
const (
	DefaultMaxJourneys = 100_000
	DefaultMaxBytes    = 256 << 20
)

// entryOverhead is about what an entry takes up besides its data: the entry,
// its places in the map, the list and the heap.
const entryOverhead = 320

// sweepBatch bounds how many entries past their deadline one call removes.
const sweepBatch = 64

// TableConfig bounds a Table; a zero field is its default.
type TableConfig struct {
	// MaxJourneys is how many journeys are held, finished ones included.
	MaxJourneys int
	// MaxBytes is how much memory they may take up, about.
	MaxBytes int64
}

// Table holds unfinished journeys in memory, of all realms, so that it can
// outlive the keepers that use it when the configuration is reloaded. When it
// is full the journey that was answered longest ago gives way. Journeys past their
// deadline are removed by the calls that add others: there is no goroutine,
// and nothing to close. A finished journey leaves a mark until its deadline.
//
// A Table is safe for concurrent use.
type Table struct {
	shelf[resting]
	locks locks
	salt  []byte // of the journeys that begin here, see inMemory.place
	// name tells this table from those of other processes, and of this one
	// before it was started again.
	name string
	away atomic.Bool
}

// NewTable returns an empty table.
func NewTable(cfg TableConfig) *Table {
	t := &Table{salt: newSalt(), name: rand.Text()}
	t.Limit(cfg)
	return t
}

// shelf holds something for each of many journeys, within bounds. The zero
// value has none yet: see Limit. It is safe for concurrent use.
type shelf[V any] struct {
	mu        sync.Mutex
	cfg       TableConfig
	entries   map[journey.ID]*entry[V]
	idle      list.List // of *entry[V], the one that was put first in front
	deadlines deadlines[V]
	bytes     int64
	finished  int
	evicted   int64
}

// entry is what is held for a journey, or the mark of a finished one: nil.
type entry[V any] struct {
	id       journey.ID
	held     *V
	size     int64 // with the entry itself
	deadline time.Time
	place    *list.Element // in idle
	index    int           // in deadlines
}

// Limit changes the bounds. What is beyond them gives way to the journeys that
// are kept next.
func (t *shelf[V]) Limit(cfg TableConfig) {
	if cfg.MaxJourneys <= 0 {
		cfg.MaxJourneys = DefaultMaxJourneys
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg = cfg
	if t.entries == nil {
		t.entries = make(map[journey.ID]*entry[V])
	}
}

// Limits are the present bounds.
func (t *shelf[V]) Limits() TableConfig {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cfg
}

// Stats describe a Table at one moment.
type Stats struct {
	// Journeys are the unfinished ones, Finished the marks of others.
	Journeys, Finished int
	// Bytes is about what all of them take up.
	Bytes int64
	// Evicted counts the unfinished journeys that ever had to give way.
	Evicted int64
}

// Stats returns the present numbers.
func (t *shelf[V]) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(len(t.entries))
	return Stats{
		Journeys: len(t.entries) - t.finished, Finished: t.finished, Bytes: t.bytes, Evicted: t.evicted,
	}
}

// get returns what is held for a journey, which nobody may change. A finished
// journey is found with nil.
func (t *shelf[V]) get(id journey.ID) (held *V, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[id]
	if !ok || !time.Now().Before(e.deadline) {
		return nil, false
	}
	return e.held, true
}

// put holds something of a size for a journey until its deadline, nil for the
// mark of a finished one, in the place of what was held before.
func (t *shelf[V]) put(id journey.ID, held *V, size int, deadline time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[id]
	if ok {
		t.uncount(e)
		t.idle.MoveToBack(e.place)
		if !deadline.Equal(e.deadline) {
			e.deadline = deadline
			heap.Fix(&t.deadlines, e.index)
		}
	} else {
		e = &entry[V]{id: id, deadline: deadline}
		t.entries[id] = e
		e.place = t.idle.PushBack(e)
		heap.Push(&t.deadlines, e)
	}
	e.held, e.size = held, int64(size)+entryOverhead
	t.count(e)
	t.sweep(sweepBatch)
	for len(t.entries) > 1 && (len(t.entries) > t.cfg.MaxJourneys || t.bytes > t.cfg.MaxBytes) {
		t.evict()
	}
}

// find returns the journeys for which something is held that is wanted.
func (t *shelf[V]) find(wanted func(held *V) bool) (ids []journey.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for id, e := range t.entries {
		if e.held != nil && now.Before(e.deadline) && wanted(e.held) {
			ids = append(ids, id)
		}
	}
	return ids
}

// drop forgets a journey.
func (t *shelf[V]) drop(id journey.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[id]; ok {
		t.remove(e)
	}
}

// sweep removes up to n of the entries that are past their deadline. Each put
// adds one entry and removes up to sweepBatch, so they cannot pile up.
func (t *shelf[V]) sweep(n int) {
	now := time.Now()
	for range n {
		if len(t.deadlines) == 0 || now.Before(t.deadlines[0].deadline) {
			return
		}
		t.remove(t.deadlines[0])
	}
}

func (t *shelf[V]) evict() {
	e := t.idle.Front().Value.(*entry[V])
	if e.held != nil {
		t.evicted++
	}
	t.remove(e)
}

func (t *shelf[V]) remove(e *entry[V]) {
	delete(t.entries, e.id)
	t.idle.Remove(e.place)
	heap.Remove(&t.deadlines, e.index)
	t.uncount(e)
}

func (t *shelf[V]) count(e *entry[V]) {
	t.bytes += e.size
	if e.held == nil {
		t.finished++
	}
}

func (t *shelf[V]) uncount(e *entry[V]) {
	t.bytes -= e.size
	if e.held == nil {
		t.finished--
	}
}

// deadlines is a heap of entries, the one that is due first on top.
type deadlines[V any] []*entry[V]

var _ heap.Interface = (*deadlines[int])(nil)

func (d *deadlines[V]) Len() int           { return len(*d) }
func (d *deadlines[V]) Less(i, j int) bool { return (*d)[i].deadline.Before((*d)[j].deadline) }

func (d *deadlines[V]) Swap(i, j int) {
	h := *d
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (d *deadlines[V]) Push(x any) {
	e := x.(*entry[V])
	e.index = len(*d)
	*d = append(*d, e)
}

// Pop implements heap.Interface.
func (d *deadlines[V]) Pop() any {
	last := len(*d) - 1
	e := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return e
}
