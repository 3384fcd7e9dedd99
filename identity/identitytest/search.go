package identitytest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/identity"
)

// byAttribute tests a store that is a Searcher, and one that is none as far as
// identity.ByAttribute finds people in it.
func (s suite) byAttribute(t *testing.T) {
	_, searches := s.store.(identity.Searcher)
	for _, test := range []struct {
		attribute, value string
		want             []int // people by index
		plain            bool  // every store does this
	}{
		{"userName", "bjensen", []int{0}, true},
		{"userName", " BJENSEN ", []int{0}, true},
		{"userName", "4711", []int{4}, true},
		{"userName", "nobody", nil, true},
		{"userName", "", nil, true},
		{"_id", "4711", []int{0}, true},
		{"_id", "bjensen", []int{4}, true},
		{"_id", "BJENSEN", nil, true},
		{"_id", "", nil, true},
		{"mail", "amelie@example.com", []int{1}, false},
		{"mail", "Amelie@EXAMPLE.com", []int{1}, false},
		{"mail", "babs@example.com", []int{0}, false},
		{"mail", "inactive@example.com", []int{2}, false},
		{"mail", "example.com", nil, false},
		{"mail", "*", nil, false},
		{"mail", "", nil, false},
		{"mail", "\u200b", nil, false},
		{"mail", strings.Repeat("x", 10_000), nil, false},
		{"cn", "barbara jensen", []int{0}, false},
		{"accountStatus", "inactive", []int{2}, false},
		{"password", "Hifalutin 1", nil, false},
		{"no such attribute", "x", nil, false},
	} {
		found, err := identity.ByAttribute(t.Context(), s.store, test.attribute, test.value, 10)
		if !searches && !test.plain {
			if !errors.Is(err, errors.ErrUnsupported) || found != nil {
				t.Errorf("%s %.20q: %v, error %v; want errors.ErrUnsupported", test.attribute, test.value, found, err)
			}
			continue
		}
		if err != nil || len(found) != len(test.want) {
			t.Errorf("%s %.20q: %d users, error %v; want %d", test.attribute, test.value, len(found), err, len(test.want))
			continue
		}
		for i, u := range found {
			if diff := cmp.Diff(s.people[test.want[i]].User, *u); diff != "" {
				t.Errorf("%s %.20q: another user (-want +got):\n%s", test.attribute, test.value, diff)
			}
		}
	}
	if searches {
		s.severalMatch(t)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := identity.ByAttribute(ctx, s.store, "userName", "bjensen", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("ByAttribute: %v, want the context's error", err)
	}
}

// severalMatch tests an attribute that does not tell people apart.
func (s suite) severalMatch(t *testing.T) {
	seen := make(map[string]bool)
	for limit, want := range map[int]int{10: 4, 4: 4, 2: 2, 0: 0} {
		found, err := identity.ByAttribute(t.Context(), s.store, "accountStatus", "active", limit)
		if err != nil || len(found) != want {
			t.Errorf("limit %d: %d users, error %v; want %d", limit, len(found), err, want)
		}
		clear(seen)
		for _, u := range found {
			if seen[u.ID] {
				t.Errorf("limit %d: %s is there twice", limit, u.ID)
			}
			seen[u.ID] = true
		}
	}
	if u, err := identity.One(t.Context(), s.store, "accountStatus", "active"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("One of several: %v, error %v; want ErrNotFound", u, err)
	}
	u, err := identity.One(t.Context(), s.store, "mail", "amelie@example.com")
	same(t, s.people[1], u, err)
}
