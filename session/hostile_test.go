package session_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
	"github.com/amgate/amgate/token"
)

// A flood of garbage must die in memory: whatever was not minted by this
// installation is refused without asking the store. Logout of it deletes
// nothing, because it never gets a Session to end. SECURITY 26, 28.
func TestForgedTokenNeverReachesTheStore(t *testing.T) {
	conform(t, testForgedTokenNeverReachesTheStore)
}

func testForgedTokenNeverReachesTheStore(t *testing.T, k kind) {
	w := k.world(t)
	n := w.node(t)
	tok, _ := n.issue(t, grant())

	foreign := &world{kind: k, store: w.store, ring: newRing(t, "installation two")}
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
	w.store.Gets.Store(0)
	for _, f := range forged {
		if _, err := n.Lookup(t.Context(), f, session.Touch); err != session.ErrInvalid {
			t.Errorf("%.60q: %v, want ErrInvalid", f, err)
		}
	}
	if reads := w.store.Gets.Load(); reads != 0 {
		t.Errorf("%d reads of the store for %d forged tokens", reads, len(forged))
	}
	n.use(t, tok, nil)
}

// What lists and logs show of a session must not open it. SECURITY 7, 63.
func TestHandleAndContextIDOpenNothing(t *testing.T) { conform(t, testHandleAndContextIDOpenNothing) }

func testHandleAndContextIDOpenNothing(t *testing.T, k kind) {
	w := k.world(t)
	n := w.node(t)
	tok, s := n.issue(t, grant())
	for _, name := range append(w.keys(t), s.Handle(), s.ContextID(), strings.TrimPrefix(s.Handle(), "shandle:")) {
		n.use(t, name, session.ErrInvalid)
		if strings.Contains(name, tok[:27]) {
			t.Errorf("%s holds the head of the token", name)
		}
	}
}

// Who reads the store can neither present nor read what is there. SECURITY 58.
func TestStolenStoreHoldsNoTokenAndNoName(t *testing.T) {
	conform(t, testStolenStoreHoldsNoTokenAndNoName)
}

func testStolenStoreHoldsNoTokenAndNoName(t *testing.T, k kind) {
	w := k.world(t)
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
func TestSwappedRecordsAreRefused(t *testing.T) { conform(t, testSwappedRecordsAreRefused) }

func testSwappedRecordsAreRefused(t *testing.T, k kind) {
	w := k.world(t)
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
	if n.log.Count("refused") == 0 {
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
func TestTokenIsOfOneRealmAlone(t *testing.T) { conform(t, testTokenIsOfOneRealmAlone) }

func testTokenIsOfOneRealmAlone(t *testing.T, k kind) {
	w := k.world(t)
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
func TestRecordOfAnotherRealmIsRefused(t *testing.T) { conform(t, testRecordOfAnotherRealmIsRefused) }

func testRecordOfAnotherRealmIsRefused(t *testing.T, k kind) {
	w := k.world(t)
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
func TestOutageIsNoLogout(t *testing.T) { conform(t, testOutageIsNoLogout) }

func testOutageIsNoLogout(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		tok, s := n.issue(t, grant())
		w.store.Down.Store(true)
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
		w.store.Down.Store(false)
		n.use(t, tok, nil)
	})
}
