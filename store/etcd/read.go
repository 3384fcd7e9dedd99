package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

// A List or Scan reads pageLimit records at once unless told otherwise, and at
// most maxPage: it bounds what one answer of etcd weighs. Who asks for more than
// pageLimit knows that they are small.
const (
	pageLimit = 500
	maxPage   = 5_000
)

// Get implements store.Store. Any is etcd's serializable read: the member
// that is asked answers what it knows, also while it is cut off from the
// others. So is Fresh where there are none. A record in an unknown layout is
// ErrMalformed.
func (s *Store) Get(ctx context.Context, k store.Key, want store.Freshness) (store.Record, int64, error) {
	var opts []clientv3.OpOption
	if want == store.Fresh && !s.alone {
		ctx = clientv3.WithRequireLeader(ctx)
	} else {
		opts = append(opts, clientv3.WithSerializable())
	}
	bounded, leave, err := s.enter(ctx)
	if err != nil {
		return store.Record{}, 0, err
	}
	defer leave()
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
	bounded, leave, err := s.enter(clientv3.WithRequireLeader(ctx))
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	for {
		rs, asOf, err := s.list(bounded, prefix, page)
		switch {
		case errors.Is(err, ErrMalformed):
			return nil, asOf, err
		case errors.Is(err, rpctypes.ErrCompacted):
			continue // what was read so far is too old to be gone on with
		case err != nil:
			return nil, 0, s.fault(ctx, err)
		}
		return rs, asOf, nil
	}
}

// list reads one page, all of it as of the same revision. Its error is the
// client's, or ErrMalformed.
func (s *Store) list(ctx context.Context, prefix store.Key, page store.Page) (rs []store.Record, asOf int64, err error) {
	begin, end := s.part(prefix, page)
	now := time.Now()
	for {
		resp, err := s.client.Get(ctx, begin, clientv3.WithRange(end), clientv3.WithLimit(pageSize(page)), clientv3.WithRev(asOf))
		if err != nil {
			return nil, 0, err
		}
		if asOf == 0 {
			asOf = resp.Header.Revision
		}
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

// part is below for the keys of a part. An empty range is one that etcd
// answers with nothing, at a revision.
func (s *Store) part(prefix store.Key, page store.Page) (begin, end string) {
	begin, end = s.below(prefix)
	if page.After != "" {
		begin = max(begin, s.name(page.After)+"\x00")
	}
	if upTo := s.name(page.UpTo) + "\x00"; page.UpTo != "" && (end == "\x00" || upTo < end) {
		end = upTo
	}
	if end != "\x00" && begin >= end {
		begin = end
	}
	return begin, end
}

// pageSize is how many records are read at once.
func pageSize(page store.Page) int64 {
	if page.Limit > 0 {
		return int64(min(maxPage, page.Limit))
	}
	return pageLimit
}
