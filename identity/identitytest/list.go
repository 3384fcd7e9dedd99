package identitytest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/identity"
)

// list tests a store that is a Lister, and that one that is none says so.
func (s suite) list(t *testing.T) {
	if _, lists := s.store.(identity.Lister); !lists {
		found, next, err := identity.List(t.Context(), s.store, "", identity.Page{Limit: 10})
		if found != nil || next != "" || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, %q, error %v; want errors.ErrUnsupported", found, next, err)
		}
		return
	}
	// In the order of their names: 4711, Amélie, bjensen, inactive, nopassword.
	everybody := []int{4, 1, 0, 2, 3}
	for _, test := range []struct {
		text string
		want []int // people by index
	}{
		{"", everybody},
		{"example.com", everybody},
		{" BJENSEN ", []int{4, 0}}, // the id of one, the name of the other
		{"jens", []int{4, 0}},
		{"4711", []int{4, 0}},
		{"471", []int{4, 1, 0, 2, 3}},
		{"STRASSE", []int{1}},
		{"amelie", []int{1}}, // by mail: the name has an accent
		{"babs@", []int{0}},
		{"straße amelie", nil}, // not across name and mail
		{"Barbara", nil},
		{"Hifalutin", nil},
		{"*", nil},
		{"\u200b", nil},
	} {
		found, next, err := identity.List(t.Context(), s.store, test.text, identity.Page{Limit: 10})
		if err != nil || next != "" {
			t.Errorf("%q: next %q, error %v", test.text, next, err)
		}
		s.compare(t, test.text, found, test.want)
	}
	for limit := 1; limit <= len(everybody)+1; limit++ {
		s.listByPages(t, limit, everybody)
	}
	if found, next, err := identity.List(t.Context(), s.store, "", identity.Page{After: "zzz", Limit: 10}); err != nil || next != "" || len(found) > 0 {
		t.Errorf("after the last: %v, %q, %v", found, next, err)
	}
	// Who was the last of a page may be gone when the next one is read.
	found, _, err := identity.List(t.Context(), s.store, "", identity.Page{After: "BJENSEM", Limit: 1})
	if err != nil {
		t.Error(err)
	}
	s.compare(t, "after somebody who is not there", found, []int{0})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := identity.List(ctx, s.store, "", identity.Page{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v, want the context's error", err)
	}
}

func (s suite) compare(t *testing.T, what string, found []*identity.User, want []int) {
	t.Helper()
	if len(found) != len(want) {
		t.Errorf("%q: %d users, want %d", what, len(found), len(want))
		return
	}
	for i, u := range found {
		if diff := cmp.Diff(s.people[want[i]].User, *u); diff != "" {
			t.Errorf("%q: another user (-want +got):\n%s", what, diff)
		}
	}
}

// listByPages demands that pages of any size make up the list, each full but
// for the last.
func (s suite) listByPages(t *testing.T, limit int, want []int) {
	t.Helper()
	var all []*identity.User
	for after := ""; ; {
		found, next, err := identity.List(t.Context(), s.store, "", identity.Page{After: after, Limit: limit})
		if err != nil || next != "" && len(found) != limit || len(found) > limit || slices.Contains(all, nil) {
			t.Fatalf("limit %d after %q: %d users, next %q, error %v", limit, after, len(found), next, err)
		}
		all, after = append(all, found...), next
		if next == "" || len(all) > len(want) {
			break
		}
	}
	s.compare(t, "by pages", all, want)
}
