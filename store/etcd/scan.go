package etcd

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

var _ store.Scanner = (*Store)(nil)

// Scan implements store.Scanner. It is etcd's serializable read: the member
// that is asked answers alone, so that a sweep costs the others nothing. etcd
// knows nothing of deadlines, which lie in the values: all are shipped. And it
// counts all records of the range that it is asked for, at each page, while
// no record can be written; so the range of a scan should be small.
func (s *Store) Scan(ctx context.Context, prefix store.Key, page store.Page) ([]store.Record, store.Key, error) {
	bounded, leave, err := s.enter(ctx)
	if err != nil {
		return nil, "", err
	}
	defer leave()
	begin, end := s.part(prefix, page)
	resp, err := s.client.Get(bounded, begin,
		clientv3.WithRange(end), clientv3.WithLimit(pageSize(page)), clientv3.WithSerializable())
	if err != nil {
		return nil, "", s.fault(ctx, err)
	}
	var next store.Key
	if resp.More {
		next = s.key(resp.Kvs[len(resp.Kvs)-1])
	}
	return s.readable(nil, resp.Kvs), next, nil
}

// Read implements store.Scanner, with one transaction.
func (s *Store) Read(ctx context.Context, keys ...store.Key) ([]store.Record, error) {
	if len(keys) > store.MaxOps {
		return nil, fmt.Errorf("etcd: a read of %d records, at most %d are allowed", len(keys), store.MaxOps)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	bounded, leave, err := s.enter(clientv3.WithRequireLeader(ctx))
	if err != nil {
		return nil, err
	}
	defer leave()
	gets := make([]clientv3.Op, len(keys))
	for i, k := range keys {
		gets[i] = clientv3.OpGet(s.name(k))
	}
	resp, err := s.client.Txn(bounded).Then(gets...).Commit()
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	rs := make([]store.Record, 0, len(keys))
	for _, r := range resp.Responses {
		rs = s.readable(rs, r.GetResponseRange().Kvs)
	}
	return rs, nil
}

// readable appends the records that can be read.
func (s *Store) readable(rs []store.Record, kvs []*mvccpb.KeyValue) []store.Record {
	for _, kv := range kvs {
		if r, err := s.record(kv); err == nil { // else it is logged
			rs = append(rs, r)
		}
	}
	return rs
}
