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
	"github.com/amgate/amgate/store/sealed"
	"github.com/amgate/amgate/token"
)

func TestLookupFindsWhatWasGranted(t *testing.T) {
	n := newWorld(t).node(t)
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

func TestGrantsAtTheEdge(t *testing.T) {
	n := newWorld(t).node(t)
	for name, change := range map[string]func(*session.Grant){
		"negative level": func(g *session.Grant) { g.AuthLevel = -1 },
		"bare": func(g *session.Grant) {
			*g = session.Grant{Realm: g.Realm, UserID: "x", MaxTime: g.MaxTime, IdleTime: g.IdleTime, Seed: g.Seed}
		},
		"many properties":     func(g *session.Grant) { g.Properties["x"] = strings.Repeat("x", 60_000) },
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

func TestGrantsThatAreRefused(t *testing.T) {
	w := newWorld(t)
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
	if w.store.commits.Load() != 0 {
		t.Error("a grant that cannot be a session was written")
	}
}

func TestEnd(t *testing.T) {
	w := newWorld(t)
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
	if _, err := n.LastAccess(t.Context(), s); !errors.Is(err, session.ErrEnded) {
		t.Errorf("LastAccess of an ended session: %v, want ErrEnded", err)
	}
	if sessions, entries := w.records(t); len(sessions) != 1 || len(entries) != 1 {
		t.Errorf("%d sessions and %d entries are left, want those of the other session", len(sessions), len(entries))
	}
}

// A deleted session that a cache still honours is not deleted (authentik
// CVE-2025-29928): after End on one node the others refuse it, cached or not.
// SECURITY 17.
func TestEndIsSeenByNodesThatCachedTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
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
func TestEndOfASessionThatWasRewritten(t *testing.T) {
	w := newWorld(t)
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

// A flood of garbage must die in memory: whatever was not minted by this
// installation is refused without asking the store. Logout of it deletes
// nothing, because it never gets a Session to end. SECURITY 26, 28.
func TestForgedTokenNeverReachesTheStore(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	tok, _ := n.issue(t, grant())

	foreign := &world{store: w.store, ring: newRing(t, "installation two")}
	g := grant()
	foreignTok, _ := foreign.node(t).issue(t, g)
	keys, _ := w.ring.Realm("/alpha")
	journey := keys.Mint(token.CTSAuth, keys.DeriveHead(g.Seed))

	forged := []string{
		"", "*", "x", foreignTok, journey, tok + tok, tok + "=", " " + tok, tok + "\n",
		strings.Repeat(".", 1<<20), strings.Repeat("*", 1<<20), strings.ToLower(tok),
	}
	for i := range tok {
		forged = append(forged, tok[:i])
		for _, c := range "AQ.*-" {
			if flipped := tok[:i] + string(c) + tok[i+1:]; flipped != tok {
				forged = append(forged, flipped)
			}
		}
	}
	w.store.reads.Store(0)
	for _, f := range forged {
		if _, err := n.Lookup(t.Context(), f, session.Touch); err != session.ErrInvalid {
			t.Errorf("%.60q: %v, want ErrInvalid", f, err)
		}
	}
	if reads := w.store.reads.Load(); reads != 0 {
		t.Errorf("%d reads of the store for %d forged tokens", reads, len(forged))
	}
	n.use(t, tok, nil)
}

// What lists and logs show of a session must not open it. SECURITY 7, 63.
func TestHandleAndContextIDOpenNothing(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	tok, s := n.issue(t, grant())
	sessions, entries := w.records(t)
	for _, name := range []string{s.Handle(), s.ContextID(), strings.TrimPrefix(s.Handle(), "shandle:"), string(sessions[0].Key), string(entries[0].Key)} {
		n.use(t, name, session.ErrInvalid)
		if strings.Contains(name, tok[:27]) {
			t.Errorf("%s holds the head of the token", name)
		}
	}
}

// Who reads the store can neither present nor read what is there. SECURITY 58.
func TestStolenStoreHoldsNoTokenAndNoName(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	g := grant()
	tok, _ := n.issue(t, g)
	sessions, entries := w.records(t)
	for _, rec := range slices.Concat(sessions, entries) {
		text := string(rec.Key) + string(rec.Value)
		for _, secret := range []string{tok, tok[:27], g.UserID, g.Username, g.UniversalID, "staff", "green", string(g.Seed)} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", rec.Key, secret)
			}
		}
	}
}

// Who writes to the store must not be able to make one session another:
// every value is bound to its key. SECURITY 58.
func TestSwappedRecordsAreRefused(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	admin, user, root := grant(), grant(), grant()
	user.UserID, user.Roles, root.Realm = "4712", nil, "/"
	tokens := make(map[store.Key]string)
	for _, g := range []session.Grant{admin, user, root} {
		tok, _ := n.issue(t, g)
		sessions, _ := w.records(t)
		for _, rec := range sessions {
			if tokens[rec.Key] == "" {
				tokens[rec.Key] = tok
			}
		}
	}
	sessions, entries := w.records(t)
	for _, to := range sessions {
		values := [][]byte{nil, to.Value[:len(to.Value)-1], append(slices.Clone(to.Value), 0), entries[0].Value}
		for _, from := range sessions {
			if from.Key != to.Key {
				values = append(values, from.Value)
			}
		}
		for i, value := range values {
			put(t, w, to.Key, value, to.Expires)
			if _, err := n.Lookup(t.Context(), tokens[to.Key], session.Touch); !errors.Is(err, session.ErrInvalid) {
				t.Errorf("record %d under the key of another: %v, want ErrInvalid", i, err)
			}
		}
		put(t, w, to.Key, to.Value, to.Expires)
		n.use(t, tokens[to.Key], nil)
	}
	if n.log.count("refused") == 0 {
		t.Error("nothing was said of it")
	}
}

func put(t *testing.T, w *world, k store.Key, value []byte, expires time.Time) {
	t.Helper()
	if _, err := w.store.Commit(t.Context(), store.Put(k, value, expires)); err != nil {
		t.Fatal(err)
	}
}

// Two realms never share a session, though all else is the same: secret,
// user, journey. SECURITY 10, 19.
func TestTokenIsOfOneRealmAlone(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	g := grant()
	alpha, a := n.issue(t, g)
	g.Realm = "/"
	root, r := n.issue(t, g)
	if alpha == root || a.Handle() == r.Handle() {
		t.Fatal("two realms share a token or a handle")
	}
	if err := n.End(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	n.use(t, alpha, session.ErrEnded)
	n.use(t, root, nil)
}

// The realm stands in the record, too: one that was sealed for a token of one
// realm but is of another is refused, whoever made it. SECURITY 10.
func TestRecordOfAnotherRealmIsRefused(t *testing.T) {
	w := newWorld(t)
	n := w.node(t)
	codec := func(path string) *sealed.Codec {
		keys, _ := w.ring.Realm(path)
		var sealKeys []sealed.Key
		for _, k := range keys.SealKeys() {
			sealKeys = append(sealKeys, sealed.Key{ID: k.ID, Key: k.Key})
		}
		c, err := sealed.New(sealKeys)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	g := grant()
	tok, _ := n.issue(t, g)
	alpha, _ := w.records(t)
	g.Realm = "/"
	n.issue(t, g)
	all, _ := w.records(t)
	for _, rec := range all {
		if rec.Key != alpha[0].Key {
			plain, err := codec("/").Open(rec.Key, rec.Value)
			if err != nil {
				t.Fatal(err)
			}
			put(t, w, alpha[0].Key, codec("/alpha").Seal(alpha[0].Key, plain), rec.Expires)
		}
	}
	n.use(t, tok, session.ErrInvalid)
}

// Sessions answered 401 because their store was slow (Kratos issue 4581): an
// outage must be seen as one, by every method. SECURITY 25.
func TestOutageIsNoLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.node(t)
		tok, s := n.issue(t, grant())
		w.store.down.Store(true)
		for range 3 {
			_, err := n.Lookup(t.Context(), tok, session.Touch)
			_, accessErr := n.LastAccess(t.Context(), s)
			_, _, issueErr := n.Issue(t.Context(), grant())
			for name, err := range map[string]error{"Lookup": err, "LastAccess": accessErr, "Issue": issueErr, "End": n.End(t.Context(), s)} {
				if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, session.ErrEnded) || errors.Is(err, session.ErrInvalid) {
					t.Errorf("%s: %v, want ErrUnavailable alone", name, err)
				}
			}
		}
		w.store.down.Store(false)
		n.use(t, tok, nil)
	})
}

func TestConcurrentUseAndOneWinnerOfEnd(t *testing.T) {
	w := newWorld(t)
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
