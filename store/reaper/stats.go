package reaper

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// ReasonDeadline is the reason of what went because its deadline had passed.
const ReasonDeadline = "deadline"

// Class is what removals are counted by.
type Class struct {
	// Kind is that of the records, Reason why they went.
	Kind, Reason string
}

// Stats is what a Reaper has done since it was made.
type Stats struct {
	// Leading says that this process sweeps.
	Leading bool
	// Sweeps is how many sweeps came to their end, LastSweep how long the last
	// one took.
	Sweeps    uint64
	LastSweep time.Duration
	// Removed counts the removals that happened, Spared those that did not,
	// because something had changed since it was judged.
	Removed map[Class]uint64
	Spared  uint64
}

// counts is what Stats reads.
type counts struct {
	leading atomic.Bool
	spared  atomic.Uint64

	mu      sync.Mutex
	sweeps  uint64
	last    time.Duration
	classes map[Class]uint64
}

func (c *counts) swept(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweeps++
	c.last = took
}

func (c *counts) removed(some []Removal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.classes == nil {
		c.classes = make(map[Class]uint64)
	}
	for _, r := range some {
		c.classes[Class{r.Kind, r.Reason}]++
	}
}

// Stats tells what was done so far.
func (r *Reaper) Stats() Stats {
	c := &r.count
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Leading: c.leading.Load(), Sweeps: c.sweeps, LastSweep: c.last,
		Removed: maps.Clone(c.classes), Spared: c.spared.Load(),
	}
}
