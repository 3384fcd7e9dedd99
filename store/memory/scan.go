package memory

import (
	"context"
	"slices"
	"strings"

	"github.com/amgate/amgate/store"
)

var _ store.Scanner = (*Store)(nil)

// Scan implements store.Scanner.
func (s *Store) Scan(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, store.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, "", err
	}
	limit := page.Limit
	if limit <= 0 {
		limit = pageLimit
	}
	found := s.part(prefix, page, func(store.Record) bool { return true })
	if len(found) <= limit {
		return clones(found), "", nil
	}
	found = found[:limit]
	return clones(found), found[limit-1].Key, nil
}

// Read implements store.Scanner.
func (s *Store) Read(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	var found []store.Record
	for _, k := range keys {
		if r, present := s.records[k]; present {
			found = append(found, clone(r))
		}
	}
	return found, nil
}

// part returns the wanted records below prefix in a part, in the order of
// their keys and without regard to its limit. They are not clones. The caller
// holds s.mu.
func (s *Store) part(prefix store.Key, page store.Page, wanted func(store.Record) bool) []store.Record {
	var found []store.Record
	for k, r := range s.records {
		if k.HasPrefix(prefix) && page.Has(k) && wanted(r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b store.Record) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return found
}

// clones gives each record a value of its own.
func clones(rs []store.Record) []store.Record {
	for i := range rs {
		rs[i] = clone(rs[i])
	}
	return rs
}
