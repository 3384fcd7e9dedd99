package web

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/amgate/amgate/journey/callback"
)

// FuzzQuestion: a question that can be read is the same after being packed
// again, and any form makes an answer that is JSON.
func FuzzQuestion(f *testing.F) {
	for _, q := range []question{
		{},
		{Callbacks: callback.List{{Callback: callback.Name{Prompt: "Name"}}, {Callback: callback.Password{}}}, Header: "H", Seen: []string{"a"}},
		{Callbacks: callback.List{{Callback: callback.NewChoice("c", []string{"a", "b"}, 1)}, {Callback: callback.HiddenValue{ID: "i"}}}},
		{Callbacks: callback.List{{Callback: callback.Metadata{Data: map[string]any{"a": 1.5}}}, {Callback: callback.NewConfirmation([]string{"x"}, 0)}}},
	} {
		packed, err := q.pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, "IDToken1=a&IDToken2=1")
	}
	f.Add("bnVsbA", "")
	f.Add("eyJjYWxsYmFja3MiOlt7InR5cGUiOiJYIn1dfQ", "IDToken1=")
	f.Fuzz(func(t *testing.T, packed, form string) {
		q, err := unpack(packed)
		if err != nil {
			return
		}
		once, err := q.pack()
		if err != nil {
			t.Fatal(err)
		}
		again, err := unpack(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.pack(); err != nil || twice != once || again.fingerprint() != q.fingerprint() {
			t.Errorf("%s became %s (%v)", once, twice, err)
		}
		values, _ := url.ParseQuery(form)
		if raw := q.answer(values); !json.Valid(raw) || !bytes.HasPrefix(raw, []byte("[")) {
			t.Errorf("an answer is %s", raw)
		}
	})
}

// TestSeenIsBounded: a form does not grow with a journey that goes in circles.
func TestSeenIsBounded(t *testing.T) {
	q := question{}
	for range 10 * maxSeen {
		q.Seen = append(q.Seen, q.fingerprint())
	}
	packed, err := q.pack()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unpack(packed); err != nil || len(got.Seen) != maxSeen {
		t.Errorf("%d steps are remembered (%v)", len(got.Seen), err)
	}
}
