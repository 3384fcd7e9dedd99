package keep

import (
	"context"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/token"
)

// inMemory keeps journeys in a Table.
type inMemory struct {
	table *Table
	ids   authIDs
}

var _ scheme = (*inMemory)(nil)

// begun is the revision of a journey that is in the table, which is never
// gone.
const begun = 2

// NewMemory returns a keeper of journeys in this process, for the realm of the
// keys. They end with it, and a step that reaches another process is
// *journey.LostError there; but a suspended journey rests in the store, and
// goes on in the memory of the process that resumes it. Everything else the
// contract promises holds without conditions: answers to one journey wait for
// one another. A step takes no operation of the store.
func NewMemory(cfg Config) (*Keeper, error) {
	k, err := newKeeper(cfg, token.MemAuth)
	if err != nil {
		return nil, err
	}
	if cfg.Table == nil {
		cfg.Table = NewTable(TableConfig{})
	}
	k.scheme = &inMemory{cfg.Table, k.ids}
	k.locks, k.salt = &cfg.Table.locks, cfg.Table.salt
	return k, nil
}

func (m *inMemory) load(_ context.Context, o opened) (*journey.Snapshot, error) {
	held, found := m.table.get(o.ref)
	switch {
	case !found:
		return nil, o.lost()
	case held == nil:
		return nil, journey.ErrExpired
	}
	from := &origin{ref: o.ref, state: place{revision: begun}}
	if m.ids.noAllowlisting {
		from.start = held.atFirst()
	}
	s := held.snapshot()
	s.Origin = from
	return s, m.ids.judge(o, s)
}

func (*inMemory) place(_ context.Context, s *journey.Snapshot) error {
	originOf(s).ref = journey.NewID()
	return nil
}

func (m *inMemory) keep(s *journey.Snapshot) (string, change, error) {
	from := originOf(s)
	held, err := newResting(s)
	if err != nil {
		return "", change{}, err
	}
	authID, err := m.ids.sign(s, m.ids.reference(from.ref), "")
	if err != nil {
		return "", change{}, err
	}
	return authID, m.put(from.ref, held.remembering(from.start)), nil
}

// put lets a journey rest until its deadline.
func (m *inMemory) put(ref journey.ID, held *resting) change {
	return change{then: func() { m.table.put(ref, held, held.size, held.snap.Deadline) }}
}

// withdraw leaves the mark of a finished journey.
func (m *inMemory) withdraw(s *journey.Snapshot) change {
	from, deadline := originOf(s), s.Deadline
	if from.state.revision == 0 {
		return change{}
	}
	return change{then: func() { m.table.put(from.ref, nil, 0, deadline) }}
}

func (m *inMemory) end(s *journey.Snapshot, failed bool) (change, error) {
	from := originOf(s)
	if failed && from.start != nil {
		return m.put(from.ref, from.start.again(s.Doubted)), nil
	}
	c := m.withdraw(s)
	c.doubt = func() { m.doubt(from.ref) }
	return c, nil
}

// doubt notes that a commit may have ended a journey, or may yet.
func (m *inMemory) doubt(ref journey.ID) {
	if held, _ := m.table.get(ref); held != nil {
		m.put(ref, held.doubted()).done()
	}
}
