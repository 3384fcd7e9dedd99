package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/store"
)

// put writes many records in as few commits as they need.
func put(t *testing.T, s store.Store, keys ...store.Key) (revision int64) {
	t.Helper()
	for some := range slices.Chunk(keys, store.MaxOps) {
		ops := make([]store.Op, len(some))
		for i, k := range some {
			ops[i] = store.Put(k, []byte("value of "+k), later())
		}
		revision = commit(t, s, ops...)
	}
	return revision
}

// pages lists everything below prefix page by page.
func pages(t *testing.T, s store.Store, prefix store.Key, limit int) []store.Key {
	t.Helper()
	var all []store.Key
	for after := store.Key(""); ; after = all[len(all)-1] {
		rs, _ := list(t, s, prefix, store.Page{After: after, Limit: limit})
		if len(rs) == 0 {
			return all
		}
		if limit > 0 && len(rs) > limit {
			t.Fatalf("a page of %d, the limit is %d", len(rs), limit)
		}
		if rs[0].Key <= after {
			t.Fatalf("after %q comes %q", after, rs[0].Key)
		}
		for _, r := range rs {
			if string(r.Value) != "value of "+string(r.Key) || r.Expires.IsZero() || r.Revision == 0 {
				t.Fatalf("listed %+v", r)
			}
		}
		all = append(all, keysOf(rs)...)
	}
}

func listOrder(t *testing.T, s store.Store) {
	put(t, s, "a0", "a/2", "b/1", "a/10", "a/", "a.", "a", "a/1", "a/\xff", "a/\xff\xff1", "A/1", "a//")
	for prefix, want := range map[store.Key][]store.Key{
		"a/":     {"a/", "a//", "a/1", "a/10", "a/2", "a/\xff", "a/\xff\xff1"},
		"a/1":    {"a/1", "a/10"},
		"a/\xff": {"a/\xff", "a/\xff\xff1"},
		"a/3":    {},
		"c/":     {},
		"a":      {"a", "a.", "a/", "a//", "a/1", "a/10", "a/2", "a/\xff", "a/\xff\xff1", "a0"},
		"":       {"A/1", "a", "a.", "a/", "a//", "a/1", "a/10", "a/2", "a/\xff", "a/\xff\xff1", "a0", "b/1"},
	} {
		rs, _ := list(t, s, prefix, store.Page{})
		if diff := cmp.Diff(want, keysOf(rs)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", prefix, diff)
		}
	}
}

func listPages(t *testing.T, s store.Store) {
	var want []store.Key
	for i := range 25 {
		want = append(want, numbered("u/x/", i))
	}
	put(t, s, append([]store.Key{"u/w/9", "u/x", "u/y/0"}, want...)...)
	for _, limit := range []int{1, 2, 24, 25, 26, 0} {
		if diff := cmp.Diff(want, pages(t, s, "u/x/", limit)); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	for after, want := range map[store.Key][]store.Key{
		"u/x/0023x": want[24:], // no such record
		"u/x/0024":  {},
		"u/y":       {},       // past the prefix
		"u/w":       want[:1], // before it
	} {
		rs, _ := list(t, s, "u/x/", store.Page{After: after, Limit: 1})
		if diff := cmp.Diff(want, keysOf(rs)); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", after, diff)
		}
	}
}

// listParts: a part ends with its last key, and the next one begins behind it.
func listParts(t *testing.T, s store.Store) {
	put(t, s, "u/x", "u/x/", "u/x/1", "u/x/1/2", "u/x/2", "u/x/3", "u/y/0")
	for _, c := range []struct {
		prefix, after, upTo store.Key
		want                []store.Key
	}{
		{"u/x/", "", "u/x/1", []store.Key{"u/x/", "u/x/1"}},
		{"u/x/", "u/x/1", "u/x/2", []store.Key{"u/x/1/2", "u/x/2"}},
		{"u/x/", "u/x/2", "u/y/9", []store.Key{"u/x/3"}},
		{"u/x/", "u/x/2", "", []store.Key{"u/x/3"}},
		{"u/x/", "u/x/2", "u/x/1", nil},
		{"u/x/", "", "u/w", nil},
		{"", "u/x/2", "u/x/4", []store.Key{"u/x/3"}},
	} {
		page := store.Page{After: c.after, UpTo: c.upTo}
		rs, _ := list(t, s, c.prefix, page)
		if diff := cmp.Diff(c.want, keysOf(rs), sameRecord); diff != "" {
			t.Errorf("%q, %+v (-want +got):\n%s", c.prefix, page, diff)
		}
	}
}

// listSkipsExpired: a page that would hold only expired records must not look
// like the last one.
func listSkipsExpired(t *testing.T, s store.Store) {
	var live, dead []store.Key
	for i := range 30 {
		if i == 3 || i > 20 {
			live = append(live, numbered("u/x/", i))
		} else {
			dead = append(dead, numbered("u/x/", i))
		}
	}
	expire(t, s, dead...)
	put(t, s, live...)
	for _, limit := range []int{1, 2, 5, 0} {
		if diff := cmp.Diff(live, pages(t, s, "u/x/", limit)); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

func listOwnLimit(t *testing.T, s store.Store) {
	var want []store.Key
	for i := range 1100 {
		want = append(want, numbered("u/x/", i))
	}
	put(t, s, want...)
	if rs, _ := list(t, s, "u/x/", store.Page{}); len(rs) < 100 {
		t.Errorf("a page of %d, promised are 100", len(rs))
	}
	for _, limit := range []int{0, 5000} {
		if diff := cmp.Diff(want, pages(t, s, "u/x/", limit)); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}
