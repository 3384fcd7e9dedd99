// Package identitytest is the conformance suite of identity.Store. Every
// implementation runs it; none is excused.
package identitytest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/identity"
)

// Person is a user with the password that the implementation is to know.
type Person struct {
	identity.User
	// Password is the user's password; "" is a user who has none.
	Password string
}

// People are the users that the suite works with. No field that can be set is
// empty, apart from those the suite is about. What their names have in common
// with each other is meant.
func People() []Person {
	return []Person{
		{
			User: identity.User{
				ID: "4711", Username: "bjensen", Active: true, HasPassword: true, Roles: []string{"admin", "staff"},
				Attributes: map[string][]string{"mail": {"bjensen@example.com", "babs@example.com"}, "cn": {"Barbara Jensen"}},
			},
			Password: "Hifalutin 1",
		},
		{
			User: identity.User{
				ID: "4712", Username: "Amélie Straße", Active: true, HasPassword: true, Roles: []string{"staff"},
				Attributes: map[string][]string{"mail": {"amelie@example.com"}},
			},
			Password: "pässwörd 😀",
		},
		{
			User: identity.User{
				ID: "4713", Username: "inactive", Active: false, HasPassword: true, Roles: []string{"staff"},
				Attributes: map[string][]string{"mail": {"inactive@example.com"}},
			},
			Password: "Hifalutin 3",
		},
		{
			User: identity.User{
				ID: "4714", Username: "nopassword", Active: true, Roles: []string{"staff"},
				Attributes: map[string][]string{"mail": {"nopassword@example.com"}},
			},
		},
		// The name of one is the id of another: the two never mix.
		{
			User: identity.User{
				ID: "bjensen", Username: "4711", Active: true, HasPassword: true, Roles: []string{"staff"},
				Attributes: map[string][]string{"mail": {"4711@example.com"}},
			},
			Password: "Hifalutin 5",
		},
	}
}

// Run tests a store that open makes and that knows exactly these people. Its
// passwords should be hashed as cheaply as the implementation allows.
func Run(t *testing.T, open func(t *testing.T, people []Person) identity.Store) {
	t.Helper()
	people := People()
	store := open(t, people)
	s := suite{store: store, people: people}
	t.Run("by name", s.byName)
	t.Run("by id", s.byID)
	t.Run("unknown", s.unknown)
	t.Run("authenticate", s.authenticate)
	t.Run("other spellings of a name", s.spellings)
	t.Run("wrong passwords", s.wrongPasswords)
	t.Run("no password", s.noPassword)
	t.Run("by attribute", s.byAttribute)
	t.Run("list", s.list)
	t.Run("context ended", s.contextEnded)
	t.Run("concurrently", s.concurrently)
}

type suite struct {
	store  identity.Store
	people []Person
}

func (s suite) byName(t *testing.T) {
	for _, p := range s.people {
		u, err := s.store.ByName(t.Context(), p.Username)
		same(t, p, u, err)
	}
}

func (s suite) byID(t *testing.T) {
	for _, p := range s.people {
		u, err := s.store.ByID(t.Context(), p.ID)
		same(t, p, u, err)
	}
}

func (s suite) unknown(t *testing.T) {
	for _, name := range []string{"", " ", "nobody", "bjense", "bjensen2", "*", "bjensen\x00x", strings.Repeat("x", 10_000)} {
		if u, err := s.store.ByName(t.Context(), name); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("ByName(%.20q) = %v, %v; want ErrNotFound", name, u, err)
		}
		if u, err := s.store.ByID(t.Context(), name); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("ByID(%.20q) = %v, %v; want ErrNotFound", name, u, err)
		}
		s.refused(t, name, "Hifalutin 1")
	}
	// An id is no name and has no other spellings.
	for _, id := range []string{"BJENSEN", " 4711", "4711 "} {
		if u, err := s.store.ByID(t.Context(), id); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("ByID(%q) = %v, %v; want ErrNotFound", id, u, err)
		}
	}
}

func (s suite) authenticate(t *testing.T) {
	for _, p := range s.people {
		if p.Password != "" {
			u, err := s.store.Authenticate(t.Context(), p.Username, p.Password)
			same(t, p, u, err)
		}
	}
}

func (s suite) spellings(t *testing.T) {
	for name, p := range map[string]Person{
		"BJENSEN":                         s.people[0],
		" bjensen\t":                      s.people[0],
		"ｂｊｅｎｓｅｎ":                         s.people[0],
		"bj\u200bensen":                   s.people[0],
		"AME\u0301LIE \u00a0 STRASSE":     s.people[1],
		"ame\u0301lie straße\u2028\ufeff": s.people[1],
	} {
		u, err := s.store.ByName(t.Context(), name)
		same(t, p, u, err)
		u, err = s.store.Authenticate(t.Context(), name, p.Password)
		same(t, p, u, err)
	}
}

func (s suite) wrongPasswords(t *testing.T) {
	for _, p := range s.people {
		for _, wrong := range []string{"", "x", p.Password + " ", p.Password + "\x00", strings.ToUpper(p.Password) + "!", strings.Repeat("x", 10_000)} {
			s.refused(t, p.Username, wrong)
		}
	}
	s.refused(t, s.people[0].Username, s.people[1].Password)
	s.refused(t, s.people[0].ID, s.people[0].Password)
}

func (s suite) noPassword(t *testing.T) {
	for _, p := range s.people {
		if p.Password == "" {
			s.refused(t, p.Username, "")
			s.refused(t, p.Username, "Hifalutin 1")
		}
	}
}

func (s suite) contextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := s.people[0]
	if _, err := s.store.ByName(ctx, p.Username); !errors.Is(err, context.Canceled) {
		t.Errorf("ByName: %v, want the context's error", err)
	}
	if _, err := s.store.ByID(ctx, p.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("ByID: %v, want the context's error", err)
	}
	// Neither a wrong password nor an unknown name may hide it.
	for _, pw := range []string{p.Password, "wrong"} {
		if _, err := s.store.Authenticate(ctx, p.Username, pw); !errors.Is(err, context.Canceled) {
			t.Errorf("Authenticate: %v, want the context's error", err)
		}
	}
}

func (s suite) concurrently(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 50 {
		p := s.people[i%len(s.people)]
		wg.Go(func() {
			u, err := s.store.ByName(t.Context(), p.Username)
			same(t, p, u, err)
			u, err = s.store.ByID(t.Context(), p.ID)
			same(t, p, u, err)
			u, err = s.store.Authenticate(t.Context(), p.Username, p.Password)
			switch {
			case errors.Is(err, identity.ErrBusy): // allowed under load
			case p.Password == "":
				if !errors.Is(err, identity.ErrCredentials) {
					t.Errorf("%s: error %v, want ErrCredentials", p.Username, err)
				}
			default:
				same(t, p, u, err)
			}
		})
	}
	wg.Wait()
}

func (s suite) refused(t *testing.T, name, password string) {
	t.Helper()
	u, err := s.store.Authenticate(t.Context(), name, password)
	if !errors.Is(err, identity.ErrCredentials) || u != nil {
		t.Errorf("Authenticate(%.20q, %.20q) = %v, %v; want ErrCredentials", name, password, u, err)
	}
}

func same(t *testing.T, want Person, got *identity.User, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", want.Username, err)
		return
	}
	if diff := cmp.Diff(want.User, *got); diff != "" {
		t.Errorf("%s: another user (-want +got):\n%s", want.Username, diff)
	}
}
