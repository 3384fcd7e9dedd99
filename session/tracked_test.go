package session_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// What a tracked session costs beside one that the store has: an entry of the
// same size, and a record without roles and properties; once one is changed,
// the whole record.
func TestTrackedSessionKeepsALittle(t *testing.T) {
	size := func(k kind, change bool) (record, entry int) {
		w := k.world(t)
		n := w.node(t)
		tok, s := n.issue(t, grant())
		if change {
			if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"color": "brown"}}); err != nil {
				t.Fatal(err)
			}
			found, err := n.Lookup(t.Context(), tok, session.Peek)
			if err != nil || found.Properties()["color"] != "brown" || !slices.Equal(found.Roles(), s.Roles()) {
				t.Errorf("%s: changed to %v of %v, %v", k, found.Properties(), found.Roles(), err)
			}
		}
		sessions, entries := w.records(t)
		if len(sessions) != 1 || len(entries) != 1 || len(w.keys(t)) != 2 {
			t.Fatalf("%s: the store holds %q", k, w.keys(t))
		}
		if err := n.End(t.Context(), s); err != nil {
			t.Error(err)
		}
		n.use(t, tok, session.ErrEnded)
		if keys := w.keys(t); len(keys) != 0 {
			t.Errorf("%s: after the logout the store holds %q", k, keys)
		}
		return len(sessions[0].Value), len(entries[0].Value)
	}
	whole, entry := size(kept, false)
	little, same := size(tracked, false)
	g := grant()
	lists := 0
	for _, text := range slices.Concat(g.Roles, slices.Collect(maps.Keys(g.Properties)), slices.Collect(maps.Values(g.Properties))) {
		lists += 2 + len(text)
	}
	if same != entry || little != whole-lists {
		t.Errorf("a record of %d bytes beside one of %d with %d of roles and properties; entries of %d and %d", little, whole, lists, same, entry)
	}
	changedWhole, _ := size(kept, true)
	if changed, _ := size(tracked, true); changed != changedWhole {
		t.Errorf("after a change %d bytes, want %d", changed, changedWhole)
	}
}

// TestTrackingIsTurnedOnAndOff: a token says itself whether it is tracked, so
// nobody is signed out, and what is tracked stays so.
func TestTrackingIsTurnedOnAndOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		nodes, tokens, sessions := w.kinds(t), map[string]string{}, map[string]session.Session{}
		synctest.Wait()
		for name, n := range nodes {
			tokens[name], sessions[name] = n.issue(t, grant())
		}
		synctest.Wait()
		for _, n := range nodes {
			for name, tok := range tokens {
				found, err := n.Lookup(t.Context(), tok, session.Touch)
				if err != nil || found.Carried() != (name == "client") {
					t.Errorf("a %s session: %v", name, err)
				}
			}
			if listed, _, err := n.List(t.Context(), "/alpha", "4711", session.Page{}); err != nil || len(listed) != 2 {
				t.Errorf("%d are listed, %v", len(listed), err)
			}
		}
		changed, err := nodes["client"].SetProperties(t.Context(), sessions["tracked"], session.Changes{Remove: []string{"color"}})
		if err != nil || len(changed.Properties()) != 2 {
			t.Errorf("a change where nothing is tracked: %v, %v", changed.Properties(), err)
		}
		if err := nodes["server"].End(t.Context(), sessions["tracked"]); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for _, n := range nodes {
			n.use(t, tokens["tracked"], session.ErrEnded)
			n.use(t, tokens["client"], nil)
		}
	})
}

// TestListedTrackedSession: whoever has not the token sees whose it is, its
// level and its times, and can end it, but not change what only the client has.
func TestListedTrackedSession(t *testing.T) {
	n := tracked.world(t).node(t)
	tok, s := n.issue(t, grant())
	listed, _, err := n.List(t.Context(), "/alpha", "4711", session.Page{})
	if err != nil || len(listed) != 1 {
		t.Fatalf("%d are listed, %v", len(listed), err)
	}
	l := listed[0].Session
	type shown struct {
		realm, user, name, universal, auth, journey, handle, context string
		level                                                        int
		created, expires                                             int64
	}
	show := func(s session.Session) shown {
		return shown{
			s.Realm(), s.UserID(), s.Username(), s.UniversalID(), s.AuthType(), s.Journey(), s.Handle(), s.ContextID(),
			s.AuthLevel(), s.Created().UnixMilli(), s.MaxExpires().UnixMilli(),
		}
	}
	if diff := cmp.Diff(show(s), show(l), cmp.AllowUnexported(shown{})); diff != "" {
		t.Errorf("(-issued +listed):\n%s", diff)
	}
	if _, err := n.SetProperties(t.Context(), l, session.Changes{Set: map[string]string{"a": "b"}}); !errors.Is(err, session.ErrCarried) {
		t.Errorf("a change without the token: %v", err)
	}
	if found, err := n.Lookup(t.Context(), tok, session.Peek); err != nil || len(found.Roles()) != 2 || len(found.Properties()) != 3 {
		t.Errorf("then it has %v and %v, %v", found.Roles(), found.Properties(), err)
	}
	if err := n.Destroy(t.Context(), l); err != nil {
		t.Error(err)
	}
	n.use(t, tok, session.ErrEnded)
}

// TestChangeOfARewrittenStub: a change that meets a record which was rewritten
// loses nothing of what only the client has.
func TestChangeOfARewrittenStub(t *testing.T) {
	w := tracked.world(t)
	n := w.node(t)
	tok, s := n.issue(t, grant())
	sessions, _ := w.records(t)
	put(t, w, sessions[0].Key, sessions[0].Value, sessions[0].Expires)
	if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"color": "brown"}}); err != nil {
		t.Fatal(err)
	}
	if found, err := n.Lookup(t.Context(), tok, session.Peek); err != nil || len(found.Roles()) != 2 || len(found.Properties()) != 3 {
		t.Errorf("then it has %v and %v, %v", found.Roles(), found.Properties(), err)
	}
}

// TestRepeatedTrackedLogin: a login that is repeated has all of its session,
// also what it took over from one that it has ended, and what was changed since.
func TestRepeatedTrackedLogin(t *testing.T) {
	n := tracked.world(t).node(t)
	g := grant()
	_, s := n.issue(t, g)
	again, _ := n.issue(t, g)
	if found, err := n.Lookup(t.Context(), again, session.Peek); err != nil || found != s {
		t.Errorf("repeated: %v, roles %v, properties %v", err, found.Roles(), found.Properties())
	}
	up := stepUp(s)
	_, upgraded := n.issue(t, up)
	again, repeated := n.issue(t, up)
	if found, err := n.Lookup(t.Context(), again, session.Peek); err != nil || found != upgraded || repeated != upgraded || found.AuthLevel() != 7 {
		t.Errorf("an upgrade that is repeated: %v, level %d, properties %v", err, found.AuthLevel(), found.Properties())
	}
	if _, err := n.SetProperties(t.Context(), upgraded, session.Changes{Set: map[string]string{"color": "brown"}}); err != nil {
		t.Fatal(err)
	}
	if _, s := n.issue(t, up); s.Properties()["color"] != "brown" {
		t.Errorf("repeated after a change: %v", s.Properties())
	}
}

// TestTooLargeTrackedSessionIsNotWritten: whether it fits into its cookie is
// known before the store hears of it.
func TestTooLargeTrackedSessionIsNotWritten(t *testing.T) {
	w := tracked.world(t)
	n := w.node(t)
	g := grant()
	g.Properties["big"] = strings.Repeat("x", 3000)
	if tok, _, err := n.Issue(t.Context(), g); !errors.Is(err, session.ErrCookie) || tok != "" {
		t.Errorf("%v, want ErrCookie", err)
	}
	if keys := w.keys(t); len(keys) != 0 {
		t.Errorf("the store holds %q", keys)
	}
	// Later it may grow: the cookie stays as it is.
	tok, s := n.issue(t, grant())
	if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"big": strings.Repeat("x", 3000)}}); err != nil {
		t.Error(err)
	}
	n.use(t, tok, nil)
}

// TestSealedStubIsNoToken: what the store holds of a tracked session is no
// session in a client's hands, and a tracked one whose record is gone is over.
func TestSealedStubIsNoToken(t *testing.T) {
	w := tracked.world(t)
	n := w.node(t)
	tok, s := n.issue(t, grant())
	carrier := token.NewCarrier(w.ring, nil)
	plain, _, err := carrier.Open(tok)
	if err != nil {
		t.Fatal(err)
	}
	lists := strings.LastIndex(string(plain), "Login") + len("Login")
	stub := append(slices.Clone(plain[:lists]), 0, 0, 0, 0)
	stub[20] = 3
	forged, err := carrier.Seal("/alpha", stub)
	if err != nil {
		t.Fatal(err)
	}
	n.use(t, forged, session.ErrInvalid)
	n.use(t, tok, nil)
	sessions, _ := w.records(t)
	if _, err := w.store.Commit(t.Context(), store.Delete(sessions[0].Key)); err != nil {
		t.Fatal(err)
	}
	n.use(t, tok, session.ErrEnded)
	if err := n.End(t.Context(), s); !errors.Is(err, session.ErrEnded) {
		t.Errorf("its end: %v", err)
	}
}
