package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
)

func revisionsGrow(t *testing.T, s store.Store) {
	var last int64
	for i := range 20 {
		k := numbered("s/", i%3)
		revision := commit(t, s, store.Put(k, []byte("v"), later()), store.Put("u/x", []byte("w"), later()))
		if revision <= last {
			t.Fatalf("revision %d after %d", revision, last)
		}
		last = revision
		for _, k := range []store.Key{k, "u/x"} {
			if r := get(t, s, k); r.Revision != revision {
				t.Fatalf("%q was written at %d and says %d", k, revision, r.Revision)
			}
		}
		if _, asOf := list(t, s, "s/", store.Page{}); asOf < revision {
			t.Fatalf("list as of %d after a commit at %d", asOf, revision)
		}
	}
}

func createExists(t *testing.T, s store.Store) {
	commit(t, s, store.Create("s/one", []byte("first"), later()))
	refuse(t, s, store.ErrExists, store.Create("s/one", []byte("second"), later()))
	refuse(t, s, store.ErrExists, store.Create("s/new", []byte("v"), later()), store.Create("s/one", []byte("second"), later()))
	holds(t, s, "s/one", "first")
	gone(t, s, "s/new")
}

func existsWins(t *testing.T, s store.Store) {
	revision := commit(t, s, store.Create("s/one", []byte("first"), later()), store.Create("s/two", []byte("v"), later()))
	expire(t, s, "s/past")
	create := store.Create("s/one", []byte("second"), later())
	for name, failing := range map[string]store.Op{
		"check":      store.Check("s/two", revision+1000),
		"absent":     store.Absent("s/two"),
		"none newer": store.NoneNewer("s/", revision-1),
	} {
		for _, ops := range [][]store.Op{{failing, create}, {create, failing}, {failing, store.Create("s/past", nil, later()), create}} {
			if _, err := s.Commit(t.Context(), ops...); !errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: %v, want ErrExists alone", name, err)
			}
		}
	}
}

func check(t *testing.T, s store.Store) {
	first := commit(t, s, store.Create("s/one", []byte("first"), later()))
	other := commit(t, s, store.Create("s/two", []byte("v"), later()))
	refuse(t, s, store.ErrConflict, store.Check("s/one", other), store.Put("s/one", []byte("x"), later()))
	refuse(t, s, store.ErrConflict, store.Check("s/none", first), store.Put("s/one", []byte("x"), later()))
	second := commit(t, s, store.Check("s/one", first), store.Check("s/two", other), store.Put("s/one", []byte("second"), later()))
	refuse(t, s, store.ErrConflict, store.Check("s/one", first), store.Delete("s/one"))
	commit(t, s, store.Check("s/one", second), store.Delete("s/one"))
	refuse(t, s, store.ErrConflict, store.Check("s/one", second), store.Put("s/one", []byte("x"), later()))
	// Written again with the same bytes it is another record.
	commit(t, s, store.Create("s/one", []byte("second"), later()))
	refuse(t, s, store.ErrConflict, store.Check("s/one", second), store.Delete("s/one"))
	holds(t, s, "s/one", "second")
}

func absent(t *testing.T, s store.Store) {
	commit(t, s, store.Absent("s/one"), store.Put("s/one", []byte("v"), later()))
	refuse(t, s, store.ErrConflict, store.Absent("s/one"), store.Put("s/one", []byte("x"), later()))
	refuse(t, s, store.ErrConflict, store.Absent("s/one"), store.Create("s/two", []byte("x"), later()))
	gone(t, s, "s/two")
	commit(t, s, store.Delete("s/one"))
	commit(t, s, store.Absent("s/one"), store.Create("s/two", []byte("v"), later()))
	holds(t, s, "s/two", "v")
}

func noneNewer(t *testing.T, s store.Store) {
	put := store.Put("x/x", []byte("v"), later())
	start := commit(t, s, put)
	commit(t, s, store.NoneNewer("u/a/", start), put) // nothing is below it

	first := commit(t, s, store.Create("u/a/1", []byte("v"), later()))
	refuse(t, s, store.ErrConflict, store.NoneNewer("u/a/", first-1), put)
	commit(t, s, store.NoneNewer("u/a/", first), put)

	// Neighbours are not below the prefix.
	commit(t, s, store.Put("u/a0", []byte("v"), later()), store.Put("u/a", []byte("v"), later()),
		store.Put("u/ab/1", []byte("v"), later()), store.Put("u/a.", []byte("v"), later()))
	commit(t, s, store.NoneNewer("u/a/", first), put)

	// A change counts as well as a birth, a removal does not.
	second := commit(t, s, store.Put("u/a/1", []byte("w"), later()))
	refuse(t, s, store.ErrConflict, store.NoneNewer("u/a/", first), put)
	third := commit(t, s, store.Put("u/a/2", []byte("w"), later()))
	refuse(t, s, store.ErrConflict, store.NoneNewer("u/a/", second), put)
	commit(t, s, store.Delete("u/a/2"))
	commit(t, s, store.NoneNewer("u/a/", second), put)
	commit(t, s, store.Delete("u/a/1"))
	commit(t, s, store.NoneNewer("u/a/", start), put)

	// It is judged before the commit that it is part of.
	commit(t, s, store.NoneNewer("u/a/", third), store.Create("u/a/3", []byte("v"), later()))
}

func putIfExists(t *testing.T, s store.Store) {
	before := commit(t, s, store.Put("x/x", []byte("v"), later()))
	if revision := commit(t, s, store.PutIfExists("u/a/1", []byte("touch"), later())); revision < before {
		t.Errorf("revision %d after %d", revision, before)
	}
	gone(t, s, "u/a/1")
	commit(t, s, store.PutIfExists("u/a/1", []byte("touch"), later()), store.Put("u/a/2", []byte("v"), later()))
	gone(t, s, "u/a/1")
	holds(t, s, "u/a/2", "v")
	expires := later().Add(time.Minute)
	revision := commit(t, s, store.PutIfExists("u/a/2", []byte("touched"), expires), store.Create("u/a/3", []byte("v"), later()))
	if r := get(t, s, "u/a/2"); string(r.Value) != "touched" || r.Revision != revision || !r.Expires.Equal(milli(expires)) {
		t.Errorf("got %+v", r)
	}
	commit(t, s, store.Delete("u/a/2"))
	commit(t, s, store.PutIfExists("u/a/2", []byte("too late"), later()))
	gone(t, s, "u/a/2")
}

func allOrNothing(t *testing.T, s store.Store) {
	revision := commit(t, s, store.Create("s/one", []byte("v"), later()), store.Create("s/two", []byte("v"), later()))
	for name, failing := range map[string]store.Op{
		"check":      store.Check("s/two", revision+1000),
		"absent":     store.Absent("s/two"),
		"none newer": store.NoneNewer("s/", revision-1),
		"create":     store.Create("s/two", []byte("x"), later()),
	} {
		writes := []store.Op{
			store.Create("s/three", []byte("x"), later()), store.Put("s/four", []byte("x"), later()),
			store.PutIfExists("s/one", []byte("x"), later()), store.Delete("s/five"),
		}
		for at := range len(writes) + 1 {
			if _, err := s.Commit(t.Context(), slices.Insert(slices.Clone(writes), at, failing)...); err == nil {
				t.Fatalf("%s: the commit went through", name)
			}
			rs, _ := list(t, s, "s/", store.Page{})
			if len(rs) != 2 || rs[0].Revision != revision || rs[1].Revision != revision {
				t.Fatalf("%s: a refused commit left %+v", name, rs)
			}
		}
	}
}

func conditionsAlone(t *testing.T, s store.Store) {
	revision := commit(t, s, store.Put("s/one", []byte("v"), later()))
	if now := commit(t, s, store.Check("s/one", revision), store.Absent("s/two"), store.NoneNewer("s/", revision)); now < revision {
		t.Errorf("revision %d after %d", now, revision)
	}
	refuse(t, s, store.ErrConflict, store.Check("s/one", revision), store.Absent("s/one"))
	if r := get(t, s, "s/one"); r.Revision != revision {
		t.Errorf("conditions wrote: %+v", r)
	}
}

func maxOps(t *testing.T, s store.Store) {
	many := func(op func(store.Key) store.Op) []store.Op {
		ops := make([]store.Op, store.MaxOps)
		for i := range ops {
			ops[i] = op(numbered("s/", i))
		}
		return ops
	}
	commit(t, s, many(store.Absent)...)
	commit(t, s, many(func(k store.Key) store.Op { return store.Create(k, []byte("1"), later()) })...)
	refuse(t, s, store.ErrExists, many(func(k store.Key) store.Op { return store.Create(k, []byte("1"), later()) })...)
	commit(t, s, many(func(k store.Key) store.Op { return store.PutIfExists(k, []byte("2"), later()) })...)
	revision := commit(t, s, many(func(k store.Key) store.Op { return store.Put(k, []byte("3"), later()) })...)
	commit(t, s, many(func(k store.Key) store.Op { return store.Check(k, revision) })...)
	commit(t, s, many(func(k store.Key) store.Op { return store.NoneNewer(k, revision) })...)
	holds(t, s, numbered("s/", store.MaxOps-1), "3")
	commit(t, s, many(store.Delete)...)
	if rs, _ := list(t, s, "s/", store.Page{}); len(rs) != 0 {
		t.Errorf("left %q", keysOf(rs))
	}
}

func createOverExpired(t *testing.T, s store.Store) {
	keys := make([]store.Key, store.MaxOps)
	ops := make([]store.Op, store.MaxOps)
	for i := range keys {
		keys[i] = numbered("s/", i)
		ops[i] = store.Create(keys[i], []byte("new"), later())
		if i%3 == 0 {
			ops[i] = store.Absent(keys[i])
		}
	}
	expire(t, s, keys...)
	revision := commit(t, s, ops...)
	for i, k := range keys {
		if i%3 == 0 {
			gone(t, s, k)
		} else if r := get(t, s, k); r.Revision != revision {
			t.Fatalf("got %+v", r)
		}
	}
	// A condition that fails beside an expired record still fails.
	expire(t, s, "x/x")
	refuse(t, s, store.ErrConflict, store.Create("x/x", []byte("new"), later()), store.Check(keys[1], revision-1))
	gone(t, s, "x/x")
}

func mistakesAreRefused(t *testing.T, s store.Store) {
	put := store.Put("s/one", []byte("v"), later())
	tooMany := make([]store.Op, store.MaxOps+1)
	for i := range tooMany {
		tooMany[i] = store.Put(numbered("s/", i), []byte("v"), later())
	}
	for name, ops := range map[string][]store.Op{
		"nothing":                  {},
		"too many":                 tooMany,
		"two writes of one key":    {put, store.Delete("s/one")},
		"an empty key":             {put, store.Put("", []byte("v"), later())},
		"a kind that is none":      {put, {Kind: 99, Key: "s/two"}},
		"no kind":                  {put, {Key: "s/two"}},
		"a check at no revision":   {put, store.Check("s/two", 0)},
		"a check before the first": {put, store.Check("s/two", -1)},
	} {
		_, err := s.Commit(t.Context(), ops...)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		for _, sentinel := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrUnavailable} {
			if errors.Is(err, sentinel) {
				t.Errorf("%s: %v is no answer of the backend", name, err)
			}
		}
	}
	if rs, _ := list(t, s, "", store.Page{}); len(rs) != 0 {
		t.Errorf("refused commits wrote %q", keysOf(rs))
	}
}
