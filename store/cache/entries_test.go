package cache

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allegro/bigcache/v3"
	"pgregory.net/rapid"

	"github.com/amgate/amgate/store"
)

func newTestEntries(tb testing.TB, sizeMiB int) *entries {
	tb.Helper()
	e, err := newEntries(sizeMiB, new(Counters))
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestEntriesComeBackAsTheyWerePut(t *testing.T) {
	t.Parallel()
	e := newTestEntries(t, 1)
	now := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		r := store.Record{
			Key: store.Key(rapid.StringN(1, 50, -1).Draw(t, "key")), Value: rapid.SliceOfN(rapid.Byte(), 1, 2000).Draw(t, "value"),
			Revision: rapid.Int64Min(1).Draw(t, "revision"),
		}
		if rapid.Bool().Draw(t, "deadline") {
			r.Expires = time.UnixMilli(now.UnixMilli() + rapid.Int64Range(1, 1<<40).Draw(t, "ms"))
		}
		asOf := rapid.Int64Min(r.Revision).Draw(t, "asOf")
		e.put(r, asOf)
		got, gotAsOf, ok := e.get(r.Key, now)
		if !ok || got.Key != r.Key || !bytes.Equal(got.Value, r.Value) || got.Revision != r.Revision ||
			!got.Expires.Equal(r.Expires) || gotAsOf != asOf {
			t.Fatalf("put %+v as of %d, got %+v as of %d, %t", r, asOf, got, gotAsOf, ok)
		}
		e.evict(r.Key, asOf)
		if _, _, ok := e.get(r.Key, now); !ok {
			t.Fatal("evicted, though it was read as of that revision")
		}
		e.evict(r.Key, max(asOf, asOf+1))
		if _, _, ok := e.get(r.Key, now); ok && asOf+1 > asOf {
			t.Fatal("not evicted")
		}
	})
}

// sameHash makes all keys collide.
type sameHash struct{}

func (sameHash) Sum64(string) uint64 { return 42 }

// TestCollidingKeysAreNotMixedUp (SECURITY row 23): who could choose keys that
// collide must get at most a cache miss, never the session of another.
func TestCollidingKeysAreNotMixedUp(t *testing.T) {
	t.Parallel()
	e := newTestEntries(t, 1)
	e.config.Hasher = sameHash{}
	e.empty()
	for i := range 100 {
		k := store.Key(fmt.Sprint("s/", i))
		e.put(store.Record{Key: k, Value: []byte(k), Revision: 1}, 1)
		if r, _, ok := e.get(k, time.Now()); !ok || string(r.Value) != string(k) {
			t.Errorf("%s: %q, %t", k, r.Value, ok)
		}
		for j := range 100 {
			other := store.Key(fmt.Sprint("s/", j))
			if r, _, ok := e.get(other, time.Now()); ok && (r.Key != other || string(r.Value) != string(other)) {
				t.Fatalf("asked for %s, got %s", other, r.Value)
			}
		}
	}
}

// TestAnotherRecordsEntryIsAMiss: even if bigcache itself returned the bytes
// of another key, as a dangling index of it once did.
func TestAnotherRecordsEntryIsAMiss(t *testing.T) {
	t.Parallel()
	e := newTestEntries(t, 1)
	e.put(store.Record{Key: "s/one", Value: []byte("v"), Revision: 1}, 1)
	b, err := e.big.Load().Get("s/one")
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(b) + 1 {
		for _, entry := range [][]byte{b, b[:i], slices.Repeat([]byte{0xff}, i), append([]byte{9}, b...)} {
			if err := e.big.Load().Set("s/two", entry); err != nil {
				t.Fatal(err)
			}
			if r, _, ok := e.get("s/two", time.Now()); ok {
				t.Errorf("%q is taken for %+v", entry, r)
			}
		}
	}
}

// TestSeedsDiffer: a fixed hash would let an attacker prepare collisions.
func TestSeedsDiffer(t *testing.T) {
	t.Parallel()
	a, b := newTestEntries(t, 1).config.Hasher, newTestEntries(t, 1).config.Hasher
	if a.Sum64("s/one") == b.Sum64("s/one") {
		t.Error("two caches hash alike")
	}
}

// panicking is a Hasher that fails when told to.
type panicking struct{ on *bool }

func (p panicking) Sum64(key string) uint64 {
	if *p.on {
		panic("stale index")
	}
	return uint64(len(key)) + 1
}

// TestPanicInBigcacheIsAMiss (SECURITY row 23): a stale index in it panicked
// until 2026.
func TestPanicInBigcacheIsAMiss(t *testing.T) {
	t.Parallel()
	e := newTestEntries(t, 1)
	on := false
	e.config.Hasher = panicking{&on}
	e.empty()
	r := store.Record{Key: "s/one", Value: []byte("v"), Revision: 1}
	for i, op := range []func(){
		func() {
			if _, _, ok := e.get(r.Key, time.Now()); ok {
				t.Error("a hit")
			}
		},
		func() { e.put(r, 1) },
		func() { e.evict(r.Key, 2) },
	} {
		on = false
		e.put(r, 1)
		on = true
		op()
		on = false
		if _, _, ok := e.get(r.Key, time.Now()); ok || e.count.panics.Load() != uint64(i+1) {
			t.Errorf("operation %d: the entry is still there, or %d panics were counted", i, e.count.panics.Load())
		}
	}
}

// TestPanicInBigcacheHangsNobody: bigcache panics with a shard locked, while
// others wait for what is in it.
func TestPanicInBigcacheHangsNobody(t *testing.T) {
	t.Parallel()
	e := newTestEntries(t, 1)
	key := store.Key("s/one")
	record := func(k store.Key) store.Record { return store.Record{Key: k, Value: make([]byte, 16<<10), Revision: 1} }
	var waiting sync.WaitGroup
	e.config.OnRemoveWithReason = func(string, []byte, bigcache.RemoveReason) {
		for _, use := range []func(){
			func() { e.get(key, time.Now()) }, func() { e.put(record(key), 1) }, func() { e.evict(key, 2) }, func() { e.size() },
		} {
			waiting.Go(use)
		}
		for range 1_000 { // so that they come to their locks
			runtime.Gosched()
		}
		panic("under a lock")
	}
	e.empty()
	for i := 0; e.count.panics.Load() == 0; i++ { // until something has to make room
		e.put(record(store.Key(fmt.Sprint("s/", i))), 1)
	}
	done := make(chan struct{})
	go func() { waiting.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("somebody waits for a lock that nobody gives back")
	}
	e.put(record(key), 1)
	if _, _, ok := e.get(key, time.Now()); !ok {
		t.Error("the cache is of no use any more")
	}
}

// TestMemoryIsBounded puts ten times what fits.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	for _, sizeMiB := range []int{1, 3} {
		e := newTestEntries(t, sizeMiB)
		value := make([]byte, 4096)
		for i := range sizeMiB * 10 << 20 / len(value) {
			e.put(store.Record{Key: store.Key(fmt.Sprint("s/", i)), Value: value, Revision: 1}, 1)
		}
		if size := e.big.Load().Capacity(); size > sizeMiB<<20 || size < sizeMiB<<18 {
			t.Errorf("%d bytes for %d MiB", size, sizeMiB)
		}
		e.put(store.Record{Key: "s/huge", Value: make([]byte, 4<<20), Revision: 1}, 1)
		if _, _, ok := e.get("s/huge", time.Now()); ok || e.count.tooLarge.Load() != 1 {
			t.Error("a record larger than its part of the cache was taken")
		}
	}
}

// TestSizeIsMemory: the bound is of what the process really takes up. The index
// on top of it is a tenth for records of the size that sessions have. It must
// not run beside others.
func TestSizeIsMemory(t *testing.T) {
	const sizeMiB = 32
	before := heap()
	e := newTestEntries(t, sizeMiB)
	value := make([]byte, 450)
	for i := range 3 * sizeMiB << 20 / len(value) {
		e.put(store.Record{Key: store.Key(fmt.Sprintf("s/%027d", i)), Value: value, Revision: 1}, 1)
	}
	used := heap() - before
	t.Logf("%d bytes a record, %.2f of the bound", used/e.big.Load().Len(), float64(used)/(sizeMiB<<20))
	if used > sizeMiB<<20*110/100 {
		t.Errorf("%d bytes for a bound of %d", used, sizeMiB<<20)
	}
	if e.count.displaced.Load() == 0 || e.count.aged.Load() != 0 {
		t.Errorf("%d made room", e.count.displaced.Load())
	}
	runtime.KeepAlive(e)
}

// heap is how many bytes of the heap are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestLongKeysAreNotCached(t *testing.T) {
	t.Parallel()
	e := newTestEntries(t, 1)
	k := store.Key(strings.Repeat("s", maxKey+1))
	e.put(store.Record{Key: k, Revision: 1}, 1)
	if _, _, ok := e.get(k, time.Now()); ok {
		t.Error("cached")
	}
}

// TestProofEndsByEitherClock: the monotonic clock stands still while a
// machine sleeps, so a laptop or a moved virtual machine would wake up with a
// proof that is hours old; the wall clock can be set back.
func TestProofEndsByEitherClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, tc := range []struct {
		name string
		p    *proof
		want bool
	}{
		{"none", nil, false},
		{"both", newProof(now.Add(time.Second)), true},
		{"just over", newProof(now), false},
		{"asleep", &proof{until: now.Add(time.Second), untilWall: now.UnixNano() - 1}, false},
		{"set back", &proof{until: now.Add(-1), untilWall: now.UnixNano() + 1e9}, false},
	} {
		if got := tc.p.holds(now); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

// TestAnnouncementIsAsItWas: nodes of two versions announce to each other while
// they are upgraded one by one.
func TestAnnouncementIsAsItWas(t *testing.T) {
	t.Parallel()
	const golden = "\x01" + "\x00\x00\x00\x05s/one" + "\x00\x00\x00\x05s/two"
	want := []store.Key{"s/one", "s/two"}
	if got, ok := parseAnnouncement([]byte(golden)); !ok || !slices.Equal(got, want) {
		t.Errorf("it is read as %q, %t", got, ok)
	}
	if got := string(announcement(want)); got != golden {
		t.Errorf("it is written %q, was %q", got, golden)
	}
}

func FuzzParseAnnouncement(f *testing.F) {
	f.Add(announcement(nil))
	f.Add(announcement([]store.Key{"s/one", "", "s/two"}))
	f.Add([]byte("\x01\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, ok := parseAnnouncement(b)
		if again := announcement(keys); ok && !bytes.Equal(again, b) {
			t.Errorf("%q is accepted, but it is written %q", b, again)
		}
	})
}

func TestAnnouncementRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var keys []store.Key
		for _, s := range rapid.SliceOf(rapid.String()).Draw(t, "keys") {
			keys = append(keys, store.Key(s))
		}
		if got, ok := parseAnnouncement(announcement(keys)); !ok || !slices.Equal(got, keys) {
			t.Fatalf("%q came back as %q", keys, got)
		}
	})
}
