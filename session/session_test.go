package session_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
)

func TestLookupFindsWhatWasGranted(t *testing.T) { conform(t, testLookupFindsWhatWasGranted) }

func testLookupFindsWhatWasGranted(t *testing.T, k kind) {
	n := k.world(t).node(t)
	begin := time.Now().Truncate(time.Millisecond)
	g := grant()
	tok, issued := n.issue(t, g)
	found, err := n.Lookup(t.Context(), tok, session.Touch)
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]session.Session{"issued": issued, "found": found} {
		got := session.Grant{
			Realm: s.Realm(), UserID: s.UserID(), Username: s.Username(), UniversalID: s.UniversalID(), Roles: s.Roles(),
			AuthLevel: s.AuthLevel(), AuthType: s.AuthType(), Journey: s.Journey(), Properties: s.Properties(),
			MaxTime: s.MaxExpires().Sub(s.Created()), IdleTime: s.IdleTime(), Seed: g.Seed,
		}
		if diff := cmp.Diff(g, got); diff != "" {
			t.Errorf("%s (-granted +got):\n%s", what, diff)
		}
		if s.Created().Before(begin) || s.Created().After(time.Now()) {
			t.Errorf("%s: created %v", what, s.Created())
		}
		if v, ok := s.Property("color"); v != "green" || !ok {
			t.Errorf("%s: property %q, %v", what, v, ok)
		}
		if v, ok := s.Property("am.protected.x"); v != "" || !ok {
			t.Errorf("%s: an empty property is %q, %v", what, v, ok)
		}
		if v, ok := s.Property("colour"); v != "" || ok {
			t.Errorf("%s: a property that is not there is %q, %v", what, v, ok)
		}
	}
	if issued.Handle() != found.Handle() || issued.ContextID() != found.ContextID() {
		t.Error("a session has two handles or context ids")
	}
	if !regexp.MustCompile(`^shandle:[\w-]{54}$`).MatchString(found.Handle()) {
		t.Errorf("handle %s", found.Handle())
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+$`).MatchString(found.ContextID()) {
		t.Errorf("context id %s", found.ContextID())
	}
}

func TestGrantsAtTheEdge(t *testing.T) { conform(t, testGrantsAtTheEdge) }

func testGrantsAtTheEdge(t *testing.T, k kind) {
	n := k.world(t).node(t)
	for name, change := range map[string]func(*session.Grant){
		"negative level": func(g *session.Grant) { g.AuthLevel = -1 },
		"bare": func(g *session.Grant) {
			*g = session.Grant{Realm: g.Realm, UserID: "x", MaxTime: g.MaxTime, IdleTime: g.IdleTime, Seed: g.Seed}
		},
		"many properties":     func(g *session.Grant) { g.Properties["x"] = strings.Repeat("x", k.most()) },
		"idle longer than it": func(g *session.Grant) { g.IdleTime = 10 * g.MaxTime },
		"root realm":          func(g *session.Grant) { g.Realm = "/" },
	} {
		g := grant()
		change(&g)
		tok, _ := n.issue(t, g)
		s, err := n.Lookup(t.Context(), tok, session.Touch)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.AuthLevel() != g.AuthLevel || s.Realm() != g.Realm || len(s.Properties()) != len(g.Properties) || !slices.Equal(s.Roles(), g.Roles) {
			t.Errorf("%s: came back as another one", name)
		}
	}
}

func TestGrantsThatAreRefused(t *testing.T) { conform(t, testGrantsThatAreRefused) }

func testGrantsThatAreRefused(t *testing.T, k kind) {
	w := k.world(t)
	n := w.node(t)
	for name, change := range map[string]func(*session.Grant){
		"never expires":      func(g *session.Grant) { g.MaxTime = 0 },
		"never idle":         func(g *session.Grant) { g.IdleTime = 0 },
		"negative":           func(g *session.Grant) { g.MaxTime = -time.Hour },
		"under a tick":       func(g *session.Grant) { g.IdleTime = time.Microsecond },
		"no user":            func(g *session.Grant) { g.UserID = "" },
		"no seed":            func(g *session.Grant) { g.Seed = nil },
		"short seed":         func(g *session.Grant) { g.Seed = g.Seed[:15] },
		"unknown realm":      func(g *session.Grant) { g.Realm = "/beta" },
		"level out of range": func(g *session.Grant) { g.AuthLevel = 1 << 40 },
		"too large":          func(g *session.Grant) { g.Properties["x"] = strings.Repeat("x", 1<<16) },
		"huge name":          func(g *session.Grant) { g.Username = strings.Repeat("x", 1<<20) },
		"too many roles":     func(g *session.Grant) { g.Roles = make([]string, 1<<16+1) },
	} {
		g := grant()
		change(&g)
		if tok, _, err := n.Issue(t.Context(), g); err == nil || tok != "" {
			t.Errorf("%s: issued", name)
		}
	}
	if w.store.Commits.Load() != 0 {
		t.Error("a grant that cannot be a session was written")
	}
}

func TestEnd(t *testing.T) { conform(t, testEnd) }

func testEnd(t *testing.T, k kind) {
	w := k.world(t)
	n, other := w.node(t), w.node(t)
	tok, s := n.issue(t, grant())
	kept, _ := n.issue(t, grant())
	if err := other.End(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	n.use(t, tok, session.ErrEnded)
	other.use(t, tok, session.ErrEnded)
	n.use(t, kept, nil)
	for range 2 {
		if err := n.End(t.Context(), s); !errors.Is(err, session.ErrEnded) {
			t.Errorf("a second End: %v, want ErrEnded", err)
		}
	}
	if _, err := n.LastAccess(t.Context(), s); k != untracked && !errors.Is(err, session.ErrEnded) {
		t.Errorf("LastAccess of an ended session: %v, want ErrEnded", err)
	}
	if sessions, entries := w.records(t); k != untracked && (len(sessions) != 1 || len(entries) != 1) {
		t.Errorf("%d sessions and %d entries are left, want those of the other session", len(sessions), len(entries))
	}
}

// A deleted session that a cache still honours is not deleted (authentik
// CVE-2025-29928): after End on one node the others refuse it, cached or not.
// SECURITY 17.
func TestEndIsSeenByNodesThatCachedTheSession(t *testing.T) {
	conform(t, testEndIsSeenByNodesThatCachedTheSession)
}

func testEndIsSeenByNodesThatCachedTheSession(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a, b, c := w.cachedNode(t, "a"), w.cachedNode(t, "b"), w.cachedNode(t, "c")
		time.Sleep(time.Second) // until the caches have a proof
		tok, s := a.issue(t, grant())
		for range 3 {
			a.use(t, tok, nil)
			b.use(t, tok, nil)
		}
		if err := a.End(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the watch has delivered
		for _, n := range []*node{a, b, c} {
			n.use(t, tok, session.ErrEnded)
		}
	})
}

// A record may have been rewritten since it was looked up (a property was
// set); ending the session must not fail for that.
func TestEndOfASessionThatWasRewritten(t *testing.T) { conform(t, testEndOfASessionThatWasRewritten) }

func testEndOfASessionThatWasRewritten(t *testing.T, k kind) {
	w := k.world(t)
	n := w.node(t)
	tok, s := n.issue(t, grant())
	sessions, _ := w.records(t)
	rec := sessions[0]
	if _, err := w.store.Commit(t.Context(), store.Put(rec.Key, rec.Value, rec.Expires)); err != nil {
		t.Fatal(err)
	}
	if err := n.End(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	n.use(t, tok, session.ErrEnded)
}

func TestConcurrentUseAndOneWinnerOfEnd(t *testing.T) { conform(t, testConcurrentUseAndOneWinnerOfEnd) }

func testConcurrentUseAndOneWinnerOfEnd(t *testing.T, k kind) {
	w := k.world(t)
	nodes := []*node{w.node(t), w.node(t)}
	tok, s := nodes[0].issue(t, grant())
	var wg sync.WaitGroup
	var ended atomic.Int32
	for i := range 100 {
		n := nodes[i%2]
		wg.Go(func() {
			found, err := n.Lookup(t.Context(), tok, session.Use(i/2%2))
			switch {
			case err == nil && found.UserID() != "4711":
				t.Errorf("found a session of %q", found.UserID())
			case err != nil && !errors.Is(err, session.ErrEnded):
				t.Error(err)
			}
			if i%3 != 0 {
				return
			}
			switch err := n.End(t.Context(), s); {
			case err == nil:
				ended.Add(1)
			case !errors.Is(err, session.ErrEnded):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ended.Load() != 1 {
		t.Errorf("%d of those who ended the session were told that they did", ended.Load())
	}
}

func TestZeroSessionIsNobodys(t *testing.T) {
	var s session.Session
	if s.Realm()+s.UserID()+s.Username()+s.UniversalID()+s.AuthType()+s.Journey() != "" || s.AuthLevel() != 0 {
		t.Error("the zero session is somebody's")
	}
	if len(s.Roles()) != 0 || len(s.Properties()) != 0 || s.IdleTime() != 0 || !s.Created().IsZero() || !s.MaxExpires().IsZero() {
		t.Error("the zero session holds something")
	}
	if _, ok := s.Property("x"); ok {
		t.Error("the zero session has a property")
	}
}
