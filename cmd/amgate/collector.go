package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbageRoom is how much garbage may gather, in bytes, before the collector
// runs, if what is in use is less than that. Go's own default is as much as is
// in use, which for a gateway with a small cache is little: the collector then
// runs many times a second, and a request pays a tenth of its time for it.
const garbageRoom = 80 << 20

// paceCollector lets the collector run when garbageRoom is full, or, as is Go's
// default, when there is as much garbage as there is in use, whichever is more.
// So a process takes at most garbageRoom more memory, however large its cache
// is. GOMEMLIMIT, which Caddy sets to what its container may use, still holds.
// An operator who sets GOGC decides alone.
func paceCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	p := &pacer{percent: 100}
	p.watch()
}

// pacer follows the collector.
type pacer struct{ percent int }

// watch adjusts the pace now and after each collection: a finalizer runs
// when its object has been collected. Finalizers run one after the other.
func (p *pacer) watch() {
	p.adjust(inUse())
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { p.watch() })
}

// adjust sets the pace for what is in use, in bytes, unless it is nearly the
// present one: setting it stops the process for a moment.
func (p *pacer) adjust(inUse uint64) {
	percent := paceFor(inUse)
	if change := percent - p.percent; change > p.percent/8 || change < -p.percent/8 {
		debug.SetGCPercent(percent)
		p.percent = percent
	}
}

// paceFor is the value of GOGC for what is in use, in bytes.
func paceFor(inUse uint64) int {
	const least = 4 << 20 // Go collects no smaller heap
	return int(max(100, 100*garbageRoom/max(inUse, least)))
}

// inUse is what was in use after the last collection, in bytes.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
