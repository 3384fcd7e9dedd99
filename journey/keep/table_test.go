package keep

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// SECURITY 31: a million journeys are started and abandoned, small ones first,
// so that their number reaches the cap, then large ones, so that their bytes
// do. The table stays under both caps, counts its memory honestly, and keeps
// the journeys that are being walked.
func TestMillionAbandonedJourneysStayUnderTheCap(t *testing.T) {
	const abandoned = 1_000_000
	cfg := TableConfig{MaxJourneys: 10_000, MaxBytes: 32 << 20}
	table, deadline := NewTable(cfg), time.Now().Add(time.Hour)
	rest := func(text int) *resting {
		held, err := newResting(&journey.Snapshot{
			Node: "name", Allow: newAllow(), Deadline: deadline,
			Asked:  callback.List{{Callback: callback.Name{Prompt: "User Name"}}},
			Shared: map[string]any{"realm": "/", "authLevel": 0, "attribute": strings.Repeat("x", text)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	live := make(map[journey.ID]*resting)
	for range 100 {
		id, held := journey.NewID(), rest(30)
		table.put(id, held, held.size, deadline)
		live[id] = held
	}
	reached := map[string]bool{}
	before := inUse()
	held := rest(30) // of all small ones, which are gone when the memory is measured
	for i := range abandoned {
		if i > abandoned*9/10 {
			held = rest(4000)
		}
		table.put(journey.NewID(), held, held.size, deadline)
		if i%5000 != 0 {
			continue
		}
		for id, held := range live { // each of them is answered
			if _, found := table.get(id); !found {
				t.Fatalf("after %d others a live journey is gone", i)
			}
			table.put(id, held, held.size, deadline)
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
	if grown := inUse() - before; grown > stats.Bytes*5/4 || grown < stats.Bytes/2 {
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
