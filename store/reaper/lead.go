package reaper

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/amgate/amgate/store"
)

// LeaderKey names the record of the leader. Its value is a random name of the
// process that leads, its deadline the end of the term.
const LeaderKey store.Key = "leader/reaper"

const (
	// termTime is for how long a leader leads unless it renews its term, which
	// it does every renewInterval. When it was killed, another one follows
	// after at most termTime and standInterval.
	termTime      = time.Minute
	renewInterval = 20 * time.Second
	// standInterval is how often others try to become the leader.
	standInterval = 15 * time.Second
	// releaseTimeout bounds how long a leader that ends tries to say so.
	releaseTimeout = 2 * time.Second
)

// errDeposed ends a reign: another process leads, or nobody does.
var errDeposed = errors.New("reaper: another process leads")

// term is a leader's hold on its record. A commit that depends on it takes a
// share of turns, a renewal all of them: else the one would fail for the other.
type term struct {
	turns    *semaphore.Weighted
	revision int64 // of the leader's record, as this leader wrote it
}

// all is how many shares of a term there are, more than anybody takes.
const all = 1 << 10

func newTerm() term { return term{turns: semaphore.NewWeighted(all)} }

// held is the condition that this process leads, for a commit while it has its
// turn.
func (t *term) held() store.Op { return store.Check(LeaderKey, t.revision) }

// stand tries to become the leader.
func (r *Reaper) stand(ctx context.Context) (led bool, err error) {
	rec, _, err := r.cfg.Store.Get(ctx, LeaderKey, store.Fresh)
	switch {
	case err == nil && string(rec.Value) != r.id:
		return false, nil
	case err == nil: // a commit that was in doubt, after all
		r.term.revision = rec.Revision
	case errors.Is(err, store.ErrNotFound):
		r.term.revision, err = r.cfg.Store.Commit(ctx, store.Create(LeaderKey, []byte(r.id), time.Now().Add(termTime)))
		if errors.Is(err, store.ErrExists) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	default:
		return false, err
	}
	r.count.leading.Store(true)
	r.log.Info("this node sweeps the store")
	return true, nil
}

// keep renews the term until ctx ends, or ends it when it is lost.
func (r *Reaper) keep(ctx context.Context, end context.CancelCauseFunc) {
	for ends := time.Now().Add(termTime); ; {
		r.rest(ctx, renewInterval)
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		err := r.renew(ctx, now.Add(termTime))
		r.heard(ctx, err)
		switch {
		case err == nil:
			ends = now.Add(termTime)
		case errors.Is(err, errDeposed), time.Now().After(ends):
			end(errDeposed)
			return
		}
	}
}

// renew makes the term last until then. It returns errDeposed if somebody else
// leads, and another error if it could not find out.
func (r *Reaper) renew(ctx context.Context, until time.Time) error {
	if err := r.term.turns.Acquire(ctx, all); err != nil {
		return err
	}
	defer r.term.turns.Release(all)
	revision, err := r.cfg.Store.Commit(ctx, r.term.held(), store.Put(LeaderKey, []byte(r.id), until))
	if err == nil {
		r.term.revision = revision
		return nil
	}
	switch moved, unknown := r.leads(ctx); {
	case unknown != nil:
		return unknown
	case moved:
		return nil // it was in doubt, and has happened
	}
	return err
}

// confirm finds out whether this process still leads, and whether the revision
// of its term was another one than it thought.
func (r *Reaper) confirm(ctx context.Context) (moved bool, err error) {
	if err := r.term.turns.Acquire(ctx, all); err != nil {
		return false, err
	}
	defer r.term.turns.Release(all)
	return r.leads(ctx)
}

// leads is confirm for who has all turns.
func (r *Reaper) leads(ctx context.Context) (moved bool, err error) {
	rec, _, err := r.cfg.Store.Get(ctx, LeaderKey, store.Fresh)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && string(rec.Value) != r.id:
		return false, errDeposed
	case err != nil:
		return false, err
	}
	moved = rec.Revision != r.term.revision
	r.term.revision = rec.Revision
	return moved, nil
}

// stepDown ends the term, so that another node need not wait for it.
func (r *Reaper) stepDown() {
	r.count.leading.Store(false)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), releaseTimeout)
	defer cancel()
	if _, err := r.cfg.Store.Commit(ctx, r.term.held(), store.Delete(LeaderKey)); err != nil {
		r.log.Debug("the leader's record is left to its deadline", "error", err)
	}
}
