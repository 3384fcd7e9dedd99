// Package realmtest sets realms to work in memory, for tests of what serves
// them: people, journeys, sessions, a store that fails when it is told to and
// a log that can be read.
package realmtest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/journeytest"
	"github.com/amgate/amgate/journey/keep"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/memory"
	"github.com/amgate/amgate/store/outbox"
	"github.com/amgate/amgate/store/storetest"
	"github.com/amgate/amgate/token"
)

// Base is the path under which AM is served, Origin where: links begin with
// both.
const (
	Base   = "/am"
	Origin = "http://login.example.com"
)

// The person whom People knows.
const (
	Username = "bjensen"
	Password = "Ch4ng31t"
)

// People are the users of realms that name none: Username, with the role
// staff.
func People() identity.Store {
	people := journeytest.Demo(Username, Password)
	people[0].Roles = []string{"staff"}
	return people
}

// Site is a node with realms at work.
type Site struct {
	*realm.Set
	// Backend is what the realms work on; Store is its store.
	Backend realm.Backend
	Store   *storetest.Faulty
	// Log has what the realms and their sessions log.
	Log *logtest.Log

	config realm.Config
}

// NewStore is a store in memory that is closed with the test.
func NewStore(tb testing.TB) store.Store {
	tb.Helper()
	st := memory.New()
	tb.Cleanup(st.Close)
	return st
}

// Open starts a node on a store of its own, with Complete settings.
func Open(tb testing.TB, realms ...realm.Settings) *Site {
	tb.Helper()
	s := New(tb, NewStore(tb), realm.Config{Realms: Complete(realms...), BaseURL: Origin, Base: Base})
	s.start(tb)
	return s
}

// New is a node on st that does not work before its Set is started with its
// Backend. Nodes on one store are of one installation. It ends with the test.
func New(tb testing.TB, st store.Store, cfg realm.Config) *Site {
	tb.Helper()
	s := &Site{Store: &storetest.Faulty{Store: st}, Log: new(logtest.Log), config: cfg}
	s.config.Logger = s.Log.Logger()
	access := session.NewAccess(session.AccessConfig{Store: s.Store, Logger: s.config.Logger})
	notices := outbox.New(outbox.Config{Store: s.Store, Logger: s.config.Logger})
	tb.Cleanup(func() {
		s.Store.Down.Store(false) // so that what is due can be written
		notices.Close()
		access.Close()
	})
	s.Backend = realm.Backend{
		Store: s.Store, Access: access, Outbox: notices, SigningKeys: []token.Secret{Secret(tb, 'r')},
	}
	s.renew(tb)
	return s
}

// Restart is as if the process had been started anew: another Set, and
// journeys in memory are lost.
func (s *Site) Restart(tb testing.TB) {
	tb.Helper()
	s.renew(tb)
	s.start(tb)
}

func (s *Site) renew(tb testing.TB) {
	tb.Helper()
	set, err := realm.New(s.config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(set.Close)
	s.Set, s.Backend.Journeys = set, keep.NewTable(keep.TableConfig{})
}

func (s *Site) start(tb testing.TB) {
	tb.Helper()
	if err := s.Start(tb.Context(), s.Backend); err != nil {
		tb.Fatal(err)
	}
}

// Complete gives realms without users People, those without journeys
// nodes.Login, and all of them the defaults of realm.Settings.
func Complete(realms ...realm.Settings) []realm.Settings {
	people := People()
	complete := make([]realm.Settings, len(realms))
	for i, r := range realms {
		if r.Users == nil {
			r.Users = people
		}
		if r.Journeys == nil {
			r.Journeys = Journeys(nodes.Login())
		}
		complete[i] = r.WithDefaults(Base)
	}
	return complete
}

// At is the realm of that path, which must exist.
func (s *Site) At(tb testing.TB, path string) *realm.Realm {
	tb.Helper()
	r, ok := s.Realm(path)
	if !ok {
		tb.Fatalf("no realm %s", path)
	}
	return r
}

// Lives reports whether the token stands for a live session, without using
// it.
func (s *Site) Lives(tb testing.TB, tok string) bool {
	tb.Helper()
	_, err := s.Session(tb.Context(), []string{tok}, session.Peek)
	if err != nil && !errors.Is(err, session.ErrInvalid) && !errors.Is(err, session.ErrEnded) {
		tb.Fatal(err)
	}
	return err == nil
}

// Secret is a root secret of nothing but fill.
func Secret(tb testing.TB, fill byte) token.Secret {
	tb.Helper()
	secret, err := token.NewSecret(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	return secret
}

// Journeys are trees by their names.
func Journeys(trees ...*journey.Tree) map[string]*journey.Tree {
	journeys := make(map[string]*journey.Tree)
	for _, t := range trees {
		journeys[t.Name] = t
	}
	return journeys
}

// Tree is a journey that begins at its first node.
func Tree(name string, placed ...*journey.Placed) *journey.Tree {
	t := &journey.Tree{Name: name, Entry: placed[0].ID, Nodes: make(map[string]*journey.Placed)}
	for _, p := range placed {
		t.Nodes[p.ID] = p
	}
	return t
}

// Place is a node of a Tree: next has, in turn, outcomes and the node that
// follows each.
func Place(id string, n journey.Node, next ...string) *journey.Placed {
	p := &journey.Placed{ID: id, Type: id, Node: n, Next: make(map[string]string)}
	for i := 0; i < len(next); i += 2 {
		p.Next[next[i]] = next[i+1]
	}
	return p
}
