package realm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

// ended fails the test unless none of the realm's tokens is good any more.
func ended(t *testing.T, r *realm.Realm, tok string) {
	t.Helper()
	if found, err := r.Session(t.Context(), []string{tok}, session.Peek); !errors.Is(err, session.ErrInvalid) {
		t.Errorf("a session under a destroyed key: %+v, %v", found, err)
	}
}

// A realm's key is destroyed on one node: on all nodes, without any time
// passing, nothing of the realm can be read, and logins work. Other realms
// notice nothing.
func TestDestroyedKeyOpensNothingAnywhere(t *testing.T) {
	for _, scheme := range schemes {
		synctest.Test(t, func(t *testing.T) {
			st := realmtest.NewStore(t)
			a, b := newSite(t, scheme, st), newSite(t, scheme, st)
			a.run(t)
			b.run(t)
			tok := login(t, a.alpha(t), request()).Token
			rootTok := login(t, a.At(t, "/"), request()).Token
			step := begin(t, b.alpha(t), request(), "alice")
			began := time.Now()
			if err := a.DestroyKey(t.Context(), "/alpha"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for _, n := range []*site{a, b} {
				ended(t, n.alpha(t), tok)
				if !n.Lives(t, rootTok) {
					t.Errorf("%s: a session of another realm is gone", scheme)
				}
			}
			req := request()
			req.AuthID, req.Callbacks = step.AuthID, answers(t, step.Callbacks, "wonder land")
			if reply, err := b.alpha(t).Authenticate(t.Context(), req); !errors.Is(err, journey.ErrSignature) {
				t.Errorf("%s: a journey of before: %+v, %v", scheme, reply, err)
			}
			again := login(t, a.alpha(t), request()).Token
			if !b.Lives(t, again) {
				t.Errorf("%s: the nodes do not agree on the new key", scheme)
			}
			if time.Since(began) > 0 {
				t.Errorf("%s: it took %v", scheme, time.Since(began))
			}
			// It was a key of its own: the realm can be destroyed again.
			if err := b.DestroyKey(t.Context(), "/alpha"); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			ended(t, a.alpha(t), again)
		})
	}
}

// A node that was cut off while the key was destroyed serves nobody by it once
// it is back; one that cannot make a new key serves nobody at all until it can.
func TestDestroyedKeyAndANodeInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := realmtest.NewStore(t)
		a, b := newSite(t, realm.JourneysServer, st), newSite(t, realm.JourneysServer, st)
		a.run(t)
		b.run(t)
		tok := login(t, a.alpha(t), request()).Token
		rootTok := login(t, a.At(t, "/"), request()).Token
		synctest.Wait()
		b.Store.Down.Store(true)
		if err := a.DestroyKey(t.Context(), "/alpha"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, token := range []string{tok, rootTok} {
			if _, err := b.Session(t.Context(), []string{token}, session.Peek); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("without its store: %v", err)
			}
		}
		b.Store.Down.Store(false)
		time.Sleep(10 * time.Second)
		ended(t, b.alpha(t), tok)
		if !b.Lives(t, rootTok) {
			t.Error("a session of another realm is gone")
		}
	})
}

// What cannot be destroyed is said, and harms nothing.
func TestDestroyKeyRefuses(t *testing.T) {
	s := started(t, realm.JourneysServer)
	tok := login(t, s.alpha(t), request()).Token
	if err := s.DestroyKey(t.Context(), "/never"); !errors.Is(err, realm.ErrNoKey) {
		t.Errorf("a realm that was never there: %v", err)
	}
	if err := s.DestroyKey(t.Context(), "alpha"); err == nil || errors.Is(err, realm.ErrNoKey) {
		t.Errorf("no path: %v", err)
	}
	s.Store.Refused.Store(1)
	if err := s.DestroyKey(t.Context(), "/alpha"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a store: %v", err)
	}
	if !s.Lives(t, tok) {
		t.Error("the session is gone")
	}
	own := settings(realm.JourneysServer, s.people)
	own[1].SigningKeys = append(own[1].SigningKeys, realmtest.Secret(t, '1'))
	set := s.reload(t, own)
	if err := set.DestroyKey(t.Context(), "/alpha"); !errors.Is(err, realm.ErrNoKey) {
		t.Errorf("a realm with its own key: %v", err)
	}
	// A realm that is configured no more may still have one.
	if err := s.reload(t, own[:1]).DestroyKey(t.Context(), "/alpha"); err != nil {
		t.Errorf("a realm that is away: %v", err)
	}
}
