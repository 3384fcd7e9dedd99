package keep

import (
	"context"
	"errors"
	"sync"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

const (
	// handing is how many commits hand journeys over at once.
	handing = 16
	// maxHanded bounds the journeys, of up to two operations each, and
	// maxHandedBytes about the bytes of one.
	maxHanded      = store.MaxOps / 2
	maxHandedBytes = 512 << 10
)

// HandOver writes the journeys of the realm that rest in this process into the
// store, from where any node goes on with them, and says how many. Each is
// written while nobody answers it, many of them in one transaction. It is to
// be called, with Table.Away said, until there is none left: what a request
// that is under way keeps meanwhile is found the next time. What cannot be
// written stays and is in the error. Of keepers of other kinds there is nothing
// to hand over.
func (k *Keeper) HandOver(ctx context.Context) (handed int, err error) {
	m, ok := k.scheme.(*inMemory)
	if !ok {
		return 0, nil
	}
	realm := k.ids.keys.Realm()
	left := m.table.find(func(r *resting) bool { return r.snap.Realm == realm })
	var (
		mu      sync.Mutex
		errs    []error
		writing sync.WaitGroup
	)
	next := func() (refs []journey.ID) {
		mu.Lock()
		defer mu.Unlock()
		n := min(maxHanded, len(left))
		refs, left = left[:n], left[n:]
		return refs
	}
	for range handing {
		writing.Go(func() {
			for refs := next(); len(refs) > 0 && ctx.Err() == nil; refs = next() {
				n, err := k.handOverSome(ctx, m, refs)
				mu.Lock()
				handed, errs = handed+n, append(errs, err)
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	return handed, errors.Join(append(errs, ctx.Err())...)
}

// leaving is a journey that is locked to be handed over.
type leaving struct {
	ref     journey.ID
	held    *resting
	plain   []byte
	release func()
}

// handOverSome hands over journeys together that nobody answers, and then the
// others, each when it can be had.
func (k *Keeper) handOverSome(ctx context.Context, m *inMemory, refs []journey.ID) (handed int, err error) {
	var (
		together    []leaving
		busy        []journey.ID
		size        int
		errs        []error
		handingOver = func() {
			n, err := m.handOverTogether(ctx, together)
			handed, errs, together, size = handed+n, append(errs, err), nil, 0
		}
	)
	for _, ref := range refs {
		release, ok := k.locks.tryAcquire(ref)
		if !ok {
			busy = append(busy, ref)
			continue
		}
		one, err := m.leave(ref, release)
		if one.held == nil || err != nil {
			release()
			errs = append(errs, err)
			continue
		}
		if size += len(one.plain); size > maxHandedBytes && len(together) > 0 {
			handingOver()
			size = len(one.plain)
		}
		together = append(together, one)
	}
	handingOver()
	for _, ref := range busy {
		n, err := k.handOverOne(ctx, m, ref)
		handed, errs = handed+n, append(errs, err)
	}
	return handed, errors.Join(errs...)
}

// leave is a journey that is locked as it is handed over. There is none held if
// it has ended.
func (m *inMemory) leave(ref journey.ID, release func()) (leaving, error) {
	held, _ := m.table.get(ref)
	if held == nil {
		return leaving{}, nil
	}
	plain, err := encodeLeaving(held)
	return leaving{ref, held, plain, release}, err
}

// handOverTogether hands over locked journeys and releases them.
func (m *inMemory) handOverTogether(ctx context.Context, together []leaving) (handed int, err error) {
	var ops []store.Op
	for _, one := range together {
		defer one.release()
		ops = append(ops, m.replace(one.held.record, one.plain, outlives(one.held.latest))...)
	}
	_, err = m.commit(ctx, ops)
	switch {
	case err == nil:
		for _, one := range together {
			m.letGo(one.ref)
		}
		return len(together), nil
	case !isConflict(err):
		for _, one := range together {
			m.put(one.ref, one.held.letting())
		}
		return 0, err
	}
	var errs []error
	for _, one := range together { // one of them has moved; the others have not
		n, err := handedOver(m.handOver(ctx, one.ref, one.held))
		handed, errs = handed+n, append(errs, err)
	}
	return handed, errors.Join(errs...)
}

// handOverOne hands over a journey as soon as nobody answers it.
func (k *Keeper) handOverOne(ctx context.Context, m *inMemory, ref journey.ID) (handed int, err error) {
	release, err := k.locks.acquire(ctx, ref)
	if err != nil {
		return 0, err
	}
	defer release()
	held, _ := m.table.get(ref)
	if held == nil {
		return 0, nil // it has ended meanwhile
	}
	return handedOver(m.handOver(ctx, ref, held))
}

// handedOver counts a journey, unless another node has it already.
func handedOver(err error) (int, error) {
	switch {
	case err == nil:
		return 1, nil
	case errors.Is(err, journey.ErrUsed):
		return 0, nil
	}
	return 0, err
}

// handOver writes a journey that this process holds into its record and lets go
// of it. It can be repeated. journey.ErrUsed says that another node has the
// journey.
func (m *inMemory) handOver(ctx context.Context, ref journey.ID, held *resting) error {
	plain, err := encodeLeaving(held)
	if err != nil {
		return err
	}
	for at := held.record; ; {
		_, err := m.commit(ctx, m.replace(at, plain, outlives(held.latest)))
		switch {
		case err == nil:
			m.letGo(ref)
			return nil
		case !isConflict(err): // it may be written, or may be yet
			m.put(ref, held.letting())
			return err
		}
		rec, err := m.read(ctx, ref, at.key)
		switch {
		case err != nil:
			return err
		case rec.Mark == "" && same(rec.Allow, held.snap.Allow): // an earlier try has written it
			m.letGo(ref)
			return nil
		case rec.Mark == markCurrent && same(rec.Allow, held.snap.Allow) && rec.revision != at.revision:
			at = rec.place // a step that was left in doubt has changed it
		default:
			m.letGo(ref)
			return journey.ErrUsed
		}
	}
}

// encodeLeaving is a journey as it is handed over.
func encodeLeaving(held *resting) ([]byte, error) {
	first, err := encodeFirst(held.first)
	if err != nil {
		return nil, err
	}
	s := held.snapshot()
	return encode(&stored{
		Snapshot: s, First: first, Epoch: held.epoch + 1, Latest: held.latest, Salt: s.Salt,
	}, MaxState, "the store")
}

// letGo forgets a journey that any node may go on with now.
func (m *inMemory) letGo(ref journey.ID) {
	m.table.drop(ref)
	m.doubts.settle(ref)
}
