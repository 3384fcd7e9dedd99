package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/amgate/amgate/store"
)

// maxAttempts is how often a Commit is tried when records that it may write
// over, being past their deadlines, change between two attempts.
const maxAttempts = 8

// errRestless is why a Commit gives up after maxAttempts.
var errRestless = errors.New("expired records kept changing")

// Commit implements store.Store. Once begun it does not end with ctx but
// with the store's timeout: a client that hangs up must not leave it open
// whether its last request had an effect. PutIfExists takes a record that is
// past its deadline and not swept for present.
func (s *Store) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if err := store.ValidateOps(ops); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, s.fault(ctx, err)
	}
	bounded, leave, err := s.enter(clientv3.WithRequireLeader(context.WithoutCancel(ctx)))
	if err != nil {
		return 0, err
	}
	defer leave()
	// A Create or Absent demands that its key is at revision 0, that is,
	// not there; or still as it was when it was seen to be expired.
	expired := make(map[store.Key]int64)
	for range maxAttempts {
		cond, then, otherwise := s.transaction(ops, expired)
		resp, err := s.client.Txn(bounded).If(cond...).Then(then...).Else(otherwise...).Commit()
		if err != nil {
			return 0, s.fault(ctx, err)
		}
		if resp.Succeeded {
			return resp.Header.Revision, nil
		}
		if err := s.explain(resp, ops, expired); err != nil {
			return 0, err
		}
	}
	return 0, s.fault(ctx, errRestless)
}

// transaction puts a commit into etcd's words. When a condition fails, etcd
// reads the keys that must be free in the same breath, for explain.
func (s *Store) transaction(ops []store.Op, expired map[store.Key]int64) (cond []clientv3.Cmp, then, otherwise []clientv3.Op) {
	for _, op := range ops {
		name := s.name(op.Key)
		switch op.Kind {
		case store.OpCreate, store.OpAbsent:
			cond = append(cond, clientv3.Compare(clientv3.ModRevision(name), "=", expired[op.Key]))
			otherwise = append(otherwise, clientv3.OpGet(name))
		case store.OpCheck:
			cond = append(cond, clientv3.Compare(clientv3.ModRevision(name), "=", op.Revision))
		case store.OpNoneNewer:
			begin, end := s.below(op.Key)
			cond = append(cond, clientv3.Compare(clientv3.ModRevision(begin), "<", op.Revision+1).WithRange(end))
		}
		switch op.Kind {
		case store.OpCreate, store.OpPut:
			then = append(then, clientv3.OpPut(name, encode(op.Value, op.Expires)))
		case store.OpPutIfExists:
			present := clientv3.Compare(clientv3.ModRevision(name), ">", 0)
			write := clientv3.OpPut(name, encode(op.Value, op.Expires))
			then = append(then, clientv3.OpTxn([]clientv3.Cmp{present}, []clientv3.Op{write}, nil))
		case store.OpDelete:
			then = append(then, clientv3.OpDelete(name))
		}
	}
	if len(then) == 0 {
		// etcd takes a transaction without operations for a serializable one
		// (v3.7, IsTxnSerializable) and lets a member that lags judge the
		// conditions; a linearizable read among them makes it catch up first.
		then = append(then, clientv3.OpGet(s.name(ops[0].Key), clientv3.WithCountOnly()))
	}
	return cond, then, otherwise
}

// explain tells from a refused transaction which error the commit deserves.
// It returns nil if another attempt may succeed, with what it learned about
// expired records noted down.
func (s *Store) explain(resp *clientv3.TxnResponse, ops []store.Op, expired map[store.Key]int64) error {
	now := time.Now()
	var conflict error
	learned := false
	reads := resp.Responses
	for _, op := range ops {
		if op.Kind != store.OpCreate && op.Kind != store.OpAbsent {
			continue
		}
		kvs := reads[0].GetResponseRange().Kvs
		reads = reads[1:]
		var revision int64
		if len(kvs) > 0 {
			r, err := s.record(kvs[0])
			if err != nil {
				return err
			}
			switch live := !r.Expired(now); {
			case live && op.Kind == store.OpCreate:
				return fmt.Errorf("etcd: create %q: %w", op.Key, store.ErrExists)
			case live:
				conflict = fmt.Errorf("etcd: absent %q: %w", op.Key, store.ErrConflict)
			}
			revision = r.Revision
		}
		if revision != expired[op.Key] {
			expired[op.Key] = revision
			learned = true
		}
	}
	if conflict == nil && !learned {
		// All that must be free was as expected: a Check or NoneNewer failed.
		conflict = fmt.Errorf("etcd: a condition did not hold: %w", store.ErrConflict)
	}
	return conflict
}
