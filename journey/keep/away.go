package keep

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/amgate/amgate/journey"
)

// A journey in memory may have a record in the store, where the journeys of
// the server scheme have theirs. It holds
//
//   - the journey, handed over by a process that goes away: any node may take
//     it, and a process that is away goes on with it there;
//   - or a mark that a node has taken it, that it is suspended, or has ended.
//
// Whatever changes the record compares and swaps it, and it outlives all
// authIds of the journey, so that no operation that comes late can bring back
// a step that was answered.

// handing bounds how many journeys are handed over at once.
const handing = 16

// Away says whether this process is going away. Then the journeys that begin
// here, and those that are handed over, rest in the store.
func (t *Table) Away(away bool) { t.away.Store(away) }

// IsAway reports what Away said last.
func (t *Table) IsAway() bool { return t.away.Load() }

// HandOver writes the journeys of the realm that rest in this process into the
// store, from where any node goes on with them, and says how many. Each is
// written while nobody answers it. It is to be called, with Table.Away said,
// until there is none left: what a request that is under way keeps meanwhile
// is found the next time. What cannot be written stays and is in the error. Of
// keepers of other kinds there is nothing to hand over.
func (k *Keeper) HandOver(ctx context.Context) (handed int, err error) {
	m, ok := k.scheme.(*inMemory)
	if !ok {
		return 0, nil
	}
	realm := k.ids.keys.Realm()
	refs := make(chan journey.ID)
	var (
		mu      sync.Mutex
		errs    []error
		writing sync.WaitGroup
	)
	for range handing {
		writing.Go(func() {
			for ref := range refs {
				written, err := k.handOverOne(ctx, m, ref)
				mu.Lock()
				if written {
					handed++
				}
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	for _, ref := range m.table.find(func(r *resting) bool { return r.snap.Realm == realm }) {
		refs <- ref
	}
	close(refs)
	writing.Wait()
	return handed, errors.Join(errs...)
}

func (k *Keeper) handOverOne(ctx context.Context, m *inMemory, ref journey.ID) (written bool, err error) {
	release, err := k.locks.acquire(ctx, ref)
	if err != nil {
		return false, err
	}
	defer release()
	held, _ := m.table.get(ref)
	if held == nil {
		return false, nil // it has ended meanwhile
	}
	err = m.handOver(ctx, ref, held)
	if errors.Is(err, journey.ErrUsed) {
		return false, nil // another node has it
	}
	return err == nil, err
}

// handOver writes a journey that this process holds into its record and lets go
// of it. It can be repeated. journey.ErrUsed says that another node has the
// journey.
func (m *inMemory) handOver(ctx context.Context, ref journey.ID, held *resting) error {
	first, err := encodeFirst(held.first)
	if err != nil {
		return err
	}
	s := held.snapshot()
	plain, err := encode(&stored{
		Snapshot: s, First: first, Epoch: held.epoch + 1, Latest: held.latest, Salt: s.Salt,
	}, MaxState, "the store")
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
		case rec.Mark == "" && rec.Allow == s.Allow: // an earlier try has written it
			m.letGo(ref)
			return nil
		case rec.Mark == markCurrent && rec.Allow == s.Allow && rec.revision != at.revision:
			at = rec.place // a step that was left in doubt has changed it
		default:
			m.letGo(ref)
			return journey.ErrUsed
		}
	}
}

// letGo forgets a journey that any node may go on with now.
func (m *inMemory) letGo(ref journey.ID) {
	m.table.drop(ref)
	m.doubts.settle(ref)
}

// handedOver loads a journey that was handed over. Its record is changed when
// the step is kept: by a process that is away to what is to be answered next.
func (m *inMemory) handedOver(o opened, rec record) *journey.Snapshot {
	from := &origin{
		id: o.ref, before: rec.plain, until: o.Expires, ref: o.ref,
		state: rec.place, epoch: rec.Epoch, latest: later(rec.Latest, o.Expires), moves: true,
	}
	if m.ids.noAllowlisting {
		from.first = rec.firstOr(rec.plain)
	}
	s := rec.Snapshot
	s.Salt, s.Origin = rec.Salt, from
	if !m.table.IsAway() {
		s.Found = journey.FoundHandedOver
	}
	return s
}

// keepInRecord is keep for a process that is away.
func (m *inMemory) keepInRecord(s *journey.Snapshot) (string, change, error) {
	from := originOf(s)
	plain, err := encode(&stored{
		Snapshot: s, First: from.first, Epoch: from.epoch + 1, Latest: from.latest, Salt: s.Salt,
	}, MaxState, "the store")
	if err != nil {
		return "", change{}, err
	}
	authID, err := m.ids.sign(s, m.ids.reference(from.ref), "", "")
	if err != nil {
		return "", change{}, err
	}
	return authID, change{ops: m.replace(from.state, plain, outlives(from.latest))}, nil
}

// againInRecord is what a journey that failed leaves where it may begin again.
func (m *inMemory) againInRecord(from *origin) (change, error) {
	again, _, err := beginAgain(from.first)
	if err != nil {
		return change{}, err
	}
	plain, err := encode(&stored{
		Snapshot: again, Epoch: from.epoch + 1, Latest: from.latest, Salt: again.Salt,
	}, MaxState, "the store")
	return change{ops: m.replace(from.state, plain, outlives(from.latest)), left: again.Allow}, err
}

// encodeFirst is a journey at its first step as records have it, nil for none.
func encodeFirst(first *resting) (json.RawMessage, error) {
	if first == nil {
		return nil, nil
	}
	plain, err := encode(&stored{Snapshot: first.snapshot()}, MaxState, "the store")
	if err != nil {
		return nil, err
	}
	return plain[1:], nil
}

// decodeFirst undoes encodeFirst.
func decodeFirst(first json.RawMessage) (*resting, error) {
	if first == nil {
		return nil, nil
	}
	s, err := decode(append([]byte{version}, first...))
	if err != nil {
		return nil, err
	}
	return newResting(s.Snapshot)
}
