package realm

import (
	"bytes"
	"errors"
	"testing"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

func newFaulty(t *testing.T) *storetest.Faulty {
	t.Helper()
	inner := memory.New()
	t.Cleanup(inner.Close)
	return &storetest.Faulty{Store: inner}
}

// TestSecretInDoubtIsOneForAll: that a secret was made may not be known, or only
// happen when another one is in use. All nodes must have the same all the same:
// what one signs, the others verify.
func TestSecretInDoubtIsOneForAll(t *testing.T) {
	codec, err := rootCodec([]token.Secret{token.GenerateSecret()})
	if err != nil {
		t.Fatal(err)
	}
	for name, fail := range map[string]func(*storetest.Faulty){
		"made":     func(f *storetest.Faulty) { f.Lost.Store(1) },
		"not made": func(f *storetest.Faulty) { f.Refused.Store(1) },
		"late":     func(f *storetest.Faulty) { f.Late.Store(1) },
	} {
		t.Run(name, func(t *testing.T) {
			st := newFaulty(t)
			load := func() ([]byte, error) { return loadSecret(t.Context(), st, codec, installationKey) }
			fail(st)
			if secret, err := load(); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("%x, %v; want ErrUnavailable", secret, err)
			}
			first, err := load()
			if err != nil {
				t.Fatal(err)
			}
			for _, outcome := range st.Deliver(t.Context()) {
				if !errors.Is(outcome, store.ErrExists) {
					t.Errorf("the late secret: %v, want ErrExists", outcome)
				}
			}
			if again, err := load(); err != nil || !bytes.Equal(again, first) {
				t.Errorf("another secret, or %v", err)
			}
		})
	}
}

// TestRotationInDoubt: it is done again, and what happens late undoes nothing.
func TestRotationInDoubt(t *testing.T) {
	older, newer := token.GenerateSecret(), token.GenerateSecret()
	before, err := rootCodec([]token.Secret{older})
	if err != nil {
		t.Fatal(err)
	}
	after, err := rootCodec([]token.Secret{newer, older})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := rootCodec([]token.Secret{newer})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		fail  func(*storetest.Faulty)
		moved int // by the second rotation
	}{
		"done":     {func(f *storetest.Faulty) { f.Lost.Store(1) }, 0},
		"not done": {func(f *storetest.Faulty) { f.Refused.Store(1) }, 1},
		"late":     {func(f *storetest.Faulty) { f.Late.Store(1) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			st := newFaulty(t)
			secret, err := loadSecret(t.Context(), st, before, installationKey)
			if err != nil {
				t.Fatal(err)
			}
			c.fail(st)
			if _, err := reseal(t.Context(), st, after); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("%v, want ErrUnavailable", err)
			}
			if done, err := reseal(t.Context(), st, after); err != nil || done.moved != c.moved {
				t.Errorf("%d sealed anew, %v; want %d", done.moved, err, c.moved)
			}
			for _, outcome := range st.Deliver(t.Context()) {
				if !errors.Is(outcome, store.ErrConflict) {
					t.Errorf("the late rotation: %v, want ErrConflict", outcome)
				}
			}
			if found, err := loadSecret(t.Context(), st, alone, installationKey); err != nil || !bytes.Equal(found, secret) {
				t.Errorf("another secret, or %v", err)
			}
		})
	}
}
