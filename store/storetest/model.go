package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/store"
)

// model is the contract of Commit in its simplest form: one commit after the
// other, and no record that expires while it is looked at. Records born past
// their deadline are left out where the contract promises nothing about them.
type model map[store.Key]store.Record

// judge is what a Commit of ops must answer: nil, ErrExists or ErrConflict.
func (m model) judge(ops []store.Op) error {
	var err error
	for _, op := range ops {
		r, present := m[op.Key]
		live := present && r.Expires.IsZero()
		switch op.Kind {
		case store.OpCreate:
			if live {
				return store.ErrExists
			}
		case store.OpAbsent:
			if live {
				err = store.ErrConflict
			}
		case store.OpCheck:
			if r.Revision != op.Revision {
				err = store.ErrConflict
			}
		case store.OpNoneNewer:
			for k, r := range m {
				if k.HasPrefix(op.Key) && r.Revision > op.Revision {
					err = store.ErrConflict
				}
			}
		}
	}
	return err
}

func (m model) apply(ops []store.Op, revision int64) {
	for _, op := range ops {
		_, present := m[op.Key]
		switch op.Kind {
		case store.OpDelete:
			delete(m, op.Key)
		case store.OpCreate, store.OpPut:
			m[op.Key] = store.Record{Key: op.Key, Value: op.Value, Expires: op.Expires, Revision: revision}
		case store.OpPutIfExists:
			if present {
				m[op.Key] = store.Record{Key: op.Key, Value: op.Value, Expires: op.Expires, Revision: revision}
			}
		}
	}
}

// drawOps makes a commit over few keys, so that its parts meet each other.
func (m model) drawOps(t *rapid.T, under store.Key) []store.Op {
	keys := []store.Key{under + "a", under + "b", under + "b/1", under + "c"}
	revisions := []int64{1}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		revisions = append(revisions, m[k].Revision, max(1, m[k].Revision-1))
	}
	used := map[store.Key]bool{}
	var ops []store.Op
	for range rapid.IntRange(1, 4).Draw(t, "operations") {
		k := rapid.SampledFrom(keys).Draw(t, "key")
		r, present := m[k]
		expires := rapid.SampledFrom([]time.Time{{}, {}, time.UnixMilli(1)}).Draw(t, "deadline")
		value := rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "value")
		op := rapid.SampledFrom([]store.Op{
			store.Create(k, value, expires), store.Put(k, value, expires), store.PutIfExists(k, value, expires), store.Delete(k),
			store.Check(k, max(1, r.Revision)), store.Check(k, rapid.SampledFrom(revisions).Draw(t, "revision")), store.Absent(k),
			store.NoneNewer(k, rapid.SampledFrom(revisions).Draw(t, "newest")),
		}).Draw(t, "operation")
		unpromised := present && !r.Expires.IsZero() &&
			(op.Kind == store.OpPutIfExists || op.Kind == store.OpCheck || op.Kind == store.OpNoneNewer)
		if unpromised || op.Writes() && used[k] {
			continue
		}
		used[k] = used[k] || op.Writes()
		ops = append(ops, op)
	}
	return ops
}

// live is what a List below the common prefix must show, in order.
func (m model) live() []store.Record {
	var rs []store.Record
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if m[k].Expires.IsZero() {
			rs = append(rs, m[k])
		}
	}
	return rs
}

func agreesWithModel(t *testing.T, s store.Store) {
	round := 0
	ctx := context.WithoutCancel(t.Context())
	// A bubble has no test deadline, and rapid asks only a *testing.T for it.
	tb := struct{ rapid.TB }{t}
	rapid.Check(tb, func(t *rapid.T) {
		round++
		under := store.Key(fmt.Sprintf("round-%d/", round))
		m := model{}
		for range 8 {
			ops := m.drawOps(t, under)
			if len(ops) == 0 {
				continue
			}
			want := m.judge(ops)
			revision, err := s.Commit(ctx, ops...)
			if (want == nil) != (err == nil) || !errors.Is(err, want) {
				t.Fatalf("%+v on %+v: %v, want %v", ops, m, err, want)
			}
			if err == nil {
				m.apply(ops, revision)
			}
			rs, _, err := s.List(ctx, under, store.Page{})
			if err != nil {
				t.Fatalf("list: %v", err)
			}
			if !slices.EqualFunc(rs, m.live(), func(a, b store.Record) bool {
				return a.Key == b.Key && string(a.Value) == string(b.Value) && a.Revision == b.Revision && a.Expires.IsZero()
			}) {
				t.Fatalf("after %+v the store holds %+v, want %+v", ops, rs, m.live())
			}
		}
	})
}
