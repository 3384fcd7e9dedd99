package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/store"
)

func writtenComesBack(t *testing.T, s store.Store) {
	expires := later()
	value := []byte("\x00\x01 any bytes \xff\xfe")
	revision := commit(t, s, store.Create("s/one", value, expires))
	want := store.Record{Key: "s/one", Value: value, Expires: milli(expires), Revision: revision}
	if diff := cmp.Diff(want, get(t, s, "s/one"), sameRecord); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
	listed, _ := list(t, s, "s/", store.Page{})
	if diff := cmp.Diff([]store.Record{want}, listed, sameRecord); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func putReplaces(t *testing.T, s store.Store) {
	first := commit(t, s, store.Put("s/one", []byte("before"), later()))
	expires := later().Add(time.Minute)
	second := commit(t, s, store.Put("s/one", []byte("after"), expires))
	want := store.Record{Key: "s/one", Value: []byte("after"), Expires: milli(expires), Revision: second}
	if diff := cmp.Diff(want, get(t, s, "s/one"), sameRecord); diff != "" {
		t.Errorf("got (-want +got):\n%s", diff)
	}
	if second <= first {
		t.Errorf("revision %d after %d", second, first)
	}
}

func zeroParts(t *testing.T, s store.Store) {
	commit(t, s,
		store.Create("k/forever", []byte("v"), time.Time{}),
		store.Create("k/empty", nil, later()))
	if r := get(t, s, "k/forever"); !r.Expires.IsZero() {
		t.Errorf("a record without deadline has got %v", r.Expires)
	}
	if r := get(t, s, "k/empty"); len(r.Value) != 0 || r.Expires.IsZero() {
		t.Errorf("a record without value came back as %+v", r)
	}
}

func deleteRemoves(t *testing.T, s store.Store) {
	commit(t, s, store.Create("s/one", []byte("v"), later()), store.Create("s/one2", []byte("w"), later()))
	commit(t, s, store.Delete("s/one"))
	gone(t, s, "s/one")
	holds(t, s, "s/one2", "w")
	commit(t, s, store.Delete("s/one"))
	commit(t, s, store.Create("s/one", []byte("again"), later()))
	holds(t, s, "s/one", "again")
}

func notFoundHasRevision(t *testing.T, s store.Store) {
	revision := commit(t, s, store.Put("s/other", []byte("v"), later()))
	r, asOf, err := s.Get(t.Context(), "s/one", store.Fresh)
	if !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get: %v, want ErrNotFound", err)
	}
	if asOf < revision {
		t.Errorf("not found as of %d, but revision %d was acknowledged before", asOf, revision)
	}
	if r.Key != "" || r.Value != nil {
		t.Errorf("not found, yet a record %+v", r)
	}
	expired := expire(t, s, "s/past")
	if _, asOf, err = s.Get(t.Context(), "s/past", store.Fresh); !errors.Is(err, store.ErrNotFound) || asOf < expired {
		t.Errorf("expired: %v as of %d, want ErrNotFound as of at least %d", err, asOf, expired)
	}
}

// anyCatchesUp demands of Any only what it promises: an answer that is true
// as of the revision it names, and in the end the newest.
func anyCatchesUp(t *testing.T, s store.Store) {
	ctx := patient(t)
	for _, value := range []string{"one", "two", "three"} {
		revision := commit(t, s, store.Put("s/one", []byte(value), later()))
		for {
			r, asOf, err := s.Get(ctx, "s/one", store.Any)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("get: %v", err)
			}
			if asOf < revision {
				time.Sleep(time.Millisecond) // it lags, as it may
				continue
			}
			if string(r.Value) != value || r.Revision != revision {
				t.Fatalf("as of %d it is %q at %d, want %q at %d", asOf, r.Value, r.Revision, value, revision)
			}
			break
		}
	}
}

func valuesBelongToCaller(t *testing.T, s store.Store) {
	spoil := func(b []byte) {
		for i := range b {
			b[i] = 'X'
		}
	}
	given := []byte("mine")
	commit(t, s, store.Create("s/one", given, later()))
	spoil(given)
	holds(t, s, "s/one", "mine")

	ctx := patient(t)
	for _, want := range []store.Freshness{store.Fresh, store.Any, store.Any} {
		r, _, err := s.Get(ctx, "s/one", want)
		for want == store.Any && errors.Is(err, store.ErrNotFound) { // it lags, as it may
			time.Sleep(time.Millisecond)
			r, _, err = s.Get(ctx, "s/one", want)
		}
		if err != nil {
			t.Fatal(err)
		}
		if string(r.Value) != "mine" {
			t.Fatalf("freshness %d: %q", want, r.Value)
		}
		spoil(r.Value)
	}
	rs, _ := list(t, s, "s/", store.Page{})
	spoil(rs[0].Value)
	holds(t, s, "s/one", "mine")

	events := collect(t, s, 0, get(t, s, "s/one").Revision, "s/")
	spoil(events[0].Record.Value)
	holds(t, s, "s/one", "mine")
	if again := collect(t, s, 0, get(t, s, "s/one").Revision, "s/"); string(again[0].Record.Value) != "mine" {
		t.Errorf("a second watcher sees %q", again[0].Record.Value)
	}
}

func deadlineToTheMillisecond(t *testing.T, s store.Store) {
	// The part below the millisecond is cut off, so that the record goes at
	// the cut deadline and not up to a millisecond later.
	given := time.Now().Add(100 * time.Millisecond).Truncate(time.Millisecond).Add(999 * time.Microsecond)
	deadline := milli(given)
	commit(t, s, store.Create("s/one", []byte("v"), given))
	for _, want := range []store.Freshness{store.Fresh, store.Any} {
		for alive := true; alive; time.Sleep(time.Millisecond / 2) {
			before := time.Now()
			_, _, err := s.Get(t.Context(), "s/one", want)
			after := time.Now()
			switch alive = err == nil; {
			case err != nil && !errors.Is(err, store.ErrNotFound):
				t.Fatal(err)
			case alive && !before.Before(deadline):
				t.Fatalf("freshness %d: alive %v past its deadline", want, before.Sub(deadline))
			case !alive && want == store.Fresh && after.Before(deadline):
				t.Fatalf("freshness %d: gone %v before its deadline", want, deadline.Sub(after))
			}
		}
	}
}

func expiredIsGone(t *testing.T, s store.Store) {
	expire(t, s, "s/one", "s/two", "s/three")
	gone(t, s, "s/one")
	if rs, _ := list(t, s, "s/", store.Page{}); len(rs) != 0 {
		t.Errorf("listed %q", keysOf(rs))
	}
	commit(t, s, store.Absent("s/one"), store.Create("s/two", []byte("new"), later()), store.Put("s/three", []byte("also new"), later()))
	holds(t, s, "s/two", "new")
	holds(t, s, "s/three", "also new")
	refuse(t, s, store.ErrExists, store.Create("s/two", []byte("twice"), later()))
	// A record may also be born past its deadline.
	commit(t, s, store.Put("s/two", []byte("stillborn"), time.Now().Add(-time.Hour)), store.Put("s/four", []byte("v"), time.Unix(0, 0)))
	gone(t, s, "s/two")
	gone(t, s, "s/four")
}
