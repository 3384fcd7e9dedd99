package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
)

// Commit implements store.Store. It judges every condition before it writes
// anything, all under one lock.
func (s *Store) Commit(ctx context.Context, ops ...store.Op) (int64, error) {
	if err := store.ValidateOps(ops); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	if err := s.judge(ops, time.Now()); err != nil {
		return 0, err
	}
	next := s.revision + 1
	var events []store.Event
	for _, op := range ops {
		if ev, changed := s.apply(op, next); changed {
			events = append(events, ev)
		}
	}
	if len(events) > 0 {
		s.revision = next
		s.history.add(events)
		s.announce()
	}
	return s.revision, nil
}

// judge tells which condition does not hold. A Create that fails is reported
// before anything else.
func (s *Store) judge(ops []store.Op, now time.Time) error {
	for _, op := range ops {
		if op.Kind != store.OpCreate {
			continue
		}
		if _, live := s.live(op.Key, now); live {
			return fmt.Errorf("memory: create %q: %w", op.Key, store.ErrExists)
		}
	}
	for _, op := range ops {
		if !s.holds(op, now) {
			return fmt.Errorf("memory: condition on %q: %w", op.Key, store.ErrConflict)
		}
	}
	return nil
}

// holds reports whether op, if it is a condition, is met.
func (s *Store) holds(op store.Op, now time.Time) bool {
	switch op.Kind {
	case store.OpCheck:
		return s.records[op.Key].Revision == op.Revision
	case store.OpAbsent:
		_, live := s.live(op.Key, now)
		return !live
	case store.OpNoneNewer:
		for k, r := range s.records {
			if k.HasPrefix(op.Key) && r.Revision > op.Revision {
				return false
			}
		}
	}
	return true
}

// apply performs op at revision and reports the change, if it made one.
func (s *Store) apply(op store.Op, revision int64) (store.Event, bool) {
	_, present := s.records[op.Key]
	switch op.Kind {
	case store.OpPutIfExists:
		if !present {
			return store.Event{}, false
		}
		fallthrough
	case store.OpCreate, store.OpPut:
		r := clone(store.Record{Key: op.Key, Value: op.Value, Expires: toMilli(op.Expires), Revision: revision})
		s.records[op.Key] = r
		return store.Event{Kind: store.Written, Record: r}, true
	case store.OpDelete:
		if !present {
			return store.Event{}, false
		}
		delete(s.records, op.Key)
		return store.Event{Kind: store.Deleted, Record: store.Record{Key: op.Key, Revision: revision}}, true
	}
	return store.Event{}, false
}

// toMilli cuts a deadline to what the contract keeps of it.
func toMilli(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli())
}
