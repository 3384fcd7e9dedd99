package etcd

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

// pageLimit is how many records a List reads at once, however many are asked
// for: it bounds what one answer of etcd weighs.
const pageLimit = 500

// Get implements store.Store. Any is etcd's serializable read: the member
// that is asked answers what it knows, also while it is cut off from the
// others. A record in an unknown layout is ErrMalformed.
func (s *Store) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	bounded, leave, err := s.enter(ctx)
	if err != nil {
		return store.Record{}, 0, err
	}
	defer leave()
	var opts []clientv3.OpOption
	if want != store.Fresh {
		opts = append(opts, clientv3.WithSerializable())
	}
	resp, err := s.client.Get(bounded, s.name(k), opts...)
	if err != nil {
		return store.Record{}, 0, s.fault(ctx, err)
	}
	asOf := resp.Header.Revision
	if len(resp.Kvs) == 0 {
		return store.Record{}, asOf, fmt.Errorf("etcd: %q: %w", k, store.ErrNotFound)
	}
	r, err := s.record(resp.Kvs[0])
	if err != nil {
		return store.Record{}, asOf, err
	}
	if r.Expired(time.Now()) {
		return store.Record{}, asOf, fmt.Errorf("etcd: %q is past its deadline: %w", k, store.ErrNotFound)
	}
	return r, asOf, nil
}

// List implements store.Store. A single record in an unknown layout makes
// the whole page ErrMalformed: whoever counts sessions must not miss one.
func (s *Store) List(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, int64, error) {
	bounded, leave, err := s.enter(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	limit := pageLimit
	if page.Limit > 0 {
		limit = min(limit, page.Limit)
	}
	begin, end := s.below(prefix)
	if page.After != "" {
		begin = max(begin, s.name(page.After)+"\x00")
	}
	if end != "\x00" && begin >= end {
		begin = end // etcd answers an empty range with nothing, at a revision
	}
	now := time.Now()
	var asOf int64
	for {
		resp, err := s.client.Get(bounded, begin, clientv3.WithRange(end), clientv3.WithLimit(int64(limit)), clientv3.WithRev(asOf))
		if err != nil {
			return nil, 0, s.fault(ctx, err)
		}
		if asOf == 0 {
			asOf = resp.Header.Revision // the rest of the page is read as of the same
		}
		var rs []store.Record
		for _, kv := range resp.Kvs {
			r, err := s.record(kv)
			if err != nil {
				return nil, asOf, err
			}
			if !r.Expired(now) {
				rs = append(rs, r)
			}
		}
		// Only expired records: an empty page would say that this is the end.
		if len(rs) > 0 || !resp.More {
			return rs, asOf, nil
		}
		begin = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
	}
}
