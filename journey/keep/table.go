package keep

import (
	"container/heap"
	"container/list"
	"sync"
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
	cfg   TableConfig
	locks locks
	salt  []byte // of the keepers, see Keeper

	mu        sync.Mutex
	entries   map[journey.ID]*entry
	idle      list.List // of *entry, the one that was put first in front
	deadlines deadlines
	bytes     int64
	finished  int
	evicted   int64
}

// entry is a journey in encoded form, or the mark of a finished one: no data.
type entry struct {
	id       journey.ID
	data     []byte
	deadline time.Time
	place    *list.Element // in idle
	index    int           // in deadlines
}

func (e *entry) size() int64 { return int64(len(e.data)) + entryOverhead }

// NewTable returns an empty table.
func NewTable(cfg TableConfig) *Table {
	t := &Table{salt: newSalt(), entries: make(map[journey.ID]*entry)}
	t.Limit(cfg)
	return t
}

// Limit changes the bounds. What is beyond them gives way to the journeys that
// are kept next.
func (t *Table) Limit(cfg TableConfig) {
	if cfg.MaxJourneys <= 0 {
		cfg.MaxJourneys = DefaultMaxJourneys
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg = cfg
}

// Limits are the present bounds.
func (t *Table) Limits() TableConfig {
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
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{
		Journeys: len(t.entries) - t.finished, Finished: t.finished, Bytes: t.bytes, Evicted: t.evicted,
	}
}

// get returns the journey's data, which nobody may change. A finished journey
// is found without data.
func (t *Table) get(id journey.ID) (data []byte, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[id]
	if !ok || !time.Now().Before(e.deadline) {
		return nil, false
	}
	return e.data, true
}

// put keeps data for a journey until its deadline, nil for the mark of a
// finished one, in the place of what was kept before.
func (t *Table) put(id journey.ID, data []byte, deadline time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.entries[id]; ok {
		t.remove(old)
	}
	t.sweep()
	e := &entry{id: id, data: data, deadline: deadline}
	for len(t.entries) > 0 && (len(t.entries) >= t.cfg.MaxJourneys || t.bytes+e.size() > t.cfg.MaxBytes) {
		t.evict()
	}
	t.entries[id] = e
	e.place = t.idle.PushBack(e)
	heap.Push(&t.deadlines, e)
	t.bytes += e.size()
	if data == nil {
		t.finished++
	}
}

// drop forgets a journey.
func (t *Table) drop(id journey.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[id]; ok {
		t.remove(e)
	}
}

// sweep removes some of the entries that are past their deadline. Each put
// adds one entry and removes up to sweepBatch, so they cannot pile up.
func (t *Table) sweep() {
	now := time.Now()
	for range sweepBatch {
		if len(t.deadlines) == 0 || now.Before(t.deadlines[0].deadline) {
			return
		}
		t.remove(t.deadlines[0])
	}
}

func (t *Table) evict() {
	e := t.idle.Front().Value.(*entry)
	if e.data != nil {
		t.evicted++
	}
	t.remove(e)
}

func (t *Table) remove(e *entry) {
	delete(t.entries, e.id)
	t.idle.Remove(e.place)
	heap.Remove(&t.deadlines, e.index)
	t.bytes -= e.size()
	if e.data == nil {
		t.finished--
	}
}

// deadlines is a heap of entries, the one that is due first on top.
type deadlines []*entry

var _ heap.Interface = (*deadlines)(nil)

func (d *deadlines) Len() int           { return len(*d) }
func (d *deadlines) Less(i, j int) bool { return (*d)[i].deadline.Before((*d)[j].deadline) }

func (d *deadlines) Swap(i, j int) {
	h := *d
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	e := x.(*entry)
	e.index = len(*d)
	*d = append(*d, e)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	e := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return e
}
