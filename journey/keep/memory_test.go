package keep_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
)

func keepGoing(context.Context, *journey.Snapshot) error { return nil }

// SECURITY 31: journeys that nobody goes on with must not fill the memory: whoever starts
// a million of them evicts his own, while one that is being walked stays.
func TestMemoryAbandonedJourneysStayUnderCap(t *testing.T) {
	const limit, abandoned = 100, 3_000
	for name, cfg := range map[string]keep.TableConfig{
		"by number": {MaxJourneys: limit},
		"by bytes":  {MaxBytes: limit * 1500},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			table := keep.NewTable(cfg)
			k := newMemory(t, table, newRing(t), "/alpha")
			live, err := k.Begin(ctx, newSnapshot())
			if err != nil {
				t.Fatal(err)
			}
			first, err := k.Begin(ctx, newSnapshot())
			if err != nil {
				t.Fatal(err)
			}
			for i := range abandoned {
				if _, err := k.Begin(ctx, newSnapshot()); err != nil {
					t.Fatal(err)
				}
				if i%(limit/4) == 0 {
					if live, err = k.Step(ctx, "/alpha", live, keepGoing); err != nil {
						t.Fatalf("after %d others the live journey is gone: %v", i, err)
					}
				}
				stats := table.Stats()
				if cfg.MaxJourneys > 0 && stats.Journeys > cfg.MaxJourneys || cfg.MaxBytes > 0 && stats.Bytes > cfg.MaxBytes {
					t.Fatalf("over the cap: %+v", stats)
				}
			}
			if stats := table.Stats(); stats.Journeys < limit/2 || stats.Evicted < abandoned-2*limit {
				t.Errorf("the cap was never reached: %+v", stats)
			}
			if _, err := k.Step(ctx, "/alpha", first, keepGoing); !isLost(err, "Login") {
				t.Errorf("an evicted journey: error %v", err)
			}
		})
	}
}

func TestMemorySweepsWhatIsPastItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := keep.NewTable(keep.TableConfig{})
		k := newMemory(t, table, newRing(t), "/alpha")
		for i := range 50 {
			s := newSnapshot()
			s.Deadline = s.Started.Add(time.Duration(1+(i*7)%50) * time.Minute) // in no order
			if _, err := k.Begin(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(25*time.Minute + time.Second)
		if _, err := k.Begin(t.Context(), newSnapshot()); err != nil {
			t.Fatal(err)
		}
		if got := table.Stats(); got.Journeys != 26 || got.Evicted != 0 {
			t.Errorf("after half of the deadlines: %+v; want 25 journeys and the new one", got)
		}
	})
}

// A finished journey is remembered until its deadline, so that its authIds
// are known to be over; one that was never here starts again.
func TestMemoryTellsFinishedFromLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, ring, table := t.Context(), newRing(t), keep.NewTable(keep.TableConfig{})
		k := newMemory(t, table, ring, "/alpha")
		authID, err := k.Begin(ctx, newSnapshot())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newMemory(t, nil, ring, "/alpha").Step(ctx, "/alpha", authID, keepGoing); !isLost(err, "Login") {
			t.Errorf("on another node: error %v", err)
		}
		if _, err := k.Step(ctx, "/alpha", authID, func(ctx context.Context, s *journey.Snapshot) error {
			return k.Finish(ctx, s, nil)
		}); err != nil {
			t.Fatal(err)
		}
		if got := table.Stats(); got.Journeys != 0 || got.Finished != 1 {
			t.Errorf("%+v; want one finished journey", got)
		}
		if _, err := k.Step(ctx, "/alpha", authID, keepGoing); !errors.Is(err, journey.ErrExpired) {
			t.Errorf("a finished journey: error %v", err)
		}
		time.Sleep(6 * time.Minute)
		if _, err := k.Begin(ctx, newSnapshot()); err != nil {
			t.Fatal(err)
		}
		if got := table.Stats(); got.Finished != 0 {
			t.Errorf("after the deadline: %+v", got)
		}
	})
}

// A table is shared by the realms and outlives a reload of the configuration.
func TestTableOutlivesKeepers(t *testing.T) {
	ctx, ring, table := t.Context(), newRing(t), keep.NewTable(keep.TableConfig{})
	authID, err := newMemory(t, table, ring, "/alpha").Begin(ctx, newSnapshot())
	if err != nil {
		t.Fatal(err)
	}
	root := newSnapshot()
	root.Realm = "/"
	if _, err := newMemory(t, table, ring, "/").Begin(ctx, root); err != nil {
		t.Fatal(err)
	}
	if _, err := newMemory(t, table, ring, "/alpha").Step(ctx, "/alpha", authID, keepGoing); err != nil {
		t.Errorf("after a reload: %v", err)
	}
	if got := table.Stats(); got.Journeys != 2 || got.Bytes <= 0 {
		t.Errorf("%+v; want two journeys", got)
	}
}

func ExampleTable_Stats() {
	table := keep.NewTable(keep.TableConfig{MaxJourneys: 10})
	fmt.Printf("%+v\n", table.Stats())
	// Output: {Journeys:0 Finished:0 Bytes:0 Evicted:0}
}
