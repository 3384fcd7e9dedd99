package session

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// inSet is the n-th of the ids that share one set.
func inSet(n uint32) (id hash) {
	binary.BigEndian.PutUint32(id[0:], 7)
	binary.BigEndian.PutUint32(id[4:], n+1)
	return id
}

func TestSeenForgetsTheLongestUnused(t *testing.T) {
	var table seen
	for n := range uint32(seenWays) {
		id := inSet(n)
		table.put(&id, int64(1000+n))
	}
	zeroth, fifth := inSet(0), inSet(seenWays)
	table.put(&zeroth, 2000) // used again: now the first is the oldest
	table.put(&fifth, 2001)
	want := map[uint32]int64{0: 2000, 1: 0, 2: 1002, 3: 1003, 4: 2001}
	for n, second := range want {
		id := inSet(n)
		if got := table.get(&id); got != second {
			t.Errorf("session %d: %d, want %d", n, got, second)
		}
	}
}

// A table that never forgets is the model: what the table knows is what was
// put last and latest.
func TestSeenNeverTellsAnotherTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, model := new(seen), make(map[uint32]int64)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			n := rapid.Uint32Range(0, 6).Draw(t, "session")
			second := rapid.Int64Range(1, 1<<32-1).Draw(t, "second")
			id := inSet(n)
			table.put(&id, second)
			known := table.get(&id)
			if known != 0 && known < second {
				t.Fatalf("put %d, known is %d", second, known)
			}
			model[n] = max(model[n], second)
		}
		for n, latest := range model {
			id := inSet(n)
			if got := table.get(&id); got > latest {
				t.Fatalf("session %d was seen at %d, the table says %d", n, latest, got)
			}
		}
	})
}

func TestSeenUnderConcurrency(t *testing.T) {
	table := new(seen)
	var wg sync.WaitGroup
	const latest = 1000
	for worker := range 8 {
		wg.Go(func() {
			for second := int64(1); second <= latest; second++ {
				id := inSet(uint32(worker % seenWays))
				table.put(&id, second)
				if got := table.get(&id); got < second || got > latest {
					t.Errorf("put %d, got %d", second, got)
					return
				}
			}
		})
	}
	wg.Wait()
	for n := range uint32(seenWays) {
		id := inSet(n)
		if got := table.get(&id); got != latest {
			t.Errorf("session %d: %d, want %d", n, got, latest)
		}
	}
}

func TestSeenHasRoomForAHundredThousand(t *testing.T) {
	table := new(seen)
	const sessions = 100_000
	ids := make([]hash, sessions)
	for i := range ids {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i)))
		copy(ids[i][:], sum[:])
		table.put(&ids[i], int64(i+1))
	}
	lost := 0
	for i := range ids {
		switch table.get(&ids[i]) {
		case int64(i + 1):
		case 0:
			lost++
		default:
			t.Fatalf("session %d was seen at another time", i)
		}
	}
	if lost > sessions/1000 {
		t.Errorf("%d of %d sessions have no place", lost, sessions)
	}
}
