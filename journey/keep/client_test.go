package keep_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

// carrier is a keeper of journeys that their clients carry.
type carrier struct {
	*keep.Keeper
	store *storetest.Faulty
	keys  *token.Keys
}

func newCarrier(tb testing.TB) carrier {
	tb.Helper()
	st, ring := memory.New(), newRing(tb)
	tb.Cleanup(st.Close)
	faulty := &storetest.Faulty{Store: st}
	return carrier{schemes[0].keeper(tb, ring, keep.Config{Store: faulty}), faulty, keysOf(tb, ring, "/alpha")}
}

func (c carrier) begin(t *testing.T, s *journey.Snapshot) string {
	t.Helper()
	authID, err := c.Begin(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return authID
}

// The authId is one of AM's in JWT mode: its own pages decode it. What the
// journey knows is not among what can be read.
func TestClientAuthIDIsAMs(t *testing.T) {
	c := newCarrier(t)
	s := newSnapshot()
	parts := strings.Split(c.begin(t, s), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"authIndexType": "service", "authIndexValue": "Login", "realm": "/alpha", "whitelist-state": s.Allow,
		"exp": float64(s.Deadline.Unix()),
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	sessionID, _ := claims["sessionId"].(string)
	three := strings.Split(sessionID, "*")
	if len(three) != 3 || three[0] != "" || !strings.HasPrefix(three[1], "AAJTSQACMD") || strings.Count(three[2], ".") != 4 {
		t.Errorf("the sessionId is %q", sessionID)
	}
	for sealed := range strings.SplitSeq(three[2], ".") {
		plain, err := base64.RawURLEncoding.DecodeString(sealed)
		if err != nil || strings.Contains(string(plain), "demo") {
			t.Errorf("error %v; a part of the journey can be read: %q", err, plain)
		}
	}
}

// SECURITY 5: even who could sign authIds cannot move what was sealed into one
// of them to another: not to another step, journey, start or one-time key.
func TestSealedJourneyIsBoundToItsAuthID(t *testing.T) {
	c := newCarrier(t)
	first, other := newSnapshot(), newSnapshot()
	one, two := c.begin(t, first), c.begin(t, other)
	claims, err := c.keys.ParseAuthID(one)
	if err != nil {
		t.Fatal(err)
	}
	others, err := c.keys.ParseAuthID(two)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*token.AuthID){
		"another one-time key":    func(a *token.AuthID) { a.OTK = "" },
		"another journey's":       func(a *token.AuthID) { a.SessionID = others.SessionID },
		"another allowlist state": func(a *token.AuthID) { a.Allow = others.Allow },
		"another start":           func(a *token.AuthID) { a.IndexValue = "Admin" },
		"another kind of start":   func(a *token.AuthID) { a.IndexType = "" },
		"another affinity":        func(a *token.AuthID) { a.Affinity = "x.y" },
	} {
		moved := claims
		change(&moved)
		authID, err := c.keys.SignAuthID(moved)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Step(t.Context(), "/alpha", authID, func(context.Context, *journey.Snapshot) error {
			t.Errorf("%s: the nodes ran", what)
			return nil
		})
		if !errors.Is(err, journey.ErrSignature) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := c.Step(t.Context(), "/alpha", one, keepGoing); err != nil {
		t.Error(err)
	}
}

// A login of one question costs one transaction in all, one of two costs two;
// an abandoned one costs none.
func TestClientLoginTakesFewWrites(t *testing.T) {
	for questions := 1; questions <= 3; questions++ {
		c := newCarrier(t)
		authID := c.begin(t, newSnapshot())
		var err error
		for range questions - 1 {
			if authID, err = c.Step(t.Context(), "/alpha", authID, keepGoing); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Step(t.Context(), "/alpha", authID, func(ctx context.Context, s *journey.Snapshot) error {
			return c.Finish(ctx, s, func(ctx context.Context, with ...store.Op) error {
				_, err := c.store.Commit(ctx, append(with, store.Create("s/x", nil, s.Deadline))...)
				return err
			})
		}); err != nil {
			t.Fatal(err)
		}
		if commits, gets := c.store.Commits.Load(), c.store.Gets.Load(); commits != int64(questions) || gets != int64(questions) {
			t.Errorf("%d questions took %d commits and %d reads", questions, commits, gets)
		}
	}
}

// What the store holds of a journey outlives the authIds, else the first of
// them could be answered again; it names nothing, and is one record.
func TestClientRecordOutlivesItsAuthIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCarrier(t)
		s := newSnapshot()
		authID := c.begin(t, s)
		for i := range 3 {
			var err error
			if authID, err = c.Step(t.Context(), "/alpha", authID, keepGoing); err != nil {
				t.Fatal(err)
			}
			records, _, err := c.store.List(t.Context(), "", store.Page{})
			if err != nil || len(records) != 1 {
				t.Fatalf("%d records, error %v", len(records), err)
			}
			r := records[0]
			if r.Key.Kind() != "a" || len(r.Key) != len("a/")+27 || strings.Contains(string(r.Value), s.Allow) {
				t.Errorf("step %d: the record is %s, %q", i, r.Key, r.Value)
			}
			if r.Expires.Sub(s.Deadline).Round(time.Second) != time.Minute {
				t.Errorf("the record expires at %v, the journey at %v", r.Expires, s.Deadline)
			}
		}
	})
}

// A state up to the limit fits into an authId, with the longest names around
// it; more is refused with the limit's name, and the step stays answerable.
func TestClientStateIsBounded(t *testing.T) {
	c := newCarrier(t)
	fill := func(n int) func(context.Context, *journey.Snapshot) error {
		return func(_ context.Context, s *journey.Snapshot) error {
			s.Shared["fill"] = strings.Repeat("x", n)
			return nil
		}
	}
	s := newSnapshot()
	s.IndexValue = strings.Repeat("j", 1000)
	authID := c.begin(t, s)
	for _, n := range []int{keep.MaxCarried, token.MaxAuthID, 10 << 20} {
		_, err := c.Step(t.Context(), "/alpha", authID, fill(n))
		if !errors.Is(err, journey.ErrTooLarge) || !strings.Contains(err.Error(), "an authId holds at most 32768") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	largest, err := c.Step(t.Context(), "/alpha", authID, fill(keep.MaxCarried-2000))
	if err != nil || len(largest) > token.MaxAuthID {
		t.Fatalf("an authId of %d bytes, error %v", len(largest), err)
	}
	if _, err := c.Step(t.Context(), "/alpha", largest, fill(0)); err != nil {
		t.Errorf("the largest authId: %v", err)
	}
	s = newSnapshot()
	s.IndexValue = strings.Repeat("j", token.MaxAuthID)
	if _, err := c.Begin(t.Context(), s); !errors.Is(err, journey.ErrTooLarge) {
		t.Errorf("a huge name: %v", err)
	}
}
