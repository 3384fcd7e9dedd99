package keep

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
)

// SECURITY 31: a million journeys are started and abandoned, small ones first,
// so that their number reaches the cap, then large ones, so that their bytes
// do. The table stays under both caps, counts its memory honestly, and keeps
// the journeys that are being walked.
func TestMillionAbandonedJourneysStayUnderTheCap(t *testing.T) {
	const abandoned = 1_000_000
	cfg := TableConfig{MaxJourneys: 20_000, MaxBytes: 32 << 20}
	table, deadline := NewTable(cfg), time.Now().Add(time.Hour)
	small, large := bytes.Repeat([]byte("s"), 300), bytes.Repeat([]byte("l"), 4000)

	live := make([]journey.ID, 100)
	for i := range live {
		live[i] = journey.NewID()
		table.put(live[i], small, deadline)
	}
	reached := map[string]bool{}
	before := inUse()
	for i := range abandoned {
		data := small
		if i > abandoned*9/10 {
			data = large
		}
		table.put(journey.NewID(), bytes.Clone(data), deadline)
		if i%5000 != 0 {
			continue
		}
		for _, id := range live { // each of them is answered
			data, found := table.get(id)
			if !found {
				t.Fatalf("after %d others a live journey is gone", i)
			}
			table.put(id, data, deadline)
		}
		stats := table.Stats()
		if stats.Journeys > cfg.MaxJourneys || stats.Bytes > cfg.MaxBytes {
			t.Fatalf("over the cap: %+v", stats)
		}
		reached["number"] = reached["number"] || stats.Journeys > cfg.MaxJourneys-1000
		reached["bytes"] = reached["bytes"] || stats.Bytes > cfg.MaxBytes-8192
	}
	if !reached["number"] || !reached["bytes"] {
		t.Errorf("the caps that were reached: %v", reached)
	}
	stats := table.Stats()
	if got, want := stats.Evicted, int64(abandoned+len(live)-stats.Journeys); got != want {
		t.Errorf("%d were evicted, want %d", got, want)
	}
	if grown := inUse() - before; grown > stats.Bytes*5/4 {
		t.Errorf("the memory has grown by %d bytes, the table counts %d", grown, stats.Bytes)
	}
	runtime.KeepAlive(table)
}

// inUse is how many bytes are in use.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
