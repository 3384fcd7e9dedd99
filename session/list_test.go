package session_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
)

// handles of all pages of a list.
func (n *node) handles(t testing.TB, realm, user string, limit int) (all []string) {
	t.Helper()
	for after := ""; ; {
		found, next, err := n.List(t.Context(), realm, user, session.Page{After: after, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if limit > 0 && len(found) > limit {
			t.Fatalf("a page of %d has %d sessions", limit, len(found))
		}
		for _, s := range found {
			all = append(all, s.Handle())
		}
		if next == "" {
			return all
		}
		after = next
	}
}

func sorted(handles map[string]bool) []string { return slices.Sorted(maps.Keys(handles)) }

// A list has the live sessions of one user of one realm, each once, however
// small its pages are, on whatever node.
func TestListHasTheUsersLiveSessions(t *testing.T) { conform(t, testListHasTheUsersLiveSessions) }

func testListHasTheUsersLiveSessions(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a, b := w.cachedNode(t, "a"), w.cachedNode(t, "b")
		want := make(map[string]bool)
		var some session.Session
		for range 7 {
			_, s := a.issue(t, grant())
			want[s.Handle()] = true
			some = s
		}
		for _, change := range []func(*session.Grant){
			func(g *session.Grant) { g.UserID = "4712" },
			func(g *session.Grant) { g.Realm = "/" },
			func(g *session.Grant) { g.IdleTime = time.Second },
			func(g *session.Grant) { g.MaxTime = time.Second },
		} {
			g := grant()
			change(&g)
			a.issue(t, g)
		}
		time.Sleep(5 * time.Second)
		if err := b.End(t.Context(), some); err != nil {
			t.Fatal(err)
		}
		delete(want, some.Handle())
		for _, limit := range []int{0, 1, 2, 5, 6, 100, 1000} {
			got := b.handles(t, "/alpha", "4711", limit)
			slices.Sort(got)
			if !slices.Equal(got, sorted(want)) {
				t.Errorf("pages of %d: %v, want %v", limit, got, sorted(want))
			}
		}
		if got := a.handles(t, "/alpha", "nobody", 0); len(got) != 0 {
			t.Errorf("nobody has %v", got)
		}
	})
}

func TestListTellsTheLastAccess(t *testing.T) { conform(t, testListTellsTheLastAccess) }

func testListTellsTheLastAccess(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a, b := w.node(t), w.node(t)
		tok, _ := a.issue(t, grant())
		time.Sleep(5 * time.Minute)
		a.use(t, tok, nil)
		used := time.Now()
		time.Sleep(3 * time.Second)
		for name, n := range map[string]*node{"the node": a, "another node": b} {
			found, _, err := n.List(t.Context(), "/alpha", "4711", session.Page{})
			if err != nil || len(found) != 1 || !found[0].Accessed.Equal(used) {
				t.Errorf("%s: %v, %v; it was used at %v", name, found, err, used)
			}
		}
	})
}

// A page is asked for by what a page before has said, and by nothing else.
func TestListPagesOfOthersAreRefused(t *testing.T) { conform(t, testListPagesOfOthersAreRefused) }

func testListPagesOfOthersAreRefused(t *testing.T, k kind) {
	n := k.world(t).node(t)
	_, s := n.issue(t, grant())
	g := grant()
	g.UserID = "4712"
	_, others := n.issue(t, g)
	for _, after := range []string{"x", "shandle:", s.ContextID(), others.Handle(), s.Handle() + "A", strings.Repeat("x", 1<<20)} {
		if _, _, err := n.List(t.Context(), "/alpha", "4711", session.Page{After: after}); !errors.Is(err, session.ErrInvalid) {
			t.Errorf("%.40q: %v", after, err)
		}
	}
}

func TestByHandle(t *testing.T) { conform(t, testByHandle) }

func testByHandle(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		_, s := n.issue(t, grant())
		g := grant()
		g.Realm, g.UserID = "/", "4712"
		_, other := n.issue(t, g)
		for _, want := range []session.Session{s, other} {
			found, err := n.ByHandle(t.Context(), want.Handle())
			if err != nil || found.Handle() != want.Handle() || found.Realm() != want.Realm() {
				t.Errorf("found %s of %s, %v", found.Handle(), found.Realm(), err)
			}
		}
		// The user of one and the session of the other.
		mixed := s.Handle()[:len("shandle:")+26] + other.Handle()[len("shandle:")+26:]
		for _, text := range []string{"", "shandle:", "x", mixed, s.Handle() + "=", strings.ToUpper(s.Handle()), s.Handle()[:20], s.Handle() + s.Handle()} {
			if _, err := n.ByHandle(t.Context(), text); !errors.Is(err, session.ErrInvalid) && !errors.Is(err, session.ErrEnded) {
				t.Errorf("%q: %v", text, err)
			}
		}
		if !s.SharesUser(s.Handle()) || s.SharesUser(other.Handle()) || s.SharesUser("x") || (session.Session{}).SharesUser(s.Handle()) {
			t.Error("whose a handle is, is not told")
		}
		time.Sleep(2 * time.Hour)
		if _, err := n.ByHandle(t.Context(), s.Handle()); !errors.Is(err, session.ErrEnded) {
			t.Errorf("of a session that is over: %v", err)
		}
	})
}

// TestEndUserEndsAllSessions on all nodes, whatever they have cached. The
// failure: "log out everywhere" that leaves one session open. SECURITY 16, 17.
func TestEndUserEndsAllSessions(t *testing.T) { conform(t, testEndUserEndsAllSessions) }

func testEndUserEndsAllSessions(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a, b := w.cachedNode(t, "a"), w.cachedNode(t, "b")
		time.Sleep(time.Second)
		var toks []string
		var kept session.Session
		for i := range 10 {
			n := a
			if i%2 == 1 {
				n = b
			}
			tok, s := n.issue(t, grant())
			toks, kept = append(toks, tok), s
			a.use(t, tok, nil)
			b.use(t, tok, nil)
		}
		g := grant()
		g.UserID = "4712"
		others, _ := a.issue(t, g)

		ended, err := b.EndUser(t.Context(), "/alpha", "4711", &kept)
		if err != nil || len(ended) != 9 {
			t.Fatalf("%d ended, %v", len(ended), err)
		}
		synctest.Wait()
		for i, tok := range toks {
			want := session.ErrEnded
			if i == 9 {
				want = nil
			}
			a.use(t, tok, want)
			b.use(t, tok, want)
		}
		a.use(t, others, nil)
		if ended, err = a.EndUser(t.Context(), "/alpha", "4711", nil); err != nil || len(ended) != 1 || ended[0].Handle() != kept.Handle() {
			t.Errorf("then %d ended, %v", len(ended), err)
		}
		synctest.Wait()
		b.use(t, toks[9], session.ErrEnded)
		b.use(t, others, nil)
		if sessions, entries := w.records(t); len(sessions) != 1 || len(entries) != 1 {
			t.Errorf("%d sessions and %d entries are left", len(sessions), len(entries))
		}
	})
}

// While the store does not answer nobody is told that nobody is there.
func TestOutageOfListsDecidesNothing(t *testing.T) { conform(t, testOutageOfListsDecidesNothing) }

func testOutageOfListsDecidesNothing(t *testing.T, k kind) {
	w := k.world(t)
	n := w.node(t)
	tok, s := n.issue(t, grant())
	w.store.Down.Store(true)
	_, errEnd := n.EndUser(t.Context(), "/alpha", "4711", nil)
	_, errHandle := n.ByHandle(t.Context(), s.Handle())
	_, errSet := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"a": "b"}})
	for name, err := range map[string]error{"EndUser": errEnd, "ByHandle": errHandle, "SetProperties": errSet} {
		if !errors.Is(err, errDown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.store.Down.Store(false)
	n.use(t, tok, nil)
}

// Refresh counts at once where it is called and a moment later everywhere,
// even if the session was used just before.
func TestRefresh(t *testing.T) { conform(t, testRefresh) }

func testRefresh(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		a, b := w.node(t), w.node(t)
		tok, s := a.issue(t, grant())
		time.Sleep(20 * time.Second)
		a.use(t, tok, nil)
		a.Refresh(s)
		refreshed := time.Now()
		time.Sleep(2 * time.Second)
		for name, n := range map[string]*node{"the node": a, "another node": b} {
			if last, err := n.LastAccess(t.Context(), s); err != nil || !last.Equal(refreshed) {
				t.Errorf("%s: %v, %v; want %v", name, last, err, refreshed)
			}
		}
		// It brings nothing back.
		if err := b.End(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		a.Refresh(s)
		time.Sleep(2 * time.Second)
		a.use(t, tok, session.ErrEnded)
	})
}
