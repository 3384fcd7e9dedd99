package session_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/store/storetest"
)

var errDown = storetest.ErrDown

func TestSetProperties(t *testing.T) { conform(t, testSetProperties) }

func testSetProperties(t *testing.T, k kind) {
	before := grant().Properties
	for name, tt := range map[string]struct {
		changes session.Changes
		want    map[string]string // beside what was there
		without string
	}{
		"one more":          {session.Changes{Set: map[string]string{"size": "L"}}, map[string]string{"size": "L"}, ""},
		"another value":     {session.Changes{Set: map[string]string{"color": "red"}}, map[string]string{"color": "red"}, ""},
		"an empty value":    {session.Changes{Set: map[string]string{"color": ""}}, map[string]string{"color": ""}, ""},
		"one less":          {session.Changes{Remove: []string{"color"}}, nil, "color"},
		"one that is not":   {session.Changes{Remove: []string{"colour"}}, nil, ""},
		"nothing":           {session.Changes{}, nil, ""},
		"the same":          {session.Changes{Set: map[string]string{"color": "green"}}, nil, ""},
		"removed, then set": {session.Changes{Set: map[string]string{"color": "red"}, Remove: []string{"color"}}, map[string]string{"color": "red"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := k.world(t)
			n := w.node(t)
			tok, s := n.issue(t, grant())
			commits := w.store.Commits.Load()
			got, err := n.SetProperties(t.Context(), s, tt.changes)
			if err != nil {
				t.Fatal(err)
			}
			want := maps.Clone(before)
			maps.Copy(want, tt.want)
			delete(want, tt.without)
			found, err := n.Lookup(t.Context(), tok, session.Peek)
			if err != nil {
				t.Fatal(err)
			}
			for which, s := range map[string]session.Session{"returned": got, "found": found} {
				if diff := cmp.Diff(want, s.Properties()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", which, diff)
				}
				if s.Handle() != found.Handle() || s.UserID() != "4711" || s.AuthLevel() != 7 || !s.MaxExpires().Equal(found.MaxExpires()) || len(s.Roles()) != 2 {
					t.Errorf("%s: more has changed than properties", which)
				}
			}
			wrote := w.store.Commits.Load() > commits
			if changes := !maps.Equal(before, want); wrote != changes {
				t.Errorf("it wrote: %v; it changes something: %v", wrote, changes)
			}
			// What was returned is good for the next change and the end.
			if got, err = n.SetProperties(t.Context(), got, session.Changes{Set: map[string]string{"more": "x"}}); err != nil {
				t.Fatal(err)
			}
			if err := n.End(t.Context(), got); err != nil {
				t.Fatal(err)
			}
			n.use(t, tok, session.ErrEnded)
		})
	}
}

func TestPropertiesAreBounded(t *testing.T) { conform(t, testPropertiesAreBounded) }

func testPropertiesAreBounded(t *testing.T, k kind) {
	n := k.world(t).node(t)
	many := make(map[string]string)
	for i := range session.MaxProperties {
		many[fmt.Sprint(i)] = ""
	}
	for name, set := range map[string]map[string]string{
		"one large value": {"x": strings.Repeat("x", session.MaxPropertyBytes)},
		"a large name":    {strings.Repeat("x", session.MaxPropertyBytes): ""},
		"huge":            {"x": strings.Repeat("x", 1<<20)},
		"many":            many,
	} {
		tok, s := n.issue(t, grant())
		if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: set}); !errors.Is(err, session.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if found, err := n.Lookup(t.Context(), tok, session.Peek); err != nil || len(found.Properties()) != 3 {
			t.Errorf("%s: then there are %d, %v", name, len(found.Properties()), err)
		}
	}
	// A journey may set more; then it can become less.
	g := grant()
	g.Properties["x"] = strings.Repeat("x", k.most())
	_, s := n.issue(t, g)
	if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"x": strings.Repeat("x", k.most()-100)}}); err != nil {
		t.Errorf("less of what was too much: %v", err)
	}
}

// Many writers on two nodes change different properties, and one the same:
// nothing is lost, and no reader sees a half.
func TestPropertyWritersLoseNothing(t *testing.T) { conform(t, testPropertyWritersLoseNothing) }

func testPropertyWritersLoseNothing(t *testing.T, k kind) {
	w := k.world(t)
	nodes := []*node{w.node(t), w.node(t)}
	tok, s := nodes[0].issue(t, grant())
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for j := range 20 {
				name, value := fmt.Sprintf("p%d", i), fmt.Sprint(j)
				set := map[string]string{name: value, name + "'": value, "both": name}
				for {
					_, err := nodes[i].SetProperties(t.Context(), s, session.Changes{Set: set})
					if err == nil {
						break
					}
					if !strings.Contains(err.Error(), "changes all the time") {
						t.Error(err)
						return
					}
				}
				found, err := nodes[1-i].Lookup(t.Context(), tok, session.Touch)
				if err != nil {
					t.Error(err)
					return
				}
				if p := found.Properties(); p[name] != value || p[name+"'"] != value {
					t.Errorf("after %s=%s there are %v", name, value, p)
				}
			}
		})
	}
	wg.Wait()
	found, err := nodes[0].Lookup(t.Context(), tok, session.Peek)
	if err != nil || found.Properties()["p0"] != "19" || found.Properties()["p1"] != "19" {
		t.Errorf("in the end there are %v, %v", found.Properties(), err)
	}
}

// TestChangeBringsNoSessionBack: a logout and changes of properties at the
// same time, and one that the store carries out late. The failure: the change
// writes the record that the logout has just removed. SECURITY 17.
func TestChangeBringsNoSessionBack(t *testing.T) { conform(t, testChangeBringsNoSessionBack) }

func testChangeBringsNoSessionBack(t *testing.T, k kind) {
	t.Run("at the same time", func(t *testing.T) {
		w := k.world(t)
		a, b := w.node(t), w.node(t)
		for range 50 {
			tok, s := a.issue(t, grant())
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range 10 {
					_, err := a.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"n": fmt.Sprint(i)}})
					if err != nil && !errors.Is(err, session.ErrEnded) {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for {
					err := b.End(t.Context(), s)
					if err == nil {
						return
					}
					if !strings.Contains(err.Error(), "changes all the time") {
						t.Error(err)
						return
					}
				}
			})
			wg.Wait()
			a.use(t, tok, session.ErrEnded)
			b.use(t, tok, session.ErrEnded)
		}
		if sessions, entries := w.records(t); len(sessions)+len(entries) != 0 {
			t.Errorf("%d sessions and %d entries are left", len(sessions), len(entries))
		}
	})
	t.Run("late", func(t *testing.T) {
		w := k.world(t)
		n := w.node(t)
		tok, s := n.issue(t, grant())
		w.store.Late.Store(1)
		if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"a": "b"}}); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		if err := n.End(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if outcomes := w.store.Deliver(t.Context()); len(outcomes) != 1 || outcomes[0] == nil {
			t.Errorf("the late change: %v", outcomes)
		}
		n.use(t, tok, session.ErrEnded)
	})
}

// TestPropertyChangeIsSeenEverywhere: what a policy goes by must not be an old
// copy (Pomerium CVE-2021-41230). SECURITY 22.
func TestPropertyChangeIsSeenEverywhere(t *testing.T) { conform(t, testPropertyChangeIsSeenEverywhere) }

func testPropertyChangeIsSeenEverywhere(t *testing.T, k kind) {
	synctest.Test(t, func(t *testing.T) {
		w := k.world(t)
		nodes := []*node{w.cachedNode(t, "a"), w.cachedNode(t, "b"), w.cachedNode(t, "c")}
		time.Sleep(time.Second)
		tok, s := nodes[0].issue(t, grant())
		for i, n := range nodes {
			for _, n := range nodes {
				n.use(t, tok, nil) // they have it cached
			}
			value := fmt.Sprint(i)
			if _, err := n.SetProperties(t.Context(), s, session.Changes{Set: map[string]string{"color": value}}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until the watch has delivered
			for j, n := range nodes {
				found, err := n.Lookup(t.Context(), tok, session.Touch)
				if got, _ := found.Property("color"); err != nil || got != value {
					t.Errorf("node %d sees %q, %v; want %q", j, got, err, value)
				}
			}
		}
	})
}
