package session_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/token"
)

// A cache that is asked for less than all that a token stands for answers one
// token with the session of another (Oathkeeper CVE-2026-33496). Here a token
// is of a realm, a kind, a key, an installation and a head; each is changed
// alone, with a MAC that is right for the change, while the session is cached.
// SECURITY 19.
func TestCachedSessionAnswersItsOwnTokenAlone(t *testing.T) {
	w := newWorld(t)
	n := w.cachedNode(t, "here")
	tok, _ := n.issue(t, grant())
	n.use(t, tok, nil)
	ref, err := w.ring.OpenReference(tok)
	if err != nil {
		t.Fatal(err)
	}
	mint := func(ring *token.Ring, path string, kind token.Kind, head [20]byte) string {
		keys, ok := ring.Realm(path)
		if !ok {
			t.Fatalf("no keys of %s", path)
		}
		return keys.Mint(kind, head)
	}
	secret, err := token.NewSecret([]byte(strings.Repeat("o", 32)))
	if err != nil {
		t.Fatal(err)
	}
	other := []token.Secret{secret}
	otherKey, err := token.NewRing([]byte("installation one"), other, map[string][]token.Secret{"/": other, "/alpha": other})
	if err != nil {
		t.Fatal(err)
	}
	next := ref.Head
	next[0]++
	if again := mint(w.ring, "/alpha", token.CTS, ref.Head); again != tok {
		t.Fatal("the same parts make another token")
	}
	for name, tc := range map[string]struct {
		tok  string
		want error
	}{
		"realm":        {mint(w.ring, "/", token.CTS, ref.Head), session.ErrInvalid},
		"kind":         {mint(w.ring, "/alpha", token.CTSAuth, ref.Head), session.ErrInvalid},
		"key":          {mint(otherKey, "/alpha", token.CTS, ref.Head), session.ErrInvalid},
		"installation": {mint(newRing(t, "installation two"), "/alpha", token.CTS, ref.Head), session.ErrInvalid},
		"head":         {mint(w.ring, "/alpha", token.CTS, next), session.ErrEnded},
	} {
		if _, err := n.Lookup(t.Context(), tc.tok, session.Touch); !errors.Is(err, tc.want) {
			t.Errorf("another %s: %v, want %v", name, err, tc.want)
		}
	}
	n.use(t, tok, nil)
}

// A cache that skips checks lets through what the long way refuses (Oathkeeper
// GHSA-qvp4-rpmr-xwrr). Random sessions at random times are judged alike by a
// manager that reads from a cache and by one that reads from the store; both
// know the same accesses. SECURITY 20.
func TestCachedAndUncachedJudgeAlike(t *testing.T) { conform(t, testCachedAndUncachedJudgeAlike) }

func testCachedAndUncachedJudgeAlike(t *testing.T, k kind) {
	type step struct {
		pause       time.Duration
		which, what int
	}
	rapid.Check(t, func(rt *rapid.T) {
		var grants []session.Grant
		for range rapid.IntRange(1, 4).Draw(rt, "sessions") {
			g := grant()
			g.Realm = rapid.SampledFrom([]string{"/", "/alpha"}).Draw(rt, "realm")
			g.MaxTime = time.Duration(rapid.IntRange(1, 200).Draw(rt, "max")) * time.Minute
			g.IdleTime = time.Duration(rapid.IntRange(1, 40).Draw(rt, "idle")) * time.Minute
			grants = append(grants, g)
		}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				pause: time.Duration(rapid.IntRange(0, 50*60).Draw(rt, "seconds")) * time.Second,
				which: rapid.IntRange(0, len(grants)-1).Draw(rt, "which"), what: rapid.IntRange(0, 3).Draw(rt, "what"),
			}
		}), 1, 12).Draw(rt, "steps")
		differ := ""
		synctest.Test(t, func(t *testing.T) {
			w := k.world(t)
			cached := w.cachedNode(t, "here")
			synctest.Wait()
			plain := session.NewManager(session.Config{Store: w.store, Keys: w.ring, Access: cached.access, Logger: cached.log.Logger(), Carried: k.carried()})
			var tokens []string
			var sessions []session.Session
			for _, g := range grants {
				tok, s := cached.issue(t, g)
				tokens, sessions = append(tokens, tok), append(sessions, s)
			}
			for _, step := range steps {
				time.Sleep(step.pause)
				switch step.what {
				case 0:
					_, _ = cached.Lookup(t.Context(), tokens[step.which], session.Touch)
				case 1:
					_ = cached.End(t.Context(), sessions[step.which])
				}
				for i, tok := range tokens {
					a, aErr := cached.Lookup(t.Context(), tok, session.Peek)
					b, bErr := plain.Lookup(t.Context(), tok, session.Peek)
					if !errors.Is(aErr, bErr) || a.Handle() != b.Handle() || a.UserID() != b.UserID() {
						differ += fmt.Sprintf("session %d: from the cache %v, from the store %v\n", i, aErr, bErr)
					}
				}
			}
		})
		if differ != "" {
			rt.Error(differ)
		}
	})
}

// Who listens to what nodes tell each other (OpenAM CVE-2026-123551 sent live
// tokens) captures every change of the store, from the login to the logout, of
// sessions in the store and of those that clients carry, announcements, notices
// and denylist included. Nothing of it is a token, in whatever form it is
// replayed. SECURITY 63.
func TestCapturedStreamOpensNothing(t *testing.T) { conform(t, testCapturedStreamOpensNothing) }

func testCapturedStreamOpensNothing(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		watch, err := w.store.Watch(ctx, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]int{}
		var captured []string
		var listening sync.WaitGroup
		listening.Go(func() {
			for ev := range watch.Events() {
				kinds[ev.Record.Key.Kind()]++
				captured = append(captured, string(ev.Record.Key), string(ev.Record.Value))
				captured = append(captured, strings.FieldsFunc(string(ev.Record.Key)+string(ev.Record.Value), func(r rune) bool {
					return r < ' ' || r > '~' || r == '/'
				})...)
			}
		})
		n, other := w.listenedTo(t, "here"), w.listenedTo(t, "there")
		synctest.Wait()
		carried := func(user string) session.Grant {
			g := grant()
			g.Realm, g.UserID = "/", user
			return g
		}
		live, _ := n.issue(t, grant())
		tok, s := n.issue(t, grant())
		idle, _ := n.issue(t, grant())
		liveCarried, _ := n.issue(t, carried("lives"))
		denied, d := n.issue(t, carried("is ended"))
		dated, _ := n.issue(t, carried("all end"))
		for range 20 {
			n.use(t, tok, nil)
			other.use(t, live, nil)
			time.Sleep(2 * time.Minute)
		}
		n.use(t, idle, session.ErrEnded)
		for _, ended := range []session.Session{s, d} {
			if err := n.End(t.Context(), ended); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := n.EndUser(t.Context(), "/", "all end", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n.use(t, denied, session.ErrEnded)
		n.use(t, dated, session.ErrEnded)
		cancel()
		listening.Wait()
		for _, kind := range []string{"s", "u", "inv", "o", "d", "e"} {
			if kinds[kind] == 0 {
				t.Errorf("nothing of the kind %s/ was captured, but %v", kind, kinds)
			}
		}
		for _, text := range captured {
			for _, replayed := range []string{
				text, text + "*", base64.RawURLEncoding.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)),
				hex.EncodeToString([]byte(text)),
			} {
				if _, err := other.Lookup(t.Context(), replayed, session.Touch); !errors.Is(err, session.ErrInvalid) {
					t.Errorf("%q: %v", replayed, err)
				}
			}
			for _, secret := range []string{live, tok, idle, liveCarried, denied, dated} {
				if strings.Contains(text, secret) || !strings.Contains(secret, ".") && strings.Contains(text, secret[:27]) {
					t.Errorf("%q holds a token's secret part", text)
				}
			}
		}
		other.use(t, live, nil)
		other.use(t, liveCarried, nil)
	})
}

// listenedTo is a node with all that makes it write: caches, a webhook, and a
// realm, /, whose sessions their clients carry.
func (w *world) listenedTo(t testing.TB, name string) *node {
	t.Helper()
	return w.nodeOn(t, w.cache(t, name), func(cfg *session.Config) {
		cfg.Webhooks = func(session.Session) []string { return []string{"hook"} }
		cfg.Carried = map[string]session.Carried{"/": {Room: 4000}, "/alpha": w.kind.carried()["/alpha"]}
	})
}

// Sessions that are used, run out and are ended, all at once, on two nodes with
// caches: for the race detector, and nobody gets a session beyond its end.
// SECURITY 24 (go-authcrunch deleted from its cache under a read lock).
func TestUseExpiryAndEndAtOnce(t *testing.T) { conform(t, testUseExpiryAndEndAtOnce) }

func testUseExpiryAndEndAtOnce(t *testing.T, k kind) {
	w := k.world(t)
	nodes := []*node{w.cachedNode(t, "a"), w.cachedNode(t, "b")}
	var all sync.WaitGroup
	for i := range 40 {
		g := grant()
		g.MaxTime, g.IdleTime = time.Duration(20+5*i)*time.Millisecond, time.Hour
		tok, s := nodes[i%2].issue(t, g)
		over := make(chan struct{})
		for _, n := range nodes {
			all.Go(func() {
				for {
					ended := isClosed(over)
					late := !time.Now().Before(s.MaxExpires())
					_, err := n.Lookup(context.Background(), tok, session.Touch)
					switch {
					case err == nil && (late || ended && n == nodes[0]):
						t.Errorf("session %d goes on: max time over %t, ended %t", i, late, ended)
						return
					case errors.Is(err, session.ErrEnded):
						return
					case err != nil:
						t.Error(err)
						return
					}
				}
			})
		}
		if i%3 == 0 {
			all.Go(func() {
				if err := nodes[0].End(context.Background(), s); err != nil && !errors.Is(err, session.ErrEnded) {
					t.Error(err)
				}
				close(over)
			})
		}
	}
	all.Wait()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
