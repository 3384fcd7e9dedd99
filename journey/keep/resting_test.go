package keep

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/callback"
)

// values draws what nodes put into the state, with types that JSON does not
// give back.
func values(depth int) *rapid.Generator[any] {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\xff\xfe", "a\xe2\x28b", "<&>\u2028"}))
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), text.AsAny(),
		rapid.Int().AsAny(), rapid.Int64().AsAny(), rapid.Float64Range(-1e300, 1e300).AsAny(), rapid.Uint8().AsAny(),
		rapid.SliceOf(text).AsAny(), rapid.MapOf(text, text).AsAny(),
		rapid.Just[any]([]any(nil)), rapid.Just[any](map[string]any(nil)), rapid.Just[any](time.Unix(1, 2).UTC()), rapid.Just[any](json.Number("12.5")),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.SliceOfN(values(depth-1), 0, 3).AsAny(), rapid.MapOfN(text, values(depth-1), 0, 3).AsAny())
	}
	return rapid.OneOf(kinds...)
}

func drawSnapshot(t *rapid.T) *journey.Snapshot {
	texts := rapid.StringN(0, 20, -1)
	draw := func(name string) string { return texts.Draw(t, name) }
	object := rapid.MapOfN(rapid.String(), values(2), 0, 10)
	strs := rapid.MapOfN(texts, texts, 0, 3)
	lists := rapid.SliceOfN(texts, 0, 3)
	now := time.Now()
	return &journey.Snapshot{
		ID:    journey.NewID(),
		Start: journey.Start{Realm: "/alpha", IndexType: draw("index type"), IndexValue: draw("index"), Affinity: draw("affinity")},
		Tree:  draw("tree"), Node: draw("node"),
		Asked: callback.List{
			{Callback: callback.NewChoice(draw("prompt"), lists.Draw(t, "choices"), 1)},
			{Callback: callback.Password{Prompt: "Password", Value: draw("password")}},
			{Callback: callback.KbaCreate{Prompt: draw("question"), Answer: callback.Secret(draw("answer"))}},
		},
		Stage: draw("stage"), Header: draw("header"), Description: draw("description"),
		Shared: object.Draw(t, "shared"), Secure: object.Draw(t, "secure"),
		Findings: journey.Findings{
			Properties: strs.Draw(t, "properties"), AuthTypes: lists.Draw(t, "types"), MaxTime: time.Minute,
			Webhooks: lists.Draw(t, "webhooks"), Hooks: lists.Draw(t, "hooks"),
			SuccessDetails: object.Draw(t, "details"), SuccessProperties: strs.Draw(t, "success"),
			FailureMessage: draw("failure"), FailureDetails: object.Draw(t, "failure details"),
			ErrorMessage: draw("error"), ErrorDetails: object.Draw(t, "error details"),
		},
		Subject: draw("subject"), Binding: draw("binding"),
		Params: journey.Params{Goto: draw("goto"), NoSession: true, TargetLevel: 3},
		Step:   rapid.Int().Draw(t, "step"), Allow: newAllow(), Started: now, Deadline: now.Add(time.Minute),
		Doubted: true, Ended: true, SuspendedID: "secret", Origin: 1, Salt: []byte("salt"),
	}
}

// A journey in memory is as if it had been encoded, so that no node can tell
// where journeys are kept.
func TestRestingIsWhatEncodingGivesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSnapshot(t)
		text, err := encode(&stored{Snapshot: s}, MaxState, "memory")
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := decode(text)
		if err != nil {
			t.Fatal(err)
		}
		held, err := newResting(s)
		if err != nil {
			t.Fatal(err)
		}
		got, want := held.snapshot(), decoded.Snapshot
		if !got.Started.Equal(want.Started) || !got.Deadline.Equal(want.Deadline) {
			t.Fatalf("times: %v, want %v", got.Deadline, want.Deadline)
		}
		got.Started, got.Deadline = want.Started, want.Deadline
		if !bytes.Equal(got.Salt, s.Salt) { // records have it beside the snapshot
			t.Fatalf("the salt is %q", got.Salt)
		}
		got.Salt = nil
		got.AuthTypes, got.Webhooks, got.Hooks = orNil(got.AuthTypes), orNil(got.Webhooks), orNil(got.Hooks)
		for i := range got.Asked {
			if choice, ok := got.Asked[i].Callback.(callback.Choice); ok && len(choice.Choices) == 0 {
				got.Asked[i], want.Asked[i] = callback.Item{}, callback.Item{}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %#v\nwant %#v", got, want)
		}
	})
}

func orNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

// Texts that are not UTF-8 come back as JSON gives them, names of members too.
func TestRestingHoldsUTF8(t *testing.T) {
	held, err := newResting(&journey.Snapshot{Shared: map[string]any{
		"\xff\xfe": map[string]any{"a\xe2\x28": "b\xff"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"\ufffd\ufffd": map[string]any{"a\ufffd(": "b\ufffd"}}
	if got := held.snapshot().Shared; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a node does to a value that it was given, or has given, changes nothing
// that is kept: the step may have to be answered again.
func TestRestingSharesNothing(t *testing.T) {
	inner := map[string]any{"list": []any{"a", map[string]any{"deep": "b"}}}
	s := &journey.Snapshot{
		Shared:   map[string]any{"object": inner},
		Findings: journey.Findings{Properties: map[string]string{"p": "1"}, Hooks: []string{"hook"}},
	}
	held, err := newResting(s)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(s *journey.Snapshot) {
		object := s.Shared["object"].(map[string]any)
		list := object["list"].([]any)
		list[1].(map[string]any)["deep"] = "spoilt"
		list[0], object["more"], s.Shared["more"] = "spoilt", 1, 1
		s.Properties["p"], s.Hooks[0] = "spoilt", "spoilt"
	}
	want := held.snapshot()
	spoil(s)
	spoil(held.snapshot())
	if got := held.snapshot(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A journey in memory may be as large as one in the store, to the byte.
func TestRestingIsBoundedAsInTheStore(t *testing.T) {
	empty, err := encode(&stored{Snapshot: &journey.Snapshot{Shared: map[string]any{"text": ""}}}, MaxState, "memory")
	if err != nil {
		t.Fatal(err)
	}
	most := MaxState - len(empty)
	sizes := []int{MaxState / 8, MaxState / 2, most - 1, most, most + 1, 2 * MaxState}
	outcomes := map[bool]bool{}
	for _, unit := range []string{"x", "\x01"} {
		for _, n := range sizes {
			s := &journey.Snapshot{Shared: map[string]any{"text": strings.Repeat(unit, n)}}
			_, want := encode(&stored{Snapshot: s}, MaxState, "memory")
			_, got := newResting(s)
			if errors.Is(got, journey.ErrTooLarge) != (want != nil) {
				t.Fatalf("%d times %q: %v, encoded: %v", n, unit, got, want)
			}
			outcomes[want != nil] = true
		}
	}
	if len(outcomes) != 2 {
		t.Errorf("only %v", outcomes)
	}
}
