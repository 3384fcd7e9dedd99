package keep_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
)

// Whoever reads the store learns nothing that opens a journey, and whoever
// writes it cannot put one journey in the place of another.
func TestServerRecordsAreSealed(t *testing.T) {
	ctx, st := t.Context(), memory.New()
	t.Cleanup(st.Close)
	k := newServer(t, st, newRing(t), "/alpha")
	a, b := newSnapshot(), newSnapshot()
	authA, errA := k.Begin(ctx, a)
	_, errB := k.Begin(ctx, b)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	records, _, err := st.List(ctx, "j/", store.Page{})
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
		if _, err := st.Commit(ctx, store.Put(records[i].Key, other.Value, other.Expires)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Step(ctx, "/alpha", authA, keepGoing); err == nil {
		t.Error("a journey went on with another one's record")
	}
}

// The configuration of a realm may change from one keeper to the other while
// people are signing in: their journeys start again, and links go on to work.
func TestKeeperOfAnotherScheme(t *testing.T) {
	ctx := t.Context()
	st, ring := memory.New(), newRing(t)
	t.Cleanup(st.Close)
	for _, before := range schemes {
		authID, err := before.keeper(t, ring, keep.Config{Store: st}).Begin(ctx, newSnapshot())
		if err != nil {
			t.Fatal(err)
		}
		waiting := newSnapshot()
		waiting.Suspended = &journey.Suspension{At: time.Now(), Until: time.Now().Add(time.Minute)}
		if _, err := before.keeper(t, ring, keep.Config{Store: st}).Begin(ctx, waiting); err != nil {
			t.Fatal(err)
		}
		link := waiting.SuspendedID
		for _, after := range schemes {
			if after.name == before.name {
				continue
			}
			k := after.keeper(t, ring, keep.Config{Store: st})
			_, err := k.Step(ctx, "/alpha", authID, func(context.Context, *journey.Snapshot) error {
				t.Errorf("from %s to %s: the nodes ran", before.name, after.name)
				return nil
			})
			if !isLost(err, "Login") {
				t.Errorf("from %s to %s: error %v", before.name, after.name, err)
			}
			if link == "" {
				continue
			}
			next, err := k.Resume(ctx, "/alpha", link, func(_ context.Context, s *journey.Snapshot) error {
				s.Suspended = nil
				return nil
			})
			if err != nil {
				t.Fatalf("from %s to %s: the link: %v", before.name, after.name, err)
			}
			if _, err := k.Step(ctx, "/alpha", next, keepGoing); err != nil {
				t.Errorf("from %s to %s: after the link: %v", before.name, after.name, err)
			}
			link = ""
		}
	}
}

func isLost(err error, journeyName string) bool {
	lost, ok := errors.AsType[*journey.LostError](err)
	return ok && lost.Start.Realm == "/alpha" && lost.Start.IndexValue == journeyName && lost.Params == newSnapshot().Params
}

func TestConfigIsChecked(t *testing.T) {
	st := memory.New()
	t.Cleanup(st.Close)
	for _, s := range schemes {
		if _, err := s.new(keep.Config{Keys: keysOf(t, newRing(t), "/alpha")}); err == nil {
			t.Errorf("%s: a keeper without a store", s.name)
		}
		if _, err := s.new(keep.Config{Store: st}); err == nil {
			t.Errorf("%s: a keeper without keys", s.name)
		}
	}
}
