package reaper_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/reaper"
)

// watched is a store that looks at the commits of one reaper.
type watched struct {
	*memory.Store
	largest atomic.Int64
	// slowness is how long a commit takes, in nanoseconds.
	slowness atomic.Int64
	before   atomic.Pointer[func(ops []store.Op) error]
}

// beforeCommit makes f run before each commit.
func (s *watched) beforeCommit(f func(ops []store.Op) error) { s.before.Store(&f) }

func (s *watched) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	s.largest.Store(max(s.largest.Load(), int64(len(ops))))
	time.Sleep(time.Duration(s.slowness.Load()))
	if before := s.before.Load(); before != nil {
		if err := (*before)(ops); err != nil {
			return 0, err
		}
	}
	return s.Store.Commit(ctx, ops...)
}

func inBubble(t *testing.T, test func(t *testing.T, st *memory.Store)) {
	synctest.Test(t, func(t *testing.T) {
		st := memory.New()
		t.Cleanup(st.Close)
		test(t, st)
	})
}

func node(t *testing.T, st reaper.Swept, kinds ...store.Key) *reaper.Reaper {
	t.Helper()
	r := reaper.New(reaper.Config{Store: st, Kinds: kinds, Rarely: []store.Key{"s/"}})
	t.Cleanup(r.Close)
	return r
}

// fill writes n records below prefix in groups of 100.
func fill(t *testing.T, st store.Store, prefix store.Key, n int, expires time.Time) {
	t.Helper()
	for from := 0; from < n; from += 100 {
		var ops []store.Op
		for i := from; i < min(n, from+100); i++ {
			ops = append(ops, store.Put(store.Key(fmt.Sprintf("%s%06d", prefix, i)), []byte("v"), expires))
		}
		if _, err := st.Commit(t.Context(), ops...); err != nil {
			t.Fatal(err)
		}
	}
}

// left is how many records lie below prefix, past their deadlines or not.
func left(t *testing.T, st store.Scanner, prefix store.Key) int {
	t.Helper()
	rs, next, err := st.Scan(t.Context(), prefix, store.Page{Limit: 1 << 20})
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	return len(rs)
}

func wantLeft(t *testing.T, st store.Scanner, prefix store.Key, want int) {
	t.Helper()
	synctest.Wait()
	if got := left(t, st, prefix); got != want {
		t.Errorf("%d records are left below %s, want %d", got, prefix, want)
	}
}

// What is past its deadline goes, within a grace and the interval; nothing
// else does.
func TestSweepsByDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, st *memory.Store) {
		soon := time.Now().Add(10 * time.Minute)
		fill(t, st, "j/", 1234, soon)
		fill(t, st, "j/later", 10, soon.Add(10*time.Hour))
		fill(t, st, "c/", 10, time.Time{})
		fill(t, st, "x/", 10, soon) // of a kind that nobody named
		fill(t, st, "s/", 10, soon)
		r := node(t, st, "j/", "c/")
		time.Sleep(10*time.Minute + reaper.Grace - time.Second)
		wantLeft(t, st, "j/", 1244)
		time.Sleep(reaper.DefaultInterval + 2*time.Second)
		wantLeft(t, st, "j/", 10)
		wantLeft(t, st, "c/", 10)
		wantLeft(t, st, "s/", 10)
		time.Sleep(time.Hour)
		wantLeft(t, st, "x/", 10)
		wantLeft(t, st, "s/", 0)
		s := r.Stats()
		if !s.Leading || s.Sweeps < 60 || s.Removed[reaper.Class{Kind: "j", Reason: reaper.ReasonDeadline}] != 1234 {
			t.Errorf("%+v", s)
		}
	})
}

// A record that came to life again between the scan and the delete stays, and
// the others that were to go with it go.
func TestWhatChangedIsSpared(t *testing.T) {
	inBubble(t, func(t *testing.T, inner *memory.Store) {
		st := &watched{Store: inner}
		fill(t, inner, "j/", 100, time.Now().Add(-time.Hour))
		var once sync.Once
		st.beforeCommit(func(ops []store.Op) error {
			if len(ops) > 3 {
				once.Do(func() { fill(t, inner, "j/", 1, time.Now().Add(time.Hour)) })
			}
			return nil
		})
		r := node(t, st, "j/")
		time.Sleep(time.Second)
		wantLeft(t, inner, "j/", 1)
		if s := r.Stats(); s.Spared != 1 {
			t.Errorf("%+v", s)
		}
		if got := st.largest.Load(); got > store.MaxOps {
			t.Errorf("a transaction of %d operations", got)
		}
	})
}

// One of many nodes sweeps. When it is closed another one follows soon; when
// it dies, after its term; and a node that was taken for dead and comes back
// deletes nothing.
func TestOneLeads(t *testing.T) {
	inBubble(t, func(t *testing.T, st *memory.Store) {
		var frozen atomic.Bool
		thaw := make(chan struct{})
		nodes := make([]*reaper.Reaper, 3)
		stores := make([]*watched, 3)
		for i := range nodes {
			stores[i] = &watched{Store: st}
			nodes[i] = node(t, stores[i], "j/")
		}
		leader := func() int {
			t.Helper()
			synctest.Wait()
			leads := -1
			for i, n := range nodes {
				if n.Stats().Leading {
					if leads >= 0 && !frozen.Load() {
						t.Fatalf("%d and %d lead", leads, i)
					}
					leads = i
				}
			}
			return leads
		}
		first := leader()
		if first < 0 {
			t.Fatal("nobody leads")
		}
		nodes[first].Close()
		time.Sleep(16 * time.Second)
		second := leader()
		if second < 0 || second == first {
			t.Fatalf("%d follows %d", second, first)
		}
		fill(t, st, "j/", 1000, time.Now().Add(30*time.Second))
		time.Sleep(time.Minute)

		// The second one is frozen within a sweep of what comes now.
		fill(t, st, "j/x", 1000, time.Now().Add(-time.Hour))
		stores[second].beforeCommit(func(ops []store.Op) error {
			frozen.Store(true)
			<-thaw
			return nil
		})
		time.Sleep(10 * time.Minute)
		if !frozen.Load() {
			t.Fatal("it did not sweep")
		}
		wantLeft(t, st, "j/", 0) // the third one did
		fill(t, st, "j/y", 1000, time.Now().Add(-time.Hour))
		frozenAt := nodes[second].Stats()
		close(thaw)
		synctest.Wait()
		if now := nodes[second].Stats(); now.Leading || now.Removed[reaper.Class{Kind: "j", Reason: reaper.ReasonDeadline}] != frozenAt.Removed[reaper.Class{Kind: "j", Reason: reaper.ReasonDeadline}] {
			t.Errorf("deposed, it went on: %+v, before %+v", now, frozenAt)
		}
	})
}

// A leader that does not know yet that another one follows removes nothing,
// though nothing that it wants to remove has changed.
func TestDeposedLeaderRemovesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, inner *memory.Store) {
		st := &watched{Store: inner}
		fill(t, inner, "j/", 1000, time.Now().Add(-time.Hour))
		var once sync.Once
		st.beforeCommit(func(ops []store.Op) error {
			if len(ops) > 3 {
				once.Do(func() {
					_, err := inner.Commit(t.Context(), store.Put(reaper.LeaderKey, []byte("another"), time.Now().Add(time.Hour)))
					if err != nil {
						t.Error(err)
					}
				})
			}
			return nil
		})
		r := node(t, st, "j/")
		time.Sleep(50 * time.Minute)
		wantLeft(t, inner, "j/", 1000)
		if s := r.Stats(); s.Leading || len(s.Removed) > 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(20 * time.Minute) // the other one is gone
		wantLeft(t, inner, "j/", 0)
	})
}

// An outage ends no reign that its term outlives, and costs nothing but time.
func TestOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, inner *memory.Store) {
		var down atomic.Bool
		var lost atomic.Int64
		st := &watched{Store: inner}
		st.beforeCommit(func(ops []store.Op) error {
			if down.Load() {
				return store.ErrUnavailable
			}
			if len(ops) > 3 && lost.Add(1) <= 3 { // it happens, and nobody hears of it
				if _, err := inner.Commit(t.Context(), ops...); err != nil {
					return err
				}
				return store.ErrUnavailable
			}
			return nil
		})
		r := node(t, st, "j/")
		synctest.Wait()
		for range 5 {
			fill(t, inner, "j/", 500, time.Now().Add(-time.Hour))
			down.Store(true)
			time.Sleep(50 * time.Second)
			down.Store(false)
			time.Sleep(2 * time.Minute)
			wantLeft(t, inner, "j/", 0)
			if !r.Stats().Leading {
				t.Error("it does not lead any more")
			}
		}
		down.Store(true)
		time.Sleep(3 * time.Minute)
		if r.Stats().Leading {
			t.Error("it leads, though it cannot know")
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if !r.Stats().Leading {
			t.Error("nobody leads")
		}
	})
}

// A slow store gets smaller transactions and pauses between them.
func TestSlowStoreIsSpared(t *testing.T) {
	inBubble(t, func(t *testing.T, inner *memory.Store) {
		st := &watched{Store: inner}
		st.slowness.Store(int64(80 * time.Millisecond))
		fill(t, inner, "j/", 5000, time.Now().Add(-time.Hour))
		node(t, st, "j/")
		time.Sleep(10 * time.Second)
		st.largest.Store(0)
		time.Sleep(5 * time.Second)
		if got := st.largest.Load(); got == 0 || got > 10 {
			t.Errorf("the largest transaction has %d operations", got)
		}
		st.slowness.Store(0)
		time.Sleep(time.Minute)
		if got := st.largest.Load(); got < 100 {
			t.Errorf("on a fast store the largest transaction has %d operations", got)
		}
		wantLeft(t, inner, "j/", 0)
	})
}

// tolling is the Judge of things "t/…" that are over when their value is
// "over" and told of in records "o/…".
type tolling struct {
	told sync.Map
	fail atomic.Bool
}

func (*tolling) Prefix() store.Key { return "t/" }

func (j *tolling) Judge(_ context.Context, _ store.Scanner, scanned []store.Record, _ time.Time) (over []reaper.Removal, _ error) {
	if j.fail.Load() {
		return nil, errors.New("on purpose")
	}
	for _, rec := range scanned {
		if !strings.HasPrefix(string(rec.Value), "over") {
			continue
		}
		over = append(over, reaper.Removal{
			Ops:    []store.Op{store.Check(rec.Key, rec.Revision), store.Delete(rec.Key), store.Delete("s" + rec.Key[1:])},
			Cached: strings.HasSuffix(string(rec.Value), "cached"),
			Kind:   "t", Reason: "over", News: string(rec.Key), Size: 1 << 10, Group: string(rec.Value),
		})
	}
	return over, nil
}

func (j *tolling) Tell(rs []reaper.Removal) (store.Op, func(int64)) {
	var names []string
	for _, r := range rs {
		if r.Group != rs[0].Group || r.Cached != rs[0].Cached {
			panic("together what does not belong together")
		}
		names = append(names, r.News.(string))
	}
	text, _ := json.Marshal(names)
	return store.Create(store.Key("o/"+names[0]), text, time.Time{}), func(revision int64) {
		for _, name := range names {
			if _, twice := j.told.LoadOrStore(name, revision); twice {
				panic("told twice: " + name)
			}
		}
	}
}

// toldOf are all names in the records below o/, in order.
func toldOf(ctx context.Context, st store.Scanner) ([]string, error) {
	var all []string
	for after := store.Key(""); ; {
		rs, next, err := st.Scan(ctx, "o/", store.Page{After: after})
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			var names []string
			if err := json.Unmarshal(r.Value, &names); err != nil {
				return nil, err
			}
			all = append(all, names...)
		}
		if after = next; next == "" {
			slices.Sort(all)
			return all, nil
		}
	}
}

// What a Judge finds is removed together with the news of it, once, through
// the caches if they must hear of it.
func TestJudgeTellsInTheSameTransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, st *memory.Store) {
		front := &watched{Store: st}
		front.beforeCommit(func(ops []store.Op) error {
			for _, op := range ops {
				if op.Kind == store.OpCheck && strings.HasPrefix(string(op.Key), "t/plain") {
					t.Errorf("%s is announced to the caches", op.Key)
				}
			}
			return nil
		})
		j := new(tolling)
		for i := range 1500 {
			kind, value := "cached", "over cached"
			switch i % 3 {
			case 0:
				kind, value = "plain", "over"
			case 1:
				kind, value = "live", "lives"
			}
			name := fmt.Sprintf("%s%04d", kind, i)
			if _, err := st.Commit(t.Context(), store.Put(store.Key("t/"+name), []byte(value), time.Time{}), store.Put(store.Key("s/"+name), nil, time.Time{})); err != nil {
				t.Fatal(err)
			}
		}
		r := reaper.New(reaper.Config{Store: st, Front: front})
		t.Cleanup(r.Close)
		time.Sleep(2 * time.Minute)
		wantLeft(t, st, "t/", 1500) // there is no Judge
		release := r.Use(j)
		r.Use(&tolling{})()
		j.fail.Store(true)
		time.Sleep(2 * time.Minute)
		wantLeft(t, st, "t/", 1500)
		j.fail.Store(false)
		time.Sleep(2 * time.Minute)
		wantLeft(t, st, "t/", 500)
		wantLeft(t, st, "s/", 500)
		told, err := toldOf(t.Context(), st)
		if err != nil || len(told) != 1000 || len(slices.Compact(told)) != 1000 {
			t.Errorf("told of %d, %v", len(told), err)
		}
		if n := left(t, st, "o/"); n > 1000/30 {
			t.Errorf("%d records with news of 1000", n)
		}
		if front.largest.Load() == 0 {
			t.Error("the caches heard of nothing")
		}
		release()
	})
}
