package session

import (
	"encoding/binary"
	"sync/atomic"
)

// seen remembers for how many sessions it has room when each was last
// recorded as used, as this process knows it: 8 MiB, no pointers, no locks.
// It is set-associative like a processor's cache: a session has four places
// and displaces the one among them that is longest unused. A session that was
// displaced costs one read of the store at its next use, never more.
//
// A place holds 32 bits of the id, beside those that chose the set, and the
// seconds since 1970, which last until 2106. Two sessions that agree in all
// 50 bits would keep each other from being idle; ids are hashes that nobody
// can choose.
type seen struct {
	sets [seenSets][seenWays]atomic.Uint64
}

const (
	seenSets = 1 << 18
	seenWays = 4
)

// place finds the set of a session and its tag there.
func (t *seen) place(id *hash) (set *[seenWays]atomic.Uint64, tag uint64) {
	at := binary.BigEndian.Uint32(id[0:]) % seenSets
	return &t.sets[at], uint64(binary.BigEndian.Uint32(id[4:])) << 32
}

// get returns the second that was put last, or 0.
func (t *seen) get(id *hash) int64 {
	set, tag := t.place(id)
	for i := range set {
		if v := set[i].Load(); v&^0xffffffff == tag {
			return int64(uint32(v))
		}
	}
	return 0
}

// put remembers a second, unless a later one is there.
func (t *seen) put(id *hash, second int64) {
	set, tag := t.place(id)
	fresh := tag | uint64(uint32(second)) // until 2106
	for {
		victim, old := 0, set[0].Load()
		for i := range set {
			v := set[i].Load()
			if v&^0xffffffff == tag && v != 0 {
				victim, old = i, v
				break
			}
			if uint32(v) < uint32(old) {
				victim, old = i, v
			}
		}
		if old&^0xffffffff == tag && old >= fresh {
			return
		}
		if set[victim].CompareAndSwap(old, fresh) {
			return
		}
	}
}
