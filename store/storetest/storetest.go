// Package storetest is the conformance suite of store.Store. Every
// implementation runs all of it; none is excused from a part.
//
// The suite asserts nothing about how long a call takes. Where a deadline
// passes, it reads the clock before and after a call and demands only what
// must be true at both; inside a synctest bubble that is exact to the
// millisecond, and outside it is never wrong.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/amgate/amgate/store"
)

// Opener makes a store with no records for one test and registers with
// t.Cleanup what closes it.
type Opener func(t *testing.T) store.Store

// patience bounds every wait for something that is promised to come. To run
// into it is a failure; nothing else depends on it.
const patience = 30 * time.Second

// contract is the suite, a name for each promise.
var contract = []struct {
	name string
	test func(t *testing.T, s store.Store)
}{
	{"a record comes back as it was written", writtenComesBack},
	{"a put replaces", putReplaces},
	{"a record without deadline and one without value", zeroParts},
	{"a delete removes", deleteRemoves},
	{"nothing there is ErrNotFound, with a revision", notFoundHasRevision},
	{"any catches up", anyCatchesUp},
	{"values belong to the caller", valuesBelongToCaller},
	{"a deadline holds to the millisecond", deadlineToTheMillisecond},
	{"past its deadline a record is gone for all", expiredIsGone},

	{"revisions grow", revisionsGrow},
	{"create meets a live record", createExists},
	{"ErrExists wins over ErrConflict", existsWins},
	{"check", check},
	{"absent", absent},
	{"none newer", noneNewer},
	{"put if exists", putIfExists},
	{"all or nothing", allOrNothing},
	{"conditions alone", conditionsAlone},
	{"MaxOps of every kind", maxOps},
	{"create over many expired records", createOverExpired},
	{"mistakes are refused", mistakesAreRefused},
	{"any sequence of commits agrees with a model", agreesWithModel},

	{"list in order within its prefix", listOrder},
	{"list pages", listPages},
	{"list parts", listParts},
	{"list pages past expired records", listSkipsExpired},
	{"list has a limit of its own", listOwnLimit},

	{"scan shows what is past its deadline too", scanShowsAll},
	{"read shows what is past its deadline too", readShowsAll},

	{"watch tells changes after a revision", watchFrom},
	{"watch several prefixes", watchPrefixes},
	{"watch overlapping prefixes tells once", watchOverlap},
	{"progress comes after what it promises", watchProgress},
	{"watch waits for a revision to come", watchFuture},
	{"watch ends with its context", watchEnds},
	{"a slow consumer misses nothing unknowingly", watchSlow},
	{"watch is complete under 50 writers", watchComplete},

	{"50 compare-and-swap writers all land", casAllLand},
	{"one winner per check and delete", oneDeleter},
	{"one winner per create", oneCreator},
	{"one winner per create over an expired record", oneCreatorOverExpired},
	{"a quota by NoneNewer is exact", quotaIsExact},

	{"a context that has ended is reported", endedContext},
}

// Run holds a store to the contract in real time, each test with a new one.
func Run(t *testing.T, open Opener) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// RunInBubble is Run for a store that lives wholly in this process: each test
// has a testing/synctest bubble of its own, in which open is called too.
func RunInBubble(t *testing.T, open Opener) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.test(t, open(t)) })
		})
	}
}

// sameRecord compares records; no value and an empty one are the same.
var sameRecord = cmp.Options{cmpopts.EquateEmpty()}

// later is a deadline that no test lives to see, with a part below the
// millisecond.
func later() time.Time { return time.Now().Add(time.Hour + 123456789*time.Nanosecond) }

// milli is what the contract keeps of a deadline.
func milli(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()) }

// commit is a Commit that must succeed.
func commit(t *testing.T, s store.Store, ops ...store.Op) int64 {
	t.Helper()
	revision, err := s.Commit(t.Context(), ops...)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return revision
}

// refuse is a Commit that must fail with want.
func refuse(t *testing.T, s store.Store, want error, ops ...store.Op) {
	t.Helper()
	if _, err := s.Commit(t.Context(), ops...); !errors.Is(err, want) {
		t.Fatalf("commit: %v, want %v", err, want)
	}
}

// get is a linearizable Get that must find something.
func get(t *testing.T, s store.Store, k store.Key) store.Record {
	t.Helper()
	r, asOf, err := s.Get(t.Context(), k, store.Fresh)
	if err != nil {
		t.Fatalf("get %q: %v", k, err)
	}
	if asOf < r.Revision {
		t.Fatalf("get %q: revision %d as of %d", k, r.Revision, asOf)
	}
	return r
}

// gone is a linearizable Get that must find nothing.
func gone(t *testing.T, s store.Store, k store.Key) {
	t.Helper()
	if _, _, err := s.Get(t.Context(), k, store.Fresh); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get %q: %v, want ErrNotFound", k, err)
	}
}

// holds demands that key k has this value.
func holds(t *testing.T, s store.Store, k store.Key, value string) {
	t.Helper()
	if got := string(get(t, s, k).Value); got != value {
		t.Fatalf("get %q: %q, want %q", k, got, value)
	}
}

// list is a List that must succeed.
func list(t *testing.T, s store.Store, prefix store.Key, page store.Page) ([]store.Record, int64) {
	t.Helper()
	rs, asOf, err := s.List(t.Context(), prefix, page)
	if err != nil {
		t.Fatalf("list %q: %v", prefix, err)
	}
	return rs, asOf
}

// keysOf names records.
func keysOf(rs []store.Record) []store.Key {
	ks := make([]store.Key, len(rs))
	for i, r := range rs {
		ks[i] = r.Key
	}
	return ks
}

// expire writes records whose deadline passes before it returns. Whether they
// are swept is the store's affair.
func expire(t *testing.T, s store.Store, keys ...store.Key) (revision int64) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Millisecond)
	ops := make([]store.Op, len(keys))
	for i, k := range keys {
		ops[i] = store.Put(k, []byte("was "+k), deadline)
	}
	revision = commit(t, s, ops...)
	time.Sleep(time.Until(deadline))
	return revision
}

// numbered is the i-th of many keys below prefix, in order.
func numbered(prefix store.Key, i int) store.Key {
	return store.Key(fmt.Sprintf("%s%04d", prefix, i))
}

// patient bounds the context of a wait.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
