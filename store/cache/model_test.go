package cache_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/store"
)

// act is one thing that happens in a run of the model.
type act struct {
	what string
	key  store.Key
	// wait is how long nothing else happens then.
	wait time.Duration
}

// What may happen. Each fault lasts until another one of its kind takes its
// place.
var acts = []string{
	"look", "look", "look", "look", "change elsewhere", "change elsewhere", "end elsewhere",
	"change here", "end here", "change here, in doubt",
	"watch: pass on", "watch: hold back", "watch: repeat", "watch: turn round", "watch: lose", "watch: end", "watch: compacted",
	"reads: answer", "reads: lag", "reads: are late", "reads: fail",
}

// keys are two of a kind that is cached, and two of kinds that are held.
var keys = []store.Key{"s/one", "s/two", "d/one", "e/one"}

// TestModelNothingIsStalerThanTheFreshness lets records change while the watch
// loses, repeats, holds back and turns round what it tells, while it ends and
// is compacted, and while reads lag, are late, and fail. What a Get answers
// was the case at some moment since the freshness before it was asked, and the
// watch had told of nothing later then. When all is well again, the truth is
// told, and the cache is in use.
func TestModelNothingIsStalerThanTheFreshness(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
			return act{
				what: rapid.SampledFrom(acts).Draw(t, "what"),
				key:  rapid.SampledFrom(keys).Draw(t, "key"),
				wait: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 100, 900, 3000, 3000}).Draw(t, "wait")) * time.Millisecond,
			}
		}), 20, 100).Draw(rt, "plan")
		var wrong []string
		synctest.Test(t, func(t *testing.T) { wrong = run(newBench(t), plan) })
		if len(wrong) > 0 {
			rt.Fatal(wrong)
		}
	})
}

// version is a value that a record had, "not found" for none.
type version struct {
	value    string
	since    time.Time
	revision int64
}

// model runs a plan, and knows the truth.
type model struct {
	*bench
	mu     sync.Mutex
	truth  map[store.Key][]version
	newest int64 // revision of a change
	// heard is when the watch told the cache of a revision.
	heard map[int64]time.Time
	wrong []string

	// How the watch is, guarded by hooked.mu.
	watch  string
	held   []store.Event
	broken bool // it has lost something, so it tells nothing more

	lagging    getHook
	unanswered int64 // the revision of the last commit that was in doubt
}

func run(b *bench, plan []act) []string {
	m := &model{bench: b, truth: make(map[store.Key][]version), heard: make(map[int64]time.Time), watch: "pass on"}
	for _, k := range keys {
		m.truth[k] = []version{{value: "not found", since: time.Now()}}
	}
	b.hooked.set(func() {
		b.hooked.event = m.tell
		b.hooked.watch = func() error {
			b.hooked.set(func() { m.held, m.broken = nil, false })
			return nil
		}
	})
	var looks sync.WaitGroup
	for i, a := range plan {
		m.act(a, fmt.Sprint(i), &looks)
		time.Sleep(a.wait)
	}
	m.act(act{what: "reads: answer"}, "", nil)
	m.act(act{what: "watch: pass on"}, "", nil)
	time.Sleep(time.Minute)
	looks.Wait()
	for k, versions := range m.truth {
		want := versions[len(versions)-1].value
		if got := answer(b, b.cache, k); got != want {
			m.complain("in the end %s is %q, want %q", k, got, want)
		}
	}
	if !b.cache.State().Proven {
		m.complain("in the end there is no proof")
	}
	return m.wrong
}

func (m *model) complain(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

func (m *model) act(a act, value string, looks *sync.WaitGroup) {
	switch a.what {
	case "look":
		looks.Go(func() { m.look(a.key) })
	case "change elsewhere":
		m.commit(m.other, a.key, value, put(a.key, value))
	case "change here":
		m.commit(m.cache, a.key, value, put(a.key, value))
	case "change here, in doubt":
		m.hooked.set(func() { m.hooked.commit = m.silent })
		m.commit(m.cache, a.key, value, put(a.key, value))
		m.hooked.set(func() { m.hooked.commit = nil })
	case "end here":
		m.commit(m.cache, a.key, "not found", store.Delete(a.key))
	case "end elsewhere":
		m.commit(m.other, a.key, "not found", store.Delete(a.key))
	case "watch: end":
		m.hooked.endWatch(errCut)
	case "watch: compacted":
		m.hooked.endWatch(store.ErrCompacted)
	case "reads: answer":
		m.hooked.set(func() { m.hooked.get = nil })
	case "reads: lag":
		m.lagging = m.bench.lagging(append(keys, "inv/here")...)
		m.hooked.set(func() { m.hooked.get = m.lagging })
	case "reads: are late":
		m.hooked.set(func() { m.hooked.get = m.late })
	case "reads: fail":
		m.hooked.set(func() {
			m.hooked.get = func(context.Context, store.Key, store.Freshness) (store.Record, int64, error) {
				return store.Record{}, 0, errCut
			}
		})
	default:
		m.hooked.set(func() { m.watch = a.what[len("watch: "):] })
	}
}

// commit changes a record. No time passes meanwhile.
func (m *model) commit(s store.Store, k store.Key, value string, op store.Op) {
	m.mu.Lock()
	m.truth[k] = append(m.truth[k], version{value: value, since: time.Now()})
	i := len(m.truth[k]) - 1
	m.mu.Unlock()
	revision, err := s.Commit(m.Context(), op)
	if errors.Is(err, errCut) { // it happened
		revision = m.unanswered
	} else if err != nil {
		m.complain("commit: %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision <= m.newest {
		return // nothing was there to be removed
	}
	m.newest, m.truth[k][i].revision = revision, revision
	if s == m.cache {
		m.heard[revision] = time.Now()
	}
}

// silent commits and does not say so.
func (m *model) silent(ctx context.Context, ops []store.Op) (revision int64, err error) {
	if m.unanswered, err = m.hooked.Store.Commit(ctx, ops...); err != nil {
		return 0, err
	}
	return 0, errCut
}

// look demands that the answer was the case at a moment at which it may have
// been, and that the watch had not told of a later one before it was asked.
func (m *model) look(k store.Key) {
	call := time.Now()
	got := answer(m.bench, m.cache, k)
	if got == "unavailable" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	versions := m.truth[k]
	for i, v := range versions {
		if v.value == got && (i == len(versions)-1 || m.mayBelieve(versions[i+1], call)) {
			return
		}
	}
	m.wrong = append(m.wrong, fmt.Sprintf("at %v %s is %q; it was %v", call, k, got, m.truth[k]))
}

// mayBelieve reports whether a Get at call may answer what was the case before
// next. m.mu is held.
func (m *model) mayBelieve(next version, call time.Time) bool {
	heard, ok := m.heard[next.revision]
	return next.since.After(call.Add(-freshness)) && (!ok || !heard.Before(call))
}

// late is a read whose answer comes when it may be wrong already.
func (m *model) late(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	r, asOf, err := m.hooked.Store.Get(ctx, k, want)
	select {
	case <-time.After(freshness - time.Second):
		return r, asOf, err
	case <-ctx.Done():
		return store.Record{}, 0, errCut
	}
}

// tell is what the watch delivers in place of an event. Progress that it
// delivers is true: all before it was delivered.
func (m *model) tell(ev store.Event) []store.Event {
	if m.watch == "lose" {
		m.broken = true
	}
	if m.broken {
		m.held = nil
		return nil
	}
	switch m.watch {
	case "hold back":
		m.held = append(m.held, ev)
		return nil
	case "turn round":
		if ev.Kind != store.Progress && len(m.held) < 3 {
			m.held = append(m.held, ev)
			return nil
		}
		slices.Reverse(m.held)
		// Progress must not overtake what it tells about.
		slices.SortStableFunc(m.held, func(a, b store.Event) int { return cmp.Compare(a.Kind/store.Progress, b.Kind/store.Progress) })
	}
	out := append(m.held, ev)
	m.held = nil
	m.hear(out)
	if m.watch == "repeat" {
		out = append(out, out...)
	}
	return out
}

// hear notes what the cache is told now.
func (m *model) hear(events []store.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ev := range events {
		if _, again := m.heard[ev.Record.Revision]; ev.Kind != store.Progress && !again {
			m.heard[ev.Record.Revision] = time.Now()
		}
	}
}
