package keep

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/token"
)

// rewritten is a store whose records another version of amgate has written:
// what is read of them begins with its version.
func rewrite(t *testing.T, k *Keeper, version byte) {
	t.Helper()
	records, _, err := k.records.store.List(t.Context(), "", store.Page{})
	if err != nil || len(records) == 0 {
		t.Fatalf("%d records, error %v", len(records), err)
	}
	for _, r := range records {
		plain, err := k.records.codec.Open(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		plain[0] = version
		op := store.Put(r.Key, k.records.codec.Seal(r.Key, plain), r.Expires)
		if _, err := k.records.store.Commit(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
}

// During an upgrade of the nodes one by one, an older node meets journeys that
// a newer one has kept. They start again there, and their links do not work
// there; nothing breaks, and nothing goes on without what the newer one knows.
func TestRecordsOfAnotherVersionAreNotUnderstood(t *testing.T) {
	st := memory.New()
	t.Cleanup(st.Close)
	installation := make([]byte, 16)
	rand.Read(installation)
	secret := []token.Secret{token.GenerateSecret()}
	ring, err := token.NewRing(installation, secret, map[string][]token.Secret{"/alpha": secret})
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := ring.Realm("/alpha")
	k, err := NewServer(Config{Store: st, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s := &journey.Snapshot{ID: journey.NewID(), Started: now, Deadline: now.Add(time.Minute)}
	s.Realm, s.IndexValue = "/alpha", "Login"
	authID, err := k.Begin(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	waiting := *s
	waiting.Suspended = &journey.Suspension{At: now, Until: now.Add(time.Minute)}
	if _, err := k.Begin(t.Context(), &waiting); err != nil {
		t.Fatal(err)
	}
	never := func(context.Context, *journey.Snapshot) error { t.Error("the nodes ran"); return nil }

	rewrite(t, k, version+1)
	_, err = k.Step(t.Context(), "/alpha", authID, never)
	if lost, ok := errors.AsType[*journey.LostError](err); !ok || lost.Start.IndexValue != "Login" {
		t.Errorf("a journey of another version: %v", err)
	}
	if _, err := k.Resume(t.Context(), "/alpha", waiting.SuspendedID, never); !errors.Is(err, journey.ErrNotSuspended) {
		t.Errorf("a link of another version: %v", err)
	}
	rewrite(t, k, version)
	if _, err := k.Step(t.Context(), "/alpha", authID, func(context.Context, *journey.Snapshot) error { return nil }); err != nil {
		t.Errorf("on the newer node: %v", err)
	}
}

// Journeys are read as encoding/json reads them, which wrote them and reads
// them on nodes that are not upgraded yet.
func TestDecodeIsEncodingJSONs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Now()
		from := &stored{
			Snapshot: drawSnapshot(t), Mark: markCurrent, First: json.RawMessage(`{"tree":"Login"}`),
			OTK: token.NewOTK(), Opening: true, Latest: now,
			Epoch: 3, Salt: []byte("salt\xff"), From: "a", Owner: "b", Left: "c",
		}
		from.Suspended, from.Suspensions = &journey.Suspension{At: now, Until: now.Add(time.Hour)}, 2
		from.IdleTime = time.Duration(rapid.Int64().Draw(t, "idle time"))
		plain, err := encode(from, math.MaxInt, "")
		if err != nil {
			t.Fatal(err)
		}
		want := &stored{Snapshot: new(journey.Snapshot)}
		if err := json.Unmarshal(plain[1:], want); err != nil {
			t.Fatal(err)
		}
		got, err := decode(plain)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %#v\nwant %#v\nof %s", got, want, plain)
		}
	})
}

// Two names that are not UTF-8 may be the same once they are written.
func TestDecodeTakesANameTwice(t *testing.T) {
	plain, err := encode(&stored{Snapshot: &journey.Snapshot{Shared: map[string]any{"\xff": "a", "\xfe": "b"}}}, MaxState, "the store")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := decode(plain); err != nil || s.Shared["\ufffd"] == nil {
		t.Errorf("%s: %v", plain, err)
	}
}

func TestDecode(t *testing.T) {
	const first = "\x01" + `{"id":"AAAAAAAAAAAAAAAAAAAAAAAAAAA","realm":"/alpha","tree":"Login","node":"page","asked":null,"shared":{"a":1},"params":{},"step":1,"allow":"x"}`
	s, err := decode([]byte(first))
	if err != nil || s.Tree != "Login" || s.Shared["a"] != 1.0 || s.Mark != "" {
		t.Errorf("a journey of version 1: %+v, %v", s, err)
	}
	if s, err = decode(marking{Mark: markEnded, Allow: "allow"}.encode()); err != nil || s.Mark != markEnded || s.Allow != "allow" {
		t.Errorf("a mark: %+v, %v", s, err)
	}
	for _, unknown := range []string{"", "\x00{}", "\x03{}", "{}"} {
		if _, err := decode([]byte(unknown)); !errors.Is(err, errVersion) {
			t.Errorf("%q: %v", unknown, err)
		}
	}
	for _, broken := range []string{"\x02", "\x02{", "\x02[]", "\x02" + strings.Repeat("[", 1000)} {
		if _, err := decode([]byte(broken)); err == nil || errors.Is(err, errVersion) {
			t.Errorf("%q: %v", broken, err)
		}
	}
}
