package keep

import (
	"encoding/json"

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

// Away says whether this process is going away. Then the journeys that begin
// here, and those that are handed over, rest in the store.
func (t *Table) Away(away bool) { t.away.Store(away) }

// IsAway reports what Away said last.
func (t *Table) IsAway() bool { return t.away.Load() }

// handedOver loads a journey that was handed over. Its record is changed when
// the step is kept: by a process that is away to what is to be answered next.
func (m *inMemory) handedOver(o opened, rec record) *journey.Snapshot {
	from := &origin{
		id: o.ref, before: rec.plain, until: o.Expires, ref: o.ref, answered: rec.Allow,
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
func (m *inMemory) againInRecord(s *journey.Snapshot) (change, error) {
	from := originOf(s)
	again, _, err := beginAgain(from.first)
	if err != nil {
		return change{}, err
	}
	again.Doubted = s.Doubted
	plain, err := encode(&stored{
		Snapshot: again, Epoch: from.epoch + 1, Latest: from.latest, Salt: s.Salt,
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
