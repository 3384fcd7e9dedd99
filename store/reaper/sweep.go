package reaper

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/amgate/amgate/store"
)

// lanes is how many pages are worked on at once. etcd writes the transactions
// of several to its disk together.
const lanes = 4

// sweep goes over all records once.
func (r *Reaper) sweep(ctx context.Context) error {
	kinds := slices.Clone(r.cfg.Kinds)
	rare := time.Since(r.lastRare) >= rareInterval
	if rare {
		kinds = append(kinds, r.cfg.Rarely...)
	}
	if j, ok := r.judge(); ok {
		if err := r.sweepKind(ctx, j); err != nil {
			return err
		}
	}
	for _, prefix := range kinds {
		if err := r.sweepKind(ctx, byDeadline(prefix)); err != nil {
			return err
		}
	}
	if rare {
		r.lastRare = time.Now()
	}
	return nil
}

// sweepKind goes over the records of one Judge.
func (r *Reaper) sweepKind(ctx context.Context, j Judge) error {
	working, ctx := errgroup.WithContext(ctx) // ctx ends with Wait
	working.SetLimit(lanes)
	n := 0
	scan := func(part store.Page) error {
		for part.Limit = pageSize; ctx.Err() == nil; {
			scanned, next, err := r.cfg.Store.Scan(ctx, j.Prefix(), part)
			if err != nil {
				return err
			}
			n += len(scanned)
			if len(scanned) > 0 {
				working.Go(func() error { return r.removeFrom(ctx, j, scanned) })
			}
			if part.After = next; next == "" {
				return nil
			}
		}
		return ctx.Err()
	}
	for _, part := range parts(j.Prefix(), r.sizes[j.Prefix()]) {
		if err := scan(part); err != nil {
			return errors.Join(err, working.Wait())
		}
	}
	if err := working.Wait(); err != nil {
		return err
	}
	r.sizes[j.Prefix()] = max(n, 1)
	return nil
}

// removeFrom removes what is over of some records that were scanned.
func (r *Reaper) removeFrom(ctx context.Context, j Judge, scanned []store.Record) error {
	now, err := r.clock.now()
	if err != nil {
		return err
	}
	over, err := j.Judge(ctx, r.cfg.Store, scanned, now)
	if err != nil {
		return err
	}
	return r.remove(ctx, j, over)
}

// remove removes what is over, in transactions of as many as there is room
// for.
func (r *Reaper) remove(ctx context.Context, j Judge, over []Removal) error {
	slices.SortStableFunc(over, compare)
	for len(over) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := fitting(over, r.pace.room())
		if err := r.commit(ctx, j, over[:n]); err != nil {
			return err
		}
		over = over[n:]
	}
	return nil
}

// fitting is how many of the first removals go into one transaction with room
// for so many operations: at least one.
func fitting(over []Removal, room int) int {
	room -= 2 // for the leader's condition and for the news
	bytes := 0
	for n, next := range over {
		room -= len(next.Ops)
		bytes += next.Size
		if n > 0 && (room < 0 || bytes > maxBytes || !together(over[0], next)) {
			return n
		}
	}
	return len(over)
}

// together reports whether two removals can be in one transaction.
func together(a, b Removal) bool { return compare(a, b) == 0 }

// compare puts those together that can be.
func compare(a, b Removal) int {
	switch {
	case a.Cached != b.Cached:
		return order(b.Cached)
	case (a.News == nil) != (b.News == nil):
		return order(a.News == nil)
	case a.News == nil || a.Group == b.Group:
		return 0
	}
	return order(a.Group < b.Group)
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

// commit removes all of some removals in one transaction. If one of them is
// not as it was, it tries the halves: the others are to go all the same, and
// that one is found again by the next sweep, if it is still over.
func (r *Reaper) commit(ctx context.Context, j Judge, some []Removal) error {
	if len(some) == 0 {
		return nil
	}
	err := r.try(ctx, j, some)
	if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
		return err
	}
	moved, err := r.confirm(ctx)
	switch {
	case err != nil:
		return err
	case moved:
		return r.commit(ctx, j, some)
	case len(some) == 1:
		r.count.spared.Add(1)
		return nil
	}
	half := len(some) / 2
	return errors.Join(r.commit(ctx, j, some[:half]), r.commit(ctx, j, some[half:]))
}

// try makes one transaction.
func (r *Reaper) try(ctx context.Context, j Judge, some []Removal) error {
	told := func(int64) {}
	ops := make([]store.Op, 1, store.MaxOps)
	if some[0].News != nil {
		var write store.Op
		write, told = j.Tell(some)
		ops = append(ops, write)
	}
	for _, removal := range some {
		ops = append(ops, removal.Ops...)
	}
	through := store.Store(r.cfg.Store)
	if some[0].Cached {
		through = r.cfg.Front
	}
	if err := r.term.turns.Acquire(ctx, 1); err != nil {
		return err
	}
	ops[0] = r.term.held()
	began := time.Now()
	revision, err := through.Commit(ctx, ops...)
	took := time.Since(began)
	r.term.turns.Release(1)
	pause := r.pace.took(took)
	if err != nil {
		return err
	}
	told(revision)
	r.count.removed(some)
	r.rest(ctx, pause)
	return nil
}

// byDeadline is the Judge of records that go when their deadlines have passed.
type byDeadline store.Key

var _ Judge = byDeadline("")

func (b byDeadline) Prefix() store.Key { return store.Key(b) }

func (b byDeadline) Judge(_ context.Context, _ store.Scanner, scanned []store.Record, now time.Time) (over []Removal, _ error) {
	for _, rec := range scanned {
		if rec.Expired(now.Add(-Grace)) {
			over = append(over, Removal{
				Ops:  []store.Op{store.Check(rec.Key, rec.Revision), store.Delete(rec.Key)},
				Kind: rec.Key.Kind(), Reason: ReasonDeadline,
			})
		}
	}
	return over, nil
}

// Tell is never called: there is no news.
func (byDeadline) Tell([]Removal) (store.Op, func(int64)) { panic("reaper: no news") }
