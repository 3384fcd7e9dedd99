package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPaceFor(t *testing.T) {
	for inUse, want := range map[uint64]int{
		0: 2000, 1 << 20: 2000, 4 << 20: 2000, 40 << 20: 200, 80 << 20: 100, 1 << 30: 100, 1 << 40: 100,
	} {
		if got := paceFor(inUse); got != want {
			t.Errorf("with %d bytes in use: %d, want %d", inUse, got, want)
		}
	}
}

// The pace follows what is in use from one collection to the next.
func TestPacerFollowsTheCollector(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	p := &pacer{percent: 100}
	p.watch()
	if got := debug.SetGCPercent(100); got <= 100 {
		t.Fatalf("with next to nothing in use the pace is %d", got)
	} else {
		debug.SetGCPercent(got)
	}
	large := make([]byte, 200<<20)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		if percent == 100 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("with %d bytes in use the pace stays at %d", len(large), percent)
		}
	}
	runtime.KeepAlive(large)
}

func TestOperatorSetsThePace(t *testing.T) {
	t.Setenv("GOGC", "70")
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)
	paceCollector()
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("GOGC=70 became %d", got)
	}
}
