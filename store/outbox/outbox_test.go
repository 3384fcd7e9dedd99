package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a store and who is told what.
type world struct {
	*testing.T
	store *storetest.Faulty

	mu   sync.Mutex
	told map[string]int // by payload
	errs []error        // of the next deliveries
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		t.Cleanup(inner.Close)
		test(&world{T: t, store: &storetest.Faulty{Store: inner}, told: make(map[string]int)})
	})
}

// Open implements outbox.Opener: "foreign" can be read by nobody.
func (w *world) Open(_ store.Key, payload []byte) (outbox.Delivery, bool) {
	return func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told[string(payload)]++
		if string(payload) == "panics" {
			panic("secret")
		}
		if len(w.errs) > 0 {
			err := w.errs[0]
			w.errs = w.errs[1:]
			return err
		}
		return nil
	}, string(payload) != "foreign"
}

func (w *world) node() (*outbox.Outbox, *logtest.Log) {
	w.Helper()
	log := new(logtest.Log)
	o := outbox.New(outbox.Config{Store: w.store, Logger: log.Logger()})
	w.Cleanup(o.Close)
	o.Use(w)
	return o, log
}

// post posts a notice; a node that is nil dies before it delivers it.
func (w *world) post(o *outbox.Outbox, payload string) {
	w.Helper()
	op := outbox.Post(outbox.Prefix+store.Key(payload), []byte(payload))
	revision, err := w.store.Commit(w.Context(), op)
	if err != nil {
		w.Fatal(err)
	}
	if o != nil {
		o.Posted(revision, store.Delete("s/beside"), op)
	}
}

// fail makes the next deliveries fail, one with each error.
func (w *world) fail(errs ...error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, errs...)
}

// times is how often payload was told.
func (w *world) times(payload string) int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told[payload]
}

// want demands that payload was told so often and, if it is over, that the
// store has forgotten it.
func (w *world) want(payload string, times int, over bool) {
	w.Helper()
	told := w.times(payload)
	_, _, err := w.store.Store.Get(w.Context(), outbox.Prefix+store.Key(payload), store.Fresh)
	if told != times || errors.Is(err, store.ErrNotFound) != over {
		w.Errorf("%s was told %d times, want %d; in the store: %v, want over: %v", payload, told, times, err, over)
	}
}

func TestDeliversAtOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		o, _ := w.node()
		before := w.store.Commits.Load()
		w.post(o, "one")
		w.want("one", 1, true)
		if n := w.store.Commits.Load() - before; n != 2 {
			w.Errorf("%d transactions, want one that posts and one that deletes", n)
		}
		time.Sleep(time.Hour)
		w.want("one", 1, true)
		if s := o.Stats(); s.Delivered != 1 || s.Failed+s.Retried > 0 {
			w.Errorf("%+v", s)
		}
	})
}

// What a node posted that died is delivered by exactly one of the others,
// after the claim is over and not before.
func TestAnotherNodeDeliversWhatOneThatDiedHasPosted(t *testing.T) {
	inBubble(t, func(w *world) {
		for range 3 {
			w.node()
		}
		for i := range 250 {
			w.post(nil, fmt.Sprintf("n%d", i))
		}
		time.Sleep(29 * time.Second)
		w.want("n0", 0, false)
		time.Sleep(10 * time.Second)
		for i := range 250 {
			w.want(fmt.Sprintf("n%d", i), 1, true)
		}
	})
}

// A node that is slow to delete what it has delivered does not deliver it
// again.
func TestNothingIsToldTwiceByTheSameNode(t *testing.T) {
	inBubble(t, func(w *world) {
		o, _ := w.node()
		op := outbox.Post("o/one", []byte("one"))
		revision, err := w.store.Commit(w.Context(), op)
		if err != nil {
			w.Fatal(err)
		}
		w.store.Down.Store(true)
		o.Posted(revision, op)
		time.Sleep(10 * time.Minute) // the claim is long over
		w.want("one", 1, false)
		w.store.Down.Store(false)
		time.Sleep(10 * time.Second)
		w.want("one", 1, true)
	})
}

// What cannot be delivered is tried again with growing pauses, by any node,
// and given up with a word in the log when it is old.
func TestTriesAgainAndGivesUp(t *testing.T) {
	inBubble(t, func(w *world) {
		o, log := w.node()
		w.fail(outbox.ErrLater, fmt.Errorf("%w: down", outbox.ErrLater))
		w.post(o, "one")
		w.want("one", 1, false)
		time.Sleep(30 * time.Second)
		w.want("one", 3, true)

		for range 1000 {
			w.fail(outbox.ErrLater)
		}
		w.post(o, "never")
		time.Sleep(23 * time.Hour)
		tries := w.times("never")
		if tries < 100 || tries > 250 {
			w.Errorf("%d tries in 23 hours", tries)
		}
		if o.Stats().Backlog.Notices != 1 || time.Since(o.Stats().Backlog.Oldest).Round(time.Minute) != 23*time.Hour {
			w.Errorf("the backlog is %+v", o.Stats().Backlog)
		}
		time.Sleep(90 * time.Minute)
		w.want("never", w.times("never"), true)
		if log.Count("not delivered in time") != 1 || o.Stats().Failed != 1 {
			w.Errorf("the log says\n%s", log)
		}
	})
}

func TestFinalErrorsEndIt(t *testing.T) {
	inBubble(t, func(w *world) {
		o, log := w.node()
		w.fail(errors.New("it answered 404"))
		w.post(o, "refused")
		w.post(o, "panics")
		time.Sleep(time.Hour)
		w.want("refused", 1, true)
		w.want("panics", 1, true)
		if log.Count("dropped") != 2 || log.Count("secret") > 0 {
			w.Errorf("the log says\n%s", log)
		}
	})
}

// What no node can read stays, unclaimed, until its deadline; what is no
// notice harms nothing.
func TestForeignNoticesAreLeft(t *testing.T) {
	inBubble(t, func(w *world) {
		o, _ := w.node()
		w.post(o, "foreign")
		if _, err := w.store.Commit(w.Context(), store.Put("o/garbage", []byte("x"), time.Time{})); err != nil {
			w.Fatal(err)
		}
		before := w.store.Commits.Load()
		time.Sleep(24 * time.Hour)
		w.want("foreign", 0, false)
		if w.store.Commits.Load() != before {
			w.Error("somebody claimed it")
		}
		time.Sleep(2 * time.Hour)
		w.want("foreign", 0, true)
	})
}

// The configuration before reads again when the one after it is withdrawn.
func TestReloadsChangeWhoReads(t *testing.T) {
	inBubble(t, func(w *world) {
		o := outbox.New(outbox.Config{Store: w.store})
		w.Cleanup(o.Close)
		w.post(o, "early")
		time.Sleep(time.Minute)
		w.want("early", 0, false)
		release := o.Use(w)
		other := &world{T: w.T, store: w.store, told: make(map[string]int)}
		o.Use(other)()
		time.Sleep(time.Minute)
		w.want("early", 1, true)
		release()
		w.post(o, "late")
		time.Sleep(time.Minute)
		w.want("late", 0, false)
		if len(other.told) > 0 {
			w.Errorf("the withdrawn one was told %v", other.told)
		}
	})
}
