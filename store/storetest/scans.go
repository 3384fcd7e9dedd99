package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/store"
)

// scanner is the store's other side. A store without one cannot be swept,
// which nothing but the reaper minds.
func scanner(t *testing.T, s store.Store) store.Scanner {
	t.Helper()
	sc, ok := s.(store.Scanner)
	if !ok {
		t.Skipf("%T is no store.Scanner: it cannot be swept", s)
	}
	return sc
}

// scanShowsAll: a scan shows, page by page, each record once, whether or not
// its deadline has passed, and what must be known to remove it.
func scanShowsAll(t *testing.T, s store.Store) {
	sc := scanner(t, s)
	var live, dead, all []store.Key
	for i := range 25 {
		if i%3 == 0 {
			live = append(live, numbered("u/x/", i))
		} else {
			dead = append(dead, numbered("u/x/", i))
		}
	}
	all = slices.Sorted(slices.Values(append(slices.Clone(live), dead...)))
	put(t, s, append(live, "u/w/9", "u/y/0")...)
	expire(t, s, dead...)
	for _, limit := range []int{1, 2, 24, 25, 26, 0} {
		scanned(t, sc, "u/x/", limit, all...)
	}
	for _, r := range scanned(t, sc, "u/x/", 7, all...) {
		if r.Expires.IsZero() || len(r.Value) == 0 {
			t.Fatalf("scanned %+v", r)
		}
		commit(t, s, store.Check(r.Key, r.Revision), store.Delete(r.Key))
	}
	scanned(t, sc, "u/x/", 0)
	scanned(t, sc, "u/", 0, "u/w/9", "u/y/0")
	part := store.Page{After: "u/w", UpTo: "u/w/9"}
	if rs, next, err := sc.Scan(t.Context(), "u/", part); len(rs) != 1 || next != "" || err != nil {
		t.Errorf("of %+v: %v, %q, %v", part, keysOf(rs), next, err)
	}
}

// scanned scans until it finds what it must: a scan may lag behind, not for
// ever.
func scanned(t *testing.T, sc store.Scanner, prefix store.Key, limit int, want ...store.Key) []store.Record {
	t.Helper()
	ctx := patient(t)
	for {
		rs := scan(t, sc, prefix, limit)
		diff := cmp.Diff(want, keysOf(rs), sameRecord)
		if diff == "" {
			return rs
		}
		if ctx.Err() != nil {
			t.Fatalf("limit %d (-want +got):\n%s", limit, diff)
		}
		time.Sleep(time.Millisecond)
	}
}

// scan reads everything below prefix, page by page.
func scan(t *testing.T, sc store.Scanner, prefix store.Key, limit int) (all []store.Record) {
	t.Helper()
	for after := store.Key(""); ; {
		rs, next, err := sc.Scan(t.Context(), prefix, store.Page{After: after, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if limit > 0 && len(rs) > limit {
			t.Fatalf("a page of %d, the limit is %d", len(rs), limit)
		}
		all = append(all, rs...)
		if next == "" {
			return all
		}
		if next <= after {
			t.Fatalf("after %q comes %q", after, next)
		}
		after = next
	}
}

// readShowsAll: a read by keys shows what is there, past its deadline or not.
func readShowsAll(t *testing.T, s store.Store) {
	sc := scanner(t, s)
	put(t, s, "s/live")
	revision := expire(t, s, "s/dead")
	rs, err := sc.Read(t.Context(), "s/dead", "s/none", "s/live")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]store.Key{"s/dead", "s/live"}, keysOf(rs)); diff != "" {
		t.Fatalf("got (-want +got):\n%s", diff)
	}
	if dead := rs[0]; string(dead.Value) != "was s/dead" || dead.Revision != revision || dead.Expires.IsZero() {
		t.Errorf("read %+v", dead)
	}
	if rs, err := sc.Read(t.Context()); len(rs) > 0 || err != nil {
		t.Errorf("nothing was asked for: %v, %v", rs, err)
	}
}
