package session_test

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/logtest"
	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/token"
)

// carrying is a node, with the cache that a process has, the sessions of whose
// realm /alpha their clients carry.
func (w *world) carrying(t testing.TB, name string, outage store.Freshness) *node {
	t.Helper()
	front := w.cache(t, name)
	n := &node{store: front, log: new(logtest.Log)}
	n.access = session.NewAccess(session.AccessConfig{Store: front, Logger: n.log.Logger()})
	t.Cleanup(n.access.Close)
	n.Manager = session.NewManager(session.Config{
		Store: front, Keys: w.ring, Access: n.access, Logger: n.log.Logger(),
		Outages: map[string]store.Freshness{"/alpha": outage}, Carried: untracked.carried(),
	})
	return n
}

// keys lists the keys that the store holds.
func (w *world) keys(t testing.TB) (keys []string) {
	t.Helper()
	rs, _, err := w.store.Store.List(t.Context(), "", store.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		keys = append(keys, string(r.Key))
	}
	return keys
}

// TestCarriedSessionWritesNothing: a login commits the journey's end, if there
// is one, and leaves no key; to use the session reads and writes nothing.
func TestCarriedSessionWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.carrying(t, "here", store.Any)
		synctest.Wait()
		g := grant()
		tok, s := n.issue(t, g)
		if commits := w.store.Commits.Load(); commits != 0 {
			t.Errorf("%d transactions for a journey that the store had nothing of", commits)
		}
		put(t, w, journeyKey, []byte("at its last step"), time.Time{})
		w.store.Commits.Store(0)
		if _, _, err := n.Issue(t.Context(), grant(), store.Delete(journeyKey)); err != nil {
			t.Fatal(err)
		}
		if commits := w.store.Commits.Load(); commits != 1 {
			t.Errorf("%d transactions", commits)
		}
		w.store.Gets.Store(0)
		for range 3 {
			found, err := n.Lookup(t.Context(), tok, session.Touch)
			if err != nil || found != s || !found.Carried() {
				t.Fatalf("%+v, %v", found, err)
			}
		}
		if s.Username() != g.Username || s.Roles()[1] != "staff" || s.AuthLevel() != g.AuthLevel || s.Properties()["color"] != "green" {
			t.Errorf("the session is not what was granted: %+v", s)
		}
		if keys, gets := w.keys(t), w.store.Gets.Load(); len(keys) != 0 || gets != 0 {
			t.Errorf("the store holds %q and was read %d times", keys, gets)
		}
		if n.log.Count(tok) != 0 {
			t.Error("the token is in the log")
		}
	})
}

// TestCarriedSessionEndsAtItsMaxTime: to the millisecond, and not before,
// however long it is not used.
func TestCarriedSessionEndsAtItsMaxTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.carrying(t, "here", store.Any)
		tok, s := n.issue(t, grant())
		time.Sleep(2*time.Hour - time.Millisecond)
		n.use(t, tok, nil)
		if last, err := n.LastAccess(t.Context(), s); err != nil || !last.Equal(time.Now()) {
			t.Errorf("last used %v, %v", last, err)
		}
		time.Sleep(time.Millisecond)
		n.use(t, tok, session.ErrEnded)
	})
}

// TestCarriedSessionIsEndedEverywhere: one record is written; all nodes refuse
// at once, those that have verified the token, those that have not, and one
// that starts afterwards. SECURITY 17, 18.
func TestCarriedSessionIsEndedEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		here, there, cold := w.carrying(t, "here", store.Any), w.carrying(t, "there", store.Grace(time.Hour)), w.carrying(t, "cold", store.Strict)
		synctest.Wait()
		tok, s := here.issue(t, grant())
		other, _ := here.issue(t, grant())
		here.use(t, tok, nil)
		there.use(t, tok, nil)
		w.store.Commits.Store(0)
		if err := there.End(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		there.use(t, tok, session.ErrEnded)
		synctest.Wait()
		for _, n := range []*node{here, there, cold, w.carrying(t, "late", store.Any)} {
			n.use(t, tok, session.ErrEnded)
			n.use(t, other, nil)
		}
		keys := w.keys(t)
		if commits := w.store.Commits.Load(); commits != 1 || len(keys) != 1 || !strings.HasPrefix(keys[0], "d/") {
			t.Errorf("%d transactions, the store holds %q", commits, keys)
		}
		if strings.Contains(tok, keys[0][2:]) {
			t.Error("the record is named by the token")
		}
		if err := here.End(t.Context(), s); !errors.Is(err, session.ErrEnded) {
			t.Errorf("ended twice: %v", err)
		}
		time.Sleep(2*time.Hour + time.Minute)
		if keys := w.keys(t); len(keys) != 0 {
			t.Errorf("after the session's time the store holds %q", keys)
		}
		here.use(t, tok, session.ErrEnded)
	})
}

// TestCarriedSessionOfARepeatedStep: whoever repeats a journey's last step has
// the same session, so that one logout ends it; a replay has none.
func TestCarriedSessionOfARepeatedStep(t *testing.T) {
	for name, tc := range map[string]struct{ lost, refused, late int64 }{
		"the first try happened":     {lost: 1},
		"it did not":                 {refused: 1},
		"all tries, and it happened": {lost: 1, refused: 3},
		"none happened":              {refused: 4},
		"it happens late":            {late: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.carrying(t, "here", store.Any)
				put(t, w, journeyKey, []byte("at its last step"), time.Time{})
				journey, _, err := w.store.Get(t.Context(), journeyKey, store.Fresh)
				if err != nil {
					t.Fatal(err)
				}
				end := []store.Op{store.Check(journeyKey, journey.Revision), store.Delete(journeyKey)}
				w.store.Lost.Store(tc.lost)
				w.store.Refused.Store(tc.refused)
				w.store.Late.Store(tc.late)
				g := grant()
				tok, first, err := n.Issue(t.Context(), g, end...)
				if errors.Is(err, store.ErrUnavailable) {
					g.Again = true
					tok, first, err = n.Issue(t.Context(), g, end...)
				}
				if err != nil {
					t.Fatal(err)
				}
				w.store.Deliver(t.Context())
				g.Again = true
				again, second, err := n.Issue(t.Context(), g, end...)
				if err != nil || second.Handle() != first.Handle() {
					t.Errorf("another session, %v", err)
				}
				if err := n.End(t.Context(), first); err != nil {
					t.Error(err)
				}
				n.use(t, tok, session.ErrEnded)
				n.use(t, again, session.ErrEnded)
				g.Again = false
				if tok, _, err := n.Issue(t.Context(), g, end...); !errors.Is(err, store.ErrConflict) || tok != "" {
					t.Errorf("a replay: %v, want ErrConflict", err)
				}
			})
		})
	}
}

// TestEndUserEndsCarriedSessions: one record ends them everywhere, but for the
// one that is to live on; what is issued then, on whatever node, lives.
func TestEndUserEndsCarriedSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		here, there := w.carrying(t, "here", store.Any), w.carrying(t, "there", store.Any)
		synctest.Wait()
		g := grant()
		one, _ := here.issue(t, g)
		g.Seed = grant().Seed
		spared, s := there.issue(t, g)
		g.Seed = grant().Seed
		g.UserID = "4712"
		foreign, _ := here.issue(t, g)
		g.UserID = "4711"
		if _, err := here.EndUser(t.Context(), "/alpha", "4711", &s); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		g.Seed = grant().Seed
		later, _ := there.issue(t, g)
		for _, n := range []*node{here, there, w.carrying(t, "late", store.Strict)} {
			n.use(t, one, session.ErrEnded)
			for _, tok := range []string{spared, foreign, later} {
				n.use(t, tok, nil)
			}
		}
		if _, err := there.EndUser(t.Context(), "/alpha", "4711", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		here.use(t, spared, session.ErrEnded)
		here.use(t, later, session.ErrEnded)
		here.use(t, foreign, nil)
		if keys := w.keys(t); len(keys) != 1 || !strings.HasPrefix(keys[0], "e/") {
			t.Errorf("the store holds %q", keys)
		}
		if _, err := here.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"a": "b"}}); !errors.Is(err, session.ErrCarried) {
			t.Errorf("a change: %v", err)
		}
	})
}

// TestEpochLayoutIsAsItWas: what version 1 wrote is understood, and what
// nobody understands lets nobody in and signs nobody out.
func TestEpochLayoutIsAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.carrying(t, "here", store.Any)
		synctest.Wait()
		g := grant()
		tok, s := n.issue(t, g)
		if _, err := n.EndUser(t.Context(), g.Realm, g.UserID, nil); err != nil {
			t.Fatal(err)
		}
		key := store.Key(w.keys(t)[0])
		at := func(version byte, at time.Time) []byte {
			return append(binary.BigEndian.AppendUint64([]byte{version}, uint64(at.UnixMilli())), make([]byte, 20)...)
		}
		for _, tc := range []struct {
			value []byte
			want  error
		}{
			{at(1, s.Created()), session.ErrEnded},
			{at(1, s.Created().Add(-time.Millisecond)), nil},
			{at(2, s.Created()), store.ErrUnavailable},
			{at(1, s.Created())[:28], store.ErrUnavailable},
			{nil, store.ErrUnavailable},
		} {
			put(t, w, key, tc.value, time.Time{})
			synctest.Wait()
			if _, err := n.Lookup(t.Context(), tok, session.Touch); !errors.Is(err, tc.want) {
				t.Errorf("%x: %v, want %v", tc.value, err, tc.want)
			}
		}
	})
}

// TestForgedCarriedTokenNeverReachesTheStore: SECURITY 26, 28.
func TestForgedCarriedTokenNeverReachesTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.carrying(t, "here", store.Any)
		tok, _ := n.issue(t, grant())
		foreign := &world{store: w.store, ring: newRing(t, "installation two")}
		foreignTok, _ := foreign.carrying(t, "foreign", store.Any).issue(t, grant())
		short, err := token.NewCarrier(w.ring, nil).Seal("/alpha", []byte("no record"))
		if err != nil {
			t.Fatal(err)
		}
		n.use(t, tok, nil)
		forged := []string{"*", "**", foreignTok, short, tok + tok, tok + "=", tok + "\n", "*" + tok, strings.Repeat("*", 1<<20)}
		for i := range tok {
			bad := []byte(tok)
			bad[i] ^= 1
			forged = append(forged, tok[:i], string(bad))
		}
		synctest.Wait() // for the caches, which read the store as time goes on
		w.store.Gets.Store(0)
		for _, f := range forged {
			n.use(t, f, session.ErrInvalid)
		}
		if reads := w.store.Gets.Load(); reads > 0 {
			t.Errorf("%d reads of the store for %d forged tokens", reads, len(forged))
		}
	})
}

// TestCarriedSessionIsOfOneRealmAlone: a sealed record of one realm under the
// keys of another is nothing. SECURITY 10, 19.
func TestCarriedSessionIsOfOneRealmAlone(t *testing.T) {
	w := newWorld(t)
	n := w.carrying(t, "here", store.Any)
	tok, s := n.issue(t, grant())
	carrier := token.NewCarrier(w.ring, nil)
	plain, _, err := carrier.Open(tok)
	if err != nil {
		t.Fatal(err)
	}
	same, err := carrier.Seal("/alpha", plain)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := n.Lookup(t.Context(), same, session.Touch); err != nil || found != s {
		t.Errorf("the same again: %v", err)
	}
	other, err := carrier.Seal("/", plain)
	if err != nil {
		t.Fatal(err)
	}
	n.use(t, other, session.ErrInvalid)
}

// TestCarriedSessionFitsItsCookie, or the error says what to do.
func TestCarriedSessionFitsItsCookie(t *testing.T) {
	n := newWorld(t).carrying(t, "here", store.Any)
	g := grant()
	for size := 0; ; size += 100 {
		g.Properties = map[string]string{"big": strings.Repeat("x", size)}
		tok, _, err := n.Issue(t.Context(), g)
		switch {
		case err == nil && len(tok) > 4000:
			t.Fatalf("a token of %d bytes", len(tok))
		case err == nil:
			continue
		case !errors.Is(err, session.ErrCookie) || !strings.Contains(err.Error(), "use authenticated_sessions server") || size < 1500:
			t.Errorf("with %d bytes: %v", size, err)
		}
		return
	}
}

// TestBothKindsAreGood: when a realm's kind is changed, nobody is signed out.
func TestBothKindsAreGood(t *testing.T) {
	w := newWorld(t)
	carrying, keeping := w.carrying(t, "carrying", store.Any), w.cachedNode(t, "keeping")
	carried, a := carrying.issue(t, grant())
	kept, b := keeping.issue(t, grant())
	for _, n := range []*node{carrying, keeping} {
		n.use(t, carried, nil)
		n.use(t, kept, nil)
	}
	if err := keeping.End(t.Context(), a); err != nil {
		t.Error(err)
	}
	if err := carrying.End(t.Context(), b); err != nil {
		t.Error(err)
	}
	carrying.use(t, kept, session.ErrEnded)
	keeping.use(t, carried, session.ErrEnded)
}

// TestOutageRulesOfCarriedSessions: they obey the realm's rule like those that
// the store has, whether or not the token was ever verified here.
func TestOutageRulesOfCarriedSessions(t *testing.T) {
	const grace = 10 * time.Minute
	for _, tc := range []struct {
		name         string
		outage       store.Freshness
		works, fails time.Duration
	}{
		{"strict", store.Strict, 0, time.Second + time.Millisecond},
		{"freshness", store.Any, 4 * time.Second, 5 * time.Second},
		{"grace", store.Grace(grace), 4*time.Second + grace, 5*time.Second + grace},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				n := w.carrying(t, "here", tc.outage)
				synctest.Wait()
				tok, s := n.issue(t, grant())
				ended, e := n.issue(t, grant())
				if err := n.End(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				w.store.Down.Store(true)
				began := time.Now()
				for time.Since(began) < tc.works {
					n.use(t, tok, nil)
					n.use(t, ended, session.ErrEnded)
					time.Sleep(time.Second)
				}
				time.Sleep(tc.fails - time.Since(began))
				for _, tok := range []string{tok, ended} {
					if _, err := n.Lookup(t.Context(), tok, session.Touch); !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("after %v: %v, want ErrUnavailable", time.Since(began), err)
					}
				}
				if err := n.End(t.Context(), s); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("logout: %v", err)
				}
				w.store.Down.Store(false)
				time.Sleep(20 * time.Second)
				n.use(t, tok, nil)
				n.use(t, ended, session.ErrEnded)
			})
		})
	}
}

// signedBy is how the sessions of a realm are signed by an algorithm.
func signedBy(b *testing.B, by token.Algorithm) token.Signing {
	b.Helper()
	var keys []token.SigningKey
	if !strings.HasPrefix(string(by), "HS") {
		name := "../token/testdata/keys/" + strings.ToLower(string(by)) + ".pem"
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		key, err := token.ParseSigningKey(name, text)
		if err != nil {
			b.Fatal(err)
		}
		keys = append(keys, key)
	}
	signing, err := token.NewSigning([]token.Algorithm{by}, keys)
	if err != nil {
		b.Fatal(err)
	}
	return signing
}

// BenchmarkCarrier is what a token costs that is made at a login, verified for
// the first time, or forged under the names of our keys.
func BenchmarkCarrier(b *testing.B) {
	w := newWorld(b)
	plain, _, err := token.NewCarrier(w.ring, nil).Open(first(w.carrying(b, "bench", store.Any).issue(b, typical())))
	if err != nil {
		b.Fatal(err)
	}
	compressed := signedBy(b, token.HS256)
	compressed.Compress = true
	how := map[string]token.Signing{"HS256 compressed": compressed}
	for _, by := range token.Algorithms {
		how[string(by)] = signedBy(b, by)
	}
	for _, name := range slices.Sorted(maps.Keys(how)) {
		c := token.NewCarrier(w.ring, map[string]token.Signing{"/alpha": how[name]})
		tok, err := c.Seal("/alpha", plain)
		if err != nil {
			b.Fatal(err)
		}
		forged := tok[:len(tok)-4] + "AAAA"
		for what, do := range map[string]func() error{
			"seal":   func() error { _, err := c.Seal("/alpha", plain); return err },
			"verify": func() error { _, _, err := c.Open(tok); return err },
			"forged": func() error {
				if _, _, err := c.Open(forged); !errors.Is(err, token.ErrInvalid) {
					return errors.New("a forgery is accepted")
				}
				return nil
			},
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				processorTime(b)
				for b.Loop() {
					if err := do(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(tok)), "bytes")
			})
		}
	}
}

func first(tok string, _ session.Session) string { return tok }

// BenchmarkLookupCarried: of tokens that were verified before, by each
// algorithm and tracked, and of so many that hardly one is still remembered.
func BenchmarkLookupCarried(b *testing.B) {
	type how struct {
		name     string
		by       token.Algorithm
		track    bool
		sessions int
	}
	cases := []how{
		{"HS256/cached 10k", token.HS256, false, 10_000}, {"HS256/cold", token.HS256, false, 262_144},
		{"HS256, tracked/cached 1k", token.HS256, true, 1_000},
	}
	for _, by := range token.Algorithms {
		cases = append(cases, how{string(by) + "/cached 1k", by, false, 1_000})
	}
	for _, tc := range cases {
		b.Run(tc.name, func(b *testing.B) {
			w := newWorld(b)
			n := w.nodeOn(b, w.cache(b, "bench"), func(c *session.Config) {
				c.Carried = map[string]session.Carried{"/alpha": {Room: 4000, Track: tc.track, Signing: signedBy(b, tc.by)}}
			})
			tokens := make([]string, tc.sessions)
			for i := range tokens {
				tokens[i], _ = n.issue(b, typical())
			}
			rand.Shuffle(len(tokens), func(i, j int) { tokens[i], tokens[j] = tokens[j], tokens[i] })
			if !strings.HasSuffix(tc.name, "cold") {
				for _, tok := range tokens {
					n.use(b, tok, nil)
				}
			}
			b.ReportAllocs()
			processorTime(b)
			i := 0
			for b.Loop() {
				if _, err := n.Lookup(b.Context(), tokens[i], session.Touch); err != nil {
					b.Fatal(err)
				}
				if i++; i == len(tokens) {
					i = 0
				}
			}
		})
	}
}
