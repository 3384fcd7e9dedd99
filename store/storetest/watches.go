package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/amgate/amgate/store"
)

// watch is a Watch that must begin; it ends with the test.
func watch(t *testing.T, s store.Store, from int64, prefixes ...store.Key) store.Watcher {
	t.Helper()
	w, err := s.Watch(patient(t), from, prefixes...)
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	return w
}

// until reads changes up to a Progress of at least upTo, for which it asks
// again and again, as the contract has it.
func until(t *testing.T, w store.Watcher, upTo int64) []store.Event {
	t.Helper()
	ctx := patient(t)
	ask := time.NewTicker(20 * time.Millisecond)
	defer ask.Stop()
	var changes []store.Event
	for {
		select {
		case ev, open := <-w.Events():
			if !open {
				t.Fatalf("the watch ended: %v", w.Err())
			}
			if err := w.Err(); err != nil {
				t.Fatalf("the watch goes on and has an error: %v", err)
			}
			if ev.Kind != store.Progress {
				changes = append(changes, ev)
				continue
			}
			if ev.Record.Key != "" || ev.Record.Value != nil {
				t.Fatalf("progress has more than a revision: %+v", ev)
			}
			if ev.Record.Revision >= upTo {
				return changes
			}
		case <-ask.C:
			if err := w.RequestProgress(ctx); err != nil {
				t.Fatalf("request progress: %v", err)
			}
		}
	}
}

// collect is the changes in (from, upTo], and perhaps later ones, as a watch
// of its own tells them.
func collect(t *testing.T, s store.Store, from, upTo int64, prefixes ...store.Key) []store.Event {
	t.Helper()
	ctx, stop := context.WithCancel(patient(t))
	defer stop()
	w, err := s.Watch(ctx, from, prefixes...)
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	return until(t, w, upTo)
}

// brief is what most tests compare of an event.
func brief(events []store.Event) []string {
	lines := make([]string, len(events))
	for i, ev := range events {
		kind := map[store.EventKind]string{store.Written: "written", store.Deleted: "deleted"}[ev.Kind]
		lines[i] = fmt.Sprintf("%s %s %s @%d", kind, ev.Record.Key, ev.Record.Value, ev.Record.Revision)
	}
	return lines
}

func watchFrom(t *testing.T, s store.Store) {
	expires := later()
	r0 := commit(t, s, store.Put("inv/a", []byte("0"), expires))
	w := watch(t, s, r0, "inv/")
	r1 := commit(t, s, store.Put("inv/a", []byte("1"), expires))
	r2 := commit(t, s, store.Create("inv/b", []byte("2"), expires), store.Put("s/x", []byte("x"), expires))
	r3 := commit(t, s, store.Delete("inv/a"))
	commit(t, s, store.Delete("inv/a"))
	commit(t, s, store.PutIfExists("inv/a", []byte("no"), expires))
	r4 := commit(t, s, store.Create("inv/a", []byte("4"), expires))
	want := []store.Event{
		{Kind: store.Written, Record: store.Record{Key: "inv/a", Value: []byte("1"), Expires: milli(expires), Revision: r1}},
		{Kind: store.Written, Record: store.Record{Key: "inv/b", Value: []byte("2"), Expires: milli(expires), Revision: r2}},
		{Kind: store.Deleted, Record: store.Record{Key: "inv/a", Revision: r3}},
		{Kind: store.Written, Record: store.Record{Key: "inv/a", Value: []byte("4"), Expires: milli(expires), Revision: r4}},
	}
	if diff := cmp.Diff(want, until(t, w, r4), sameRecord); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	// The same again, all of it history by now; and from the middle.
	if diff := cmp.Diff(want, collect(t, s, r0, r4, "inv/"), sameRecord); diff != "" {
		t.Errorf("replayed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], collect(t, s, r2, r4, "inv/"), sameRecord); diff != "" {
		t.Errorf("from the middle (-want +got):\n%s", diff)
	}
}

func watchPrefixes(t *testing.T, s store.Store) {
	w := watch(t, s, 0, "inv/", "d/", "e/")
	var last int64
	var want []string
	for i := range 10 {
		for _, prefix := range []store.Key{"d/", "inv/", "e/", "inv0", "inv", "f/", "d.", "s/d/"} {
			k := numbered(prefix, i)
			last = commit(t, s, store.Put(k, []byte("v"), later()))
			if prefix == "d/" || prefix == "inv/" || prefix == "e/" {
				want = append(want, fmt.Sprintf("written %s v @%d", k, last))
			}
		}
	}
	got := until(t, w, last)
	// Between keys the order is free.
	anyOrder := cmpopts.SortSlices(strings.Compare)
	if diff := cmp.Diff(want, brief(got), anyOrder); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func watchOverlap(t *testing.T, s store.Store) {
	w := watch(t, s, 0, "u/a/", "u/", "u/", "u/b")
	r := commit(t, s, store.Put("u/a/1", []byte("v"), later()))
	if diff := cmp.Diff([]string{fmt.Sprintf("written u/a/1 v @%d", r)}, brief(until(t, w, r))); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if _, err := s.Watch(t.Context(), 0); err == nil {
		t.Error("a watch without a prefix was accepted")
	}
	all := watch(t, s, r, "")
	r = commit(t, s, store.Put("x/1", []byte("v"), later()))
	if diff := cmp.Diff([]string{fmt.Sprintf("written x/1 v @%d", r)}, brief(until(t, all, r))); diff != "" {
		t.Errorf("the empty prefix told (-want +got):\n%s", diff)
	}
}

// watchProgress asks while changes pour in: whenever a Progress arrives, each
// change up to it must have arrived before.
func watchProgress(t *testing.T, s store.Store) {
	ctx := patient(t)
	w := watch(t, s, 0, "d/", "e/", "inv/")
	var mu sync.Mutex
	committed := map[int64]bool{} // the revisions that were acknowledged
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 200 {
			k := numbered([]store.Key{"d/", "e/", "inv/"}[i%3], i)
			r, err := s.Commit(ctx, store.Put(k, []byte("v"), later()))
			if err != nil {
				t.Errorf("commit: %v", err)
				return
			}
			mu.Lock()
			committed[r] = true
			mu.Unlock()
			if err := w.RequestProgress(ctx); err != nil {
				t.Errorf("request progress: %v", err)
				return
			}
		}
	})
	defer writer.Wait()
	ask := time.NewTicker(20 * time.Millisecond)
	defer ask.Stop()
	seen := map[int64]bool{}
	for len(seen) < 200 {
		select {
		case <-ask.C:
			if err := w.RequestProgress(ctx); err != nil {
				t.Fatalf("request progress: %v", err)
			}
		case ev, open := <-w.Events():
			if !open {
				t.Fatalf("the watch ended after %d changes: %v", len(seen), w.Err())
			}
			if ev.Kind != store.Progress {
				seen[ev.Record.Revision] = true
				time.Sleep(time.Millisecond) // so that progress is asked for while changes wait
				continue
			}
			mu.Lock()
			for r := range committed {
				if r <= ev.Record.Revision && !seen[r] {
					t.Errorf("progress %d, but the change at %d was not told", ev.Record.Revision, r)
				}
			}
			mu.Unlock()
		}
	}
}

func watchFuture(t *testing.T, s store.Store) {
	now := commit(t, s, store.Put("inv/a", []byte("0"), later()))
	w := watch(t, s, now+2, "inv/")
	time.Sleep(10 * time.Millisecond) // so that it has begun to wait
	last := now
	var want []string
	for range 4 {
		last = commit(t, s, store.Put("inv/a", []byte("v"), later()))
		if last > now+2 {
			want = append(want, fmt.Sprintf("written inv/a v @%d", last))
		}
	}
	if diff := cmp.Diff(want, brief(until(t, w, last))); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func watchEnds(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(patient(t))
	defer cancel()
	w, err := s.Watch(ctx, 0, "inv/", "d/")
	if err != nil {
		t.Fatal(err)
	}
	r := commit(t, s, store.Put("inv/a", []byte("v"), later()))
	until(t, w, r)
	cancel()
	for range w.Events() { // only that it closes matters
	}
	if err := w.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v, want context.Canceled", err)
	}
	if err := w.RequestProgress(t.Context()); err == nil {
		t.Error("an ended watch accepts a request for progress")
	}
	commit(t, s, store.Put("inv/a", []byte("w"), later())) // harms nobody
}

// watchSlow does not read until much has happened. The watch may have ended
// by then, but what it told must have no gap, and if it has not ended all.
func watchSlow(t *testing.T, s store.Store) {
	const n = 500
	ctx := patient(t)
	w := watch(t, s, 0, "inv/")
	var want []string
	for i := range n {
		r := commit(t, s, store.Put("inv/a", fmt.Append(nil, i), later()))
		want = append(want, fmt.Sprintf("written inv/a %d @%d", i, r))
	}
	for i, line := range want {
		select {
		case ev, open := <-w.Events():
			if !open {
				if w.Err() == nil {
					t.Error("the watch ended without an error")
				}
				return
			}
			if got := brief([]store.Event{ev})[0]; got != line {
				t.Fatalf("event %d is %q, want %q", i, got, line)
			}
		case <-ctx.Done():
			t.Fatalf("the watch fell silent after %d events", i)
		}
	}
}

func watchComplete(t *testing.T, s store.Store) {
	const writers, each = 50, 4
	ctx := patient(t)
	w := watch(t, s, 0, "a/", "b/")
	var mu sync.Mutex
	want := map[store.Key][]string{}
	last := int64(0)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			k := numbered([]store.Key{"a/", "b/"}[i%2], i)
			for n := range each {
				op, kind, value := store.Put(k, fmt.Append(nil, n), later()), "written", fmt.Sprint(n)
				if n == each-1 {
					op, kind, value = store.Delete(k), "deleted", ""
				}
				r, err := s.Commit(ctx, op)
				if err != nil {
					t.Errorf("commit: %v", err)
					return
				}
				mu.Lock()
				want[k] = append(want[k], fmt.Sprintf("%s %s %s @%d", kind, k, value, r))
				last = max(last, r)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	got := map[store.Key][]string{}
	for _, ev := range until(t, w, last) {
		got[ev.Record.Key] = append(got[ev.Record.Key], brief([]store.Event{ev})...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
