package realm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

const (
	canGo = "the others can be removed"
	keep  = "keep the older ones"
)

// with reloads the node with these root secrets, the newest first.
func (s *site) with(t *testing.T, scheme realm.JourneyScheme, root ...byte) *realm.Realm {
	t.Helper()
	s.Backend.SigningKeys = nil
	for _, fill := range root {
		s.Backend.SigningKeys = append(s.Backend.SigningKeys, realmtest.Secret(t, fill))
	}
	r, ok := s.reload(t, settings(scheme, s.people)).Realm("/alpha")
	if !ok {
		t.Fatal("no realm /alpha")
	}
	return r
}

// The root secret is rotated on two nodes, one after the other, as
// docs/how-to/rotate-keys.md says. At no time is a session or a journey of
// before refused, and in the end the old secret opens nothing.
func TestRootSecretIsRotated(t *testing.T) {
	for _, scheme := range []realm.JourneyScheme{realm.JourneysServer, realm.JourneysClient} {
		st := realmtest.NewStore(t)
		a, b := newSite(t, scheme, st), newSite(t, scheme, st)
		a.run(t)
		b.run(t)
		tok := login(t, a.alpha(t), request()).Token
		step := begin(t, a.alpha(t), request(), "alice")
		good := func(when string, nodes ...*realm.Realm) {
			t.Helper()
			for _, r := range nodes {
				if _, err := r.Session(t.Context(), []string{tok}, session.Peek); err != nil {
					t.Errorf("%s: %s: %v", scheme, when, err)
				}
			}
		}

		// The new one is accepted everywhere before anything is sealed with it.
		good("new secret behind", a.with(t, scheme, 'r', 'n'), b.with(t, scheme, 'r', 'n'))
		inFront := a.with(t, scheme, 'n', 'r')
		good("new secret in front of one", inFront, b.with(t, scheme, 'r', 'n'))
		said := b.Log.Count(canGo)
		good("new secret in front of both", b.with(t, scheme, 'n', 'r'))
		if b.Log.Count(canGo) != said+1 {
			t.Errorf("%s: the log does not say that the old secret can go:\n%s", scheme, b.Log)
		}
		onlyNew := b.with(t, scheme, 'n')
		good("old secret dropped", a.with(t, scheme, 'n'), onlyNew)
		if reply := answer(t, onlyNew, step, "wonder land"); reply.Success == nil {
			t.Errorf("%s: a journey of before: %+v", scheme, reply)
		}

		stranger := newSite(t, scheme, st)
		if err := stranger.Start(t.Context(), stranger.Backend); err == nil || !strings.Contains(err.Error(), "signing_key") {
			t.Errorf("%s: the dropped secret still opens the store: %v", scheme, err)
		}
	}
}

// A realm that is not configured while the root secret is rotated finds its
// own secret, and so its sessions, when it comes back.
func TestRotationKeepsRealmsThatAreAway(t *testing.T) {
	s := started(t, realm.JourneysServer)
	tok := login(t, s.alpha(t), request()).Token
	all := settings(realm.JourneysServer, s.people)
	s.Backend.SigningKeys = []token.Secret{realmtest.Secret(t, 'n'), realmtest.Secret(t, 'r')}
	s.reload(t, all[:1])
	if _, err := s.with(t, realm.JourneysServer, 'n').Session(t.Context(), []string{tok}, session.Peek); err != nil {
		t.Error(err)
	}
}

// Another node's write in between is not overwritten unread; two nodes that
// disagree about the newest secret both come to an end.
func TestRotationMeetsAnotherNode(t *testing.T) {
	s := started(t, realm.JourneysServer)
	other := newSite(t, realm.JourneysServer, s.Store.Store)
	met := 0
	s.Store.BeforeCommit = func() {
		if met++; met == 1 {
			other.with(t, realm.JourneysServer, 'n', 'r')
		}
	}
	s.with(t, realm.JourneysServer, 'n', 'r')
	if records := 3; met != records { // the installation's id and two realms
		t.Errorf("%d commits, want one refused for each of %d records", met, records)
	}
	if s.Log.Count(canGo) != 1 || other.Log.Count(canGo) != 1 {
		t.Errorf("the nodes do not say that the old secret can go:\n%s%s", s.Log, other.Log)
	}
	s.Store.BeforeCommit = nil
	commits := s.Store.Commits.Load()
	s.with(t, realm.JourneysServer, 'n', 'r')
	if n := s.Store.Commits.Load() - commits; n != 0 {
		t.Errorf("%d commits when all is sealed under the newest secret", n)
	}
}

// A store that takes no writes keeps no node from serving; the log says to
// keep the old secret, and the next start seals what is left.
func TestRotationIsTriedAgain(t *testing.T) {
	s := started(t, realm.JourneysServer)
	tok := login(t, s.alpha(t), request()).Token
	s.Store.Refused.Store(1)
	r := s.with(t, realm.JourneysServer, 'n', 'r')
	if _, err := r.Session(t.Context(), []string{tok}, session.Peek); err != nil {
		t.Error(err)
	}
	if s.Log.Count(keep) != 1 || s.Log.Count(canGo) != 0 {
		t.Errorf("after a refused write:\n%s", s.Log)
	}
	s.with(t, realm.JourneysServer, 'n', 'r')
	if s.Log.Count(canGo) != 1 {
		t.Errorf("after the next start:\n%s", s.Log)
	}
}

// A record that no listed secret opens is named, and stays as it is.
func TestRotationNamesForeignRecords(t *testing.T) {
	s := started(t, realm.JourneysServer)
	const foreign store.Key = "k/realm/foreign"
	if _, err := s.Store.Commit(t.Context(), store.Put(foreign, []byte("sealed elsewhere"), time.Time{})); err != nil {
		t.Fatal(err)
	}
	s.with(t, realm.JourneysServer, 'n', 'r')
	if s.Log.Count(string(foreign)) != 1 || s.Log.Count(canGo) != 0 {
		t.Errorf("the record is not named:\n%s", s.Log)
	}
	rec, _, err := s.Store.Get(t.Context(), foreign, store.Fresh)
	if err != nil || string(rec.Value) != "sealed elsewhere" {
		t.Errorf("%q, %v", rec.Value, err)
	}
}

// A realm's own secret is rotated by a reload: sessions of before stay good
// while it is listed, and are unreadable at once when it is not.
func TestRealmSecretIsRotatedAndDestroyed(t *testing.T) {
	s := started(t, realm.JourneysServer)
	under := func(secrets ...byte) *realm.Realm {
		realms := settings(realm.JourneysServer, s.people)
		for _, fill := range secrets {
			realms[1].SigningKeys = append(realms[1].SigningKeys, realmtest.Secret(t, fill))
		}
		r, _ := s.reload(t, realms).Realm("/alpha")
		return r
	}
	before := login(t, under('1'), request()).Token
	both := under('2', '1')
	after := login(t, both, request()).Token
	for name, tok := range map[string]string{"before": before, "after": after} {
		if _, err := both.Session(t.Context(), []string{tok}, session.Peek); err != nil {
			t.Errorf("a session of %s: %v", name, err)
		}
	}
	only := under('2')
	if _, err := only.Session(t.Context(), []string{after}, session.Peek); err != nil {
		t.Errorf("a session of after is not under the newest secret: %v", err)
	}
	if found, err := only.Session(t.Context(), []string{before}, session.Peek); !errors.Is(err, session.ErrInvalid) {
		t.Errorf("a session under a destroyed secret: %+v, %v", found, err)
	}
}
