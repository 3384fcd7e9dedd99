package keep

import (
	"context"
	"errors"
	"time"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/token"
)

// inMemory keeps journeys in a Table, and those that must be within reach of
// other nodes in a record each: see away.go and checkpoint.go.
type inMemory struct {
	*records
	table *Table
	ids   authIDs
	// survives says that journeys outlive this process, by their checkpoints.
	survives    bool
	checkpoints *token.Sealer
	nodes       Nodes
}

var _ scheme = (*inMemory)(nil)

// NewMemory returns a keeper of journeys in this process, for the realm of the
// keys. A step that reaches another process is *journey.LostError there, and
// they end with the process, unless they are handed over before
// (Keeper.HandOver) or Config.SurviveNodeLoss is set; but a suspended journey
// rests in the store, and goes on in the memory of the process that resumes
// it. Everything else the contract promises holds without conditions: answers
// to one journey wait for one another. A step takes no operation of the store
// but the first one that is answered by another process than the one before.
func NewMemory(cfg Config) (*Keeper, error) {
	k, err := newKeeper(cfg, token.MemAuth)
	if err != nil {
		return nil, err
	}
	if cfg.Table == nil {
		cfg.Table = NewTable(TableConfig{})
	}
	if cfg.Nodes == nil {
		cfg.Nodes = alone{}
	}
	k.scheme = &inMemory{k.records, cfg.Table, k.ids, cfg.SurviveNodeLoss, cfg.Keys.Sealer(purposeCheckpoint), cfg.Nodes}
	k.locks, k.salt = &cfg.Table.locks, nil // each journey has its own
	return k, nil
}

func (m *inMemory) load(ctx context.Context, o opened) (*journey.Snapshot, error) {
	held, found := m.table.get(o.ref)
	switch {
	case found && held == nil:
		return nil, journey.ErrExpired
	case found && !m.table.IsAway() && !held.leaving:
		return m.here(ctx, o, held)
	case found:
		if err := m.handOver(ctx, o.ref, held); err != nil && !errors.Is(err, journey.ErrUsed) {
			return nil, err
		}
	}
	return m.reach(ctx, o)
}

// here loads a journey that this process holds.
func (m *inMemory) here(ctx context.Context, o opened, held *resting) (*journey.Snapshot, error) {
	from := &origin{
		id: o.ref, until: o.Expires, ref: o.ref,
		answered: held.snap.Allow, held: true, state: held.record, epoch: held.epoch, latest: held.latest, carried: held.carried,
	}
	if m.ids.noAllowlisting {
		from.start = held.atFirst()
	}
	s := held.snapshot()
	s.Origin = from
	if err := m.ids.judge(o, s); err != nil {
		return nil, err
	}
	if !m.survives && !held.carried && held.record.revision == 0 {
		return s, nil // no operation of the store can be left in doubt
	}
	from.before = marking{Mark: markCurrent, Allow: s.Allow}.encode()
	return s, m.settle(ctx, from)
}

// settle finds out what the record of a journey is after a commit in doubt.
func (m *inMemory) settle(ctx context.Context, from *origin) error {
	if _, doubted := m.doubts.get(from.id); !doubted {
		return nil
	}
	from.moves = true // so that what comes late changes nothing
	rec, err := m.read(ctx, from.id, from.state.key)
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return err
	case rec.Mark == markCurrent: // in the place of what was left in doubt
		from.state = rec.place
	case rec.revision != from.state.revision:
		return journey.ErrUsed // another node has the journey
	}
	return nil
}

// place gives a journey a new name, and a salt: only who has the journey from
// here comes to the same session.
func (m *inMemory) place(_ context.Context, s *journey.Snapshot) error {
	from := originOf(s)
	from.ref = journey.NewID()
	from.state = place{key: journeyKey(from.ref)}
	s.Salt, s.Affinity = m.table.salt, m.nodes.Pinned(s.Affinity)
	return nil
}

func (m *inMemory) keep(s *journey.Snapshot) (string, change, error) {
	from := originOf(s)
	from.latest = later(from.latest, s.Deadline)
	if !from.held && m.table.IsAway() {
		return m.keepInRecord(s)
	}
	if from.moves {
		from.epoch++
	}
	held, err := newResting(s)
	if err != nil {
		return "", change{}, err
	}
	checkpoint, c, err := m.checkpoint(s)
	if err != nil {
		return "", change{}, err
	}
	if from.moves && len(c.ops) == 0 {
		mark := marking{Allow: s.Allow, Mark: markTaken, Epoch: from.epoch, Owner: s.Affinity, Holder: m.table.name}
		c.ops = m.replace(from.state, mark.encode(), outlives(from.latest))
	}
	authID, err := m.ids.sign(s, m.ids.reference(from.ref), "", checkpoint)
	if err != nil {
		return "", change{}, err
	}
	held = held.owned(from).remembering(from.start)
	written := len(c.ops) > 0
	c.yield = func() { m.letGo(from.ref) }
	c.then = func(revision int64) {
		if written {
			held.record.revision = revision
		}
		m.put(from.ref, held)
	}
	return authID, c, nil
}

// put lets a journey rest for as long as any of its authIds is good.
func (m *inMemory) put(ref journey.ID, held *resting) {
	m.table.put(ref, held, held.size, later(held.latest, held.snap.Deadline))
}

// close leaves the mark of a finished journey in memory, and in its record if
// it has one or may be taken over from its authIds.
func (m *inMemory) close(s *journey.Snapshot, mark marking) change {
	from := originOf(s)
	if !from.held && from.state.revision == 0 {
		return change{} // no authId of it was given out
	}
	until := later(from.latest, s.Deadline)
	c := change{then: func(int64) { m.table.put(from.ref, nil, 0, until) }}
	if m.survives || from.carried || from.state.revision != 0 {
		mark.Epoch, mark.Owner, mark.Holder = from.epoch, s.Affinity, m.table.name
		c.ops, c.left = m.replace(from.state, mark.encode(), outlives(until)), mark.Allow
		c.yield = func() { m.letGo(from.ref) }
	}
	return c
}

func (m *inMemory) withdraw(s *journey.Snapshot) change {
	from := originOf(s)
	return m.close(s, marking{Allow: s.Allow, Mark: markSuspended, From: from.answered, Link: string(from.suspends)})
}

func (m *inMemory) end(s *journey.Snapshot, failed bool) (change, error) {
	from := originOf(s)
	switch {
	case failed && from.start != nil:
		again := from.start.again(s).owned(from)
		return change{then: func(int64) { m.put(from.ref, again) }}, nil
	case failed && from.first != nil:
		return m.againInRecord(s)
	}
	ended := marking{Allow: newAllow(), Mark: markEnded}
	if !failed {
		ended.From = s.Allow
	}
	c := m.close(s, ended)
	c.doubt = func() { m.doubt(from.ref) }
	return c, nil
}

// doubt notes that a commit may have ended a journey, or may yet.
func (m *inMemory) doubt(ref journey.ID) {
	if held, _ := m.table.get(ref); held != nil {
		m.put(ref, held.doubted())
	}
}

// outlives is until when a record is needed that judges the authIds of a
// journey: the latest of them is good until then.
func outlives(latest time.Time) time.Time { return latest.Add(grace) }
