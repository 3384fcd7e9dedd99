package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
)

// TestAnnouncementsDoNotCount: a cache adds an announcement to what its caller
// commits, who may use all of MaxOps. The sum stays within etcd's limit.
func TestAnnouncementsDoNotCount(t *testing.T) {
	t.Parallel()
	puts := func(prefix store.Key, n int) (ops []store.Op) {
		for i := range n {
			ops = append(ops, store.Put(prefix+store.Key(fmt.Sprint(i)), nil, time.Time{}))
		}
		return ops
	}
	for _, tc := range []struct {
		records, announcements int
		ok                     bool
	}{
		{store.MaxOps, 0, true}, {store.MaxOps, 1, true}, {store.MaxOps, 8, true}, {0, 1, true},
		{store.MaxOps + 1, 0, false}, {store.MaxOps, 9, false}, {0, 129, false}, {0, 0, false},
	} {
		ops := append(puts("s/", tc.records), puts(store.Announcements, tc.announcements)...)
		if err := store.ValidateOps(ops); (err == nil) != tc.ok {
			t.Errorf("%d records and %d announcements: %v", tc.records, tc.announcements, err)
		}
	}
}

func TestSpread(t *testing.T) {
	seen := make(map[time.Duration]bool)
	for range 200 {
		d := store.Spread(100, 3)
		if d < 97 || d > 100 {
			t.Fatalf("Spread(100, 3) = %d", d)
		}
		seen[d] = true
	}
	if len(seen) != 4 {
		t.Errorf("of 97 to 100 it came to %v", seen)
	}
	if d := store.Spread(100, 0); d != 100 {
		t.Errorf("Spread(100, 0) = %d", d)
	}
}
