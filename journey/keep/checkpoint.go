package keep

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/store"
)

// Where journeys survive the loss of their node, each authId also carries the
// journey, sealed: its checkpoint. Another node that finds nothing of the
// journey takes it over from there, and says so in the journey's record. That
// counts an epoch, as does all that makes earlier checkpoints worthless: a
// checkpoint of another epoch than the record's is not taken. So of all nodes
// that want to take a journey over one does, and a node that was falsely held
// dead cannot end the journey beside the one that took it: to end it takes the
// record as the node knows it.
//
// A node that is lost takes with it which step was to be answered. So after
// its loss one older step may be answered again, once. Nodes must not rely on
// counting attempts in the journey's state; the realm's lockout is counted in
// the store. A journey that has ended is over, but for the answer that ended
// it: it is answered again once, with what it led to, for the client may not
// have been told.

// MaxCheckpoint is how long a sealed checkpoint in an authId may be. A longer
// one is written into the journey's record, at each step.
const MaxCheckpoint = 3 << 10

// purposeCheckpoint is the purpose under which checkpoints are sealed.
const purposeCheckpoint = "checkpoint"

// checkpoint is what an authId carries of a journey that is held here, and
// what is written because it is too long for that.
func (m *inMemory) checkpoint(s *journey.Snapshot) (sealed string, c change, err error) {
	if !m.survives {
		return "", change{}, nil
	}
	from := originOf(s)
	first, err := encodeFirst(from.start)
	if err != nil {
		return "", change{}, err
	}
	st := &stored{
		Snapshot: s, First: first, Epoch: from.epoch, Latest: from.latest, Salt: s.Salt, Holder: m.table.name,
	}
	plain, err := encode(st, MaxState, "the store")
	if err != nil {
		return "", change{}, err
	}
	if len(plain) < MaxCheckpoint {
		if sealed, err = m.checkpoints.Seal(plain); err != nil {
			return "", change{}, fmt.Errorf("keep: %w", err)
		}
		if len(sealed) <= MaxCheckpoint {
			from.carried = true
			return sealed, change{}, nil
		}
	}
	from.epoch++
	st.Epoch, st.Mark, st.Owner = from.epoch, markCheckpoint, s.Affinity
	plain, err = encode(st, MaxState, "the store")
	return "", change{ops: m.replace(from.state, plain, outlives(from.latest))}, err
}

// carried is the checkpoint of an authId, nil if it has none.
func (m *inMemory) carried(o opened) (*stored, error) {
	if !m.survives || o.Checkpoint == "" {
		return nil, nil
	}
	plain, err := m.checkpoints.Open(o.Checkpoint)
	if err != nil {
		return nil, journey.ErrSignature
	}
	st, err := decode(plain)
	switch {
	case errors.Is(err, errVersion):
		return nil, nil
	case err != nil:
		return nil, err
	case st.Start != o.start(), o.Allow != "" && !same(o.Allow, st.Allow):
		return nil, journey.ErrSignature
	}
	return st, nil
}

// reach loads a journey that this process does not hold.
func (m *inMemory) reach(ctx context.Context, o opened) (*journey.Snapshot, error) {
	if err := m.nodes.Elsewhere(ctx, o.Affinity, false); err != nil {
		return nil, err
	}
	rec, err := m.find(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := m.ids.judge(o, rec.Snapshot); err != nil {
		return nil, err
	}
	rec.Affinity = m.nodes.Pinned(rec.Affinity)
	if rec.Mark == "" {
		return m.handedOver(o, rec), nil
	}
	return m.take(ctx, o, rec)
}

// find finds a journey in its record or in its checkpoint.
func (m *inMemory) find(ctx context.Context, o opened) (record, error) {
	checkpoint, err := m.carried(o)
	if err != nil {
		return record{}, err
	}
	key := journeyKey(o.ref)
	rec, err := m.read(ctx, o.ref, key)
	switch {
	case err == nil && rec.Mark == "":
		return rec, nil
	case errors.Is(err, errVersion):
		return record{}, o.lost()
	case err != nil && !isNotFound(err):
		return record{}, err
	}
	missing := err != nil
	if missing { // as if the node that has it had taken it
		rec = record{stored: &stored{Mark: markTaken, Owner: o.Affinity}, place: place{key: key}}
		if checkpoint != nil {
			rec.Holder = checkpoint.Holder
		}
	}
	if err := m.nodes.Elsewhere(ctx, cmp.Or(rec.Owner, o.Affinity), true); err != nil {
		return record{}, err
	}
	current := checkpoint != nil && checkpoint.Epoch == rec.Epoch
	answered := checkpoint != nil && same(checkpoint.Allow, rec.From)
	switch {
	case rec.Holder == m.table.name: // this process is not lost: the journey gave way, or is over
		if rec.Mark == markTaken || rec.Mark == markCheckpoint {
			return record{}, o.lost()
		}
		return record{}, journey.ErrExpired
	case rec.Mark == markCheckpoint && !current:
		return rec, nil
	case rec.Mark == markTaken && checkpoint == nil, missing && checkpoint.Epoch != 0:
		return record{}, o.lost()
	case rec.Mark == markTaken && !current:
		return record{}, journey.ErrUsed
	case rec.Mark == markTaken, rec.Mark == markCheckpoint:
		rec.plain = marking{Mark: markTaken, Epoch: rec.Epoch}.encode()
	case rec.Mark == markEnded && answered:
		checkpoint.Doubted, checkpoint.Epoch = true, rec.Epoch
	case rec.Mark == markSuspended && answered:
		checkpoint.Link, checkpoint.Epoch = rec.Link, rec.Epoch
	default:
		return record{}, journey.ErrExpired
	}
	checkpoint.Mark = rec.Mark
	rec.stored = checkpoint
	return rec, nil
}

// take makes a journey whose node was lost one that this process holds.
func (m *inMemory) take(ctx context.Context, o opened, rec record) (*journey.Snapshot, error) {
	first, err := decodeFirst(rec.First)
	if err != nil {
		return nil, err
	}
	held, err := newResting(rec.Snapshot)
	if err != nil {
		return nil, err
	}
	held.snap.Salt, held.latest, held.epoch, held.carried = rec.Salt, later(rec.Latest, o.Expires), rec.Epoch+1, true
	left, plain, err := m.taken(&rec, held)
	if err != nil {
		return nil, err
	}
	ops, err := m.unlink(ctx, store.Key(rec.Link))
	if err != nil {
		return nil, err
	}
	revision, err := m.commit(ctx, append(ops, m.replace(rec.place, plain, outlives(held.latest))...))
	if errors.Is(err, store.ErrUnavailable) {
		m.doubts.add(o.ref, left, false, rec.plain, o.Expires)
	}
	if err != nil {
		return nil, change{}.refused(err)
	}
	m.doubts.settle(o.ref)
	held.record = place{rec.key, revision, outlives(held.latest)}
	if rec.Mark == markEnded {
		held.record.revision = gone // all that is left to do is to tell of the end
	}
	held = held.remembering(first)
	m.put(o.ref, held)
	s, err := m.here(ctx, o, held)
	if err == nil {
		s.Found = journey.FoundTakenOver
	}
	return s, err
}

// unlink is what makes the link of a suspended journey, if it has one, lead
// nowhere. journey.ErrExpired says that it was followed.
func (m *inMemory) unlink(ctx context.Context, key store.Key) ([]store.Op, error) {
	if key == "" {
		return nil, nil
	}
	link, err := m.get(ctx, key)
	switch {
	case isNotFound(err), err == nil && link.Mark != "":
		return nil, journey.ErrExpired
	case err != nil:
		return nil, err
	}
	return link.remove(), nil
}

// taken is the record of a journey that this process takes, and what it is told
// from others by. It has the journey in it, in case that this process is lost,
// too, before the client has an authId of this epoch.
func (m *inMemory) taken(rec *record, held *resting) (left string, plain []byte, err error) {
	left = newAllow()
	if rec.Mark == markEnded {
		taken := marking{Allow: left, Mark: markTaken, Epoch: held.epoch, Owner: rec.Affinity, Holder: m.table.name}
		return left, taken.encode(), nil
	}
	plain, err = encode(&stored{
		Snapshot: rec.Snapshot, Mark: markCheckpoint, First: rec.First,
		Epoch: held.epoch, Latest: held.latest, Salt: rec.Salt, Left: left, Owner: rec.Affinity, Holder: m.table.name,
	}, MaxState, "the store")
	return left, plain, err
}
