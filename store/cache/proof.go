package cache

import (
	"context"
	"errors"
	"time"

	"github.com/amgate/amgate/store"
)

const (
	// proofInterval is from the beginning of one proof to that of the next.
	proofInterval = time.Second
	// askInterval is how often progress is asked for that does not come.
	askInterval = 100 * time.Millisecond
	// maxSilent is how many proofs in a row may fail for want of progress
	// before the watch is given up.
	maxSilent = 3
)

// proof says until when the cache may be used. The nil proof holds never.
type proof struct {
	// until is judged by the monotonic clock, which nobody can set, and by the
	// wall clock, because the other one stands still while a machine sleeps.
	until     time.Time
	untilWall int64 // nanoseconds since 1970
}

func newProof(until time.Time) *proof { return &proof{until: until, untilWall: until.UnixNano()} }

func (p *proof) holds(now time.Time) bool {
	return p != nil && now.Before(p.until) && now.UnixNano() < p.untilWall
}

// longer is a proof that holds for so much longer.
func (p *proof) longer(d time.Duration) *proof {
	if p == nil {
		return nil
	}
	return &proof{until: p.until.Add(d), untilWall: p.untilWall + int64(d)}
}

// prove renews the proof until ctx ends, or ends the watch with errSilent. What
// is held must have been loaded before: until then it says nothing of what is
// not there.
func (f *following) prove(ctx context.Context, end context.CancelCauseFunc) {
	select {
	case <-f.cache.held.loaded():
	case <-ctx.Done():
		return
	}
	next := time.NewTicker(proofInterval)
	defer next.Stop()
	for silent := 0; silent < maxSilent; {
		began, doubted := time.Now(), f.cache.doubts.last()
		err := f.proveOnce(ctx)
		switch {
		case err == nil:
			silent = 0
			f.extend(began, doubted)
		case errors.Is(err, errSilent):
			silent++
		}
		f.report(err)
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
	}
	end(errSilent)
}

// proveOnce returns nil when all that was committed before the call has been
// applied here. It gives up when the proof would have lapsed.
func (f *following) proveOnce(ctx context.Context) error {
	c := f.cache
	ctx, cancel := context.WithTimeout(ctx, c.freshness)
	defer cancel()
	_, revision, err := c.ask(ctx, c.announce, store.Fresh)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	ask := time.NewTicker(askInterval)
	defer ask.Stop()
	for f.upTo.Load() < revision {
		if err := f.watcher.RequestProgress(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-f.moved:
		case <-ask.C:
		case <-ctx.Done():
			return errSilent
		}
	}
	return nil
}

// extend makes the cache usable for the freshness from when a proof began. Of
// the commits that were in doubt by then the watch has told, or it will.
func (f *following) extend(began time.Time, doubted uint64) {
	c := f.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.ended {
		return
	}
	p := newProof(began.Add(c.freshness))
	c.proof.Store(p)
	c.latest.Store(p)
	c.doubts.settleAll(doubted)
	c.count.proofs.Add(1)
}

// report logs when the cache comes into use and when it goes out of it.
func (f *following) report(err error) {
	c := f.cache
	proven := c.proof.Load().holds(time.Now())
	if proven == f.reported || c.ctx.Err() != nil {
		return
	}
	f.reported = proven
	if proven {
		c.log.Info("the cache is in use", "revision", f.upTo.Load())
	} else {
		c.log.Warn("the cache is not in use: it cannot be proven fresh", "error", err)
	}
}
