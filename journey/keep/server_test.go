package keep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
)

// fault says how the next call of a flaky store fails.
type fault int

const (
	healthy fault = iota
	getFails
	commitFails    // nothing was written
	commitVanishes // it was written, but the answer got lost
)

// flaky is a store that fails as a backend does.
type flaky struct {
	*memory.Store
	fault fault
}

var errDown = fmt.Errorf("test: %w", store.ErrUnavailable)

func (f *flaky) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	if want != store.Fresh {
		return store.Record{}, 0, errors.New("a journey was read without Fresh")
	}
	if f.fault == getFails {
		return store.Record{}, 0, errDown
	}
	return f.Store.Get(ctx, k, want)
}

func (f *flaky) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	switch f.fault {
	case commitFails:
		return 0, errDown
	case commitVanishes:
		if _, err := f.Store.Commit(ctx, ops...); err != nil {
			return 0, err
		}
		return 0, errDown
	}
	return f.Store.Commit(ctx, ops...)
}

// login is a journey and a store in which sessions are made.
type login struct {
	keeper *keep.Keeper
	store  *flaky
	// sessions counts the session records that were handed to a client.
	sessions int
}

func newLogin(tb testing.TB) *login {
	st := &flaky{Store: memory.New()}
	tb.Cleanup(st.Close)
	return &login{store: st, keeper: newServer(tb, st, newRing(tb), "/alpha")}
}

func newSnapshot() *journey.Snapshot {
	now := time.Now()
	return &journey.Snapshot{
		ID: journey.NewID(), Start: journey.Start{Realm: "/alpha", IndexType: "service", IndexValue: "Login"},
		Tree: "Login", Node: "page", Started: now, Deadline: now.Add(5 * time.Minute),
		Shared: map[string]any{"username": "demo"},
	}
}

// next answers a step without ending the journey.
func (l *login) next(ctx context.Context, authID string) (string, error) {
	return l.keeper.Step(ctx, "/alpha", authID, func(_ context.Context, s *journey.Snapshot) error {
		s.Step++
		return nil
	})
}

// succeed answers a step with the end of the journey, and makes its session
// as package session does: under a key derived from the journey, so that
// ErrExists means that it is this journey's own.
func (l *login) succeed(ctx context.Context, authID string) error {
	_, err := l.keeper.Step(ctx, "/alpha", authID, func(ctx context.Context, s *journey.Snapshot) error {
		return l.keeper.Finish(ctx, s, func(ctx context.Context, with ...store.Op) error {
			create := store.Create(store.Key("s/"+s.ID.String()), []byte("session"), s.Deadline)
			_, err := l.store.Commit(ctx, append(with, create)...)
			if errors.Is(err, store.ErrExists) {
				return nil
			}
			return err
		})
	})
	if err == nil {
		l.sessions++
	}
	return err
}

// An outage at any point of a step leaves the step answerable: a person must
// not have to begin again, and an outage is no logout.
func TestServerOutageLeavesStepAnswerable(t *testing.T) {
	ctx := t.Context()
	for f, name := range map[fault]string{
		getFails: "the read", commitFails: "the write", commitVanishes: "the answer to the write",
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogin(t)
			authID, err := l.keeper.Begin(ctx, newSnapshot())
			if err != nil {
				t.Fatal(err)
			}
			l.store.fault = f
			for range 3 {
				if _, err := l.next(ctx, authID); !errors.Is(err, store.ErrUnavailable) && f != commitVanishes {
					t.Fatalf("during the outage: error %v", err)
				}
			}
			l.store.fault = healthy
			last, err := l.next(ctx, authID)
			if err != nil {
				t.Fatalf("the step can no longer be answered: %v", err)
			}
			l.store.fault = f
			if err := l.succeed(ctx, last); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("during the outage: error %v", err)
			}
			l.store.fault = healthy
			if err := l.succeed(ctx, last); err != nil {
				t.Fatalf("the last step can no longer be answered: %v", err)
			}
			for _, used := range []string{authID, last} {
				if err := l.succeed(ctx, used); !errors.Is(err, journey.ErrExpired) {
					t.Errorf("a step of the finished journey: error %v", err)
				}
			}
		})
	}
}

// Whatever fails, in whatever order: a journey hands out at most one session,
// a step that was answered is refused, and the current one can be answered.
func TestServerModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		l := newLogin(t)
		current, err := l.keeper.Begin(ctx, newSnapshot())
		if err != nil {
			rt.Fatal(err)
		}
		var used []string
		ended := false // by a commit whose answer got lost: only a repetition of it goes well
		faults := rapid.SampledFrom([]fault{healthy, healthy, healthy, getFails, commitFails, commitVanishes})
		rt.Repeat(map[string]func(*rapid.T){
			"weather": func(rt *rapid.T) { l.store.fault = faults.Draw(rt, "fault") },
			"step": func(rt *rapid.T) {
				if current == "" {
					rt.Skip("the journey is over")
				}
				next, err := l.next(ctx, current)
				switch {
				case err == nil:
					used, current = append(used, current), next
				case ended && errors.Is(err, journey.ErrUsed):
					used, current = append(used, current), ""
				case !errors.Is(err, store.ErrUnavailable):
					rt.Fatalf("the current step: %v", err)
				case l.store.fault == healthy:
					rt.Fatal("unavailable without a fault")
				}
			},
			"succeed": func(rt *rapid.T) {
				if current == "" {
					rt.Skip("the journey is over")
				}
				err := l.succeed(ctx, current)
				ended = ended || l.store.fault == commitVanishes
				switch {
				case err == nil:
					used, current = append(used, current), ""
				case !errors.Is(err, store.ErrUnavailable):
					rt.Fatalf("the current step: %v", err)
				}
			},
			"replay": func(rt *rapid.T) {
				if len(used) == 0 {
					rt.Skip("nothing was answered")
				}
				err := l.succeed(ctx, rapid.SampledFrom(used).Draw(rt, "used"))
				if err == nil {
					rt.Fatal("an answered step was answered again")
				}
			},
			"": func(rt *rapid.T) {
				if l.sessions > 1 {
					rt.Fatalf("%d sessions of one journey", l.sessions)
				}
			},
		})
	})
}

// After a commit in doubt another node may have taken the journey on. Then
// this node's memory of it must not bring the answered step back.
func TestServerDoubtYieldsToAnotherNode(t *testing.T) {
	ctx := t.Context()
	st, ring := &flaky{Store: memory.New()}, newRing(t)
	t.Cleanup(st.Close)
	here, there := &login{store: st, keeper: newServer(t, st, ring, "/alpha")}, &login{store: st, keeper: newServer(t, st, ring, "/alpha")}
	authID, err := here.keeper.Begin(ctx, newSnapshot())
	if err != nil {
		t.Fatal(err)
	}
	st.fault = commitFails
	if _, err := here.next(ctx, authID); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	st.fault = healthy
	if _, err := there.next(ctx, authID); err != nil {
		t.Fatal(err)
	}
	if _, err := here.next(ctx, authID); !errors.Is(err, journey.ErrUsed) {
		t.Errorf("the step that another node answered: error %v", err)
	}
}

// Whoever reads the store learns nothing that opens a journey, and whoever
// writes it cannot put one journey in the place of another.
func TestServerRecordsAreSealed(t *testing.T) {
	ctx := t.Context()
	l := newLogin(t)
	a, b := newSnapshot(), newSnapshot()
	authA, errA := l.keeper.Begin(ctx, a)
	_, errB := l.keeper.Begin(ctx, b)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	records, _, err := l.store.List(ctx, "j/", store.Page{})
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, error %v", len(records), err)
	}
	for _, r := range records {
		for what, secret := range map[string]string{"id": a.ID.String(), "raw id": string(a.ID[:]), "state": "demo", "allowlist state": a.Allow} {
			if strings.Contains(string(r.Key), secret) || bytes.Contains(r.Value, []byte(secret)) {
				t.Errorf("the %s lies in the store as it is", what)
			}
		}
		if len(r.Key) != len("j/")+27 {
			t.Errorf("the key %s has %d characters", r.Key, len(r.Key))
		}
		if !r.Expires.Equal(a.Deadline.Truncate(time.Millisecond)) && !r.Expires.Equal(b.Deadline.Truncate(time.Millisecond)) {
			t.Errorf("the record expires at %v, the journeys at %v and %v", r.Expires, a.Deadline, b.Deadline)
		}
	}
	for i := range records {
		other := records[1-i]
		if _, err := l.store.Commit(ctx, store.Put(records[i].Key, other.Value, other.Expires)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.next(ctx, authA); err == nil {
		t.Error("a journey went on with another one's record")
	}
}

// The configuration of a realm may change from one keeper to the other while
// people are signing in: their journeys end, nothing breaks.
func TestKeeperOfAnotherSchemeRefuses(t *testing.T) {
	ctx := t.Context()
	st, ring := memory.New(), newRing(t)
	t.Cleanup(st.Close)
	server, mem := newServer(t, st, ring, "/alpha"), newMemory(t, nil, ring, "/alpha")
	fn := func(context.Context, *journey.Snapshot) error { t.Error("the nodes ran"); return nil }

	authID, err := server.Begin(ctx, newSnapshot())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mem.Step(ctx, "/alpha", authID, fn); !isLost(err, "Login") {
		t.Errorf("a server-side journey in memory: error %v", err)
	}
	if authID, err = mem.Begin(ctx, newSnapshot()); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Step(ctx, "/alpha", authID, fn); !isLost(err, "Login") {
		t.Errorf("an in-memory journey in the store: error %v", err)
	}
}

func isLost(err error, journeyName string) bool {
	lost, ok := errors.AsType[*journey.LostError](err)
	return ok && lost.Start.Realm == "/alpha" && lost.Start.IndexValue == journeyName
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := keep.NewServer(keep.Config{}); err == nil {
		t.Error("a server keeper without a store")
	}
	if _, err := keep.NewMemory(keep.Config{}); err == nil {
		t.Error("a memory keeper without keys")
	}
}
